"""The log of one container: lines with their times, kept up to a limit, read once or followed.

Source: the CRI log format, k8s.io/cri-client/pkg/logs; rotation as ``containerLogMaxSize`` has it, at a smaller size
because a simulated cluster keeps its logs in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from podwalk.simulation import Simulation
from podwalk.types import LogOptions, Stream

LIMIT = 1024 * 1024
"""Bytes kept of one container's log; the oldest lines go first."""

LINE_LIMIT = 16 * 1024
"""Bytes after which containerd writes a line although its end has not come."""


@dataclass(frozen=True)
class Line:
    """One line, with its newline if it has one, and when it was written, in seconds of the simulation."""

    at_s: float
    data: bytes


class Log:
    """What a container wrote to stdout and stderr."""

    def __init__(self, simulation: Simulation) -> None:
        """Start empty."""
        self._simulation = simulation
        self._lines: deque[Line] = deque()
        self._size = 0
        self._partial = {1: bytearray(), 2: bytearray()}
        self._followers: dict[int, Callable[[Line | None], None]] = {}
        self._next = 0
        self.closed = False

    def write(self, descriptor: int, data: bytes) -> None:
        """Take what the container wrote to a descriptor: 1 or 2."""
        partial = self._partial[descriptor]
        partial += data
        while (end := partial.find(b"\n") + 1) or len(partial) >= LINE_LIMIT:
            end = end or LINE_LIMIT
            self._add(bytes(partial[:end]))
            del partial[:end]

    def close(self) -> None:
        """Say that the container has ended."""
        for partial in self._partial.values():
            if partial:
                self._add(bytes(partial))
                partial.clear()
        self.closed = True
        for follower in list(self._followers.values()):
            follower(None)
        self._followers.clear()

    def tail(self, lines: int, limit_bytes: int) -> str:
        """Return the end of the log as text, for a termination message."""
        text = b"".join(line.data for line in list(self._lines)[-lines:])
        return text[-limit_bytes:].decode(errors="replace")

    def read(self, options: LogOptions) -> Stream:
        """Return what the options ask for; closed at once unless they follow and more may come."""
        stream = Stream()
        left = options.limit_bytes
        lines = self._selected(options)

        def send(line: Line | None) -> bool:
            nonlocal left
            if line is None:
                stream.close()
                return False
            data = self._stamp(line) + line.data if options.timestamps else line.data
            if left is not None:
                data, left = data[:left], left - min(left, len(data))
            stream.write(data)
            if left == 0:
                stream.close()
            return not stream.closed

        for line in lines:
            if not send(line):
                return stream
        if options.follow and not self.closed:
            self._follow(stream, send)
        else:
            stream.close()
        return stream

    def _follow(self, stream: Stream, send: Callable[[Line | None], bool]) -> None:
        key, self._next = self._next, self._next + 1

        def follower(line: Line | None) -> None:
            if not send(line):
                self._followers.pop(key, None)

        self._followers[key] = follower
        stream.on_cancel = lambda: self._followers.pop(key, None) and None

    def _selected(self, options: LogOptions) -> list[Line]:
        since_s = None if options.since_s is None else self._simulation.now - options.since_s
        if options.since_time:
            moment = datetime.fromisoformat(options.since_time)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            since_s = (moment - self._simulation.epoch).total_seconds()
        lines = [line for line in self._lines if since_s is None or line.at_s >= since_s]
        if options.tail is not None:
            lines = lines[-options.tail :] if options.tail > 0 else []
        return lines

    def _stamp(self, line: Line) -> bytes:
        moment = self._simulation.epoch + timedelta(seconds=line.at_s)
        nanoseconds = round(line.at_s * 1e9) % 1000
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}{nanoseconds:03d}Z ".encode()

    def _add(self, data: bytes) -> None:
        line = Line(self._simulation.now, data)
        self._lines.append(line)
        self._size += len(data)
        while self._size > LIMIT and len(self._lines) > 1:
            self._size -= len(self._lines.popleft().data)
        for follower in list(self._followers.values()):
            follower(line)
