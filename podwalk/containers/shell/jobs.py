"""The builtins for processes and signals, and where programs are found.

Source: POSIX.1-2024, trap, kill, wait; BusyBox shell/ash.c and procps/kill.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import simpy

from podwalk.containers.process import SEARCH_PATH, CommandError, Process, Signal
from podwalk.containers.shell import signals
from podwalk.containers.shell.quoting import single
from podwalk.containers.shell.state import ShellError
from podwalk.containers.shell.tasks import Step

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell


def trap(shell: Shell, argv: list[str]) -> int:
    """Say what to do when a signal comes."""
    words = argv[2:] if argv[1:2] == ["--"] else argv[1:]
    if not words:
        for number, action in sorted(shell.state.traps.items()):
            shell.write(f"trap -- {single(action)} {signals.NAMES[number]}\n")
        return 0
    if words == ["-l"]:
        return _list(shell)
    names = words[1:] if len(words) > 1 else words
    action = words[0] if len(words) > 1 else "-"
    for name in names:
        known = signals.number(name)
        if known is None:
            raise ShellError(f"{name}: invalid signal specification", 1, fatal=False)
        if action == "-":
            shell.state.traps.pop(known, None)
        elif known != 9:
            shell.state.traps[known] = action
    signals.update(shell)
    return 0


def kill(shell: Shell, argv: list[str]) -> int:
    """Send a signal to processes."""
    words, number = argv[1:], 15
    if words[:1] == ["-l"]:
        return _list(shell) if len(words) == 1 else _name(shell, words[1])
    if words[:1] == ["-s"] or words[:1] == ["-n"]:
        number, words = _signal(shell, words[1] if len(words) > 1 else ""), words[2:]
    elif words and re.fullmatch(r"-\w+", words[0]):
        number, words = _signal(shell, words[0][1:]), words[1:]
    if number < 0:
        return 1
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        shell.write(f"{shell.state.name}: you need to specify whom to kill\n", 2)
        return 1
    failed = 0
    for word in words:
        failed |= _send(shell, word, number)
    return failed


def _signal(shell: Shell, name: str) -> int:
    number = 0 if name == "0" else signals.number(name)
    if number is None:
        shell.write(f"{shell.state.name}: bad signal name '{name}'\n", 2)
        return -1
    return number


def _send(shell: Shell, word: str, number: int) -> int:
    target = find(shell, word)
    if target is None:
        if re.fullmatch(r"-?\d+|%\S*", word):
            shell.write(f"{shell.state.name}: can't kill pid {word}: No such process\n", 2)
        else:
            shell.write(f"{shell.state.name}: invalid number '{word}'\n", 2)
        return 1
    if number == 0 or target.exit_code is not None:
        return 0
    if target is not shell.process:
        target.kill(number)
    elif number in shell.state.traps:
        if shell.state.traps[number]:
            shell.pending.append(number)
    elif target.pid != 1 and not (shell.interactive and number == 15):
        raise simpy.Interrupt(Signal(number))
    return 0


def find(shell: Shell, word: str) -> Process | None:
    """Return the living process that a word names, or the job, which stays until somebody waits for it."""
    if word.startswith("%"):
        jobs = list(shell.jobs.values())
        number = int(word[1:]) if word[1:].isdigit() else len(jobs)
        return jobs[number - 1] if 0 < number <= len(jobs) else None
    if not re.fullmatch(r"-?\d+", word):
        return None
    return shell.process.container.processes.get(abs(int(word)))


def _list(shell: Shell) -> int:
    shell.write("".join(f"{number:2}) {name}\n" for number, name in signals.NAMES.items() if number))
    return 0


def _name(shell: Shell, word: str) -> int:
    if word.isdigit():
        shell.write(f"{signals.NAMES.get(int(word) & 0x7F, word)}\n")
    else:
        shell.write(f"{signals.number(word)}\n")
    return 0


def wait(shell: Shell, argv: list[str]) -> Step:
    """Wait for background processes; a trapped signal ends the wait."""
    words = argv[1:]
    children = list(shell.jobs.values()) if not words else []
    status = 0
    for word in words:
        if not re.fullmatch(r"\d+|%.*", word):
            raise ShellError(f"Illegal number: {word}", 2, fatal=False)
        child = find(shell, word) if word.startswith("%") else shell.jobs.get(int(word) if word.isdigit() else -1)
        if child is None:
            status = 127
        else:
            children.append(child)
    for child in children:
        while child.exit_code is None:
            yield shell.process.simulation.env.any_of([child.done, shell.signalled()])
            if shell.pending:
                return 128 + shell.pending[0]
        shell.jobs.pop(child.pid, None)
        if words:
            status = child.exit_code
            signals.report(shell, child)
    return status


def list_jobs(shell: Shell, argv: list[str]) -> int:
    """Print the background processes that run."""
    for index, child in enumerate(shell.jobs.values(), 1):
        if child.exit_code is not None:
            continue
        # Without job control the shell does not keep what was typed.
        command = f"{' '.join(child.argv)}" if shell.interactive or shell.dialect.bash else ""
        mark = {len(shell.jobs): "+", len(shell.jobs) - 1: "-"}.get(index, " ")
        form = f"[{index}]{mark}  Running                    {command}\n"
        shell.write(f"{child.pid}\n" if "-p" in argv else form)
    return 0


def locate(process: Process, name: str) -> str | None:
    """Return the path of a program that a shell would run; None if there is none."""
    files = process.container.files
    if "/" in name:
        return name if files.exists(process.path(name)) or _runs(process, name) else None
    for directory in process.env.get("PATH", SEARCH_PATH).split(":"):
        if files.exists(f"{directory}/{name}"):
            return f"{directory}/{name}"
    return f"/bin/{name}" if _runs(process, name) else None


def _runs(process: Process, name: str) -> bool:
    try:
        process.find_program(name)
    except CommandError:
        return False
    return True
