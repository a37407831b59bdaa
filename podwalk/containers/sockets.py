"""Sockets: what a process of a Pod, of a node or of a client outside opens, over the simulated network.

Bytes are real; only the wire is simulated: each write arrives after the latency of the way. The fabric decides
whether a connection comes about. Left out: segments and windows (a write arrives whole), and resets as distinct from
an orderly end.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import simpy

from podwalk.containers.process import PIPE_SIZE, BrokenPipe, Pipe
from podwalk.errors import PodwalkError
from podwalk.simulation import Simulation
from podwalk.types import Peer, Verdict

if TYPE_CHECKING:
    from podwalk.containers.fabric import Fabric

EPHEMERAL = (32768, 60999)
"""Linux's ``ip_local_port_range``."""

TIMEOUTS_S: Mapping[str, float] = {"TCP": 127.0, "SCTP": 276.0}
"""How long Linux tries to connect, by protocol.

TCP: six retransmissions of the SYN, after 1, 2, 4, 8, 16 and 32 s, and 64 s more. SCTP: eight of the INIT, after 3, 3,
6, 12, 24, 48, 60 and 60 s, and 60 s more (net/sctp/sm_sideeffect.c, ``sctp_cmd_t1_timer_update``).
"""

UDP_STREAM_S = 120.0
"""How long conntrack remembers a UDP stream."""

UDP_STREAMS = 4096
"""Streams one socket remembers."""

RECEIVE_QUEUE = 4096
"""Datagrams one socket holds; more are dropped."""


class SocketError(PodwalkError):
    """A socket operation failed; ``errno_name`` is the errno's name, ``words`` what ``strerror`` says."""

    errno_name = "EIO"
    words = "Input/output error"

    def __init__(self, detail: str = "", verdict: Verdict | None = None) -> None:
        """Keep the verdict that decided it, if the network did."""
        super().__init__(f"{detail}: {self.words}" if detail else self.words)
        self.verdict = verdict


class AddressInUse(SocketError):
    """Another process of the Pod listens on this port."""

    errno_name, words = "EADDRINUSE", "Address already in use"


class ConnectionRefused(SocketError):
    """Nobody listens, or the Service has no endpoint."""

    errno_name, words = "ECONNREFUSED", "Connection refused"


class ConnectionTimedOut(SocketError):
    """No answer came: a policy, or an address that nobody has."""

    errno_name, words = "ETIMEDOUT", "Connection timed out"


class Unreachable(SocketError):
    """The next hop knows no way."""

    errno_name, words = "EHOSTUNREACH", "No route to host"


class ConnectionReset(SocketError):
    """The other end went away without an orderly end."""

    errno_name, words = "ECONNRESET", "Connection reset by peer"


@dataclass(frozen=True)
class Address:
    """One end of a connection."""

    ip: str
    port: int

    def __str__(self) -> str:
        """Render as ``IP:PORT``."""
        return f"{self.ip}:{self.port}"


class Wire(Pipe):
    """The writing half of a connection: bytes come out of ``far`` after ``latency_s``, in order."""

    def __init__(self, simulation: Simulation, far: Pipe, latency_s: float) -> None:
        """Start open."""
        super().__init__(simulation)
        self.far = far
        self.latency_s = latency_s

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            BrokenPipe: when this end was closed, or the other end reads no more.
        """
        if self.closed or self.broken or self.far.broken:
            raise BrokenPipe("write to a connection that is closed")
        if data:
            self._simulation.call(lambda: self._arrive(data), self.latency_s)

    def close(self) -> None:
        """Send the end (FIN)."""
        if not self.closed:
            super().close()
            self._simulation.call(self.far.close, self.latency_s)

    def drain(self) -> Generator[simpy.Event, Any, None]:
        """Wait until the other end has made room."""
        yield from self.far.drain()

    def _arrive(self, data: bytes) -> None:
        if not self.far.broken and not self.far.closed:
            Pipe.write(self.far, data)


class Connection:
    """One end of an open TCP or SCTP connection.

    Attributes:
        incoming: what the other end sent.
        outgoing: what is sent to it.
        local: this end's address.
        remote: the other end's, as this end sees it (after SNAT, before DNAT).
        verdict: how the network brought it about; None on loopback.
    """

    def __init__(
        self,
        simulation: Simulation,
        incoming: Pipe,
        outgoing: Wire,
        local: Address,
        remote: Address,
        verdict: Verdict | None,
        protocol: str = "TCP",
    ) -> None:
        """Join the two halves."""
        self.simulation = simulation
        self.incoming, self.outgoing = incoming, outgoing
        self.local, self.remote = local, remote
        self.verdict = verdict
        self.protocol = protocol
        self.namespace: NetNs | None = None

    def read(self, limit: int = PIPE_SIZE, timeout_s: float | None = None) -> Generator[simpy.Event, Any, bytes]:
        """Wait for bytes; empty at the end.

        Raises:
            ConnectionTimedOut: when nothing came within ``timeout_s``.
        """
        if timeout_s is not None and not self.incoming.ready:
            yield from wait_ready(self.simulation, self.incoming, timeout_s)
        return (yield from self.incoming.read(limit))

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.outgoing.write(data)

    def close(self) -> None:
        """Close both directions."""
        self.outgoing.close()
        self.incoming.break_()
        if self.namespace is not None:
            self.namespace.connections.pop(self, None)


def wait_ready(simulation: Simulation, pipe: Pipe, timeout_s: float) -> Generator[simpy.Event, Any, None]:
    """Wait until a pipe can be read.

    Raises:
        ConnectionTimedOut: after ``timeout_s``.
    """
    deadline = simulation.sleep(timeout_s)
    while not pipe.ready:
        yield pipe.changed() | deadline
        if deadline.processed and not pipe.ready:
            raise ConnectionTimedOut


class Listener:
    """A listening socket."""

    def __init__(self, namespace: NetNs, port: int, protocol: str, address: str) -> None:
        """Take connections from now on."""
        self.namespace, self.port, self.protocol, self.address = namespace, port, protocol, address
        self.owner: object = namespace.simulation.env.active_process
        self._queue: deque[Connection] = deque()
        self._waiting: simpy.Event | None = None
        self.closed = False

    def accept(self) -> Generator[simpy.Event, Any, Connection]:
        """Wait for the next connection."""
        while not self._queue:
            self._waiting = self.namespace.simulation.event()
            yield self._waiting
        return self._queue.popleft()

    def offer(self, connection: Connection) -> None:
        """Queue a connection that the network brings."""
        self._queue.append(connection)
        if self._waiting is not None and not self._waiting.triggered:
            self._waiting.succeed()

    def close(self) -> None:
        """Stop listening; connections that nobody accepted are closed."""
        if not self.closed:
            self.closed = True
            self.namespace.forget(self)
            for connection in self._queue:
                connection.close()


@dataclass
class Stream:
    """What conntrack knows of a UDP stream: who is really at the other end, and which address this end sees."""

    far: Datagrams
    seen: Address
    latency_s: float
    used_s: float


class Datagrams:
    """A UDP socket.

    Only one that is ``connected``, as a client's is, hears that the other side has no such port: the kernel tells a
    server's socket, which talks to many, nothing of it.
    """

    def __init__(self, namespace: NetNs, port: int, address: str) -> None:
        """Receive from now on."""
        self.namespace, self.port, self.address = namespace, port, address
        self._queue: deque[tuple[bytes, str, int]] = deque()
        self._waiting: simpy.Event | None = None
        self._refused = False
        self.connected = False
        self.streams: OrderedDict[tuple[str, int], Stream] = OrderedDict()
        self.closed = False

    def send(self, data: bytes, ip: str, port: int) -> None:
        """Send a datagram; what the network drops is lost without a word."""
        if not self.closed:
            self.namespace.fabric.send(self, data, ip, port)

    def receive(self, timeout_s: float | None = None) -> Generator[simpy.Event, Any, tuple[bytes, str, int] | None]:
        """Wait for a datagram and return it with its sender; None after ``timeout_s``.

        Raises:
            ConnectionRefused: when an ICMP "port unreachable" came back for what was sent.
        """
        deadline = self.namespace.simulation.sleep(timeout_s) if timeout_s is not None else None
        while not self._queue and not self._refused:
            self._waiting = self.namespace.simulation.event()
            yield self._waiting if deadline is None else self._waiting | deadline
            if deadline is not None and deadline.processed and not self._queue and not self._refused:
                return None
        if self._queue:
            return self._queue.popleft()
        self._refused = False
        raise ConnectionRefused

    def deliver(self, data: bytes, ip: str, port: int) -> None:
        """Queue a datagram that the network brings."""
        if not self.closed and len(self._queue) < RECEIVE_QUEUE:
            self._queue.append((data, ip, port))
            self._wake()

    def refuse(self) -> None:
        """Note that the other side has no such port."""
        if self.connected:
            self._refused = True
            self._wake()

    def remember(self, ip: str, port: int, stream: Stream) -> None:
        """Keep a stream, the least recently used going first."""
        self.streams[ip, port] = stream
        self.streams.move_to_end((ip, port))
        while len(self.streams) > UDP_STREAMS:
            self.streams.popitem(last=False)

    def close(self) -> None:
        """Stop receiving."""
        if not self.closed:
            self.closed = True
            self.namespace.forget(self)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.triggered:
            self._waiting.succeed()


class NetNs:
    """A network namespace: one Pod's, one node's (shared by its hostNetwork Pods), or that of a client outside."""

    def __init__(self, fabric: Fabric, peer: Peer, via: str = "") -> None:
        """Start with nothing open. ``peer`` says who is here; ``via`` is its route, see :class:`podwalk.types.Flow`."""
        self.fabric, self.via = fabric, via
        self.simulation = fabric.simulation
        self.peer = peer
        self.listeners: dict[tuple[str, int, str], Listener] = {}
        self.sockets: dict[tuple[int, str], Datagrams] = {}
        self.connections: dict[Connection, None] = {}
        self.up = True
        self.on_demand: Callable[[int], Listener | None] | None = None
        """Who takes one connection to a TCP port at which nobody else listens."""
        self._next_port = EPHEMERAL[0]

    @property
    def ip(self) -> str:
        """The address of this namespace."""
        return self.peer.ip

    def listen(self, port: int, protocol: str = "TCP", address: str = "") -> Listener:
        """Listen on a port, of every address or of one.

        Raises:
            AddressInUse: when somebody does already.
        """
        port = port or self.ephemeral()
        address = "" if address in ("0.0.0.0", "::", "*") else address
        if any(self.listeners.get((protocol, port, other)) for other in ({address, ""} if address else self._at(port))):
            raise AddressInUse(f"{address or '0.0.0.0'}:{port}")
        listener = self.listeners[protocol, port, address] = Listener(self, port, protocol, address)
        return listener

    def listener(self, protocol: str, port: int, ip: str) -> Listener | None:
        """Return who listens for connections to a port of an address."""
        found = self.listeners.get((protocol, port, "")) or self.listeners.get((protocol, port, ip))
        return self.on_demand(port) if found is None and protocol == "TCP" and self.on_demand else found

    def connect(
        self, ip: str, port: int, protocol: str = "TCP", timeout_s: float | None = None, *, source_port: int = 0
    ) -> Generator[simpy.Event, Any, Connection]:
        """Open a connection.

        Raises:
            ConnectionRefused: nobody listens there.
            ConnectionTimedOut: no answer within ``timeout_s``, or within the protocol's own time-out.
            Unreachable: there is no way.
        """
        return (yield from self.fabric.connect(self, ip, port, protocol, timeout_s, source_port))

    def bind(self, port: int = 0, address: str = "") -> Datagrams:
        """Open a UDP socket, on a free port if none is named.

        Raises:
            AddressInUse: when somebody has it.
        """
        connected, port = not port, port or self.ephemeral()
        address = "" if address in ("0.0.0.0", "::", "*") else address
        if (port, address) in self.sockets:
            raise AddressInUse(f"{address or '0.0.0.0'}:{port}")
        socket = self.sockets[port, address] = Datagrams(self, port, address)
        socket.connected = connected
        return socket

    def socket(self, port: int, ip: str) -> Datagrams | None:
        """Return the UDP socket bound to a port of an address."""
        return self.sockets.get((port, "")) or self.sockets.get((port, ip))

    def ephemeral(self) -> int:
        """Return the next port for a client's end."""
        low, high = EPHEMERAL
        port, self._next_port = self._next_port, self._next_port + 1
        if self._next_port > high:
            self._next_port = low
        return port

    def forget(self, socket: Listener | Datagrams) -> None:
        """Take a socket off its port."""
        if isinstance(socket, Listener):
            self.listeners.pop((socket.protocol, socket.port, socket.address), None)
        else:
            self.sockets.pop((socket.port, socket.address), None)

    def close(self) -> None:
        """Take the namespace down, with everything open in it."""
        self.up = False
        for listener in list(self.listeners.values()):
            listener.close()
        for socket in list(self.sockets.values()):
            socket.close()
        for connection in list(self.connections):
            connection.close()

    def _at(self, port: int) -> set[str]:
        return {address for _, other, address in self.listeners if other == port} | {""}
