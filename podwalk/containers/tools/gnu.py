"""What GNU's coreutils do otherwise than BusyBox, in the images that are made of Debian.

The tools are those of the other modules; here are GNU's words for what goes wrong, its exit codes, and the few tools
whose behaviour differs: ``date`` knows parts of a second, ``timeout`` ends with 124.

Source: GNU coreutils 9.1, as a real container prints them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from podwalk.containers.process import SIGKILL, CommandError, Pipe, Process, Program
from podwalk.containers.shell import signals
from podwalk.containers.tools import dates
from podwalk.containers.tools.command import PROGRAMS, ToolError, UsageError, parse
from podwalk.simulation import Task

TIMED_OUT = 124
CANNOT = r"can't (\w+(?: directory)?) "
HELP = "\nTry '{tool} --help' for more information."
WORDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cat": ((r"can't open '(.*?)'", r"\1"),),
    "ls": ((r"^ls: (.*?): (No such|Permission|Not a)", r"ls: cannot access '\1': \2"),),
    "head": ((r"^head: (/?[^:]*): (No such|Permission)", r"head: cannot open '\1' for reading: \2"),),
    "tail": ((r"can't open '(.*?)'", r"cannot open '\1' for reading"), (r"^tail: no files\n", "")),
    "sort": ((r"^sort: (/?[^:]*): (No such|Permission)", r"sort: cannot read: \1: \2"),),
    "rm": ((CANNOT, r"cannot \1 "),),
    "cp": ((CANNOT, r"cannot \1 "),),
    "mv": ((r"can't rename ", "cannot stat "), (CANNOT, r"cannot \1 ")),
    "mkdir": ((CANNOT, r"cannot \1 "),),
    "rmdir": ((r"^rmdir: '", "rmdir: failed to remove '"),),
    "touch": ((r"^touch: (.*?): (No such|Permission|Read-only)", r"touch: cannot touch '\1': \2"),),
    "sleep": ((r"invalid number ('.*')", r"invalid time interval \1" + HELP.format(tool="sleep")),),
    "seq": (),
    "cut": (),
    "tr": (),
    "wc": (),
    "uniq": (),
    "tee": (),
}
CODES = {"ls": 2, "sort": 2}
"""Exit codes of what cannot be read, where they are not 1."""
MISSING = {
    "cut": "you must specify a list of bytes, characters, or fields",
    "rm": "missing operand", "rmdir": "missing operand", "mkdir": "missing operand", "tr": "missing operand",
    "seq": "missing operand", "sleep": "missing operand", "cp": "missing file operand", "mv": "missing file operand",
    "touch": "missing file operand",
}  # fmt: skip
USAGE = re.compile(r"BusyBox v.*", re.DOTALL)


def reworded(name: str) -> Program:
    """Return a tool that says in GNU's words what goes wrong."""
    program = PROGRAMS[name]

    def run(process: Process) -> Task:
        told = process.stderr
        process.stderr = Pipe(process.simulation)
        process.stderr.on_write = lambda data: told.write(_translated(process, name, data))
        try:
            code: int = yield from program(process)
        finally:
            process.stderr = told
        return CODES.get(name, code) if code == 1 else code

    return run


def _translated(process: Process, name: str, data: bytes) -> bytes:
    text = data.decode(errors="surrogateescape")
    for pattern, words in WORDS[name]:
        text = re.sub(pattern, words, text, flags=re.MULTILINE)
    usage = USAGE.search(text)
    if usage is not None:
        why = MISSING.get(name, "missing operand")
        if name == "seq" and process.argv[1:]:
            why = f"invalid floating point argument: '{process.argv[1]}'"
        said = text[: usage.start()] or f"{name}: {why}\n"
        text = f"{said}{HELP.format(tool=name).lstrip()}\n"
    return text.encode(errors="surrogateescape")


def date(process: Process) -> Task:
    """Print the time, with parts of a second if asked."""
    yield process.sleep(0)
    try:
        return dates.tell(process, process.argv[1:], gnu=True)
    except UsageError as error:
        return process.fail(f"date: {error}{HELP.format(tool='date')}")
    except ToolError as error:
        return process.fail(f"date: {error}")


def timeout(process: Process) -> Task:
    """Run a program for at most some time; 124 says that it was ended."""
    yield process.sleep(0)
    try:
        options, words = parse(process.argv[1:], "s:k:v", ["signal=", "kill-after=", "preserve-status", "foreground"],
                               permute=False)  # fmt: skip
        if len(words) < 2:
            return process.fail(HELP.format(tool="timeout").lstrip(), 125)
        limit_s = dates.seconds(words[0]) or float("inf")
    except UsageError as error:
        return process.fail(f"timeout: {error}{HELP.format(tool='timeout')}", 125)
    except ToolError:
        return process.fail(f"timeout: invalid time interval '{words[0]}'{HELP.format(tool='timeout')}", 125)
    name = options.get("s") or options.get("signal", "TERM")
    number = signals.number(name)
    if number is None:
        return process.fail(f"timeout: '{name}': invalid signal{HELP.format(tool='timeout')}", 125)
    try:
        process.find_program(words[1])
    except CommandError as error:
        reason = "No such file or directory" if str(error) == "not found" else str(error)
        return process.fail(f"timeout: failed to run command '{words[1]}': {reason}", error.code)
    child = process.spawn(words[1:])
    if (yield from _ended(process, child, limit_s)):
        return child.exit_code or 0
    child.kill(number)
    grace = options.get("k") or options.get("kill-after")
    if not (yield from _ended(process, child, dates.seconds(grace) if grace else float("inf"))):
        child.kill(SIGKILL)
        yield child.done
    if number == SIGKILL or child.signal == SIGKILL:
        process.signal = SIGKILL
        return 128 + SIGKILL
    return (child.exit_code or 0) if "preserve-status" in options else TIMED_OUT


def _ended(process: Process, child: Process, limit_s: float) -> Task:
    if child.exit_code is None:
        waits = [child.done] if limit_s == float("inf") else [child.done, process.sleep(limit_s)]
        yield process.simulation.env.any_of(waits)
    return child.exit_code is not None


GNU: dict[str, Program] = {**{name: reworded(name) for name in WORDS}, "date": date, "timeout": timeout}
"""GNU's programs, for images of Debian."""
