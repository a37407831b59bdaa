"""Tools that run other programs: xargs, timeout, time, watch, nohup, setsid.

Source: POSIX.1-2024, xargs and time; BusyBox for flags and messages.
"""

from __future__ import annotations

import shlex

from podwalk.containers.process import SIGKILL, CommandError, Process
from podwalk.containers.shell import signals
from podwalk.containers.tools.command import Options, ToolError, UsageError, decode, open_input, tool
from podwalk.containers.tools.dates import seconds
from podwalk.simulation import Task

CANNOT_EXECUTE = "{tool}: can't execute '{name}': {reason}"
REASONS = {"not found": "No such file or directory"}
ARGUMENT_LIMIT = 131_072
"""Characters that ``xargs`` puts on one command line."""


def become(process: Process, argv: list[str], form: str = CANNOT_EXECUTE) -> Task:
    """Run a program in place of the present one; says by ``form`` that it is not there."""
    try:
        program = process.find_program(argv[0])
    except CommandError as error:
        reason = REASONS.get(str(error), str(error))
        return process.fail(form.format(tool=process.argv[0], name=argv[0], reason=reason), error.code)
    process.argv = list(argv)
    return (yield from program(process))


@tool("nohup setsid nice ionice chrt exec stdbuf", usage="PROG ARGS", flags="n:c:", permute=False)
def run_alone(process: Process, options: Options, words: list[str]) -> Task:
    """Run a program; it has no terminal or priority to lose."""
    if not words:
        raise UsageError
    return (yield from become(process, words))


@tool("timeout", "s:k:p", usage="[-s SIG] [-k KILL_SECS] SECS PROG ARGS", permute=False)
def timeout(process: Process, options: Options, words: list[str]) -> Task:
    """Run a program for at most some time."""
    if len(words) < 2:
        raise UsageError
    limit_s, number = seconds(words[0]), signals.number(options.get("s", "TERM"))
    if number is None:
        raise ToolError(f"bad signal name '{options.get('s')}'")
    try:
        process.find_program(words[1])
    except CommandError as error:
        reason = REASONS.get(str(error), str(error))
        return process.fail(f"timeout: can't execute '{words[1]}': {reason}", error.code)
    child = process.spawn(words[1:])
    if not (yield from _ended(process, child, limit_s)):
        child.kill(number)
        grace_s = seconds(options.get("k")) if "k" in options else 1e9
        if not (yield from _ended(process, child, grace_s)):
            child.kill(SIGKILL)
            yield child.done
        # BusyBox's timeout is the program's own process, so that the signal is what the caller sees.
        process.signal = child.signal
    return child.exit_code or 0


def _ended(process: Process, child: Process, limit_s: float) -> Task:
    if child.exit_code is None:
        yield process.simulation.env.any_of([child.done, process.sleep(limit_s)])
    return child.exit_code is not None


@tool("time", "pv", usage="[-p] PROG ARGS", permute=False)
def time(process: Process, options: Options, words: list[str]) -> Task:
    """Run a program and print how long it took."""
    if not words:
        raise UsageError
    started = process.simulation.now
    try:
        process.find_program(words[0])
        status = yield from process.run(words)
    except CommandError as error:
        status = process.fail(f"time: can't execute '{words[0]}': {REASONS.get(str(error), str(error))}", error.code)
    elapsed = process.simulation.now - started
    rows = (("real", elapsed), ("user", 0.0), ("sys", 0.0))
    if "p" in options:
        text = "".join(f"{name} {value:.2f}\n" for name, value in rows)
    else:
        text = "".join(f"{name}\t{int(value // 60)}m {value % 60:.2f}s\n" for name, value in rows)
    process.fail(text.rstrip("\n"))
    return status


@tool("watch", "n:t", usage="[-n SEC] [-t] PROG ARGS", permute=False)
def watch(process: Process, options: Options, words: list[str]) -> Task:
    """Run a command again and again."""
    if not words:
        raise UsageError
    interval_s = float(options.get("n", "2"))
    while True:
        process.write("\x1b[H\x1b[J")
        if "t" not in options:
            stamp = process.simulation.datetime().strftime("%Y-%m-%d %H:%M:%S")
            process.write(f"Every {interval_s:.1f}s: {' '.join(words):<50} {stamp}\n\n")
        yield from process.run(["sh", "-c", " ".join(words)])
        yield process.sleep(interval_s)


@tool(
    "xargs",
    "0rtn:I:P:L:d:s:E:a:xo",
    usage="[-0rt] [-n N] [-I STR] [-P N] [-L N] [-a FILE] [PROG ARGS]",
    lacks="pe",
    permute=False,
)
def xargs(process: Process, options: Options, words: list[str]) -> Task:
    """Run a program with the words of standard input as arguments."""
    argv = words or ["echo"]
    text = decode((yield from open_input(process, options.get("a", "-")).read_all()))
    batches = _batches(options, text, argv)
    try:
        process.find_program(argv[0])
    except CommandError as error:
        if batches:
            return process.fail(f"xargs: {argv[0]}: {REASONS.get(str(error), str(error))}", error.code)
    parallel, running, status = options.number("P", 1) or len(batches), [], 0
    for batch in batches:
        if "t" in options:
            process.fail(" ".join(batch))
        running.append(process.spawn(batch, stdin=open_input(process, "/dev/null")))
        if len(running) >= max(1, parallel):
            status = max(status, (yield from _status(running.pop(0))))
            if status in (124, 125):
                break
    for child in running:
        status = max(status, (yield from _status(child)))
    return status


def _batches(options: Options, text: str, argv: list[str]) -> list[list[str]]:
    items = _items(options, text)
    if "I" in options:
        mark = options.get("I")
        return [[word.replace(mark, item) for word in argv] for item in items]
    if not items:
        return [] if "r" in options else [argv]
    size = options.number("n", options.number("L", len(items)))
    if size <= 0:
        raise ToolError("invalid number '0'")
    return [[*argv, *items[i : i + size]] for i in range(0, len(items), size)]


def _items(options: Options, text: str) -> list[str]:
    if "0" in options:
        return [item for item in text.split("\0") if item]
    if "d" in options:
        return [item for item in text.split(options.get("d").replace("\\n", "\n")) if item.strip("\n")]
    if "I" in options or "L" in options:
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ToolError("unmatched quote") from error


def _status(child: Process) -> Task:
    """Return what ``xargs`` makes of a child's exit code."""
    if child.exit_code is None:
        yield child.done
    code = child.exit_code or 0
    if child.signal is not None:
        return 125
    return 0 if code == 0 else 124 if code == 255 else 123 if code < 126 else code
