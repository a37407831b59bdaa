"""What the tools share: their table, their options, their input, their errors.

A tool is a function of its process, its options and its operands; :func:`tool` makes it a program. A flag that Podwalk
does not simulate is refused, never ignored: 1 with BusyBox's words for one that BusyBox does not know either, 2 with
words that say so for one that it does.
"""

from __future__ import annotations

import getopt
from collections.abc import Callable, Generator, Iterator, Sequence
from types import GeneratorType
from typing import Any

import simpy

from podwalk.containers.files import FileError
from podwalk.containers.process import Pipe, Process, Program
from podwalk.containers.streams import open_to_read
from podwalk.simulation import Task

PROGRAMS: dict[str, Program] = {}
"""Every tool by name; modules add to it through :func:`tool`."""

VERSION = "BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary."
READ_SIZE = 65_536


class ToolError(Exception):
    """A tool cannot go on: ``message`` follows its name."""

    def __init__(self, message: str, code: int = 1) -> None:
        """Keep the words and the exit code."""
        super().__init__(message)
        self.code = code


class UsageError(Exception):
    """The command line makes no sense: the usage is printed, after ``message`` if there is one."""

    def __init__(self, message: str = "", code: int = 1) -> None:
        """Keep the words and the exit code."""
        super().__init__(message)
        self.code = code


class Options:
    """The flags of a command line, with their values, in order."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Keep the flags, without their dashes."""
        self.pairs = [(flag.lstrip("-"), value) for flag, value in pairs]

    def __contains__(self, flag: str) -> bool:
        """Whether a flag was given."""
        return any(flag == known for known, _ in self.pairs)

    def has(self, *flags: str) -> bool:
        """Whether any of several flags was given."""
        return any(flag in self for flag in flags)

    def get(self, flag: str, default: str = "") -> str:
        """Return the last value of a flag."""
        return next((value for known, value in reversed(self.pairs) if known == flag), default)

    def all(self, flag: str) -> list[str]:
        """Return every value of a flag."""
        return [value for known, value in self.pairs if known == flag]

    def number(self, flag: str, default: int = 0) -> int:
        """Return a flag's value as a whole number, with BusyBox's suffixes ``k``, ``m``, ``b``."""
        return whole(self.get(flag)) if flag in self else default


Body = Callable[[Process, Options, list[str]], "Task | int"]


def tool(
    names: str,
    flags: str = "",
    long: Sequence[str] = (),
    *,
    usage: str = "",
    lacks: str = "",
    permute: bool = True,
    raw: bool = False,
    code: int = 1,
) -> Callable[[Body], Body]:
    """Make a function a program and put it into the table.

    Args:
        names: the names it goes by, separated by blanks.
        flags: its flags as ``getopt`` takes them: ``n:q`` are ``-n VALUE`` and ``-q``.
        long: its long options, without dashes; ``lines=`` takes a value.
        usage: what follows its name in the line that says how to use it.
        lacks: flags that the real tool has and Podwalk does not simulate.
        permute: whether flags may follow operands.
        raw: whether the tool reads its own command line.
        code: the exit code for a wrong command line.
    """

    def register(body: Body) -> Body:
        def run(process: Process) -> Task:
            name = process.argv[0].rpartition("/")[2]
            try:
                options, words = Options([]), process.argv[1:]
                if not raw:
                    options, words = parse(words, flags, long, lacks, permute=permute)
                result = body(process, options, words)
                return (yield from result) if isinstance(result, GeneratorType) else result
            except UsageError as error:
                lines = [f"{name}: {error}"] if str(error) else []
                return process.fail(
                    "\n".join([*lines, VERSION, "", f"Usage: {name} {usage}".rstrip()]), error.code or code
                )
            except ToolError as error:
                return process.fail(f"{name}: {error}", error.code)
            except FileError as error:
                return process.fail(f"{name}: {error.path}: {error.reason}", code)

        for name in names.split():
            PROGRAMS[name] = run
        return body

    return register


def parse(
    words: Sequence[str], flags: str, long: Sequence[str], lacks: str = "", *, permute: bool = True
) -> tuple[Options, list[str]]:
    """Split a command line into flags and operands.

    Raises:
        UsageError: for a flag the tool does not have.
        ToolError: for one that is not simulated.
    """
    try:
        pairs, operands = (getopt.gnu_getopt if permute else getopt.getopt)(list(words), flags + lacks, list(long))
    except getopt.GetoptError as error:
        if "requires argument" in error.msg:
            dash = "-" if len(error.opt) == 1 else ""
            raise UsageError(f"option requires an argument -{dash} '{error.opt}'") from error
        kind = "invalid option --" if len(error.opt) == 1 else "unrecognized option"
        raise UsageError(f"{kind} '{error.opt if len(error.opt) == 1 else '--' + error.opt}'", 0) from error
    for flag, _ in pairs:
        if len(flag) == 2 and flag[1] in lacks and flag[1] not in flags:
            raise ToolError(f"{flag} is not simulated by Podwalk", 2)
    return Options(pairs), operands


def whole(text: str) -> int:
    """Return a whole number with BusyBox's suffixes.

    Raises:
        ToolError: when it is none.
    """
    factors = {"b": 512, "k": 1024, "K": 1024, "m": 1 << 20, "M": 1 << 20, "G": 1 << 30, "c": 1}
    digits, factor = (text[:-1], factors[text[-1]]) if text[-1:] in factors else (text, 1)
    if not digits.lstrip("+-").isdigit():
        raise ToolError(f"invalid number '{text}'")
    return int(digits) * factor


def decode(data: bytes) -> str:
    """Return bytes as text; those that are no UTF-8 survive."""
    return data.decode(errors="surrogateescape")


def encode(text: str) -> bytes:
    """Return text as bytes."""
    return text.encode(errors="surrogateescape")


def open_input(process: Process, name: str) -> Pipe:
    """Open a file by name; ``-`` is standard input."""
    return process.stdin if name == "-" else open_to_read(process, name)


def read_all(process: Process, name: str) -> Generator[simpy.Event, Any, bytes]:
    """Return the whole of a file, or of standard input for ``-``."""
    return (yield from open_input(process, name).read_all())


class Input:
    """The lines of several files, one after the other; one that cannot be opened is complained about and passed over.

    Attributes:
        failed: whether one could not be opened.
        name: of the file that the last line came from.
        first: whether the last line was its file's first.
        directory: what to say in place of the usual for a directory.
        quiet: whether not to complain at all.
        records: what is left of a file that is not read by lines.
    """

    def __init__(self, process: Process, names: Sequence[str], form: str = "{tool}: {name}: {reason}") -> None:
        """Read files, or standard input if there are none; ``form`` is how to complain."""
        self.process, self.form = process, form
        self.names = list(names) or ["-"]
        self.failed = False
        self.name = ""
        self.first = False
        self.directory = ""
        self.quiet = False
        self.records: Iterator[str] | None = None
        self._pipe: Pipe | None = None

    def next_pipe(self) -> Pipe | None:
        """Open the next file; None after the last."""
        while self.names:
            self.name = self.names.pop(0)
            try:
                return open_input(self.process, self.name)
            except FileError as error:
                if error.name == "EISDIR" and self.directory:
                    self.failed = True
                    self.process.fail(self.directory)
                else:
                    self.complain(error.reason)
        return None

    def complain(self, reason: str) -> None:
        """Say that the present file cannot be read."""
        self.failed = True
        if self.quiet:
            return
        program = self.process.argv[0].rpartition("/")[2]
        self.process.fail(self.form.format(tool=program, name=self.name, reason=reason))

    def line(self) -> Generator[simpy.Event, Any, bytes | None]:
        """Return the next line with its newline, if it has one; None at the end."""
        while True:
            self.first = self._pipe is None
            if self._pipe is None:
                self._pipe = self.next_pipe()
                if self._pipe is None:
                    return None
            data = yield from self._pipe.read_line()
            if data:
                return data
            self._pipe = None


def human(size: float) -> str:
    """Return a size as ``-h`` prints it."""
    for unit in ("", "K", "M", "G"):
        if size < 1024:
            return f"{size:.1f}{unit}" if unit and size < 100 else f"{size:.0f}{unit}" if unit else f"{int(size)}"
        size /= 1024
    return f"{size:.1f}T"
