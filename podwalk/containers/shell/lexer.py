"""Characters to tokens: words with their quoting and expansions, operators, here-documents.

The parser asks for one token at a time, because what a character means depends on where the parser is.

Source: POSIX.1-2024, Shell Command Language, 2.2 Quoting, 2.3 Token Recognition, 2.6 Word Expansions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from podwalk.containers.shell.syntax import (
    Arithmetic,
    Heredoc,
    Literal,
    Parameter,
    ParseError,
    Part,
    Sequence,
    Substitution,
    Word,
)

OPERATORS = (
    *("&>>", "<<<", "<<-", "&&", "||", ";;", "&>", "<<", ">>", "<&", ">&", "<>", ">|"),
    *(";", "&", "|", "(", ")", "<", ">", "\n"),
)
REDIRECTIONS = frozenset(["&>>", "&>", "<<<", "<<-", "<<", ">>", "<&", ">&", "<>", ">|", "<", ">"])
END_OF_WORD = " \t\n;&|()<>"
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
MODIFIER = re.compile(r":?[-=?+]|%%?|##?|//?|:")
BASH_MODIFIER = re.compile(rf"{MODIFIER.pattern}|\^\^?|,,?")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|[0-7]{1,3}|.)", re.DOTALL)


@dataclass(frozen=True)
class Token:
    """One token: an operator (``kind`` is its text), a ``word``, or ``eof``; a redirection may have its descriptor."""

    kind: str
    line: int
    start: int
    word: Word | None = None
    descriptor: int | None = None

    @property
    def text(self) -> str | None:
        """The plain text of a word, by which keywords are recognised."""
        return self.word.plain if self.word is not None else None


class Lexer:
    """Reads tokens from a text. The parser derives from it, because ``$(…)`` holds whole commands."""

    def __init__(self, text: str, *, bash: bool = False) -> None:
        """Start at the beginning of the text; ``bash`` admits what only bash has."""
        self.text = text
        self.at = 0
        self.bash = bash
        self.heredocs: list[Heredoc] = []
        self.double_brackets = False

    def commands_in_parentheses(self) -> Sequence:
        """Read commands up to ``)``, which is read too."""
        raise NotImplementedError

    def whole(self) -> Sequence:
        """Read all commands of the text."""
        raise NotImplementedError

    def line(self, at: int | None = None) -> int:
        """Return the number of lines before a place."""
        return self.text.count("\n", 0, self.at if at is None else at)

    def error(self, message: str, *, incomplete: bool = False) -> ParseError:
        """Return an error at the present place."""
        return ParseError(message, self.line(), incomplete=incomplete)

    def read_token(self) -> Token:
        """Read the next token; a newline reads the here-documents that wait for it."""
        self._skip_blanks()
        start, line = self.at, self.line()
        if start >= len(self.text):
            self._read_heredocs()
            return Token("eof", line, start)
        descriptor = re.compile(r"\d{1,2}(?=[<>])").match(self.text, start)
        if descriptor:
            self.at = descriptor.end()
        operator = next((o for o in OPERATORS if self.text.startswith(o, self.at)), None)
        if operator is None or (
            self.double_brackets and operator in (("&&", "||", "(", ")", "<", ">") if self.bash else ("&&", "||"))
        ):
            if operator is not None:
                self.at += len(operator)
                return Token("word", line, start, Word((Literal(operator),)))
            return Token("word", line, start, self.read_word(" \t\n;" if self.double_brackets else END_OF_WORD))
        self.at += len(operator)
        if operator == "\n":
            self._read_heredocs()
        return Token(operator, line, start, descriptor=int(descriptor.group()) if descriptor else None)

    def read_word(self, stop: str = END_OF_WORD, *, quoted: bool = False) -> Word:
        """Read a word up to an unquoted character of ``stop``, which is left.

        Args:
            stop: the characters that end it.
            quoted: whether it stands inside double quotes already, as the word in ``"${x:-word}"`` does.
        """
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] not in stop:
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                parts.extend(self.read_double('"') or [Literal("", quoted=True)])
                self._expect('"', "unterminated quoted string")
            elif character == "'" and not quoted:
                parts.append(Literal(self._read_single(), quoted=True))
            elif self.text.startswith("$'", self.at) and not quoted:
                self.at += 1
                parts.append(Literal(unescape(self._read_single(escapes=True)), quoted=True))
            elif character == "\\":
                parts.extend(self._read_escape('$`"\\' + stop if quoted else ""))
            else:
                parts.append(self._read_expansion(quoted) or self._literal(quoted))
        return Word(_joined(parts))

    def read_double(self, stop: str, special: str = '$`"\\') -> list[Part]:
        """Read as between double quotes up to ``stop``, which is left.

        Or to the end of the text if ``stop`` is empty.
        """
        parts: list[Part] = []
        while self.at < len(self.text) and (not stop or self.text[self.at] != stop):
            if self.text[self.at] == "\\":
                parts.extend(self._read_escape(special))
            else:
                parts.append(self._read_expansion(quoted=True) or self._literal(quoted=True))
        return list(_joined(parts))

    def read_arithmetic(self) -> Word:
        """Read an expression up to ``))``, which is read too."""
        begin, depth = self.at, 0
        while depth or not self.text.startswith("))", self.at):
            if self.at >= len(self.text):
                raise self.error("missing '))'", incomplete=True)
            if self.text[self.at] in "$`" and self._read_expansion(quoted=True):
                continue
            depth += {"(": 1, ")": -1}.get(self.text[self.at], 0)
            if depth < 0:
                raise self.error("missing '))'")
            self.at += 1
        inner = type(self)(self.text[begin : self.at], bash=self.bash)
        self.at += 2
        return Word(tuple(inner.read_double("", '$`\\"')))

    def expect_heredoc(self, operator: str, word: Word) -> Heredoc:
        """Note that a here-document follows the line; its body is filled in when it is read."""
        delimiter = "".join(part.text for part in word.parts if isinstance(part, Literal))
        literal = any(isinstance(part, Literal) and part.quoted for part in word.parts)
        heredoc = Heredoc(delimiter, literal, operator == "<<-")
        self.heredocs.append(heredoc)
        return heredoc

    def _literal(self, quoted: bool) -> Literal:
        self.at += 1
        return Literal(self.text[self.at - 1], quoted)

    def _expect(self, text: str, message: str) -> None:
        if not self.text.startswith(text, self.at):
            raise self.error(message, incomplete=self.at >= len(self.text))
        self.at += len(text)

    def _skip_blanks(self) -> None:
        blank = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?").match(self.text, self.at)
        self.at = blank.end() if blank else self.at

    def _read_single(self, *, escapes: bool = False) -> str:
        body = re.compile(r"'((?:[^'\\]|\\.)*)'" if escapes else r"'([^']*)'", re.DOTALL).match(self.text, self.at)
        if body is None:
            self.at = len(self.text)
            raise self.error("unterminated quoted string", incomplete=True)
        self.at = body.end()
        return body.group(1)

    def _read_escape(self, special: str) -> list[Part]:
        """Read a backslash and what follows; it keeps its meaning only before ``special`` ones, if there are such."""
        escaped = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if escaped == "\n":
            return []
        return [Literal(escaped if escaped and (not special or escaped in special) else f"\\{escaped}", quoted=True)]

    def _read_expansion(self, quoted: bool) -> Part | None:
        """Read ``$…`` or backquotes; None, nothing read, if the character stands for itself."""
        if self.text[self.at] == "`":
            return Substitution(self._read_backquotes(quoted), quoted)
        if self.text[self.at] != "$":
            return None
        if self.text.startswith("$((", self.at):
            here = self.at
            self.at += 3
            try:
                return Arithmetic(self.read_arithmetic(), quoted)
            except ParseError as error:
                if error.incomplete:
                    raise
                self.at = here
        if self.text.startswith("$(", self.at):
            self.at += 2
            return Substitution(self.commands_in_parentheses(), quoted)
        if self.text.startswith("${", self.at):
            self.at += 2
            return self._read_braces(quoted)
        name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]").match(self.text, self.at + 1)
        if name is None:
            return None
        self.at = name.end()
        return Parameter(name.group(), quoted=quoted)

    def _read_backquotes(self, quoted: bool) -> Sequence:
        body = re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL).match(self.text, self.at)
        if body is None:
            self.at = len(self.text)
            raise self.error("EOF in backquote substitution", incomplete=True)
        self.at = body.end()
        text = re.sub(r'\\([$`\\"])' if quoted else r"\\([$`\\])", r"\1", body.group(1))
        return type(self)(text, bash=self.bash).whole()

    def _read_braces(self, quoted: bool) -> Parameter:
        if self.bash and (array := self._read_array(quoted)) is not None:
            return array
        length = re.compile(r"#([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])\}").match(self.text, self.at)
        if length:
            self.at = length.end()
            return Parameter(length.group(1), "length", quoted=quoted)
        name = PARAMETER.match(self.text, self.at)
        if name is None:
            self._skip_to_brace()
            return Parameter("", "bad", quoted=quoted)
        self.at = name.end()
        if name.group() == "!" and not self.text.startswith("}", self.at):
            self._skip_to_brace()
            return Parameter("", "bad", quoted=quoted)
        return self._modified(name.group(), quoted)

    def _modified(self, name: str, quoted: bool, index: Word | str | None = None) -> Parameter:
        """Read what follows a parameter's name in braces."""
        modifier = (BASH_MODIFIER if self.bash else MODIFIER).match(self.text, self.at)
        operator, operands = "", []
        if modifier:
            self.at = modifier.end()
            operator = "substring" if modifier.group() == ":" else modifier.group()
            separator = {"substring": ":", "/": "/", "//": "/"}.get(operator, "")
            inner = quoted and operator not in ("%", "%%", "#", "##", "/", "//")
            operands.append(self.read_word("}" + separator, quoted=inner))
            if separator and self.text.startswith(separator, self.at):
                self.at += 1
                operands.append(self.read_word("}", quoted=inner))
        if not self.text.startswith("}", self.at):
            if self.at < len(self.text):
                self._skip_to_brace()
                return Parameter(name, "bad", quoted=quoted)
            raise self.error("missing '}'", incomplete=True)
        self.at += 1
        return Parameter(name, operator, tuple(operands), quoted, index)

    def _read_array(self, quoted: bool) -> Parameter | None:
        """Read ``${a[1]}``, ``${#a[@]}``, ``${!a[@]}`` or ``${!a}``; None, nothing read, if it is something else."""
        match = re.compile(r"([#!]?)([A-Za-z_][A-Za-z0-9_]*)(\[[@*]\]|\[|\})").match(self.text, self.at)
        if match is None or (match[3] == "}" and match[1] != "!"):
            return None
        self.at = match.end()
        if match[3] == "}":
            return Parameter(match[2], "indirect", quoted=quoted)
        index: Word | str = match[3][1:-1]
        if match[3] == "[":
            index = self.read_word("]", quoted=True)
            self._expect("]", "missing ']'")
        if match[1]:
            self._expect("}", "missing '}'")
            return Parameter(match[2], "length" if match[1] == "#" else "keys", quoted=quoted, index=index)
        return self._modified(match[2], quoted, index)

    def _skip_to_brace(self) -> None:
        end = self.text.find("}", self.at)
        if end < 0:
            self.at = len(self.text)
            raise self.error("missing '}'", incomplete=True)
        self.at = end + 1

    def _read_heredocs(self) -> None:
        heredocs, self.heredocs = self.heredocs, []
        for heredoc in heredocs:
            lines = []
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                line = line.lstrip("\t") if heredoc.strip_tabs else line
                if line == heredoc.delimiter:
                    break
                lines.append(line + "\n")
            body = "".join(lines)
            inner = type(self)(body, bash=self.bash)
            heredoc.body = Word(
                (Literal(body, quoted=True),) if heredoc.literal else tuple(inner.read_double("", "$`\\"))
            )


def unescape(text: str) -> str:
    r"""Replace the escapes of ``$'…'``: ``\n``, ``\t``, ``\x41``, ``\101``."""

    def replace(match: re.Match[str]) -> str:
        escape = match.group(1)
        if escape[0] in "xu" and len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape[0] in "01234567":
            return chr(int(escape, 8) & 0xFF)
        return ESCAPES.get(escape, escape if escape in "\\'\"?" else match.group())

    return ESCAPE.sub(replace, text)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Join neighbouring texts that are quoted alike."""
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, Literal) and isinstance(last, Literal) and part.quoted == last.quoted:
            out[-1] = Literal(last.text + part.text, part.quoted)
        else:
            out.append(part)
    return tuple(out)
