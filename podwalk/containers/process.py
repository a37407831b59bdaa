"""What a simulated container runs: processes, the pipes between them, and the signals that end them.

A program is a function that takes a :class:`Process` and is a generator of simpy events; what it returns is its exit
code. Whatever a program does costs simulated time, so that a loop without a pause neither hangs the cluster nor starves
another Pod.
"""

from __future__ import annotations

import contextlib
from collections import ChainMap
from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import simpy

from podwalk.containers.files import File, FileError
from podwalk.errors import PodwalkError
from podwalk.simulation import Simulation, Task

if TYPE_CHECKING:
    from podwalk.containers.files import FileSystem
    from podwalk.containers.sockets import NetNs
    from podwalk.containers.terminal import Terminal

EXEC_COST_S = 0.001
"""Simulated time that starting a program takes."""

EMIT_COST_S = 0.00002
"""Simulated time that :meth:`Process.emit` takes, so that output without end does not fill an instant."""

EMIT_RATE = 1e8
"""Bytes a second that :meth:`Process.emit` writes besides."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The PATH of a container whose image sets none; programs of the image are found in these directories."""

ELF = b"\x7fELF"
"""How the file of a program of the image begins; the program's name may follow."""

PIPE_SIZE = 65_536
"""Bytes after which a writer that calls :meth:`Pipe.drain` waits for the reader, as in Linux."""

SIGHUP, SIGINT, SIGABRT, SIGKILL, SIGPIPE, SIGTERM = 1, 2, 6, 9, 13, 15


class BrokenPipe(PodwalkError):
    """A write to a pipe that nobody reads any more: the writer gets SIGPIPE unless it handles this."""


class CommandError(PodwalkError):
    """A command cannot be run; ``code`` is what a shell returns for it."""

    def __init__(self, message: str, code: int) -> None:
        """Keep the shell's words and the exit code."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Signal:
    """The cause of a :class:`simpy.Interrupt` that a process gets."""

    number: int


class Pipe:
    """Bytes on their way from writers to one reader."""

    def __init__(self, simulation: Simulation, *, counted: bool = False) -> None:
        """Start empty, open at both ends.

        Args:
            simulation: the clock.
            counted: whether the pipe closes when the last process that writes to it ends, and breaks when the last
                that reads from it does, as the kernel's do.
        """
        self._simulation = simulation
        self._counted = counted
        self._writers = self._readers = 0
        self._buffer = bytearray()
        self._changed: simpy.Event | None = None
        self.closed = False
        self.broken = False
        self.on_write: Callable[[bytes], None] | None = None

    @property
    def pending(self) -> bytes:
        """What was written and not read yet."""
        return bytes(self._buffer)

    def write(self, data: bytes) -> None:
        """Add bytes, or hand them to ``on_write`` if that is set.

        Raises:
            BrokenPipe: when the reader has gone or the pipe is closed.
        """
        if self.broken or self.closed:
            raise BrokenPipe("write to a pipe that is closed")
        if self.on_write is not None:
            self.on_write(data)
        elif data:
            self._buffer += data
            self._wake()

    def close(self) -> None:
        """Say that nothing more is written: the reader gets the rest, then the end."""
        if not self.closed:
            self.closed = True
            self._wake()

    def break_(self) -> None:
        """Say that nothing more is read."""
        self.broken = True
        self._buffer.clear()
        self._wake()

    def read(self, limit: int = PIPE_SIZE) -> Generator[simpy.Event, Any, bytes]:
        """Wait for bytes and return up to ``limit``; empty at the end."""
        while not self._buffer and not self.closed and not self.broken:
            yield self.changed()
        data = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        if data:
            self._wake()
        return data

    def read_line(self) -> Generator[simpy.Event, Any, bytes]:
        """Wait for a line and return it with its newline; what is left without one at the end; empty after that."""
        while b"\n" not in self._buffer and not self.closed and not self.broken:
            yield self.changed()
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        if data:
            self._wake()
        return data

    def read_all(self) -> Generator[simpy.Event, Any, bytes]:
        """Wait for the end and return everything."""
        parts = []
        while part := (yield from self.read()):
            parts.append(part)
        return b"".join(parts)

    def drain(self) -> Generator[simpy.Event, Any, None]:
        """Wait until the reader has made room; what a program that writes without end calls."""
        while self.full:
            yield self.changed()

    def hold(self, *, write: bool) -> None:
        """Count a process in as a writer or reader."""
        self._writers += write
        self._readers += not write

    def release(self, *, write: bool) -> None:
        """Count it out; the last one closes or breaks a ``counted`` pipe."""
        self._writers -= write
        self._readers -= not write
        if self._counted and write and self._writers <= 0:
            self.close()
        if self._counted and not write and self._readers <= 0:
            self.break_()

    def changed(self) -> simpy.Event:
        """Return an event that comes with the next write, read or close; combine it with ``|`` and a timeout."""
        if self._changed is None or self._changed.triggered:
            self._changed = self._simulation.event()
        return self._changed

    @property
    def ready(self) -> bool:
        """Whether a read would return at once."""
        return bool(self._buffer) or self.closed or self.broken

    @property
    def full(self) -> bool:
        """Whether a writer should wait for the reader."""
        return len(self._buffer) > PIPE_SIZE and not self.closed and not self.broken

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.triggered:
            self._changed.succeed()


Program = Callable[["Process"], Task]
"""A generator function: takes its process, yields what it waits for, returns its exit code."""


@dataclass
class Container:
    """What the processes of one container share.

    Attributes:
        name: the container's name in its Pod.
        hostname: the Pod's hostname.
        env: the environment that the Pod and the image set.
        files: the file system, volumes mounted.
        network: the network namespace that all containers of the Pod share.
        programs: what is on the PATH of this image: name → program. An absolute path such as ``/bin/sh`` is looked up
        by its last part.
        limits: what the Pod says of resources, for tools that print it.
        processes: the living ones by process id; 1 is the main one.
        pod: the Pod object as it was when the container started.
    """

    simulation: Simulation
    name: str
    hostname: str
    env: MutableMapping[str, str]
    files: FileSystem
    network: NetNs
    programs: Mapping[str, Program]
    pod: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    processes: MutableMapping[int, Process] = field(default_factory=dict)
    next_pid: int = 1


class Process:
    """One running program.

    ``done`` comes when it has ended; ``exit_code`` is then set (128 + n after a signal n, which is then in
    ``signal``). A program that is process 1 of its container ignores SIGTERM and
    SIGINT unless it is in ``handles_signals``, as the kernel has it: that is why `sleep` as a container's command
    takes the whole grace period to go.
    """

    def __init__(
        self,
        container: Container,
        argv: Sequence[str],
        *,
        stdin: Pipe | None = None,
        stdout: Pipe | None = None,
        stderr: Pipe | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        tty: bool = False,
        parent: Process | None = None,
    ) -> None:
        """Describe the process; :meth:`start` runs it.

        An absent stdin is empty, an absent stdout or stderr is thrown away.
        """
        simulation = container.simulation
        self.container = container
        self.simulation = simulation
        self.argv = list(argv)
        self.stdin = stdin or _closed(simulation)
        self.stdout = stdout or _null(simulation)
        self.stderr = stderr or _null(simulation)
        # Over the container's own, so that a process which changes none does not hold them all once more.
        self.env: MutableMapping[str, str] = dict(env) if env is not None else ChainMap({}, container.env)
        self.cwd = cwd
        self.tty = tty
        self.parent = parent
        self.pid = container.next_pid
        container.next_pid += 1
        self.started_s = simulation.now
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.terminal: Terminal | None = parent.terminal if parent is not None else None
        self.done = simulation.event()
        self.handles_signals: frozenset[int] = frozenset()
        self._task: simpy.Process | None = None

    def start(self, program: Program) -> Process:
        """Run a program in this process; returns the process."""
        self.container.processes[self.pid] = self
        self.stdin.hold(write=False)
        self.stdout.hold(write=True)
        self.stderr.hold(write=True)
        self._task = self.simulation.spawn(self._run(program))
        return self

    def run(self, argv: Sequence[str], **streams: Any) -> Generator[simpy.Event, Any, int]:
        """Run a child to its end and return its exit code; streams default to this process's own.

        Source: POSIX, 2.9.1.1: 127 when there is no such command.
        """
        child = self.spawn(argv, **streams)
        try:
            if child.exit_code is None:
                yield child.done
        except simpy.Interrupt:
            child.kill(SIGKILL)
            raise
        return child.exit_code or 0

    def spawn(self, argv: Sequence[str], **streams: Any) -> Process:
        """Start a child; one whose command does not exist says so on stderr and has ended with 127."""
        options = {"stdin": self.stdin, "stdout": self.stdout, "stderr": self.stderr, "env": self.env, "cwd": self.cwd}
        child = Process(self.container, argv, parent=self, tty=self.tty, **{**options, **streams})
        try:
            program = child.find_program(argv[0])
        except CommandError as error:
            child.stderr.write(f"sh: {argv[0]}: {error}\n".encode())
            child._finish(error.code)
            return child
        return child.start(program)

    def find_program(self, name: str) -> Program:
        """Return what runs under a name: a program of the image, or a script in a file.

        Raises:
            CommandError: when there is none (127), or it may not be run (126).
        """
        if not name:
            raise CommandError("Permission denied", 127)
        directory, _, last = name.rpartition("/")
        if not directory and not name.startswith("/"):
            program = self.container.programs.get(name)
            paths = [f"{place}/{name}" for place in self.env.get("PATH", SEARCH_PATH).split(":")]
            path = next((path for path in paths if self.container.files.exists(self.path(path))), None)
            if program is not None or path is None:
                if program is None:
                    raise CommandError("not found", 127)
                return program
        else:
            path = name
            if not self.container.files.exists(self.path(path)):
                program = self.container.programs.get(last)
                if program is None or self.path(directory) not in SEARCH_PATH.split(":"):
                    raise CommandError("not found", 127)
                return program
        return self._program_of_file(path, last)

    def _program_of_file(self, path: str, name: str) -> Program:
        files = self.container.files
        node = files.stat(self.path(path))
        if not isinstance(node, File) or not files.allowed(node, 1):
            raise CommandError("Permission denied", 126)
        content = node.read()
        if content.startswith(ELF):
            program = self.container.programs.get(name) or self.container.programs.get(
                content[len(ELF) :].decode().strip()
            )
            if program is None:
                raise CommandError("not simulated by Podwalk", 127)
            return program
        first = content.split(b"\n", 1)[0].decode(errors="replace")
        interpreter = first[2:].split(None, 1) if first.startswith("#!") else ["/bin/sh"]
        if not interpreter:
            raise CommandError("not found", 127)
        program = self.find_program(interpreter[0])

        def run(process: Process) -> Task:
            process.argv = [*interpreter, path, *process.argv[1:]]
            return (yield from program(process))

        return run

    def path(self, name: str) -> str:
        """Return the absolute path of a name that is relative to the current directory."""
        return name if name.startswith("/") else f"{self.cwd.rstrip('/')}/{name}"

    def kill(self, number: int = SIGTERM) -> None:
        """Send a signal. Process 1 gets only those it handles, and SIGKILL."""
        if self.exit_code is not None or self._task is None or not self._task.is_alive:
            return
        if self.pid == 1 and number != SIGKILL and number not in self.handles_signals:
            return
        if self.simulation.env.active_process is self._task:
            raise simpy.Interrupt(Signal(number))
        self._task.interrupt(Signal(number))

    def runs(self, task: object) -> bool:
        """Whether this is the process that a task of the simulation belongs to."""
        return task is not None and task is self._task

    def emit(self, data: bytes) -> Task:
        """Write to stdout and wait for the reader and the clock.

        What a program that writes much or without end calls.
        """
        self.stdout.write(data)
        yield self.simulation.sleep(EMIT_COST_S + len(data) / EMIT_RATE)
        yield from self.stdout.drain()

    @property
    def descriptors(self) -> dict[int, Pipe]:
        """The three standard streams by number."""
        return {0: self.stdin, 1: self.stdout, 2: self.stderr}

    def redirect(self, streams: Mapping[int, Pipe]) -> None:
        """Change the standard streams of the running process; one that is not named is closed."""
        empty, lost = _closed(self.simulation), _null(self.simulation)
        fresh = streams.get(0, empty), streams.get(1, lost), streams.get(2, lost)
        for number, stream in enumerate(fresh):  # all are held before one is let go: 2>&1 >file swaps a pipe's only end
            stream.hold(write=number > 0)
        for number, stream in enumerate((self.stdin, self.stdout, self.stderr)):
            stream.release(write=number > 0)
        self.stdin, self.stdout, self.stderr = fresh

    def write(self, text: str) -> None:
        """Write text to stdout."""
        self.stdout.write(text.encode(errors="surrogateescape"))

    def fail(self, text: str, code: int = 1) -> int:
        """Write a line to stderr and return an exit code: ``return process.fail("wget: bad address")``."""
        self.stderr.write(text.encode(errors="surrogateescape") + b"\n")
        return code

    def sleep(self, seconds: float) -> simpy.Event:
        """Return the event that comes after ``seconds``."""
        return self.simulation.sleep(seconds)

    def _run(self, program: Program) -> Task:
        try:
            yield self.simulation.sleep(EXEC_COST_S)
            code = yield from program(self)
        except simpy.Interrupt as interrupt:
            self.signal = interrupt.cause.number if isinstance(interrupt.cause, Signal) else SIGKILL
            code = 128 + self.signal
        except BrokenPipe:
            self.signal, code = SIGPIPE, 128 + SIGPIPE
        except FileError as error:
            code = self._complain(error)
        except Exception as error:  # noqa: BLE001  a fault in one simulated program must not stop the cluster
            code = self._abort(error)
        self._finish(int(code or 0))

    def _finish(self, code: int) -> None:
        self.exit_code = code
        self.container.processes.pop(self.pid, None)
        if self.pid == 1:
            for process in list(self.container.processes.values()):
                process.kill(SIGKILL)
        if self._task is not None:
            self.stdin.release(write=False)
            self.stdout.release(write=True)
            self.stderr.release(write=True)
        self.done.succeed(code)

    def _abort(self, error: Exception) -> int:
        """End a program that has a fault of ours like one that crashed, and keep the fault for the cluster's owner."""
        self.simulation.faults.append(error)
        self.signal = SIGABRT
        with contextlib.suppress(BrokenPipe):
            self.fail(
                f"{self.argv[0]}: a fault in Podwalk's simulation of it, not yours: {type(error).__name__}: {error}"
            )
        return 128 + SIGABRT

    def _complain(self, error: FileError) -> int:
        """Say that a write failed: what a program that does not look for it would have seen."""
        try:
            return self.fail(f"{self.argv[0].rpartition('/')[2]}: write error: {error.reason}")
        except (BrokenPipe, FileError):
            return 1


def _closed(simulation: Simulation) -> Pipe:
    pipe = Pipe(simulation)
    pipe.close()
    return pipe


def _null(simulation: Simulation) -> Pipe:
    pipe = Pipe(simulation)
    pipe.on_write = lambda _: None
    return pipe
