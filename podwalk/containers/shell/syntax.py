"""The syntax tree of the shell: what the parser makes and the interpreter runs.

Source: POSIX.1-2024, Shell Command Language, 2.10 Shell Grammar; BusyBox ash for what goes beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Literal:
    """Text that stands for itself; ``quoted`` text is neither split nor matched against file names."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Parameter:
    """``$name`` or ``${name…}``.

    Attributes:
        name: a variable, a positional parameter or a special one.
        operator: empty, ``length``, one of ``- := :- = ? :? + :+ % %% # ## / //``, ``substring``, or ``bad`` for one
            that does not exist. operands: the words after the operator.
        quoted: whether it stands inside double quotes.
        index: of an array's element; ``@`` or ``*`` for all of them. With ``keys`` as the operator their indexes are
            meant, and ``indirect`` means the variable that the value names.
    """

    name: str
    operator: str = ""
    operands: tuple[Word, ...] = ()
    quoted: bool = False
    index: Word | str | None = None


@dataclass(frozen=True)
class Substitution:
    """``$(…)`` or the same in backquotes."""

    body: Sequence
    quoted: bool = False


@dataclass(frozen=True)
class Arithmetic:
    """``$((…))``: the expression is expanded first, then computed."""

    expression: Word
    quoted: bool = False


Part = Literal | Parameter | Substitution | Arithmetic


@dataclass(frozen=True)
class Word:
    """One word of a command, in parts."""

    parts: tuple[Part, ...]

    @property
    def plain(self) -> str | None:
        """The text if nothing in it is quoted or expanded; what keywords and names are recognised by."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Literal) and not self.parts[0].quoted:
            return self.parts[0].text
        return None


def divide(word: Word, mark: str) -> tuple[Word, Word] | None:
    """Return what stands before and after a text that is not quoted."""
    for number, part in enumerate(word.parts):
        if isinstance(part, Literal) and not part.quoted and mark in part.text:
            before, _, after = part.text.partition(mark)
            head = (*word.parts[:number], *((Literal(before),) if before else ()))
            tail = (*((Literal(after),) if after else ()), *word.parts[number + 1 :])
            return Word(head), Word(tail)
    return None


@dataclass
class Heredoc:
    """A here-document, whose body comes after the line it is named in."""

    delimiter: str
    literal: bool
    strip_tabs: bool
    body: Word = Word(())


@dataclass(frozen=True)
class Redirection:
    """One redirection.

    Attributes:
        descriptor: the descriptor that is redirected.
        operator: ``< > >> >| <> <& >& << <<<`` or ``&>``, ``&>>``.
        target: the file or descriptor; for ``<<<`` the text, for ``<<`` what will hold it once the lines after are
            read.
    """

    descriptor: int
    operator: str
    target: Word | Heredoc


@dataclass(frozen=True)
class Command:
    """What all commands have: where they begin, and their redirections."""

    line: int = 0
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True)
class Assignment:
    """An assignment that only bash has: to an element, of a whole array, or adding to what is there."""

    name: str
    value: Word
    index: Word | None = None
    items: tuple[Word, ...] | None = None
    append: bool = False


@dataclass(frozen=True)
class Simple(Command):
    """Assignments and words; ``arrays`` are what only bash has of them."""

    assignments: tuple[tuple[str, Word], ...] = ()
    words: tuple[Word, ...] = ()
    arrays: tuple[Assignment, ...] = ()


@dataclass(frozen=True)
class Pipeline(Command):
    """Commands joined by ``|``; ``negated`` by ``!``."""

    commands: tuple[Command, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class AndOr(Command):
    """``left && right`` or ``left || right``."""

    left: Command = field(default_factory=Command)
    operator: str = "&&"
    right: Command = field(default_factory=Command)


@dataclass(frozen=True)
class Background(Command):
    """``body &``."""

    body: Command = field(default_factory=Command)


@dataclass(frozen=True)
class Sequence(Command):
    """Commands one after the other; also ``{ … }``."""

    commands: tuple[Command, ...] = ()


@dataclass(frozen=True)
class Subshell(Command):
    """``( … )``."""

    body: Command = field(default_factory=Command)


@dataclass(frozen=True)
class If(Command):
    """``if``; an ``elif`` is an ``If`` in ``otherwise``."""

    condition: Command = field(default_factory=Command)
    then: Command = field(default_factory=Command)
    otherwise: Command | None = None


@dataclass(frozen=True)
class Loop(Command):
    """``while``, or ``until`` if ``negated``."""

    condition: Command = field(default_factory=Command)
    body: Command = field(default_factory=Command)
    negated: bool = False


@dataclass(frozen=True)
class For(Command):
    """``for name in words``; without ``in``, ``words`` is None and the positional parameters are used."""

    name: str = ""
    words: tuple[Word, ...] | None = None
    body: Command = field(default_factory=Command)


@dataclass(frozen=True)
class CountedFor(Command):
    """``for ((start; condition; step))`` of bash."""

    start: Word = field(default_factory=lambda: Word(()))
    condition: Word = field(default_factory=lambda: Word(()))
    step: Word = field(default_factory=lambda: Word(()))
    body: Command = field(default_factory=Command)


@dataclass(frozen=True)
class Case(Command):
    """``case word in patterns) … esac``."""

    word: Word = field(default_factory=lambda: Word(()))
    items: tuple[tuple[tuple[Word, ...], Command], ...] = ()


@dataclass(frozen=True)
class Function(Command):
    """``name() body``."""

    name: str = ""
    body: Command = field(default_factory=Command)


@dataclass(frozen=True)
class Compute(Command):
    """``(( expression ))`` of bash."""

    expression: Word = field(default_factory=lambda: Word(()))


class ParseError(Exception):
    """The text is not in the language.

    Attributes:
        message: the shell's words, after ``syntax error: ``.
        line: lines before the place, from zero.
        incomplete: whether more text could complete it.
    """

    def __init__(self, message: str, line: int, *, incomplete: bool = False) -> None:
        """Keep what happened and where."""
        super().__init__(message)
        self.message, self.line, self.incomplete = message, line, incomplete
