"""Signals by name, and what a shell says when one ends a child.

Source: signal(7); BusyBox libbb/u_signal_names.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.containers.process import SIGINT, SIGPIPE, Process

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell

NAMES: dict[int, str] = dict(
    enumerate(
        [
            "EXIT",
            "HUP",
            "INT",
            "QUIT",
            "ILL",
            "TRAP",
            "ABRT",
            "BUS",
            "FPE",
            "KILL",
            "USR1",
            "SEGV",
            "USR2",
            "PIPE",
            "ALRM",
            "TERM",
            "STKFLT",
            "CHLD",
            "CONT",
            "STOP",
            "TSTP",
            "TTIN",
            "TTOU",
            "URG",
            "XCPU",
            "XFSZ",
            "VTALRM",
            "PROF",
            "WINCH",
            "POLL",
            "PWR",
            "SYS",
        ]
    )
)
WORDS = {1: "Hangup", 3: "Quit", 6: "Aborted", 9: "Killed", 10: "User defined signal 1", 11: "Segmentation fault",
         12: "User defined signal 2", 14: "Alarm clock", 15: "Terminated"}  # fmt: skip


def number(name: str) -> int | None:
    """Return the number of a signal by name, with or without SIG, or by number; None if there is none."""
    if name.isdigit():
        return int(name) if int(name) in NAMES else None
    wanted = name.upper().removeprefix("SIG")
    return next((value for value, known in NAMES.items() if known == wanted), None)


def report(shell: Shell, child: Process) -> None:
    """Say that a signal ended a child, unless it was one of the quiet ones."""
    if child.signal is not None and child.signal not in (SIGINT, SIGPIPE):
        words = WORDS.get(child.signal, f"Signal {child.signal}")
        shell.write(f"{words}\n", 2)


def update(shell: Shell) -> None:
    """Let process 1 get the signals that it has traps for."""
    shell.process.handles_signals = frozenset(shell.state.traps) - {0}
