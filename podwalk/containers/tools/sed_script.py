"""Reads the scripts of ``sed``.

Source: POSIX.1-2024, sed; BusyBox editors/sed.c for one-line ``i``, ``a``, ``c`` and the flags of ``s``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from podwalk.containers.tools.command import ToolError
from podwalk.containers.tools.regex import RegexError, compile_regex


@dataclass(frozen=True)
class Address:
    """A line number, ``$`` (-1), a step, or an expression; ``relative`` for ``addr,+N``."""

    line: int | None = None
    pattern: re.Pattern[str] | None = None
    step: int = 0
    relative: bool = False


@dataclass
class Step:
    """One command of a script, with its addresses and arguments."""

    name: str
    first: Address | None = None
    last: Address | None = None
    negated: bool = False
    text: str = ""
    pattern: re.Pattern[str] | None = None
    occurrence: int = 1
    everywhere: bool = False
    prints: bool = False
    file: str = ""
    target: int = -1
    active: bool = False
    until: int = 0


class Script:
    """Reads a script from its text; ``steps`` are its commands, with the places to jump to filled in."""

    def __init__(self, text: str, *, extended: bool) -> None:
        """Read the whole script."""
        self.text, self.at, self.extended = text, 0, extended
        self.last_pattern: re.Pattern[str] | None = None
        self.steps: list[Step] = []
        self.labels: dict[str, int] = {}
        self._read()

    def _read(self) -> None:
        open_groups: list[int] = []
        while self._skip(" \t\n;"):
            if self.text[self.at] == "#":
                self.at = self._end_of_line()
                continue
            step = self._addressed()
            if step.name == "}":
                if not open_groups:
                    raise ToolError("unexpected '}'")
                self.steps[open_groups.pop()].target = len(self.steps)
                continue
            if step.name == ":":
                self.labels[step.text] = len(self.steps)
                continue
            if step.name == "{":
                open_groups.append(len(self.steps))
            self.steps.append(step)
        if open_groups:
            raise ToolError("unmatched '{'")
        for step in self.steps:
            if step.name in "btT":
                if step.text and step.text not in self.labels:
                    raise ToolError(f"can't find label for jump to '{step.text}'")
                step.target = self.labels.get(step.text, len(self.steps))

    def _skip(self, characters: str) -> bool:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1
        return self.at < len(self.text)

    def _end_of_line(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _addressed(self) -> Step:
        step = Step("", first=self._address())
        if step.first is not None and self._skip(" \t") and self.text[self.at] == ",":
            self.at += 1
            self._skip(" \t")
            step.last = self._address(last=True)
            if step.last is None:
                raise ToolError("unexpected ','")
        self._skip(" \t")
        while self.at < len(self.text) and self.text[self.at] in "! ":
            step.negated |= self.text[self.at] == "!"
            self.at += 1
        if self.at >= len(self.text):
            raise ToolError("missing command")
        step.name = self.text[self.at]
        self.at += 1
        self._arguments(step)
        return step

    def _address(self, *, last: bool = False) -> Address | None:
        number = re.compile(r"(\+?)(\d+)").match(self.text, self.at)
        if number and (last or not number.group(1)):
            self.at = number.end()
            return Address(line=int(number.group(2)), relative=bool(number.group(1)))
        if self.text.startswith("$", self.at):
            self.at += 1
            return Address(line=-1)
        if self.text[self.at : self.at + 1] in ("/", "\\"):
            self.at += self.text[self.at] == "\\"
            expression = self._delimited(self.text[self.at], regex=True)
            ignore = self.text.startswith("I", self.at)
            self.at += ignore
            return Address(pattern=self._compiled(expression, ignore))
        return None

    def _delimited(self, delimiter: str, *, regex: bool) -> str:
        """Read from a delimiter to the next, which is read too unless it begins another part."""
        self.at += 1
        out = ""
        while self.at < len(self.text) and self.text[self.at] != delimiter:
            character = self.text[self.at]
            if character == "[" and regex:
                bracket = re.compile(r"\[\^?\]?(?:\[:\w+:\]|[^\]])*\]").match(self.text, self.at)
                if bracket:
                    out += bracket.group()
                    self.at = bracket.end()
                    continue
            if character == "\\" and self.at + 1 < len(self.text):
                escaped = self.text[self.at + 1]
                out += delimiter if escaped == delimiter else "\\" + escaped
                self.at += 2
                continue
            out += character
            self.at += 1
        if self.at >= len(self.text):
            raise ToolError(f"unmatched '{delimiter}'")
        self.at += 1
        return out

    def _compiled(self, expression: str, ignore_case: bool) -> re.Pattern[str]:
        if not expression:
            if self.last_pattern is None:
                raise ToolError("no previous regexp")
            return self.last_pattern
        try:
            self.last_pattern = compile_regex(expression, extended=self.extended, ignore_case=ignore_case)
        except RegexError as error:
            raise ToolError(f"bad regex '{expression}': {error}") from error
        return self.last_pattern

    def _arguments(self, step: Step) -> None:
        if step.name == "s":
            self._substitution(step)
        elif step.name == "y":
            delimiter = self.text[self.at]
            source = self._delimited(delimiter, regex=False)
            self.at -= 1
            target = self._delimited(delimiter, regex=False)
            step.text = _unescaped(source) + "\0" + _unescaped(target)
            if len(_unescaped(source)) != len(_unescaped(target)):
                raise ToolError("strings for 'y' are of different lengths")
        elif step.name in "aic":
            step.text = self._lines()
        elif step.name in "btT:":
            end = re.compile(r"[^;\n}]*" if step.name != ":" else r"[^;\n]*").match(self.text, self.at)
            step.text = end.group().strip() if end else ""
            self.at = end.end() if end else self.at
        elif step.name in "rw":
            end_at = self._end_of_line()
            step.file = self.text[self.at : end_at].strip()
            self.at = end_at
            if not step.file:
                raise ToolError("missing filename")
        elif step.name in "qQ":
            code = re.compile(r"\s*(\d*)").match(self.text, self.at)
            step.occurrence = int(code.group(1) or 0) if code else 0
            self.at = code.end() if code else self.at
        elif step.name not in "pPdDnNhHgGx={}l":
            raise ToolError(f"unsupported command {step.name}")

    def _lines(self) -> str:
        r"""Read the text of ``a``, ``i`` and ``c``: up to a newline without a backslash."""
        self._skip(" \t")
        if self.text.startswith("\\", self.at):
            self.at += 1
            self._skip(" \t")
            self.at += self.text.startswith("\n", self.at)
        text = re.compile(r"(?:\\.|[^\\\n])*", re.DOTALL).match(self.text, self.at)
        if text is None or not text.group():
            raise ToolError("expected \\ after 'a', 'c' or 'i'")
        self.at = text.end()
        return re.sub(
            r"\\(.)",
            lambda match: {"t": "\t", "n": "\n"}.get(match.group(1), match.group(1)),
            text.group(),
            flags=re.DOTALL,
        )

    def _substitution(self, step: Step) -> None:
        delimiter = self.text[self.at : self.at + 1]
        if not delimiter:
            raise ToolError("bad format in substitution expression")
        expression = self._delimited(delimiter, regex=True)
        self.at -= 1
        step.text = self._delimited(delimiter, regex=False)
        flags = re.compile(r"[gpIie0-9]*").match(self.text, self.at)
        given = flags.group() if flags else ""
        self.at = flags.end() if flags else self.at
        step.everywhere, step.prints = "g" in given, "p" in given
        if "e" in given:
            raise ToolError("flag e of s is not simulated by Podwalk", 2)
        digits = "".join(c for c in given if c.isdigit())
        step.occurrence = int(digits or 1)
        if self.text.startswith("w", self.at):
            end = self._end_of_line()
            step.file, self.at = self.text[self.at + 1 : end].strip(), end
        elif self.at < len(self.text) and self.text[self.at] not in " \t\n;}#":
            raise ToolError("bad option in substitution expression")
        step.pattern = self._compiled(expression, "I" in given or "i" in given)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match.group(1), match.group(1)), text)
