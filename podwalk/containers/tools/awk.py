"""``awk``: runs programs over records; see :mod:`podwalk.containers.tools.awk_parser` for their grammar.

Source: POSIX.1-2024, awk; BusyBox editors/awk.c for messages and for the number format.
"""

from __future__ import annotations

import math
import re
from typing import Any

from podwalk.containers.files import FileError
from podwalk.containers.process import Pipe, Process
from podwalk.containers.streams import open_to_write
from podwalk.containers.tools.awk_parser import Node, Parser, Program, unescape
from podwalk.containers.tools.command import Input, Options, ToolError, UsageError, decode, encode, open_input, tool
from podwalk.containers.tools.dates import show
from podwalk.containers.tools.regex import RegexError, compile_regex
from podwalk.simulation import Task

DEPTH_LIMIT = 100
NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Text(str):
    """Input that looks like a number compares as one: a field, an element of ``split``, a ``-v`` value."""

    __slots__ = ()


Value = float | str


class Next(Exception):
    """``next``."""


class Exit(Exception):
    """``exit``."""


class Leave(Exception):
    """``break``, ``continue``, ``return``."""

    def __init__(self, kind: str, value: Value = "") -> None:
        """Keep which, and what is returned."""
        super().__init__(kind)
        self.kind, self.value = kind, value


@tool("awk gawk mawk", "F:v:f:e:", usage="[-v VAR=VAL] [-F SEP] {-f FILE | PROGRAM} [FILE]...", permute=False)
def awk(process: Process, options: Options, words: list[str]) -> Task:
    """Run a program over the records of files."""
    texts = options.all("e")
    for name in options.all("f"):
        texts.append(decode((yield from open_input(process, name).read_all())))
    if not texts:
        if not words:
            raise UsageError
        texts, words = words[:1], words[1:]
    program = Parser("\n".join(texts)).program()
    machine = Machine(process, program)
    for pair in options.all("v"):
        name, _, value = pair.partition("=")
        machine.variables[name] = Text(unescape(value))
    if "F" in options:
        separator = unescape(options.get("F"))
        machine.variables["FS"] = "\t" if separator == "t" else separator
    return (yield from machine.run(words))


class Machine:
    """Variables, the present record, and what is open for writing."""

    def __init__(self, process: Process, program: Program) -> None:
        """Start with the variables that awk has."""
        self.process, self.program = process, program
        self.variables: dict[str, Value] = {
            "FS": " ", "OFS": " ", "ORS": "\n", "RS": "\n", "NR": 0.0, "NF": 0.0, "FNR": 0.0, "SUBSEP": "\x1c",
            "CONVFMT": "%.6g", "OFMT": "%.6g", "RSTART": 0.0, "RLENGTH": -1.0, "FILENAME": "",
        }  # fmt: skip
        self.arrays: dict[str, dict[str, Value]] = {"ENVIRON": {n: Text(v) for n, v in process.env.items()}, "ARGV": {}}
        self.frames: list[dict[str, Any]] = []
        self.fields: list[Value] = [""]
        self.ranges: set[int] = set()
        self.outputs: dict[str, Pipe] = {}
        self.commands: dict[str, Any] = {}
        self.status = 0

    def run(self, words: list[str]) -> Task:
        """Run BEGIN, the rules over every record, and END; returns the exit code."""
        self.arrays["ARGV"] = {str(i): Text(word) for i, word in enumerate(["awk", *words])}
        self.variables["ARGC"] = float(len(words) + 1)
        try:
            try:
                for block in self.program.begin:
                    yield from self.execute(block)
                if self.program.rules or self.program.end:
                    yield from self._records(words)
            except Exit:
                pass
            else:
                for block in self.program.end:
                    yield from self.execute(block)
        except Exit:
            pass
        for pipe, child in self.commands.values():
            pipe.close()
            if child.exit_code is None:
                yield child.done
        return self.status

    def _records(self, words: list[str]) -> Task:
        names = []
        for word in words:
            if re.match(r"[A-Za-z_]\w*=", word):
                name, _, value = word.partition("=")
                names.append((name, value))
            else:
                names.append(("", word))
        if not any(not name for name, _ in names):
            names.append(("", "-"))
        for name, word in names:
            if name:
                self.variables[name] = Text(unescape(word))
                continue
            source = Input(self.process, [word])
            self.variables["FILENAME"], self.variables["FNR"] = "" if word == "-" else word, 0.0
            while (record := (yield from self._record(source))) is not None:
                self.variables["NR"] = self.number(self.variables["NR"]) + 1
                self.variables["FNR"] = self.number(self.variables["FNR"]) + 1
                self.split_record(record)
                yield self.process.sleep(0.00002)
                try:
                    yield from self._rules()
                except Next:
                    continue
            self.status |= int(source.failed)

    def _record(self, source: Input) -> Task:
        """Return the next record, by ``RS``; None at the end."""
        separator = self.text(self.variables["RS"])
        if separator == "\n":
            line = yield from source.line()
            return None if line is None else decode(line.removesuffix(b"\n"))
        if source.records is None:
            pipe = source.next_pipe()
            data = decode((yield from pipe.read_all())) if pipe is not None else ""
            parts = (
                re.split(r"\n\n+", data.strip("\n")) if separator == "" else data.removesuffix("\n").split(separator)
            )
            source.records = iter(parts if data else [])
        return next(source.records, None)

    def _rules(self) -> Task:
        for index, (first, last, body) in enumerate(self.program.rules):
            if first is None or (yield from self._selected(index, first, last)):
                if body is None:
                    yield from self._write(self.text(self.fields[0]) + self.text(self.variables["ORS"]), None)
                else:
                    yield from self.execute(body)

    def _selected(self, index: int, first: Node, last: Node | None) -> Task:
        if last is None:
            return self.truth((yield from self.evaluate(first)))
        if index not in self.ranges:
            if not self.truth((yield from self.evaluate(first))):
                return False
            self.ranges.add(index)
        if self.truth((yield from self.evaluate(last))):
            self.ranges.discard(index)
        return True

    def split_record(self, record: str) -> None:
        """Make a text the present record."""
        self.fields = [Text(record), *map(Text, self.split(record, self.text(self.variables["FS"])))]
        self.variables["NF"] = float(len(self.fields) - 1)

    def split(self, text: str, separator: str) -> list[str]:
        """Split a text by ``FS``'s rules."""
        if separator == " ":
            return text.split()
        if not text:
            return []
        if separator == "":
            return list(text)
        if len(separator) == 1 and separator != "\\":
            return text.split(separator)
        return compile_regex(separator, extended=True).split(text)

    def text(self, value: Value, form: str = "CONVFMT") -> str:
        """Return a value as text."""
        if isinstance(value, str):
            return value
        if math.isfinite(value) and value == int(value) and abs(value) < 1e16:
            return str(int(value))
        return str(self.variables[form]) % value if math.isfinite(value) else str(value)

    @staticmethod
    def number(value: Value) -> float:
        """Return a value as a number."""
        if isinstance(value, str):
            match = NUMBER.match(value)
            return float(match.group()) if match else 0.0
        return value

    @staticmethod
    def numeric(value: Value) -> bool:
        """Whether a value compares as a number."""
        if isinstance(value, Text):
            match = NUMBER.match(value)
            return match is not None and not value[match.end() :].strip()
        return not isinstance(value, str)

    def truth(self, value: Value) -> bool:
        """Whether a value counts as true."""
        return self.number(value) != 0 if self.numeric(value) else value != ""

    def execute(self, node: Node) -> Task:
        """Run a statement."""
        yield from getattr(self, f"_run_{node[0]}")(*node[1:])

    def _run_block(self, statements: list[Node]) -> Task:
        for statement in statements:
            yield from self.execute(statement)

    def _run_expression(self, node: Node) -> Task:
        yield from self.evaluate(node)

    def _run_if(self, condition: Node, then: Node, otherwise: Node | None) -> Task:
        if self.truth((yield from self.evaluate(condition))):
            yield from self.execute(then)
        elif otherwise is not None:
            yield from self.execute(otherwise)

    def _loop(self, body: Node) -> Task:
        """Run a loop's body; returns whether to leave the loop."""
        yield self.process.sleep(0.00002)
        try:
            yield from self.execute(body)
        except Leave as leave:
            if leave.kind == "return":
                raise
            return leave.kind == "break"
        return False

    def _run_while(self, condition: Node, body: Node, first: bool) -> Task:
        while first or self.truth((yield from self.evaluate(condition))):
            first = False
            if (yield from self._loop(body)):
                return

    def _run_for(self, start: Node | None, condition: Node | None, step: Node | None, body: Node) -> Task:
        if start is not None:
            yield from self.execute(start)
        while condition is None or self.truth((yield from self.evaluate(condition))):
            if (yield from self._loop(body)):
                return
            if step is not None:
                yield from self.execute(step)

    def _run_each(self, name: str, array: str, body: Node) -> Task:
        for key in list(self.array(array)):
            self.assign(name, Text(key))
            if (yield from self._loop(body)):
                return

    def _run_next(self) -> Task:
        yield from ()
        raise Next

    def _run_nextfile(self) -> Task:
        yield from ()
        raise ToolError("nextfile is not simulated by Podwalk", 2)

    def _run_break(self) -> Task:
        yield from ()
        raise Leave("break")

    def _run_continue(self) -> Task:
        yield from ()
        raise Leave("continue")

    def _run_return(self, node: Node | None) -> Task:
        raise Leave("return", (yield from self.evaluate(node)) if node is not None else "")

    def _run_exit(self, node: Node | None) -> Task:
        if node is not None:
            self.status = int(self.number((yield from self.evaluate(node)))) & 0xFF
        raise Exit

    def _run_delete(self, name: str, index: list[Node] | None) -> Task:
        if index is None:
            self.array(name).clear()
        else:
            self.array(name).pop((yield from self._key(index)), None)

    def _run_print(self, arguments: list[Node], target: Node | None) -> Task:
        values: list[Value] = []
        for argument in arguments:
            values += [(yield from self.evaluate(argument))]
        shown = [self.text(value, "OFMT") for value in values] if arguments else [self.text(self.fields[0])]
        yield from self._write(self.text(self.variables["OFS"]).join(shown) + self.text(self.variables["ORS"]), target)

    def _run_printf(self, arguments: list[Node], target: Node | None) -> Task:
        values = []
        for argument in arguments:
            values += [(yield from self.evaluate(argument))]
        yield from self._write(self.format(values), target)

    def format(self, values: list[Value]) -> str:
        """Return what ``printf`` makes of a format and values."""
        remaining = list(values[1:])

        def convert(match: re.Match[str]) -> str:
            flags, width, precision, kind = match.groups()
            if kind == "%":
                return "%"
            if width == "*":
                width = str(int(self.number(remaining.pop(0)))) if remaining else ""
            value = remaining.pop(0) if remaining else ""
            shape = f"%{flags}{width or ''}{'.' + precision if precision is not None else ''}"
            if kind in "di":
                return f"{shape}d" % int(self.number(value))
            if kind in "ouxX":
                return f"{shape}{kind.replace('u', 'd')}" % int(self.number(value))
            if kind in "eEfFgG":
                return f"{shape}{kind}" % self.number(value)
            if kind == "c":
                return f"{shape}s" % (chr(int(value)) if isinstance(value, float) else self.text(value)[:1])
            return f"{shape}s" % self.text(value)

        return re.sub(
            r"%([-+ #0]*)(\d+|\*)?(?:\.(\d*))?([diouxXeEfFgGcs%])", convert, self.text(values[0]) if values else ""
        )

    def _write(self, text: str, target: Node | None) -> Task:
        if target is None:
            yield from self.process.emit(encode(text))
            return
        operator, node = target
        name = self.text((yield from self.evaluate(node)))
        if operator == "|":
            if name not in self.commands:
                pipe = Pipe(self.process.simulation)
                self.commands[name] = (pipe, self.process.spawn(["sh", "-c", name], stdin=pipe))
            self.commands[name][0].write(encode(text))
            return
        if name not in self.outputs:
            try:
                self.outputs[name] = open_to_write(self.process, name, append=operator == ">>")
            except FileError as error:
                raise ToolError(f"{name}: {error.reason}") from error
        self.outputs[name].write(encode(text))

    def array(self, name: str) -> dict[str, Value]:
        """Return an array, made if it is not there."""
        if self.frames and name in self.frames[-1]:
            value = self.frames[-1][name]
            if not isinstance(value, dict):
                value = self.frames[-1][name] = {}
            return value
        return self.arrays.setdefault(name, {})

    def assign(self, name: str, value: Value) -> None:
        """Set a variable; ``NF`` changes the record."""
        if self.frames and name in self.frames[-1]:
            self.frames[-1][name] = value
            return
        self.variables[name] = value
        if name == "NF":
            count = int(self.number(value))
            self.fields = (self.fields + [""] * (count + 1))[: count + 1]
            self._rebuild()

    def _rebuild(self) -> None:
        self.fields[0] = self.text(self.variables["OFS"]).join(self.text(field) for field in self.fields[1:])

    def evaluate(self, node: Node) -> Task:
        """Return the value of an expression."""
        kind = node[0]
        if kind in ("number", "string"):
            return node[1]
        if kind == "name":
            if self.frames and node[1] in self.frames[-1]:
                return self.frames[-1][node[1]]
            return self.variables.get(node[1], Text(""))
        if kind == "regex":
            return float(node[1].search(self.text(self.fields[0])) is not None)
        return (yield from getattr(self, _METHODS[kind])(*node[1:]))

    def _group(self, node: Node) -> Task:
        return (yield from self.evaluate(node))

    def _list(self, nodes: list[Node]) -> Task:
        return (yield from self._key(nodes))

    def _field(self, node: Node) -> Task:
        place = int(self.number((yield from self.evaluate(node))))
        if place < 0:
            raise ToolError("cmd. line:1: Access to negative field")
        return self.fields[place] if place < len(self.fields) else Text("")

    def _element(self, name: str, index: list[Node]) -> Task:
        return self.array(name).setdefault((yield from self._key(index)), Text(""))

    def _key(self, index: list[Node]) -> Task:
        parts = []
        for node in index:
            parts += [self.text((yield from self.evaluate(node)))]
        return self.text(self.variables["SUBSEP"]).join(parts)

    def _store(self, target: Node, value: Value) -> Task:
        while target[0] == "group":
            target = target[1]
        if target[0] == "name":
            self.assign(target[1], value)
        elif target[0] == "element":
            self.array(target[1])[(yield from self._key(target[2]))] = value
        else:
            place = int(self.number((yield from self.evaluate(target[1]))))
            if place == 0:
                self.split_record(self.text(value))
            else:
                self.fields += [""] * (place + 1 - len(self.fields))
                self.fields[place] = value
                self.variables["NF"] = float(len(self.fields) - 1)
                self._rebuild()
        return value

    def _assignment(self, operator: str, target: Node, node: Node) -> Task:
        value = yield from self.evaluate(node)
        if operator:
            value = self.compute(operator, self.number((yield from self.evaluate(target))), self.number(value))
        return (yield from self._store(target, value))

    def _step(self, operator: str, target: Node, before: bool) -> Task:
        old = self.number((yield from self.evaluate(target)))
        new = old + (1 if operator == "++" else -1)
        yield from self._store(target, new)
        return new if before else old

    def _choice(self, condition: Node, yes: Node, no: Node) -> Task:
        return (yield from self.evaluate(yes if self.truth((yield from self.evaluate(condition))) else no))

    def _unary(self, operator: str, node: Node) -> Task:
        value = yield from self.evaluate(node)
        if operator == "!":
            return float(not self.truth(value))
        return -self.number(value) if operator == "-" else self.number(value)

    def _in(self, index: list[Node], name: str) -> Task:
        return float((yield from self._key(index)) in self.array(name))

    def _binary(self, operator: str, left: Node, right: Node) -> Task:
        first = yield from self.evaluate(left)
        if operator in ("&&", "||"):
            if self.truth(first) == (operator == "||"):
                return float(operator == "||")
            return float(self.truth((yield from self.evaluate(right))))
        if operator in ("~", "!~"):
            pattern = yield from self.pattern(right)
            return float((pattern.search(self.text(first)) is not None) == (operator == "~"))
        second = yield from self.evaluate(right)
        if operator == "":
            return self.text(first) + self.text(second)
        if operator in ("<", "<=", ">", ">=", "==", "!="):
            return float(self._compared(operator, first, second))
        return self.compute(operator, self.number(first), self.number(second))

    def _compared(self, operator: str, first: Value, second: Value) -> bool:
        a: Any = first
        b: Any = second
        if self.numeric(first) and self.numeric(second):
            a, b = self.number(first), self.number(second)
        else:
            a, b = self.text(first), self.text(second)
        answers = {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}
        return bool(answers[operator])

    @staticmethod
    def compute(operator: str, left: float, right: float) -> float:
        """Return what an arithmetic operator gives."""
        if operator in ("/", "%") and right == 0:
            raise ToolError("cmd. line:1: Division by zero")
        if operator == "^":
            try:
                return float(left**right)
            except (OverflowError, ZeroDivisionError):
                return math.inf
        if operator == "/":
            return left / right
        if operator == "%":
            return math.fmod(left, right)
        return left + right if operator == "+" else left - right if operator == "-" else left * right

    def pattern(self, node: Node) -> Task:
        """Return the pattern that an expression is, or whose text it is."""
        if node[0] == "regex":
            return node[1]
        text = self.text((yield from self.evaluate(node)))
        try:
            return compile_regex(text, extended=True)
        except RegexError as error:
            raise ToolError(f"bad regex '{text}': {error}") from error

    def _call(self, name: str, arguments: list[Node]) -> Task:
        if name in self.program.functions:
            return (yield from self._user(name, arguments))
        if name in ("split", "sub", "gsub", "match"):
            return (yield from getattr(self, f"_{name}")(*arguments))
        if name == "length" and arguments and arguments[0][0] == "name" and arguments[0][1] in self.arrays:
            return float(len(self.arrays[arguments[0][1]]))
        values = []
        for argument in arguments:
            values += [(yield from self.evaluate(argument))]
        if name == "system":
            return float((yield from self.process.run(["sh", "-c", self.text(values[0])])))
        if name in ("close", "fflush"):
            return 0.0
        return self._function(name, values)

    def _function(self, name: str, values: list[Value]) -> Value:
        texts = [self.text(value) for value in values]
        if name == "length":
            return float(len(texts[0] if texts else self.text(self.fields[0])))
        if name == "substr":
            return self._substring(texts[0], values)
        if name == "index":
            return float(texts[0].find(texts[1]) + 1)
        if name in ("tolower", "toupper"):
            return texts[0].lower() if name == "tolower" else texts[0].upper()
        if name == "sprintf":
            return self.format(values)
        if name == "systime":
            return float(int(self.process.simulation.datetime().timestamp()))
        if name == "strftime":
            return show(self.process.simulation.datetime(), texts[0] if texts else "%a %b %e %H:%M:%S %Z %Y")
        if name == "rand":
            return self.process.simulation.random.random()
        if name == "srand":
            return 0.0
        numbers = [self.number(value) for value in values]
        functions = {
            "int": math.trunc,
            "sqrt": math.sqrt,
            "exp": math.exp,
            "log": math.log,
            "sin": math.sin,
            "cos": math.cos,
            "atan2": math.atan2,
        }
        if name not in functions:
            raise ToolError("cmd. line:1: Call to undefined function")
        try:
            return float(functions[name](*numbers))  # type: ignore[operator]  # each takes floats
        except (ValueError, OverflowError, TypeError):
            return math.nan

    def _substring(self, text: str, values: list[Value]) -> str:
        start = round(self.number(values[1]))
        end = start + round(self.number(values[2])) if len(values) > 2 else len(text) + 1
        return text[max(0, start - 1) : max(0, end - 1)]

    def _user(self, name: str, arguments: list[Node]) -> Task:
        parameters, body = self.program.functions[name]
        if len(self.frames) >= DEPTH_LIMIT:
            raise ToolError(f"functions call each other more than {DEPTH_LIMIT} deep")
        frame: dict[str, Any] = dict.fromkeys(parameters, Text(""))
        for parameter, argument in zip(parameters, arguments, strict=False):
            known = argument[0] == "name" and argument[1] in self.arrays
            frame[parameter] = self.arrays[argument[1]] if known else (yield from self.evaluate(argument))
        self.frames.append(frame)
        try:
            yield from self.execute(body)
        except Leave as leave:
            return leave.value
        finally:
            self.frames.pop()
        return Text("")

    def _split(self, text: Node, array: Node, separator: Node | None = None) -> Task:
        value = self.text((yield from self.evaluate(text)))
        if separator is not None and separator[0] == "regex":
            parts = separator[1].split(value) if value else []
        else:
            by = self.text((yield from self.evaluate(separator)) if separator is not None else self.variables["FS"])
            parts = self.split(value, by)
        target = self.array(array[1])
        target.clear()
        target.update({str(place): Text(part) for place, part in enumerate(parts, 1)})
        return float(len(parts))

    def _sub(self, pattern: Node, replacement: Node, target: Node | None = None, count: int = 1) -> Task:
        wanted = yield from self.pattern(pattern)
        form = self.text((yield from self.evaluate(replacement)))
        place: Node = target if target is not None else ("field", ("number", 0.0))

        def replace(match: re.Match[str]) -> str:
            return re.sub(r"\\\\|\\&|&", lambda m: match.group() if m.group() == "&" else m.group()[1], form)

        changed, number = wanted.subn(replace, self.text((yield from self.evaluate(place))), count=count)
        if number:
            yield from self._store(place, changed)
        return float(number)

    def _gsub(self, pattern: Node, replacement: Node, target: Node | None = None) -> Task:
        return (yield from self._sub(pattern, replacement, target, 0))

    def _match(self, text: Node, pattern: Node) -> Task:
        value = self.text((yield from self.evaluate(text)))
        found = (yield from self.pattern(pattern)).search(value)
        self.variables["RSTART"] = float(found.start() + 1 if found else 0)
        self.variables["RLENGTH"] = float(len(found.group()) if found else -1)
        return self.variables["RSTART"]


_METHODS = {
    "group": "_group", "list": "_list", "field": "_field", "element": "_element", "=": "_assignment", "step": "_step",
    "?": "_choice", "unary": "_unary", "in": "_in", "binary": "_binary", "call": "_call",
}  # fmt: skip
