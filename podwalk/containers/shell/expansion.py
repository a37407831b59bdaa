"""Words to fields: parameters, substitution, arithmetic, splitting, file names.

Source: POSIX.1-2024, Shell Command Language, 2.6 Word Expansions; BusyBox ash for ``${x/a/b}`` and ``${x:1:2}``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from podwalk.containers.files import FileError
from podwalk.containers.shell import arrays, patterns
from podwalk.containers.shell.arithmetic import ArithmeticError_, evaluate
from podwalk.containers.shell.braces import expand_braces
from podwalk.containers.shell.patterns import Piece
from podwalk.containers.shell.state import ShellError
from podwalk.containers.shell.syntax import Arithmetic, Literal, Parameter, Part, Substitution, Word
from podwalk.containers.shell.tasks import Step

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell

BLANKS = " \t\n"
CASES = {"^^": str.upper, "^": str.upper, ",,": str.lower, ",": str.lower}
"""Changes of case, which only bash has."""


class Fields:
    """Fields as they grow: pieces of text, quoted or not."""

    def __init__(self, separators: str) -> None:
        """Start with none; unquoted results of expansions are split at ``separators``."""
        self.blanks = "".join(c for c in separators if c in BLANKS)
        self.others = "".join(c for c in separators if c not in BLANKS)
        self.done: list[list[Piece]] = []
        self.open: list[Piece] | None = None

    def add(self, text: str, quoted: bool) -> None:
        """Add text to the present field."""
        if text or quoted:
            self.open = self.open or []
            self.open.append((text, quoted))

    def close(self) -> bool:
        """End the present field; False if there was none."""
        if self.open is None:
            return False
        self.done.append(self.open)
        self.open = None
        return True

    def split(self, text: str) -> None:
        """Add the unquoted result of an expansion."""
        separators, i = self.blanks + self.others, 0
        while i < len(text):
            if text[i] not in separators:
                end = next((j for j in range(i, len(text)) if text[j] in separators), len(text))
                self.add(text[i:end], False)
                i = end
                continue
            closed = self.close()
            i += len(text[i:]) - len(text[i:].lstrip(self.blanks)) if self.blanks else 0
            if i < len(text) and text[i] in self.others:
                if not closed:
                    self.done.append([])
                i += 1
                i += len(text[i:]) - len(text[i:].lstrip(self.blanks)) if self.blanks else 0


def fields(shell: Shell, words: Sequence[Word]) -> Step:
    """Return the fields that words expand to: what a command's arguments are."""
    out: list[str] = []
    for word in words:
        plain = word.plain
        if plain is not None and not re.search(r"[~*?{]|\[.*\]", plain):
            out.append(plain)
            continue
        for variant in expand_braces(word) if shell.dialect.bash else (word,):
            grown = Fields(separators(shell))
            yield _expand(shell, _tilde(shell, variant), grown)
            grown.close()
            out.extend(name for pieces in grown.done for name in _names(shell, pieces))
    return out


def text(shell: Shell, word: Word, *, assignment: bool = False) -> Step:
    """Return what a word expands to as one text, neither split nor matched.

    An assignment's value, a redirection's target.
    """
    pieces = yield _pieces(shell, _tilde(shell, word, everywhere=assignment))
    return "".join(piece for piece, _ in pieces)


def pattern(shell: Shell, word: Word) -> Step:
    """Return what a word expands to as a pattern, for :func:`patterns.matches`."""
    return patterns.escape((yield _pieces(shell, _tilde(shell, word))))


def separators(shell: Shell) -> str:
    """Return the characters of ``$IFS``."""
    value = shell.state.get("IFS")
    return BLANKS if value is None else value


def compute(shell: Shell, expression: Word) -> Step:
    """Return the number that an arithmetic expression has."""
    return calculate(shell, (yield text(shell, expression)))


def calculate(shell: Shell, expression: str) -> int:
    """Return the number of an expression that is expanded already.

    Raises:
        ShellError: with the shell's words.
    """

    def get(name: str) -> str:
        value = shell.state.get(name)
        if value is None and "u" in shell.state.options:
            raise ShellError(f"{name}: parameter not set")
        return value or ""

    try:
        return evaluate(expression, get, shell.state.set)
    except ArithmeticError_ as error:
        raise ShellError(str(error)) from error


def _names(shell: Shell, pieces: list[Piece]) -> list[str]:
    if "f" not in shell.state.options and patterns.magic(pieces):
        found = patterns.expand(shell.process.container.files, shell.process.cwd, pieces)
        if found:
            return found
    return ["".join(piece for piece, _ in pieces)]


def _pieces(shell: Shell, word: Word) -> Step:
    """Expand without splitting."""
    grown = Fields("")
    yield _expand(shell, word, grown, whole=True)
    grown.close()
    return [piece for pieces in grown.done for piece in pieces]


def _expand(shell: Shell, word: Word, out: Fields, *, whole: bool = False, operand: bool = False) -> Step:
    """Expand a word's parts into fields; the text of an ``operand`` of ``${…}`` is split as what it expands to is."""
    for part in word.parts:
        if isinstance(part, Literal):
            if operand and not part.quoted:
                out.split(part.text)
            else:
                out.add(part.text, part.quoted)
        elif isinstance(part, Parameter):
            yield _parameter(shell, part, out, whole)
        elif isinstance(part, Substitution):
            _put(out, (yield shell.substitute(part.body)), part.quoted)
        elif isinstance(part, Arithmetic):
            _put(out, str((yield compute(shell, part.expression))), part.quoted)


def _put(out: Fields, value: str, quoted: bool) -> None:
    if quoted:
        out.add(value, True)
    else:
        out.split(value)


def _parameter(shell: Shell, part: Parameter, out: Fields, whole: bool) -> Step:
    if part.operator == "bad":
        raise ShellError(shell.dialect.bad_substitution)
    if part.name in ("@", "*") and part.operator in ("", "substring"):
        values = yield _positional(shell, part)
        _put_all(shell, part, values, out, whole)
        return
    if part.operator == "keys" or isinstance(part.index, str):
        yield _array(shell, part, out, whole)
        return
    if part.index is not None:
        value = yield arrays.element(shell, part)
    elif part.operator == "indirect":
        value = shell.parameter(shell.parameter(part.name) or "")
    else:
        value = shell.parameter(part.name)
    if part.name in ("@", "*"):
        value = " ".join(shell.state.args) if shell.state.args else None
    default = part.operator.lstrip(":") if part.operator not in ("substring", "length", "indirect") else ""
    if default in ("-", "=", "?", "+") and part.operator:
        unset = value is None or (part.operator.startswith(":") and value == "")
        if default == "+":
            if not unset:
                yield _expand(shell, _tilde(shell, part.operands[0]), out, whole=whole, operand=True)
            return
        if unset:
            value = yield _default(shell, part, default, out, whole)
            if value is None:
                return
    elif value is None and "u" in shell.state.options and part.operator != "length":
        raise ShellError(f"{part.name}: {shell.dialect.unset}", shell.dialect.unset_code)
    else:
        value = yield _modified(shell, part, value or "")
    _put(out, value or "", part.quoted)


def _array(shell: Shell, part: Parameter, out: Fields, whole: bool) -> Step:
    """Expand all elements of an array, or what ``${#a[@]}`` and ``${!a[@]}`` tell of them."""
    items = arrays.items_of(shell, part.name)
    all_of_them = replace(part, name=str(part.index or "@"))
    if part.operator == "length":
        _put(out, str(len(items)), part.quoted)
    elif part.operator == "keys":
        _put_all(shell, all_of_them, [str(key) for key in items], out, whole)
    elif part.operator == "substring":
        offset = calculate(shell, (yield text(shell, part.operands[0])))
        count = calculate(shell, (yield text(shell, part.operands[1]))) if len(part.operands) > 1 else len(items)
        values = list(items.values())
        begin = max(0, len(values) + offset) if offset < 0 else offset
        _put_all(shell, all_of_them, values[begin : begin + count], out, whole)
    elif part.operator.lstrip(":") in ("-", "+", "?", "=") and part.operator:
        if bool(items) == (part.operator.lstrip(":") == "+"):
            yield _expand(shell, _tilde(shell, part.operands[0]), out, whole=whole, operand=True)
        elif items:
            _put_all(shell, all_of_them, list(items.values()), out, whole)
    else:
        changed = []
        for value in items.values():
            changed += [(yield _modified(shell, part, value))]
        _put_all(shell, all_of_them, changed, out, whole)


def _positional(shell: Shell, part: Parameter) -> Step:
    if part.operator != "substring":
        return list(shell.state.args)
    offset = calculate(shell, (yield text(shell, part.operands[0])))
    values = [shell.state.name, *shell.state.args]
    count = calculate(shell, (yield text(shell, part.operands[1]))) if len(part.operands) > 1 else len(values)
    return values[offset : offset + count]


def _put_all(shell: Shell, part: Parameter, values: list[str], out: Fields, whole: bool) -> None:
    """Add ``$@`` or ``$*``: one field each, but for ``"$*"``."""
    if part.name == "*" and part.quoted:
        out.add(separators(shell)[:1].join(values), True)
    elif whole:
        _put(out, " ".join(values), part.quoted)
    else:
        for index, value in enumerate(values):
            if index:
                out.close()
            _put(out, value, part.quoted)


def _default(shell: Shell, part: Parameter, kind: str, out: Fields, whole: bool) -> Step:
    """Do what ``-``, ``=`` and ``?`` do for a parameter without a value; None if the word was added to ``out``."""
    if kind == "-":
        yield _expand(shell, _tilde(shell, part.operands[0]), out, whole=whole, operand=True)
        return None
    value = yield text(shell, part.operands[0])
    if kind == "?":
        raise ShellError(f"{part.name}: {value or 'parameter not set'}", shell.dialect.unset_code)
    if not re.fullmatch(r"[A-Za-z_]\w*", part.name):
        raise ShellError(f"{part.name}: bad variable name")
    shell.state.set(part.name, value)
    return value


def _modified(shell: Shell, part: Parameter, value: str) -> Step:
    """Apply ``${#x}``, ``${x%y}``, ``${x/y/z}``, ``${x:1:2}``."""
    if part.operator == "length":
        return str(len(shell.state.args) if part.name in "@*" else len(value))
    if part.operator == "substring":
        offset = calculate(shell, (yield text(shell, part.operands[0])))
        start = max(0, len(value) + offset) if offset < 0 else offset
        if len(part.operands) < 2:
            return value[start:]
        length = calculate(shell, (yield text(shell, part.operands[1])))
        return value[start : len(value) + length if length < 0 else start + length]
    if part.operator in CASES:
        change, count = CASES[part.operator], None if len(part.operator) == 2 else 1
        return change(value[:count]) + value[len(value[:count]) :]
    if part.operator in ("/", "//"):
        wanted = patterns.regex((yield pattern(shell, part.operands[0])))
        replacement = (yield text(shell, part.operands[1])) if len(part.operands) > 1 else ""
        return re.sub(wanted, lambda _: replacement, value, count=part.operator == "/") if wanted != "(?s:)" else value
    if part.operator not in ("", "indirect"):
        wanted = yield pattern(shell, part.operands[0])
        return _trimmed(value, wanted, part.operator)
    return value


def _trimmed(value: str, wanted: str, operator: str) -> str:
    """Remove the smallest or largest prefix or suffix that matches."""
    cuts = range(len(value) + 1)
    if operator in ("##", "%"):
        cuts = range(len(value), -1, -1)
    for cut in cuts:
        kept, removed = (value[cut:], value[:cut]) if operator[0] == "#" else (value[:cut], value[cut:])
        if patterns.matches(wanted, removed):
            return kept
    return value


def _tilde(shell: Shell, word: Word, *, everywhere: bool = False) -> Word:
    """Replace ``~`` and ``~user`` at the start, and after colons in an assignment."""
    if not any(isinstance(part, Literal) and not part.quoted and "~" in part.text for part in word.parts):
        return word
    parts: list[Part] = []
    for index, part in enumerate(word.parts):
        if isinstance(part, Literal) and not part.quoted:
            before = ("(^|:)" if index == 0 else "(:)") if everywhere else "(^)" if index == 0 else "(?!)()"
            end = "" if index < len(word.parts) - 1 else "|$"
            form = rf"{before}~([A-Za-z_][\w-]*)?(?=/{'|:' if everywhere else ''}{end})"
            parts.append(Literal(re.sub(form, lambda match: _homed(shell, match), part.text)))
        else:
            parts.append(part)
    return Word(tuple(parts))


def _homed(shell: Shell, match: re.Match[str]) -> str:
    home = _home(shell, match.group(2))
    return match.group() if home is None else match.group(1) + home


def _home(shell: Shell, user: str | None) -> str | None:
    if user is None:
        return shell.state.get("HOME")
    try:
        accounts = shell.process.container.files.read("/etc/passwd").decode(errors="replace")
    except FileError:
        return None
    rows = (line.split(":") for line in accounts.splitlines())
    return next((row[5] for row in rows if row[0] == user and len(row) > 5), None)
