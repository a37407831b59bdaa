"""Reads the programs of ``awk``: tokens, then expressions by precedence, then statements.

No library of awk in Python is kept up, so the grammar is written out here. Refused: ``getline``, ``nextfile``.

Source: POSIX.1-2024, awk, Grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from podwalk.containers.tools.command import ToolError
from podwalk.containers.tools.regex import RegexError, compile_regex

TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+|\\\n|\#[^\n]*)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<function>[A-Za-z_]\w*(?=\())
    |(?P<name>[A-Za-z_]\w*)
    |(?P<operator>\n|\*\*=|\*\*|\+\+|--|\+=|-=|\*=|/=|%=|\^=|==|!=|<=|>=|&&|\|\||!~|>>|[-+*/%^!<>|?:~$=(){}\[\];,])""",
    re.VERBOSE | re.DOTALL,
)
KEYWORDS = frozenset(
    [
        "BEGIN",
        "END",
        "if",
        "else",
        "while",
        "for",
        "do",
        "break",
        "continue",
        "next",
        "exit",
        "in",
        "print",
        "printf",
        "delete",
        "function",
        "func",
        "return",
        "getline",
        "nextfile",
    ]
)
BUILTINS = frozenset(
    [
        "length",
        "substr",
        "index",
        "split",
        "sub",
        "gsub",
        "match",
        "sprintf",
        "sin",
        "cos",
        "atan2",
        "exp",
        "log",
        "sqrt",
        "int",
        "rand",
        "srand",
        "tolower",
        "toupper",
        "system",
        "close",
        "fflush",
        "systime",
        "strftime",
    ]
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "/": "/", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
BINARY = {
    "||": 2, "&&": 3, "in": 4, "~": 5, "!~": 5, "<": 6, "<=": 6, ">": 6, ">=": 6, "==": 6, "!=": 6,
    "": 7, "+": 8, "-": 8, "*": 9, "/": 9, "%": 9,
}  # fmt: skip
CONCATENATION = 7
STARTS = frozenset(("number", "string", "name", "function", "regex"))

Node = tuple[Any, ...]
"""A node: its kind, then its parts."""


@dataclass
class Program:
    """What an awk program says."""

    begin: list[Node]
    end: list[Node]
    rules: list[tuple[Node | None, Node | None, Node | None]]
    functions: dict[str, tuple[list[str], Node]]


class AwkError(ToolError):
    """The program is none, in BusyBox's words."""

    def __init__(self, line: int, message: str) -> None:
        """Say where and what."""
        super().__init__(f"cmd. line:{line}: {message}")


class Parser:
    """Reads one program."""

    def __init__(self, text: str) -> None:
        """Prepare to read a text."""
        self.text, self.at, self.line = text, 0, 1
        self.kind, self.value, self.previous = "", "", ""
        self.in_print = 0
        self.no_in = 0
        self.advance()

    def error(self, message: str = "Unexpected token") -> AwkError:
        """Return an error at the present line."""
        return AwkError(self.line, message)

    def advance(self) -> str:
        """Go to the next token; returns the text of the one before."""
        value = self.value
        self.previous = self.kind if self.kind in STARTS else value
        while self.at < len(self.text):
            if self.text[self.at] == "/" and (
                (self.previous not in STARTS and self.previous not in (")", "]", "$", "++", "--"))
                or self.previous in KEYWORDS
            ):
                self._regex()
                return value
            match = TOKEN.match(self.text, self.at)
            if match is None:
                raise self.error()
            self.at = match.end()
            self.line += match.group().count("\n")
            if match.lastgroup == "blank":
                continue
            self.kind, self.value = match.lastgroup or "", match.group()
            if self.kind in ("name", "function") and self.value in KEYWORDS:
                self.kind = "keyword"
            elif self.kind == "name" and self.value in BUILTINS:
                self.kind = "function"
            return value
        self.kind, self.value = "end", ""
        return value

    def _regex(self) -> None:
        match = re.compile(r"/((?:\\.|\[(?:\\.|[^\]])*\]|[^/\\\n])*)/", re.DOTALL).match(self.text, self.at)
        if match is None:
            raise self.error("Unexpected end of string")
        self.at = match.end()
        self.kind, self.value = "regex", match.group(1).replace("\\/", "/")

    def take(self, value: str) -> None:
        """Go past a token that must be there."""
        if self.value != value or self.kind in ("string", "regex"):
            raise self.error()
        self.advance()

    def accept(self, *values: str) -> bool:
        """Go past one of several tokens if it is there."""
        if self.value in values and self.kind in ("operator", "keyword"):
            self.advance()
            return True
        return False

    def newlines(self) -> None:
        """Go past newlines and semicolons."""
        while self.value in ("\n", ";") and self.kind == "operator":
            self.advance()

    def breaks(self) -> None:
        """Go past newlines."""
        while self.value == "\n" and self.kind == "operator":
            self.advance()

    def program(self) -> Program:
        """Read the whole program."""
        program = Program([], [], [], {})
        self.newlines()
        while self.kind != "end":
            if self.kind == "keyword" and self.value in ("BEGIN", "END"):
                kind = self.advance()
                (program.begin if kind == "BEGIN" else program.end).append(self.block())
            elif self.kind == "keyword" and self.value in ("function", "func"):
                self.advance()
                self._function(program)
            else:
                first = last = body = None
                if self.value != "{":
                    first = self.expression()
                    if self.accept(","):
                        self.breaks()
                        last = self.expression()
                if self.value == "{" and self.kind == "operator":
                    body = self.block()
                program.rules.append((first, last, body))
            self.newlines()
        return program

    def _function(self, program: Program) -> None:
        name = self.advance()
        self.take("(")
        parameters = []
        while self.value != ")":
            parameters.append(self.advance())
            self.accept(",")
        self.take(")")
        self.breaks()
        program.functions[name] = (parameters, self.block())

    def block(self) -> Node:
        """Read ``{ … }``."""
        self.take("{")
        statements = []
        self.newlines()
        while self.value != "}" or self.kind != "operator":
            if self.kind == "end":
                raise self.error()
            statements.append(self.statement())
            self.newlines()
        self.advance()
        return ("block", statements)

    def statement(self) -> Node:
        """Read a statement."""
        if self.value == "{" and self.kind == "operator":
            return self.block()
        if self.kind == "keyword":
            reader = getattr(self, f"_{self.value}", None)
            if reader is not None:
                node: Node = reader()
                return node
        node = self.simple()
        self._end_statement()
        return node

    def _end_statement(self) -> None:
        if self.kind == "end" or self.value == "}":
            return
        if self.value not in (";", "\n"):
            raise self.error()
        self.advance()

    def simple(self) -> Node:
        """Read an expression, ``print``, ``delete`` and the like."""
        if self.kind == "keyword" and self.value in ("print", "printf"):
            return self._print_statement()
        if self.kind == "keyword" and self.value == "delete":
            self.advance()
            name = self.advance()
            if self.accept("["):
                index = self.expressions("]")
                self.take("]")
                return ("delete", name, index)
            return ("delete", name, None)
        if self.kind == "keyword" and self.value in ("next", "break", "continue", "nextfile"):
            return (self.advance(),)
        if self.kind == "keyword" and self.value in ("exit", "return"):
            kind = self.advance()
            empty = self.kind == "end" or (self.kind == "operator" and self.value in (";", "\n", "}"))
            return (kind, None if empty else self.expression())
        return ("expression", self.expression())

    def _print_statement(self) -> Node:
        kind = self.advance()
        self.in_print += 1
        arguments: list[Node] = []
        if not (self.kind == "end" or (self.kind == "operator" and self.value in (";", "\n", "}", ">", ">>", "|"))):
            arguments = self.expressions("")
        self.in_print -= 1
        if len(arguments) == 1 and arguments[0][0] == "list":
            arguments = arguments[0][1]
        target = None
        if self.kind == "operator" and self.value in (">", ">>", "|"):
            operator = self.advance()
            target = (operator, self.binary(CONCATENATION + 1) if operator != "|" else self.binary(CONCATENATION))
        return (kind, arguments, target)

    def expressions(self, end: str) -> list[Node]:
        """Read expressions separated by commas."""
        out = [] if end and self.value == end else [self.expression()]
        while self.accept(","):
            self.breaks()
            out.append(self.expression())
        return out

    def _if(self) -> Node:
        self.advance()
        self.take("(")
        condition = self.expression()
        self.take(")")
        self.breaks()
        then: Node = ("block", []) if self.accept(";") else self.statement()
        place = (self.at, self.kind, self.value, self.previous, self.line)
        self.newlines()
        if self.kind == "keyword" and self.value == "else":
            self.advance()
            self.breaks()
            return ("if", condition, then, self.statement())
        self.at, self.kind, self.value, self.previous, self.line = place
        return ("if", condition, then, None)

    def _while(self) -> Node:
        self.advance()
        self.take("(")
        condition = self.expression()
        self.take(")")
        self.breaks()
        body: Node = ("block", []) if self.accept(";") else self.statement()
        return ("while", condition, body, False)

    def _do(self) -> Node:
        self.advance()
        self.breaks()
        body = self.statement()
        self.newlines()
        self.take("while")
        self.take("(")
        condition = self.expression()
        self.take(")")
        return ("while", condition, body, True)

    def _for(self) -> Node:
        self.advance()
        self.take("(")
        each = re.compile(r"\s*\(?\s*([A-Za-z_]\w*)\s+in\s+([A-Za-z_]\w*)\s*\)").match(
            self.text, self.at - len(self.value)
        )
        if each and self.kind == "name":
            self.at = each.end()
            self.advance()
            self.breaks()
            return ("each", each.group(1), each.group(2), self.statement())
        start = None if self.value == ";" else self.simple()
        self.take(";")
        condition = None if self.value == ";" else self.expression()
        self.take(";")
        step = None if self.value == ")" else self.simple()
        self.take(")")
        self.breaks()
        body: Node = ("block", []) if self.accept(";") else self.statement()
        return ("for", start, condition, step, body)

    def expression(self) -> Node:
        """Read an expression with assignment and ``?:``."""
        left = self.binary(2)
        if self.kind == "operator" and self.value == "?":
            self.advance()
            self.breaks()
            yes = self.expression()
            self.breaks()
            self.take(":")
            self.breaks()
            return ("?", left, yes, self.expression())
        if self.kind == "operator" and self.value in ("=", "+=", "-=", "*=", "/=", "%=", "^=", "**="):
            if left[0] not in ("name", "element", "field"):
                raise self.error()
            operator = self.advance()
            self.breaks()
            return ("=", operator[:-1].replace("**", "^"), left, self.expression())
        return left

    def binary(self, lowest: int) -> Node:
        """Read operands joined by operators that bind at least so strongly."""
        left = self.unary()
        while True:
            operator = self.value if self.kind in ("operator", "keyword") else ""
            if operator == ">" and self.in_print:
                return left
            precedence = BINARY.get(operator, 0) if operator else 0
            if not precedence and (
                self.kind in STARTS or (self.kind == "operator" and operator in ("$", "!", "(", "-", "+", "++", "--"))
            ):
                operator, precedence = "", CONCATENATION
            if not precedence or precedence < lowest:
                return left
            if operator:
                self.advance()
                if operator in ("&&", "||"):
                    self.breaks()
            if operator == "in":
                left = ("in", left[1] if left[0] == "list" else [left], self.advance())
                continue
            if operator == "getline":
                continue
            left = ("binary", operator, left, self.binary(precedence + 1))

    def unary(self) -> Node:
        """Read a sign or negation."""
        if self.kind == "operator" and self.value in ("!", "-", "+"):
            operator = self.advance()
            return ("unary", operator, self.unary())
        return self.power()

    def power(self) -> Node:
        """Read ``^``."""
        left = self.postfix()
        if self.accept("^", "**"):
            return ("binary", "^", left, self.unary())
        return left

    def postfix(self) -> Node:
        """Read ``++`` and ``--``."""
        if self.kind == "operator" and self.value in ("++", "--"):
            operator = self.advance()
            return ("step", operator, self.primary(), True)
        node = self.primary()
        if self.kind == "operator" and self.value in ("++", "--") and node[0] in ("name", "element", "field"):
            return ("step", self.advance(), node, False)
        return node

    def primary(self) -> Node:
        """Read a number, a text, a name, a call, a field, parentheses."""
        kind, value = self.kind, self.value
        if kind == "number":
            self.advance()
            return ("number", float(value))
        if kind == "string":
            self.advance()
            return ("string", unescape(value[1:-1]))
        if kind == "regex":
            self.advance()
            try:
                return ("regex", compile_regex(value, extended=True))
            except RegexError as error:
                raise ToolError(f"bad regex '{value}': {error}") from error
        if kind == "function":
            return self._call()
        if kind == "name":
            self.advance()
            if self.accept("["):
                index = self.expressions("]")
                self.take("]")
                return ("element", value, index)
            return ("name", value)
        if kind == "operator" and value == "$":
            self.advance()
            if self.kind == "operator" and self.value in ("++", "--", "-"):
                return ("field", self.unary() if self.value == "-" else self.postfix())
            return ("field", self.primary())
        if kind == "operator" and value == "(":
            self.advance()
            printing, self.in_print = self.in_print, 0
            inner = self.expressions(")")
            self.take(")")
            self.in_print = printing
            return ("group", inner[0]) if len(inner) == 1 else ("list", inner)
        if kind == "keyword" and value == "getline":
            raise ToolError("getline is not simulated by Podwalk", 2)
        raise self.error()

    def _call(self) -> Node:
        name = self.advance()
        if self.value != "(" and name == "length":
            return ("call", name, [])
        self.take("(")
        printing, self.in_print = self.in_print, 0
        self.breaks()
        arguments = self.expressions(")")
        self.breaks()
        self.take(")")
        self.in_print = printing
        return ("call", name, arguments)


def unescape(text: str) -> str:
    """Replace the escapes of a string."""

    def replace(match: re.Match[str]) -> str:
        escape = match.group(1)
        if escape[0] in "01234567":
            return chr(int(escape, 8) & 0xFF)
        return ESCAPES.get(escape, "" if escape == "\n" else f"\\{escape}")

    return re.sub(r"\\([0-7]{1,3}|.)", replace, text, flags=re.DOTALL)
