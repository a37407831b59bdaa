"""Run a step's process and show that it is alive: a line that moves in a terminal, plain lines anywhere else.

rich would do it better, but is not there before the environment is.
"""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FRAMES = "|/-\\"
TICK_S = 0.2
PLAIN_HEARTBEAT_S = 30.0
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its exit code, what it wrote, and how long it took."""

    code: int
    lines: tuple[str, ...]
    elapsed_s: float


def duration(seconds: float) -> str:
    """Write a time as people read it: 8 s, 1 min 20 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Line:
    """The one line of a step."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.live = sys.stdout.isatty()
        self.started = self.said = time.monotonic()
        self.frame = 0
        if not self.live:
            print(f"{label} ...", flush=True)

    def tick(self, detail: str) -> None:
        """Show that time goes on."""
        now = time.monotonic()
        elapsed = duration(now - self.started)
        if self.live:
            self.frame += 1
            text = f"{FRAMES[self.frame % len(FRAMES)]} {self.label} ({elapsed}) {detail}"
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
            print(f"\r\x1b[K{text[: columns - 1]}", end="", flush=True)
        elif now - self.said >= PLAIN_HEARTBEAT_S:
            self.said = now
            print(f"{self.label} ... {elapsed} {detail}".rstrip(), flush=True)

    def end(self, word: str) -> float:
        """Write how it ended and return the seconds it took."""
        elapsed_s = time.monotonic() - self.started
        print(
            f"{chr(13) + chr(27) + '[K' if self.live else ''}{self.label}: {word} in {duration(elapsed_s)}", flush=True
        )
        return elapsed_s


def run(
    label: str,
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    detail: Callable[[str], str | None] = lambda _line: None,
) -> Outcome:
    """Run a command to its end, showing progress; its whole output goes to the log.

    Args:
        label: What the step is called.
        command: Program and arguments.
        cwd: Folder to run in.
        env: The process's environment.
        log: File that gets the output, standard error included.
        detail: What a line of output says about where the step is, or None to leave that as it was.

    Returns:
        The outcome, whatever the exit code is.
    """
    line = Line(label)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as copy:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        try:
            lines = _follow(process, line, copy.write, detail)
        except BaseException:
            _stop(process)
            line.end("stopped")
            raise
    elapsed_s = line.end("done" if process.returncode == 0 else "failed")
    return Outcome(process.returncode, tuple(lines), elapsed_s)


def _follow(
    process: subprocess.Popen[str],
    line: Line,
    write: Callable[[str], int],
    detail: Callable[[str], str | None],
) -> list[str]:
    """Read the process's output to the end while the line moves."""
    arrived: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(process, arrived), daemon=True).start()
    lines: list[str] = []
    shown = ""
    while True:
        try:
            text = arrived.get(timeout=TICK_S)
        except queue.Empty:
            line.tick(shown)
            if process.poll() is None:
                continue
            # A background process that was started may hold the pipe open: the step has ended with its own process.
            break
        if text is None:
            break
        write(text)
        lines.append(text.rstrip("\n"))
        shown = detail(text) or shown
    process.wait()
    return lines


def _pump(process: subprocess.Popen[str], arrived: "queue.Queue[str | None]") -> None:
    """Hand over each line of output, then None."""
    assert process.stdout is not None
    with process.stdout as output:
        for text in output:
            arrived.put(text)
    arrived.put(None)


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process that Ctrl-C may have reached already: wait, ask, then insist."""
    for insist in (None, process.terminate, process.kill):
        if insist is not None:
            insist()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            continue
        return
