"""Tokens to commands, by recursive descent over POSIX's grammar, with the errors that BusyBox ash prints.

A shell runs each line before it reads the next, so the parser gives one complete command at a time.

Turned down: tree-sitter-bash (it accepts ``done`` or a stray ``}`` as commands and rejects two here-documents on a
    line, does not name the unexpected token, and is a binary extension that a browser's Python lacks), bashlex (its
licence), libdash (a C library with one parser state a process).

Source: POSIX.1-2024, Shell Command Language, 2.10.2 Shell Grammar Rules; BusyBox shell/ash.c for the words of errors.
"""

from __future__ import annotations

import re

from podwalk.containers.shell.lexer import REDIRECTIONS, Lexer, Token
from podwalk.containers.shell.syntax import (
    AndOr,
    Assignment,
    Background,
    Case,
    Command,
    Compute,
    CountedFor,
    For,
    Function,
    If,
    Literal,
    Loop,
    ParseError,
    Part,
    Pipeline,
    Redirection,
    Sequence,
    Simple,
    Subshell,
    Word,
    divide,
)

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
ARRAY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[|\+?=)")
DECLARING = frozenset(["declare", "typeset", "local", "readonly", "export"])
"""Builtins that arrays may be assigned by."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CLOSING = frozenset({"then", "else", "elif", "fi", "do", "done", "esac", "}", ")", ";;", "eof"})
"""What ends a list inside a compound command."""

KEYWORDS = CLOSING - {")", ";;", "eof"} | {"if", "for", "while", "until", "case", "{", "!", "function", "in"}


class Parser(Lexer):
    """Reads commands from a text; see :meth:`next_command`."""

    _peeked: Token | None = None

    def next_command(self) -> Command | None:
        """Read the commands of the next line, or of as many as they need; None at the end.

        Raises:
            ParseError: when the text is not a command; ``incomplete`` if more text may help.
        """
        while self._peek().kind == "\n":
            self._take()
        if self._peek().kind == "eof":
            return None
        return self._line()

    @property
    def at_end(self) -> bool:
        """Whether nothing follows what was read."""
        return (self._peeked is None or self._peeked.kind == "eof") and not self.text[self.at :].strip()

    def whole(self) -> Sequence:
        """Read all commands of the text."""
        commands = []
        while (command := self.next_command()) is not None:
            commands.append(command)
        return Sequence(commands=tuple(commands))

    def commands_in_parentheses(self) -> Sequence:
        """Read commands up to ``)``, which is read too."""
        saved = self.heredocs, self._peeked, self.double_brackets
        self.heredocs, self._peeked, self.double_brackets = [], None, False
        self._skip_newlines()
        body = Sequence() if self._peek().kind == ")" else self._list()
        self._expect_token(")")
        self.heredocs, self._peeked, self.double_brackets = saved
        return body

    def _peek(self) -> Token:
        if self._peeked is None:
            self._peeked = self.read_token()
        return self._peeked

    def _take(self) -> Token:
        token = self._peek()
        self._peeked = None
        return token

    def _keyword(self) -> str:
        """Return what the next token is where a command may begin.

        A keyword's text, an operator, ``eof`` or ``word``.
        """
        token = self._peek()
        return token.text if token.text in KEYWORDS and token.text is not None else token.kind

    def _unexpected(self, expecting: str = "") -> ParseError:
        token, kind = self._peek(), self._keyword()
        if kind == "word":
            name = "word"
        elif kind == "eof":
            name = "end of file"
        elif kind == "\n":
            name = "newline"
        else:
            name = "redirection" if kind in REDIRECTIONS else f'"{kind}"'
        message = f"unexpected {name}" + (f' (expecting "{expecting}")' if expecting else "")
        return ParseError(message, token.line, incomplete=kind == "eof")

    def _expect_token(self, kind: str) -> None:
        if self._keyword() != kind:
            raise self._unexpected(kind)
        self._take()

    def _skip_newlines(self) -> None:
        while self._peek().kind == "\n":
            self._take()

    def _line(self) -> Command:
        """Read a list up to the end of the line."""
        commands = []
        line = self._peek().line
        while True:
            commands.append(self._and_or())
            separator = self._peek().kind
            if separator == "&":
                commands[-1] = Background(line=line, body=commands[-1])
            if separator in ("&", ";"):
                self._take()
                if self._peek().kind in ("\n", "eof"):
                    separator = self._peek().kind
                else:
                    continue
            if separator == "\n":
                self._take()
            elif separator != "eof":
                raise self._unexpected()
            return commands[0] if len(commands) == 1 else Sequence(line=line, commands=tuple(commands))

    def _list(self) -> Sequence:
        """Read a list up to something that ends it, which is left."""
        commands = []
        self._skip_newlines()
        line = self._peek().line
        if self._peek().kind == "eof":
            return Sequence(line=line)
        while True:
            commands.append(self._and_or())
            separator = self._peek().kind
            if separator == "&":
                commands[-1] = Background(line=line, body=commands[-1])
            if separator not in ("&", ";", "\n"):
                return Sequence(line=line, commands=tuple(commands))
            self._take()
            self._skip_newlines()
            if self._keyword() in CLOSING:
                return Sequence(line=line, commands=tuple(commands))

    def _and_or(self) -> Command:
        left = self._pipeline()
        while self._peek().kind in ("&&", "||"):
            operator = self._take()
            self._skip_newlines()
            left = AndOr(line=operator.line, left=left, operator=operator.kind, right=self._pipeline())
        return left

    def _pipeline(self) -> Command:
        line, negated = self._peek().line, False
        while self._keyword() == "!":
            self._take()
            negated = not negated
        commands = [self._command()]
        while self._peek().kind == "|":
            self._take()
            self._skip_newlines()
            commands.append(self._command())
        if len(commands) == 1 and not negated:
            return commands[0]
        return Pipeline(line=line, commands=tuple(commands), negated=negated)

    def _command(self) -> Command:
        kind, line = self._keyword(), self._peek().line
        readers = {
            "if": self._if,
            "while": self._loop,
            "until": self._loop,
            "for": self._for,
            "case": self._case,
            "{": self._group,
            "(": self._parentheses,
            "function": self._function,
        }
        if kind in readers:
            command = readers[kind](line)
            redirections = self._redirections()
            return _with(command, redirections) if redirections else command
        if kind == "word" or kind in REDIRECTIONS:
            return self._simple(line)
        raise self._unexpected()

    def _if(self, line: int) -> Command:
        self._take()
        condition = self._list()
        self._expect_token("then")
        then = self._list()
        otherwise: Command | None = None
        if self._keyword() == "elif":
            return If(line=line, condition=condition, then=then, otherwise=self._if(self._peek().line))
        if self._keyword() == "else":
            self._take()
            otherwise = self._list()
        self._expect_token("fi")
        return If(line=line, condition=condition, then=then, otherwise=otherwise)

    def _loop(self, line: int) -> Command:
        negated = self._take().text == "until"
        condition = self._list()
        return Loop(line=line, condition=condition, body=self._body(), negated=negated)

    def _body(self) -> Sequence:
        self._expect_token("do")
        body = self._list()
        self._expect_token("done")
        return body

    def _for(self, line: int) -> Command:
        self._take()
        name = self._peek()
        if name.kind == "(" and self.bash and self.text.startswith("((", name.start):
            return self._counted_for(line)
        if name.text is None or not NAME.fullmatch(name.text):
            raise ParseError("bad for loop variable", name.line)
        self._take()
        self._skip_newlines()
        words: tuple[Word, ...] | None = None
        if self._keyword() == "in":
            self._take()
            words = tuple(self._words())
            if self._peek().kind not in (";", "\n"):
                raise self._unexpected()
            self._take()
        elif self._peek().kind == ";":
            self._take()
        self._skip_newlines()
        return For(line=line, name=name.text, words=words, body=self._body())

    def _counted_for(self, line: int) -> Command:
        self.at, self._peeked = self._take().start + 2, None
        begin = self.at
        self.read_arithmetic()
        clauses = self.text[begin : self.at - 2].split(";")
        if len(clauses) != 3:
            raise ParseError("bad for loop variable", line)
        words = [Word(tuple(Parser(clause, bash=True).read_double("", '$`\\"'))) for clause in clauses]
        if self._peek().kind == ";":
            self._take()
        self._skip_newlines()
        return CountedFor(line=line, start=words[0], condition=words[1], step=words[2], body=self._body())

    def _words(self) -> list[Word]:
        words = []
        while self._peek().kind == "word":
            token = self._take()
            words.append(token.word or Word(()))
        return words

    def _case(self, line: int) -> Command:
        self._take()
        subject = self._take()
        if subject.word is None:
            self._peeked = subject
            raise self._unexpected()
        self._skip_newlines()
        self._expect_token("in")
        self._skip_newlines()
        items = []
        while self._keyword() != "esac":
            items.append(self._case_item())
            if self._keyword() == "esac":
                break
            self._expect_token(";;")
            self._skip_newlines()
        self._take()
        return Case(line=line, word=subject.word, items=tuple(items))

    def _case_item(self) -> tuple[tuple[Word, ...], Command]:
        if self._peek().kind == "(":
            self._take()
        patterns = []
        while True:
            token = self._peek()
            if token.word is None:
                raise self._unexpected()
            patterns.append(token.word)
            self._take()
            if self._peek().kind != "|":
                break
            self._take()
        self._expect_token(")")
        self._skip_newlines()
        body = Sequence() if self._keyword() in (";;", "esac", "eof") else self._list()
        return tuple(patterns), body

    def _group(self, line: int) -> Command:
        self._take()
        body = self._list()
        self._expect_token("}")
        return Sequence(line=line, commands=body.commands)

    def _parentheses(self, line: int) -> Command:
        opening = self._take()
        if self.bash and self.text.startswith("((", opening.start):
            self.at = opening.start + 2
            return Compute(line=line, expression=self.read_arithmetic())
        body = self._list()
        self._expect_token(")")
        return Subshell(line=line, body=body)

    def _function(self, line: int) -> Command:
        self._take()
        name = self._peek()
        if name.text is None:
            error = self._unexpected()
            raise ParseError(f"{error.message} (expecting word)", error.line, incomplete=error.incomplete)
        self._take()
        if self._peek().kind == "(":
            self._take()
            self._expect_token(")")
        self._skip_newlines()
        return Function(line=line, name=name.text, body=self._command())

    def _simple(self, line: int) -> Command:
        assignments: list[tuple[str, Word]] = []
        arrays: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            token = self._peek()
            if token.kind in REDIRECTIONS:
                redirections.append(self._redirection())
            elif token.kind == "word" and token.word is not None:
                self._take()
                assignment = None if words else split_assignment(token.word)
                array = self._array(token.word, words) if self.bash else None
                if array is not None:
                    arrays.append(array)
                    words += [Word((Literal(array.name),))] if words else []
                elif assignment is not None:
                    assignments.append(assignment)
                else:
                    words.append(token.word)
                    if token.text == "[[":
                        self.double_brackets = True
                    elif token.text == "]]":
                        self.double_brackets = False
            elif token.kind == "(" and len(words) == 1 and not assignments and not redirections:
                return self._function_definition(line, words[0])
            else:
                self.double_brackets = False
                return Simple(
                    line=line,
                    redirections=tuple(redirections),
                    assignments=tuple(assignments),
                    words=tuple(words),
                    arrays=tuple(arrays),
                )

    def _array(self, word: Word, words: list[Word]) -> Assignment | None:
        """Return the assignment that a word begins, if it is one that only bash has."""
        first = word.parts[0] if word.parts else None
        if not isinstance(first, Literal) or first.quoted or (words and words[0].plain not in DECLARING):
            return None
        match = ARRAY.match(first.text)
        if match is None:
            return None
        name, rest = match[1], Word((Literal(first.text[match.end() :]), *word.parts[1:]))
        if match[2] == "[":
            for mark, append in (("]+=", True), ("]=", False)):
                halves = divide(rest, mark)
                if halves is not None:
                    return Assignment(name, halves[1], halves[0], append=append)
            return None
        append, empty = match[2] == "+=", not rest.parts[1:] and rest.plain == ""
        if empty and self.text.startswith("(", self.at):
            return Assignment(name, rest, items=self._elements(), append=append)
        return Assignment(name, rest, append=True) if append and not words else None

    def _elements(self) -> tuple[Word, ...]:
        """Read the words in parentheses that an array gets."""
        self._take()
        found: list[Word] = []
        while (token := self._take()).kind != ")":
            if token.word is not None:
                found.append(token.word)
            elif token.kind != "\n":
                raise ParseError(f'unexpected "{token.kind}"', token.line, incomplete=token.kind == "eof")
        return tuple(found)

    def _function_definition(self, line: int, name: Word) -> Command:
        self._take()
        if self._peek().kind == "word":
            raise ParseError('unexpected word (expecting ")")', self._peek().line)
        self._expect_token(")")
        if name.plain is None:
            raise ParseError("bad function name", line)
        self._skip_newlines()
        return Function(line=line, name=name.plain, body=self._command())

    def _redirections(self) -> tuple[Redirection, ...]:
        redirections = []
        while self._peek().kind in REDIRECTIONS:
            redirections.append(self._redirection())
        return tuple(redirections)

    def _redirection(self) -> Redirection:
        token = self._take()
        target = self._peek()
        if target.word is None:
            raise self._unexpected()
        descriptor = token.descriptor if token.descriptor is not None else 0 if token.kind.startswith("<") else 1
        if token.kind in ("<<", "<<-"):
            heredoc = self.expect_heredoc(token.kind, target.word)
            self._take()
            return Redirection(descriptor, "<<", heredoc)
        self._take()
        return Redirection(descriptor, token.kind, target.word)


def split_assignment(word: Word) -> tuple[str, Word] | None:
    """Return name and value of ``name=value``; None if the word is no assignment."""
    if not word.parts or not isinstance(word.parts[0], Literal) or word.parts[0].quoted:
        return None
    match = ASSIGNMENT.match(word.parts[0].text)
    if match is None:
        return None
    rest = word.parts[0].text[match.end() :]
    parts: tuple[Part, ...] = (Literal(rest), *word.parts[1:]) if rest else word.parts[1:]
    return match.group(1), Word(parts)


def _with(command: Command, redirections: tuple[Redirection, ...]) -> Command:
    return type(command)(**{**vars(command), "redirections": (*command.redirections, *redirections)})
