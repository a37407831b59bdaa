"""The arithmetic of ``$((…))``: 64-bit integers with C's operators, computed while it is read.

Source: POSIX.1-2024, Shell Command Language, 2.6.4 Arithmetic Expansion; BusyBox shell/math.c for ``**`` and the
    words of errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable

TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator><<=|>>=|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>?:=(),]))"
)
PRECEDENCE = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7,
    "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10, "**": 11,
}  # fmt: skip
ASSIGNMENTS = frozenset(("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="))
DEPTH_LIMIT = 64
"""Variables whose values are expressions again may nest this deep."""


class ArithmeticError_(Exception):  # noqa: N801 - ArithmeticError is Python's
    """The expression cannot be computed; the text is the shell's."""


class _Value:
    """An operand: a number, or a name that may be assigned to."""

    def __init__(self, number: int, name: str = "") -> None:
        self.number, self.name = number, name


class _Evaluator:
    def __init__(self, text: str, get: Callable[[str], str], put: Callable[[str, str], None], depth: int) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.get, self.put, self.depth = get, put, depth
        self.skipping = 0

    def run(self) -> int:
        if not self.tokens:
            return 0
        value = self.comma()
        if self.at < len(self.tokens):
            raise ArithmeticError_("arithmetic syntax error")
        return value.number

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise ArithmeticError_("arithmetic syntax error")

    def comma(self) -> _Value:
        value = self.assignment()
        while self.peek() == ",":
            self.take()
            value = self.assignment()
        return value

    def assignment(self) -> _Value:
        left = self.conditional()
        if self.peek() not in ASSIGNMENTS:
            return left
        operator = self.take()
        right = self.assignment().number
        if not left.name:
            raise ArithmeticError_("arithmetic syntax error")
        value = right if operator == "=" else self.compute(operator[:-1], left.number, right)
        return self.store(left.name, value)

    def conditional(self) -> _Value:
        condition = self.binary(1)
        if self.peek() != "?":
            return condition
        self.take()
        chosen = bool(condition.number)
        yes = self.skipped(not chosen, self.comma)
        if self.peek() != ":":
            raise ArithmeticError_("malformed ?: operator")
        self.take()
        no = self.skipped(chosen, self.conditional)
        return _Value((yes if chosen else no).number)

    def skipped(self, skip: bool, read: Callable[[], _Value]) -> _Value:
        """Read an operand; with ``skip``, without its effects."""
        self.skipping += skip
        try:
            return read()
        finally:
            self.skipping -= skip

    def binary(self, lowest: int) -> _Value:
        left = self.unary()
        while (precedence := PRECEDENCE.get(self.peek(), 0)) >= lowest:
            operator = self.take()
            skip = (operator == "&&" and not left.number) or (operator == "||" and bool(left.number))
            following = precedence if operator == "**" else precedence + 1
            right = self.skipped(skip, lambda following=following: self.binary(following))  # type: ignore[misc]  # bound now
            left = _Value(self.compute(operator, left.number, right.number))
        return left

    def unary(self) -> _Value:
        token = self.peek()
        if token in ("+", "-", "!", "~"):
            self.take()
            value = self.unary().number
            return _Value({"+": value, "-": _wrap(-value), "!": int(not value), "~": ~value}[token])
        if token in ("++", "--"):
            self.take()
            value_ = self.unary()
            if not value_.name:
                raise ArithmeticError_("arithmetic syntax error")
            return self.store(value_.name, value_.number + (1 if token == "++" else -1))
        return self.postfix()

    def postfix(self) -> _Value:
        value = self.primary()
        if self.peek() in ("++", "--") and value.name:
            self.store(value.name, value.number + (1 if self.take() == "++" else -1))
            return _Value(value.number)
        return value

    def primary(self) -> _Value:
        token = self.take()
        if token == "(":
            value = self.comma()
            self.expect(")")
            return _Value(value.number)
        if token[:1].isdigit():
            return _Value(_number(token))
        if re.match(r"[A-Za-z_]", token):
            return _Value(self.variable(token), token)
        raise ArithmeticError_("arithmetic syntax error")

    def variable(self, name: str) -> int:
        text = self.get(name).strip()
        if re.fullmatch(r"[-+]?\d+", text):
            return _wrap(int(text)) if not re.match(r"[-+]?0\d", text) else _number(text)
        if self.depth >= DEPTH_LIMIT:
            raise ArithmeticError_("expression recursion loop detected")
        return _Evaluator(text, self.get, self.put, self.depth + 1).run()

    def store(self, name: str, value: int) -> _Value:
        value = _wrap(value)
        if not self.skipping:
            self.put(name, str(value))
        return _Value(value)

    def compute(self, operator: str, left: int, right: int) -> int:
        if operator in ("/", "%") and right == 0:
            if self.skipping:
                return 0
            raise ArithmeticError_("divide by zero")
        if operator == "**" and right < 0:
            raise ArithmeticError_("exponent less than 0")
        return _wrap(_OPERATIONS[operator](left, right))


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: int(bool(a or b)),
    "&&": lambda a, b: int(bool(a and b)),
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "%": lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1),
    "**": lambda a, b: pow(a, b, 1 << 64),
}


def evaluate(text: str, get: Callable[[str], str], put: Callable[[str, str], None]) -> int:
    """Compute an expression.

    Args:
        text: the expression, already expanded.
        get: gives a variable's value, empty if it is not set.
        put: sets a variable.

    Raises:
        ArithmeticError_: with the shell's words.
    """
    return _Evaluator(text, get, put, 0).run()


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None:
            raise ArithmeticError_("arithmetic syntax error")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


def _number(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    try:
        return _wrap(sign * (int(digits, 8) if re.fullmatch(r"0\d+", digits) else int(digits, 0)))
    except ValueError as error:
        raise ArithmeticError_("arithmetic syntax error") from error


def _wrap(value: int) -> int:
    """Keep 64 bits, with sign."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
