"""Tools for processes: ps, top, pidof, pgrep, kill, killall, pkill.

Source: POSIX.1-2024, ps and kill; BusyBox procps for columns and messages.
"""

from __future__ import annotations

import re

from podwalk.containers.process import Process
from podwalk.containers.shell import signals
from podwalk.containers.tools.accounts import user_name
from podwalk.containers.tools.command import Options, ToolError, UsageError, tool
from podwalk.simulation import Task

COLUMNS = {
    "pid": ("PID", 5), "ppid": ("PPID", 5), "user": ("USER", -8), "comm": ("COMMAND", -16), "args": ("COMMAND", 0),
    "cmd": ("COMMAND", 0), "time": ("TIME", 6), "etime": ("ELAPSED", 7), "vsz": ("VSZ", 4), "rss": ("RSS", 4),
    "stat": ("STAT", -4), "tty": ("TT", -6),
}  # fmt: skip
"""What ``-o`` may ask for: its title, and its width, negative if it is set to the left."""


@tool("ps", usage="[-o COL1,COL2=HEADER]", raw=True)
def ps(process: Process, options: Options, words: list[str]) -> int:
    """Print the container's processes."""
    chosen = ["pid", "user", "args"]
    words = list(words)
    while words:
        word = words.pop(0)
        if word.startswith("-o"):
            chosen = (word[2:] or (words.pop(0) if words else "")).split(",")
        elif word not in ("-T", "-A", "-e", "-ef", "aux", "-aux", "ax", "-f", "-w", "ww", "a", "x", "u", "w"):
            raise UsageError(f"invalid option -- '{word.lstrip('-')[:1]}'")
    columns = [(name.partition("=")[0], *_header(name)) for name in chosen]
    process.write(_row([title for _, title, _ in columns], [width for _, _, width in columns]))
    for one in sorted(process.container.processes.values(), key=lambda p: p.pid):
        values = _values(process, one)
        process.write(_row([values.get(name, "?") for name, _, _ in columns], [width for _, _, width in columns]))
    return 0


def _header(column: str) -> tuple[str, int]:
    name, equals, title = column.partition("=")
    if name not in COLUMNS:
        raise ToolError(f"bad -o argument '{name}', supported arguments: {','.join(COLUMNS)}")
    default, width = COLUMNS[name]
    return title if equals else default, width


def _row(cells: list[str], widths: list[int]) -> str:
    out = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        last = place == len(cells) - 1
        header = not cell.isdigit()
        padded = cell if last and width <= 0 else cell.ljust(abs(width)) if width < 0 or header else cell.rjust(width)
        out.append(padded)
    return " ".join(out).rstrip() + "\n"


def _values(process: Process, one: Process) -> dict[str, str]:
    elapsed = int(process.simulation.now - one.started_s)
    command = " ".join(one.argv)
    return {
        "pid": str(one.pid),
        "ppid": str(one.parent.pid if one.parent is not None and one.parent.exit_code is None else 0),
        "user": user_name(process, process.container.files.uid),
        "comm": one.argv[0].rpartition("/")[2][:15],
        "args": command,
        "cmd": command,
        "time": "0:00",
        "etime": f"{elapsed // 60}:{elapsed % 60:02}",
        "vsz": "4400",
        "rss": "1024",
        "stat": "R" if one is process else "S",
        "tty": "pts/0" if one.tty else "?",
    }


@tool("top", "bn:d:mH", usage="[-b] [-n COUNT] [-d SECONDS]")
def top(process: Process, options: Options, words: list[str]) -> Task:
    """Print the container's processes again and again; none uses the processor for long."""
    count = options.number("n", -1)
    if "b" not in options and not process.tty:
        raise ToolError("no terminal: use -b")
    while count:
        process.write("Mem: 3145728K used, 5242880K free, 1024K shrd, 0K buff, 2097152K cached\n")
        process.write("CPU:   0% usr   0% sys   0% nic 100% idle   0% io   0% irq   0% sirq\n")
        process.write(f"Load average: 0.00 0.00 0.00 1/{len(process.container.processes)} {process.pid}\n")
        process.write("  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND\n")
        for one in sorted(process.container.processes.values(), key=lambda p: p.pid):
            v = _values(process, one)
            process.write(
                f"{v['pid']:>5} {v['ppid']:>5} {v['user']:<8} {v['stat']:<4} {v['vsz']:>5}   0%   0   0% {v['args']}\n"
            )
        count -= 1
        if count:
            yield process.sleep(float(options.get("d", "5")))
    return 0


def named(process: Process, name: str) -> list[Process]:
    """Return the container's other processes whose program has a name, the newest first."""
    found = [
        one
        for one in process.container.processes.values()
        if one.argv[0].rpartition("/")[2] == name and one is not process
    ]
    return sorted(found, key=lambda one: -one.pid)


@tool("pidof", "so:", usage="[-s] [NAME]...")
def pidof(process: Process, options: Options, words: list[str]) -> int:
    """Print the numbers of processes by name."""
    pids = [str(one.pid) for word in words for one in named(process, word)]
    if pids:
        process.write(" ".join(pids[:1] if "s" in options else pids) + "\n")
    return int(not pids)


@tool("pgrep pkill", "flxnov0123456789", usage="[-flnovx] [-SIGNAL] PATTERN", raw=True)
def pgrep(process: Process, options: Options, words: list[str]) -> int:
    """Print, or signal, the processes whose name matches."""
    number, whole, exact, shown, name = 15, False, False, False, process.argv[0].rpartition("/")[2]
    patterns = []
    for word in words:
        if re.fullmatch(r"-[flx]+", word):
            whole, shown, exact = whole or "f" in word, shown or "l" in word, exact or "x" in word
        elif word.startswith("-") and name == "pkill" and (value := signals.number(word[1:])) is not None:
            number = value
        elif word.startswith("-"):
            raise ToolError(f"{word} is not simulated by Podwalk", 2)
        else:
            patterns.append(word)
    if len(patterns) != 1:
        raise UsageError
    found = []
    for one in sorted(process.container.processes.values(), key=lambda p: p.pid):
        text = " ".join(one.argv) if whole else one.argv[0].rpartition("/")[2]
        if one is not process and (re.fullmatch if exact else re.search)(patterns[0], text):
            found.append(one)
    for one in found:
        if name == "pkill":
            one.kill(number)
        else:
            process.write(f"{one.pid} {' '.join(one.argv)}\n" if shown else f"{one.pid}\n")
    return int(not found)


@tool("kill killall", usage="[-l] [-SIG] PID...", raw=True)
def kill(process: Process, options: Options, words: list[str]) -> int:
    """Send a signal to processes by number, or by name."""
    by_name, number, quiet = process.argv[0].endswith("killall"), 15, False
    words = list(words)
    while words and words[0].startswith("-") and words[0] != "--":
        flag = words.pop(0)
        if flag == "-l":
            process.write("".join(f"{value:2}) {name}\n" for value, name in signals.NAMES.items() if value))
            return 0
        if flag == "-q" and by_name:
            quiet = True
            continue
        name = words.pop(0) if flag == "-s" and words else flag[1:]
        value = signals.number(name)
        if value is None:
            raise ToolError(f"bad signal name '{name}'")
        number = value
    if not words:
        raise ToolError("you need to specify whom to kill")
    failed = 0
    for word in words:
        if by_name:
            targets = named(process, word)
            if not targets:
                failed = 1
                if not quiet:
                    process.fail(f"killall: {word}: no process killed")
        elif not re.fullmatch(r"-?\d+", word):
            failed = process.fail(f"kill: invalid number '{word}'")
            continue
        else:
            one = process.container.processes.get(abs(int(word)))
            targets = [one] if one is not None else []
            if one is None:
                failed = process.fail(f"kill: can't kill pid {word}: No such process")
        for target in targets:
            if number:
                target.kill(number)
    return failed
