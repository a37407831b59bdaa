"""``find``, with the tests and actions in common use.

Source: POSIX.1-2024, find; BusyBox findutils/find.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from podwalk.containers.files import Directory, FileError, Node
from podwalk.containers.process import CommandError, Process
from podwalk.containers.shell.patterns import matches
from podwalk.containers.tools.accounts import user_id
from podwalk.containers.tools.command import Options, ToolError, UsageError, tool
from podwalk.containers.tools.listing import kind
from podwalk.simulation import Task

DAY_S = 86_400
SIZES = {"c": 1, "k": 1024, "M": 1 << 20, "G": 1 << 30, "b": 512, "w": 2, "": 512}


class Found:
    """One thing on the way: its name, path, node and depth; ``pruned`` stops the descent."""

    def __init__(self, name: str, path: str, node: Node, depth: int) -> None:
        """Keep where it is."""
        self.name, self.path, self.node, self.depth = name, path, node, depth
        self.pruned = False


Test = Callable[[Found], Task]


class Expression:
    """Reads the expression of ``find`` and gives its tests; actions are tests that act."""

    def __init__(self, process: Process, words: list[str]) -> None:
        """Read the whole expression."""
        self.process, self.words, self.at = process, words, 0
        self.least, self.most, self.deep, self.acts = 0, 1 << 30, False, False
        self.batches: list[tuple[list[str], list[str]]] = []
        self.status = 0
        self.test = self._either() if words else _always
        if self.at < len(self.words):
            raise ToolError(f"unrecognized: {self.words[self.at]}")

    def _peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def _take(self, flag: str = "") -> str:
        if self.at >= len(self.words):
            raise ToolError(f"{flag} requires an argument")
        self.at += 1
        return self.words[self.at - 1]

    def _either(self) -> Test:
        left = self._both()
        while self._peek() in ("-o", "-or"):
            self.at += 1
            left = _or(left, self._both())
        return left

    def _both(self) -> Test:
        left = self._one()
        while self._peek() not in ("", "-o", "-or", ")"):
            if self._peek() in ("-a", "-and"):
                self.at += 1
            left = _and(left, self._one())
        return left

    def _one(self) -> Test:
        word = self._take("expression")
        if word in ("!", "-not"):
            return _not(self._one())
        if word == "(":
            inner = self._either()
            if self._take("(") != ")":
                raise ToolError("unpaired '('")
            return inner
        reader = getattr(self, "_read_" + word[1:].replace("-", "_"), None) if word.startswith("-") else None
        if reader is None:
            raise UsageError(f"unrecognized: {word}")
        test: Test = reader()
        return test

    def _read_name(self) -> Test:
        form = self._take("-name")
        return _plain(lambda found: matches(form, found.name.rstrip("/").rpartition("/")[2] or found.name))

    def _read_iname(self) -> Test:
        form = self._take("-iname").lower()
        return _plain(lambda found: matches(form, (found.name.rpartition("/")[2] or found.name).lower()))

    def _read_path(self) -> Test:
        form = self._take("-path")
        return _plain(lambda found: matches(form, found.name))

    _read_wholename = _read_path

    def _read_regex(self) -> Test:
        form = self._take("-regex")
        return _plain(lambda found: re.fullmatch(form, found.name) is not None)

    def _read_type(self) -> Test:
        letter = self._take("-type")
        return _plain(lambda found: kind(found.node).replace("-", "f") == letter)

    def _read_empty(self) -> Test:
        return _plain(
            lambda found: (
                not found.node.entries
                if isinstance(found.node, Directory)
                else kind(found.node) == "-" and not found.node.size
            )
        )

    def _read_size(self) -> Test:
        match = re.fullmatch(r"([-+]?)(\d+)([bckMGw]?)", self._take("-size"))
        if match is None:
            raise ToolError("invalid number")
        sign, number, unit = match.group(1), int(match.group(2)), SIZES[match.group(3)]
        return _plain(lambda found: _compare(sign, -(-found.node.size // unit), number))

    def _read_mtime(self) -> Test:
        return self._age("-mtime", DAY_S)

    def _read_mmin(self) -> Test:
        return self._age("-mmin", 60)

    def _age(self, flag: str, unit_s: int) -> Test:
        match = re.fullmatch(r"([-+]?)(\d+)", self._take(flag))
        if match is None:
            raise ToolError("invalid number")
        sign, number = match.group(1), int(match.group(2))
        return _plain(
            lambda found: _compare(sign, int((self.process.simulation.now - found.node.mtime) // unit_s), number)
        )

    def _read_newer(self) -> Test:
        reference = self.process.container.files.stat(self.process.path(self._take("-newer"))).mtime
        return _plain(lambda found: found.node.mtime > reference)

    def _read_user(self) -> Test:
        name = self._take("-user")
        uid = user_id(self.process, name)
        if uid is None:
            raise ToolError(f"unknown user {name}")
        return _plain(lambda found: found.node.uid == uid)

    def _read_perm(self) -> Test:
        match = re.fullmatch(r"([-+/]?)([0-7]+)", self._take("-perm"))
        if match is None:
            raise ToolError("symbolic modes of -perm are not simulated by Podwalk", 2)
        sign, bits = match.group(1), int(match.group(2), 8)
        if sign == "-":
            return _plain(lambda found: found.node.mode & bits == bits)
        if sign:
            return _plain(lambda found: bool(found.node.mode & bits) or not bits)
        return _plain(lambda found: found.node.mode & 0o7777 == bits)

    def _read_executable(self) -> Test:
        return _plain(lambda found: self.process.container.files.allowed(found.node, 1))

    def _read_maxdepth(self) -> Test:
        self.most = int(self._take("-maxdepth"))
        return _always

    def _read_mindepth(self) -> Test:
        self.least = int(self._take("-mindepth"))
        return _always

    def _read_depth(self) -> Test:
        self.deep = True
        return _always

    def _read_xdev(self) -> Test:
        return _always

    _read_mount = _read_follow = _read_xdev

    def _read_prune(self) -> Test:
        def prune(found: Found) -> bool:
            found.pruned = True
            return True

        return _plain(prune)

    def _read_true(self) -> Test:
        return _always

    def _read_quit(self) -> Test:
        self.acts = True

        def stop(_: Found) -> bool:
            raise StopFinding

        return _plain(stop)

    def _read_print(self, ending: str = "\n") -> Test:
        self.acts = True

        def show(found: Found) -> bool:
            self.process.write(found.name + ending)
            return True

        return _plain(show)

    def _read_print0(self) -> Test:
        return self._read_print("\0")

    def _read_delete(self) -> Test:
        self.acts = self.deep = True

        def delete(found: Found) -> bool:
            try:
                self.process.container.files.remove(found.path)
            except FileError as error:
                self.status = self.process.fail(f"find: {found.name}: {error.reason}")
                return False
            return True

        return _plain(delete)

    def _read_exec(self) -> Test:
        self.acts = True
        argv: list[str] = []
        while (word := self._take("-exec")) != ";" and not (word == "+" and argv[-1:] == ["{}"]):
            argv.append(word)
        if word == "+":
            names: list[str] = []
            self.batches.append((argv[:-1], names))

            def gather(found: Found) -> bool:
                names.append(found.name)
                return True

            return _plain(gather)

        def run(found: Found) -> Task:
            return (yield from self.run([part.replace("{}", found.name) for part in argv])) == 0

        return run

    def run(self, argv: list[str]) -> Task:
        """Run a command and return its exit code."""
        try:
            self.process.find_program(argv[0])
        except CommandError:
            return self.process.fail(f"find: {argv[0]}: No such file or directory")
        return (yield from self.process.run(argv))


class StopFinding(Exception):
    """``-quit``."""


def _always(_: Found) -> Task:
    yield from ()
    return True


def _plain(test: Callable[[Found], bool]) -> Test:
    def run(found: Found) -> Task:
        yield from ()
        return test(found)

    return run


def _and(left: Test, right: Test) -> Test:
    def run(found: Found) -> Task:
        return (yield from left(found)) and (yield from right(found))

    return run


def _or(left: Test, right: Test) -> Test:
    def run(found: Found) -> Task:
        return (yield from left(found)) or (yield from right(found))

    return run


def _not(test: Test) -> Test:
    def run(found: Found) -> Task:
        return not (yield from test(found))

    return run


def _compare(sign: str, value: int, number: int) -> bool:
    return value > number if sign == "+" else value < number if sign == "-" else value == number


@tool("find", usage="[-HL] [PATH]... [TEST | ACTION]...", raw=True)
def find(process: Process, options: Options, words: list[str]) -> Task:
    """Find files by what they are; the words are an expression and not flags."""
    words = [word for word in process.argv[1:] if word not in ("-H", "-L", "-P")]
    split = next((place for place, word in enumerate(words) if word[:1] in ("-", "(", "!")), len(words))
    places, expression = words[:split] or ["."], Expression(process, words[split:])
    test = expression.test if expression.acts else _and(expression.test, expression._read_print())
    try:
        for place in places:
            try:
                node = process.container.files.stat(process.path(place), follow="-L" in process.argv)
            except FileError as error:
                expression.status = process.fail(f"find: {place}: {error.reason}")
                continue
            for found in _walk(process, expression, Found(place, process.path(place), node, 0)):
                if expression.least <= found.depth:
                    yield from test(found)
            yield process.sleep(0.0001)
    except StopFinding:
        pass
    for argv, names in expression.batches:
        if names:
            expression.status |= yield from expression.run([*argv, *names])
    return expression.status


def _walk(process: Process, expression: Expression, found: Found) -> Iterator[Found]:
    if not expression.deep:
        yield found
    if isinstance(found.node, Directory) and not found.pruned and found.depth < expression.most:
        for name in process.container.files.list(found.path):
            path = f"{found.path.rstrip('/')}/{name}"
            node = process.container.files.stat(path, follow=False)
            yield from _walk(
                process, expression, Found(f"{found.name.rstrip('/')}/{name}", path, node, found.depth + 1)
            )
    if expression.deep:
        yield found
