"""A terminal's line discipline: what the kernel does between a client in raw mode and the processes of ``exec -t``.

Typed characters are echoed, gathered into lines and edited with backspace; control characters become signals and the
end of input; newlines of the output become carriage return and newline. Left out: raw mode, flow control, stopping a
job with ^Z.

Source: termios(3).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from podwalk.containers.process import SIGHUP, SIGINT, Pipe, Process
from podwalk.simulation import Simulation

SIGQUIT = 3
REDRAW_S = 0.01
"""From a change of the window's size to the shell's drawing its line anew, once for all changes until then."""


class TerminalInput(Pipe):
    """Lines that were typed; ``^D`` ends one read without closing the terminal."""

    def __init__(self, simulation: Simulation) -> None:
        """Start with nothing typed."""
        super().__init__(simulation)
        self._ends = 0

    def end(self) -> None:
        """Let the next read that finds nothing return nothing."""
        self._ends += 1
        self._wake()

    def read(self, limit: int = 65_536) -> Generator[simpy.Event, Any, bytes]:
        """Wait for a line, or part of one; empty at an end."""
        while not self.ready:
            yield self.changed()
        if not self._buffer and self._ends:
            self._ends -= 1
            return b""
        return (yield from super().read(min(limit, self._buffer.find(b"\n") + 1 or limit)))

    def read_line(self) -> Generator[simpy.Event, Any, bytes]:
        """Wait for a line; what is left without a newline at an end."""
        while b"\n" not in self._buffer and not self._ends and not self.closed and not self.broken:
            yield self.changed()
        if b"\n" not in self._buffer and self._ends:
            self._ends -= 1
            data = bytes(self._buffer)
            self._buffer.clear()
            return data
        return (yield from super().read_line())

    @property
    def ready(self) -> bool:
        """Whether a read would return at once."""
        return bool(self._ends) or super().ready


class Terminal:
    """One terminal: ``stdin`` and ``stdout`` for the processes, :meth:`receive` and ``on_output`` for the client.

    ``foreground`` are the processes that ^C goes to, with their descendants; an interactive shell sets it. At its
    prompt it also sets ``prompt``, which it draws anew when the window's size changes: so whoever attaches sees it.
    Such a shell edits its line itself: it echoes what was typed ahead when it comes to it, and until then nobody does.
    """

    def __init__(self, simulation: Simulation, on_output: Callable[[bytes], None]) -> None:
        """Start with an empty line; output goes to ``on_output``."""
        self.stdin: Pipe = TerminalInput(simulation)
        self.stdout = Pipe(simulation)
        self.stdout.on_write = lambda data: on_output(data.replace(b"\n", b"\r\n"))
        self.foreground: tuple[Process, ...] = ()
        self.columns, self.rows = 80, 24
        self.prompt = ""
        self._simulation = simulation
        self._sized = self._redraws = self._typed_ahead = False
        self._line = bytearray()

    def receive(self, data: bytes) -> None:
        """Take what the client typed."""
        for byte in data:
            self._key(byte)

    def ask(self, prompt: str) -> None:
        """Let a shell that edits its line read the next one: what was typed already is shown now."""
        self.prompt = prompt
        line, newline, _ = self.stdin.pending.partition(b"\n")
        self._typed_ahead = bool(newline)
        self.stdout.write(line + newline or bytes(self._line))

    def answered(self) -> None:
        """Echo again whatever is typed: the shell has read its line, and something else may read the next."""
        self.prompt, self._typed_ahead = "", False

    def resize(self, columns: int, rows: int) -> None:
        """Set the size of the client's window; the first is no change of one."""
        if (columns, rows) == (self.columns, self.rows):
            return
        self.columns, self.rows = columns, rows
        changed, self._sized = self._sized, True
        if changed and self.prompt and not self._redraws:
            self._redraws = True
            self._simulation.call(self._redraw, REDRAW_S)

    def _redraw(self) -> None:
        self._redraws = False
        if self.prompt and not self.stdout.closed and not self.stdout.broken:
            self._echo(b"\r" + self.prompt.encode() + self._line + b"\x1b[J")

    def hang_up(self) -> None:
        """Say that the client went away: input ends, and the foreground gets SIGHUP."""
        self.stdin.close()
        self.signal(SIGHUP)

    def signal(self, number: int) -> None:
        """Send a signal to the foreground processes and what they started."""
        # An interactive shell at its prompt is in a process group of its own; its background jobs are in others.
        if len(self.foreground) == 1 and number in self.foreground[0].handles_signals:
            self.foreground[0].kill(number)
            return
        for process in [p for f in self.foreground for p in f.container.processes.values() if _descends(p, f)]:
            process.kill(number)

    def _key(self, byte: int) -> None:
        if byte in (0x0D, 0x0A):
            self._echo(b"\n")
            self._flush(b"\n")
            self._typed_ahead = bool(self.prompt)
        elif byte in (0x7F, 0x08):
            self._erase(1)
        elif byte == 0x15:
            self._erase(len(self._line))
        elif byte == 0x17:
            kept = self._line.rstrip()
            self._erase(len(self._line) - (kept.rfind(b" ") + 1))
        elif byte in (0x03, 0x1C):
            self._echo(b"^C" if byte == 0x03 else b"^\\")
            self._line.clear()
            self.signal(SIGINT if byte == 0x03 else SIGQUIT)
        elif byte == 0x04:
            if self._line:
                self._flush(b"")
            elif isinstance(self.stdin, TerminalInput):
                self.stdin.end()
        elif byte >= 0x20 or byte == 0x09:
            self._line.append(byte)
            self._echo(bytes([byte]))

    def _flush(self, ending: bytes) -> None:
        line = bytes(self._line) + ending
        self._line.clear()
        if not self.stdin.closed and not self.stdin.broken:
            self.stdin.write(line)

    def _erase(self, count: int) -> None:
        for _ in range(count):
            if self._line:
                while self._line and self._line[-1] & 0xC0 == 0x80:
                    self._line.pop()
                del self._line[-1:]
                self._echo(b"\b \b")

    def _echo(self, data: bytes) -> None:
        if not self._typed_ahead:
            self.stdout.write(data)


def _descends(process: Process | None, ancestor: Process) -> bool:
    while process is not None and process is not ancestor:
        process = process.parent
    return process is ancestor
