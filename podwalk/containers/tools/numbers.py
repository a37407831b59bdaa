"""Tools that compute and print: seq, expr, factor, true, false, test, echo, printf, yes.

Source: POSIX.1-2024, expr; BusyBox coreutils for seq and messages.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from podwalk.containers.process import Process
from podwalk.containers.shell import printing
from podwalk.containers.shell.conditions import ConditionError, check
from podwalk.containers.tools.command import Options, ToolError, UsageError, encode, tool
from podwalk.containers.tools.regex import RegexError, compile_regex
from podwalk.simulation import Task

CHUNK = 8192


@tool("seq", usage="[-w] [-s SEP] [FIRST [INC]] LAST", raw=True)
def seq(process: Process, options: Options, words: list[str]) -> Task:
    """Print numbers."""
    padded, separator = False, "\n"
    words = list(words)
    while words and re.match(r"-[ws]", words[0]):
        flag = words.pop(0)
        padded |= flag.startswith("-w")
        if flag.startswith("-s"):
            separator = flag[2:] or (words.pop(0) if words else "")
    try:
        numbers = [Decimal(word) for word in words]
    except InvalidOperation as error:
        raise UsageError from error
    if not 1 <= len(numbers) <= 3:
        raise UsageError
    first, step, last = {1: (Decimal(1), Decimal(1), numbers[-1]), 2: (numbers[0], Decimal(1), numbers[-1])}.get(
        len(numbers), (numbers[0], numbers[1] if len(numbers) > 1 else Decimal(1), numbers[-1])
    )
    places = max([0, *(-int(number.as_tuple().exponent) for number in (first, step))])
    width = max(len(f"{first:.{places}f}"), len(f"{last:.{places}f}")) if padded else 0
    value, buffer, started = first, "", False
    while value <= last if step >= 0 else value >= last:
        buffer += (separator if started else "") + f"{value:.{places}f}".rjust(width, "0")
        started, value = True, value + step
        if len(buffer) > CHUNK:
            yield from process.emit(encode(buffer))
            buffer = ""
    yield from process.emit(encode(buffer + ("\n" if started else "")))
    return 0


@tool("expr", usage="EXPRESSION", raw=True, code=2)
def expr(process: Process, options: Options, words: list[str]) -> int:
    """Evaluate an expression of words."""
    if not words:
        raise UsageError(code=2)
    reader = _Expression(words)
    value = reader.either()
    if reader.at < len(words):
        raise ToolError("syntax error", 2)
    process.write(f"{value}\n")
    return int(value in ("", "0"))


class _Expression:
    LEVELS = (("|",), ("&",), ("<", "<=", "=", "==", "!=", ">=", ">"), ("+", "-"), ("*", "/", "%"))

    def __init__(self, words: list[str]) -> None:
        self.words, self.at = words, 0

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        if self.at >= len(self.words):
            raise ToolError("syntax error", 2)
        self.at += 1
        return self.words[self.at - 1]

    def either(self, level: int = 0) -> str:
        if level == len(self.LEVELS):
            return self.match()
        left = self.either(level + 1)
        while self.peek() in self.LEVELS[level] and self.at < len(self.words):
            left = self.combine(self.take(), left, self.either(level + 1))
        return left

    def combine(self, operator: str, left: str, right: str) -> str:
        if operator == "|":
            return left if left not in ("", "0") else right
        if operator == "&":
            return left if left not in ("", "0") and right not in ("", "0") else "0"
        numeric = all(re.fullmatch(r"-?\d+", side) for side in (left, right))
        if operator in self.LEVELS[2]:
            a, b = (int(left), int(right)) if numeric else (left, right)
            return str(int({
                "<": a < b, "<=": a <= b, "=": a == b, "==": a == b, "!=": a != b, ">=": a >= b, ">": a > b,  # type: ignore[operator]
            }[operator]))  # fmt: skip
        if not numeric:
            raise ToolError("non-numeric argument", 2)
        x, y = int(left), int(right)
        if operator in "/%":
            if y == 0:
                raise ToolError("division by zero", 2)
            quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
            return str(quotient if operator == "/" else x - quotient * y)
        return str(x + y if operator == "+" else x - y if operator == "-" else x * y)

    def match(self) -> str:
        left = self.primary()
        while self.peek() == ":":
            self.at += 1
            left = _matched(left, self.primary())
        return left

    def primary(self) -> str:
        word = self.take()
        if word == "(":
            value = self.either()
            if self.take() != ")":
                raise ToolError("syntax error", 2)
            return value
        if word == "length":
            return str(len(self.primary()))
        if word == "match":
            return _matched(self.primary(), self.primary())
        if word == "index":
            text, letters = self.primary(), self.primary()
            return str(min((place for place in (text.find(letter) + 1 for letter in letters) if place), default=0))
        if word == "substr":
            text, start, count = self.primary(), self.primary(), self.primary()
            if not (start.isdigit() and count.isdigit() and int(start)):
                return ""
            return text[int(start) - 1 : int(start) - 1 + int(count)]
        return self.take() if word == "quote" else word


def _matched(text: str, pattern: str) -> str:
    try:
        match = compile_regex(pattern.removeprefix("^")).match(text)
    except RegexError as error:
        raise ToolError(f"bad regex '{pattern}': {error}", 2) from error
    if "\\(" in pattern:
        return (match.group(1) or "") if match else ""
    return str(match.end() if match else 0)


@tool("factor", usage="[NUMBER]...")
def factor(process: Process, options: Options, words: list[str]) -> Task:
    """Print prime factors."""
    for word in words:
        if not word.isdigit() or int(word) > 1 << 40:
            raise ToolError(f"invalid number '{word}'")
        number, found, divisor = int(word), [], 2
        while divisor * divisor <= number:
            while number % divisor == 0:
                found.append(divisor)
                number //= divisor
            divisor += 1
        found += [number] if number > 1 else []
        yield from process.emit(f"{word}: {' '.join(map(str, found))}\n".encode())
    return 0


@tool("true :", raw=True)
def true(process: Process, options: Options, words: list[str]) -> int:
    """Succeed."""
    return 0


@tool("false", raw=True)
def false(process: Process, options: Options, words: list[str]) -> int:
    """Fail."""
    return 1


@tool("test [ [[", raw=True)
def test(process: Process, options: Options, words: list[str]) -> int:
    """Evaluate a condition."""
    if process.argv[0] != "test":
        if words[-1:] != ["]" * len(process.argv[0])]:
            raise ToolError(f"missing {']' * len(process.argv[0])}", 2)
        words = words[:-1]
    try:
        return int(not check(process, words))
    except ConditionError as error:
        raise ToolError(str(error), 2) from error


@tool("echo", raw=True)
def echo(process: Process, options: Options, words: list[str]) -> int:
    """Print words."""
    process.write(printing.echo(words))
    return 0


@tool("printf", usage="FORMAT [ARG]...", raw=True)
def printf(process: Process, options: Options, words: list[str]) -> int:
    """Print by a format."""
    if not words:
        raise UsageError
    text, errors = printing.printf(words)
    process.write(text)
    for error in errors:
        process.fail(f"printf: {error}")
    return int(bool(errors))


@tool("yes", raw=True)
def yes(process: Process, options: Options, words: list[str]) -> Task:
    """Print a line for ever."""
    line = encode(" ".join(words or ["y"]) + "\n")
    while True:
        yield from process.emit(line * max(1, CHUNK // len(line)))
