"""exec, attach and port-forward: a session's channels joined to processes and connections.

Source: k8s.io/kubelet/pkg/cri/streaming/remotecommand, the kubelet's and containerd's messages as a v1.37 cluster
prints them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from podwalk.containers.process import BrokenPipe, Pipe, Process
from podwalk.containers.sockets import Connection, SocketError
from podwalk.containers.terminal import Terminal
from podwalk.errors import ApiError
from podwalk.kubelet import launch
from podwalk.kubelet.runner import Runner
from podwalk.kubelet.worker import Worker
from podwalk.simulation import Simulation, Task
from podwalk.types import Object, Session

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
SUCCESS = {"metadata": {}, "status": "Success"}


def execute(
    worker: Worker, runner: Runner, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
) -> Session:
    """Run a command in a running container.

    Raises:
        ApiError: when the container does not run.
    """
    container = runner.container
    if container is None or not runner.running:
        raise _not_running(worker, runner)
    session = Session()
    found = launch.program(container, list(command)) if command else 'exec: "": executable file not found in $PATH'
    if isinstance(found, str):
        number = hashlib.sha256(f"{runner.container_id}{command}{worker.simulation.now}".encode()).hexdigest()
        fail(
            session,
            "error executing command in container: failed to exec in container: "
            f'failed to start exec "{number}": OCI runtime exec failed: exec failed: '
            f"unable to start container process: {found}",
        )
        return session
    simulation = worker.simulation
    cwd = runner.spec.get("workingDir") or (runner.image.cwd if runner.image else "/")
    if tty:
        terminal = Terminal(simulation, lambda data: session.send(STDOUT, data))
        process = Process(
            container,
            found.argv,
            stdin=terminal.stdin if stdin else None,
            stdout=terminal.stdout,
            stderr=terminal.stdout,
            cwd=cwd,
            tty=True,
        )
        process.env.setdefault("TERM", "xterm")
        process.terminal, terminal.foreground = terminal, (process,)
        _join(session, terminal, writes=stdin)
    else:
        given = Pipe(simulation) if stdin else None
        process = Process(
            container,
            found.argv,
            stdin=given,
            stdout=_outlet(simulation, session, STDOUT, wanted=stdout),
            stderr=_outlet(simulation, session, STDERR, wanted=stderr),
            cwd=cwd,
        )
        _feed(session, process, given)
    process.start(found.program)
    simulation.spawn(_end(session, process, command))
    return session


def _not_running(worker: Worker, runner: Runner) -> ApiError:
    if worker.pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        phase = worker.pod["status"]["phase"]
        words = f"cannot exec into a container in a completed pod; current phase is {phase}"
        return ApiError(500, "InternalError", words)
    return ApiError(500, "InternalError", f'unable to upgrade connection: container not found ("{runner.name}")')


def _outlet(simulation: Simulation, session: Session, channel: int, *, wanted: bool) -> Pipe:
    pipe = Pipe(simulation)
    pipe.on_write = lambda data: session.send(channel, data) if wanted else None
    return pipe


def _join(session: Session, terminal: Terminal, *, writes: bool, hang_up: bool = True) -> None:
    """Hand what the client types, and the size of its window, to a terminal."""

    def receive(channel: int, data: bytes) -> None:
        if channel == STDIN and writes:
            terminal.receive(data)
        elif channel == RESIZE:
            try:
                size = json.loads(data)
                terminal.resize(int(size["Width"]), int(size["Height"]))
            except (ValueError, KeyError, TypeError):
                return

    session.on_input = receive
    session.on_input_close = lambda channel: terminal.stdin.close() if channel == STDIN and hang_up else None
    session.on_disconnect = terminal.hang_up if hang_up else None


def _feed(session: Session, process: Process, given: Pipe | None) -> None:
    """Hand what the client sends to a process."""

    def receive(channel: int, data: bytes) -> None:
        if channel == STDIN and given is not None and not given.closed and not given.broken:
            given.write(data)

    def end(channel: int) -> None:
        if channel == STDIN and given is not None:
            given.close()

    def gone() -> None:
        end(STDIN)
        for pipe in (process.stdout, process.stderr):
            pipe.break_()

    session.on_input, session.on_input_close, session.on_disconnect = receive, end, gone


def _end(session: Session, process: Process, command: Sequence[str]) -> Task:
    if process.exit_code is None:
        yield process.done
    code = process.exit_code or 0
    status: Object = SUCCESS
    if code:
        words = (
            f"command terminated with non-zero exit code: error executing command [{' '.join(command)}], exit code"
            f" {code}"
        )
        status = {
            "metadata": {},
            "status": "Failure",
            "message": words,
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    _finish(session, status)


def fail(session: Session, words: str) -> None:
    """End a session with an internal error."""
    _finish(
        session,
        {
            "metadata": {},
            "status": "Failure",
            "message": f"Internal error occurred: {words}",
            "reason": "InternalError",
            "details": {"causes": [{"message": words}]},
            "code": 500,
        },
    )


def _finish(session: Session, status: Object) -> None:
    session.send(ERROR, json.dumps(status, separators=(",", ":")).encode())
    session.close()


def attach(worker: Worker, runner: Runner, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> Session:
    """Join the main process of a running container.

    Raises:
        ApiError: when it does not run.
    """
    process = runner.process
    if process is None or not runner.running:
        raise _not_running(worker, runner)
    session = Session()
    terminal = process.terminal

    def receive(descriptor: int, data: bytes) -> None:
        channel = STDOUT if descriptor == 1 or terminal is not None else STDERR
        if stdout if channel == STDOUT else stderr:
            session.send(channel, data)

    def end() -> None:
        _finish(session, SUCCESS)

    leave = worker.attach(runner.name, receive, end)
    if terminal is not None:
        _join(session, terminal, writes=stdin and bool(runner.spec.get("stdin")), hang_up=False)
        session.on_disconnect = leave
        return session
    given = runner.stdin if stdin else None

    def typed(channel: int, data: bytes) -> None:
        if channel == STDIN and given is not None and not given.closed and not given.broken:
            given.write(data)

    def closed(channel: int) -> None:
        if channel == STDIN and given is not None and runner.spec.get("stdinOnce"):
            given.close()

    def gone() -> None:
        leave()
        closed(STDIN)

    session.on_input, session.on_input_close, session.on_disconnect = typed, closed, gone
    return session


class Forwarding:
    """The ports of one port-forward, each with its connection."""

    def __init__(self, worker: Worker, ports: Sequence[int]) -> None:
        """Open the session, tell the client which channel is which port, and begin to connect."""
        self._worker = worker
        self.session = Session()
        self._ports = {2 * index: port for index, port in enumerate(ports)}
        self._pending = {channel: bytearray() for channel in self._ports}
        self._connections: dict[int, Connection] = {}
        self._ended: set[int] = set()
        self.session.on_input, self.session.on_input_close = self._receive, self._end
        self.session.on_disconnect = self._leave
        for channel, port in self._ports.items():
            self.session.send(channel, port.to_bytes(2, "little"))
            self.session.send(channel + 1, port.to_bytes(2, "little"))
            worker.simulation.spawn(self._pump(channel, port))

    def _pump(self, channel: int, port: int) -> Task:
        try:
            connection = yield from self._worker.network.connect("127.0.0.1", port)
        except SocketError as error:
            self.session.send(channel + 1, self._words(port, error).encode())
            self.session.close()
            return
        self._connections[channel] = connection
        self._receive(channel, b"")
        if channel in self._ended:
            connection.outgoing.close()
        while data := (yield from connection.read()):
            self.session.send(channel, data)
        if len(self._ports) == 1:
            self.session.close()

    def _words(self, port: int, error: SocketError) -> str:
        sandbox = hashlib.sha256(self._worker.uid.encode()).hexdigest()
        return (
            f"error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in network namespace "
            f'"/var/run/netns/cni-{self._worker.uid}": failed to connect to localhost:{port} inside namespace '
            f'"{sandbox}", IPv4: dial tcp4 127.0.0.1:{port}: connect: {error.words.lower()} '
            f"IPv6 dial tcp6 [::1]:{port}: connect: connection refused "
        )

    def _receive(self, channel: int, data: bytes) -> None:
        if channel not in self._ports:
            return
        waiting = self._pending[channel]
        waiting += data
        connection = self._connections.get(channel)
        if connection is not None and waiting:
            try:
                connection.write(bytes(waiting))
            except BrokenPipe:
                self.session.close()
            waiting.clear()

    def _end(self, channel: int) -> None:
        self._ended.add(channel)
        if channel in self._connections:
            self._connections[channel].outgoing.close()

    def _leave(self) -> None:
        for connection in self._connections.values():
            connection.close()


def port_forward(worker: Worker, ports: Sequence[int]) -> Session:
    """Open a conversation with ports of a Pod, each a connection to ``localhost`` inside it.

    Each channel begins with its port as two bytes, the lower first.
    """
    return Forwarding(worker, ports).session
