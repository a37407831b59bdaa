"""gRPC over simulated connections, as much of it as a health check needs, on both ends; h2 speaks HTTP/2 under it.

h2 is the protocol as a state machine without I/O, which is what a simulation needs. Left out: streaming, TLS.
Source: grpc/grpc, doc/PROTOCOL-HTTP2.md and doc/connection-backoff.md; grpc-go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import simpy
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import H2Error
from h2.settings import SettingCodes
from hyperframe.frame import SettingsFrame

from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import Connection, ConnectionReset, ConnectionTimedOut, NetNs, SocketError
from podwalk.errors import PodwalkError
from podwalk.simulation import Simulation, Task

GREETING = SettingsFrame(0, {SettingCodes.MAX_FRAME_SIZE: 16_384}).serialize()
"""What a Go server sends to whoever connects; h2's own settings are more."""

FIRST_RETRY_S, RETRY_FACTOR = 1.0, 1.6

CODES = ("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
         "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
         "Internal", "Unavailable", "DataLoss", "Unauthenticated")  # fmt: skip

Method = Callable[[bytes], bytes]


class RpcError(PodwalkError):
    """A call failed; ``code`` is the name of gRPC's status, ``detail`` what the server said."""

    def __init__(self, code: str, detail: str) -> None:
        """Say it as grpc-go does."""
        super().__init__(f"rpc error: code = {code} desc = {detail}")
        self.code, self.detail = code, detail


class ProtocolError(PodwalkError):
    """The other end does not speak HTTP/2."""


class Session:
    """One end of an HTTP/2 connection."""

    def __init__(self, simulation: Simulation, connection: Connection, *, client: bool) -> None:
        """Greet the other end."""
        self._simulation, self.connection = simulation, connection
        self.http = H2Connection(H2Configuration(client_side=client))
        self.http.initiate_connection()
        if not client:
            self.http.clear_outbound_data_buffer()
            connection.write(GREETING)
        self.flush()

    def flush(self) -> None:
        """Send what there is to send."""
        if data := self.http.data_to_send():
            self.connection.write(data)

    def events(self, deadline_s: float | None = None) -> Generator[simpy.Event, Any, list[events.Event]]:
        """Wait until something comes, and return what it means.

        Raises:
            ConnectionTimedOut: when nothing has come by ``deadline_s``.
            ConnectionReset: when the other end has closed.
            ProtocolError: when it does not speak HTTP/2.
        """
        left_s = None if deadline_s is None else max(0.0, deadline_s - self._simulation.now)
        data = yield from self.connection.read(timeout_s=left_s)
        if not data:
            raise ConnectionReset
        try:
            found = self.http.receive_data(data)
        except H2Error as error:
            raise ProtocolError(str(error)) from error
        self.flush()
        return found

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in headers}


def _message(data: bytes) -> bytes:
    return b"\x00" + len(data).to_bytes(4, "big") + data


def call(session: Session, path: str, request: bytes, deadline_s: float) -> Generator[simpy.Event, Any, bytes]:
    """Call a method of the server that a session leads to, and wait for its answer.

    Raises:
        RpcError: when the server refuses, goes away, or does not answer by ``deadline_s``.
    """
    ask = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", str(session.connection.remote)),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    try:
        stream = session.http.get_next_available_stream_id()
        session.http.send_headers(stream, ask)
        session.http.send_data(stream, _message(request), end_stream=True)
        session.flush()
        return (yield from _answer(session, deadline_s))
    except ConnectionTimedOut as error:
        raise RpcError("DeadlineExceeded", "context deadline exceeded") from error
    except (SocketError, BrokenPipe, ProtocolError) as error:
        raise RpcError("Unavailable", "error reading from server: EOF") from error


def _answer(session: Session, deadline_s: float) -> Generator[simpy.Event, Any, bytes]:
    headers: dict[str, str] = {}
    body = b""
    while True:
        for event in (yield from session.events(deadline_s)):
            if isinstance(event, events.ResponseReceived | events.TrailersReceived):
                headers |= _text(event.headers)
            elif isinstance(event, events.DataReceived):
                body += event.data
            elif isinstance(event, events.StreamEnded | events.StreamReset | events.ConnectionTerminated):
                return _finish(headers, body[5:])


def _finish(trailers: Mapping[str, str], answer: bytes) -> bytes:
    status = trailers.get("grpc-status", "")
    code = CODES[int(status)] if status.isdigit() and int(status) < len(CODES) else "Unknown"
    if code != "OK":
        raise RpcError(code, unquote(trailers.get("grpc-message", "")))
    return answer


def dial(network: NetNs, ip: str, port: int, deadline_s: float) -> Generator[simpy.Event, Any, Session]:
    """Connect to a gRPC server, again and again until one greets.

    Raises:
        ConnectionTimedOut: when none has by ``deadline_s``, whatever the reason.
    """
    simulation, pause_s = network.simulation, FIRST_RETRY_S
    while simulation.now < deadline_s:
        again_s = simulation.now + pause_s
        try:
            return (yield from _greet(network, ip, port, deadline_s))
        except (SocketError, BrokenPipe, ProtocolError):
            yield simulation.sleep(max(0.0, min(again_s, deadline_s) - simulation.now))
        pause_s *= RETRY_FACTOR
    raise ConnectionTimedOut


def _greet(network: NetNs, ip: str, port: int, deadline_s: float) -> Generator[simpy.Event, Any, Session]:
    simulation = network.simulation
    connection = yield from network.connect(ip, port, timeout_s=deadline_s - simulation.now)
    greeted = False
    try:
        session = Session(simulation, connection, client=True)
        while not greeted:
            came = yield from session.events(deadline_s)
            greeted = any(isinstance(event, events.RemoteSettingsChanged) for event in came)
        return session
    finally:
        if not greeted:
            connection.close()


@dataclass
class Call:
    """A call that a server is being sent."""

    path: str
    body: bytearray = field(default_factory=bytearray)


class Server:
    """A gRPC server of a process: methods by path, such as ``/grpc.health.v1.Health/Check``."""

    def __init__(self, process: Process, port: int, methods: Mapping[str, Method]) -> None:
        """Listen from now on.

        Raises:
            AddressInUse: when another process of the Pod does already.
        """
        self._simulation, self._methods = process.simulation, methods
        self._listener = process.container.network.listen(port)
        self._open: set[Connection] = set()

    def run(self) -> Task:
        """Serve until interrupted."""
        try:
            while True:
                connection = yield from self._listener.accept()
                self._open.add(connection)
                self._simulation.spawn(self._serve(connection))
        finally:
            self._listener.close()
            for connection in list(self._open):
                connection.close()

    def _serve(self, connection: Connection) -> Task:
        try:
            yield from self._converse(Session(self._simulation, connection, client=False))
        except (BrokenPipe, SocketError, ProtocolError):
            pass
        finally:
            connection.close()
            self._open.discard(connection)

    def _converse(self, session: Session) -> Task:
        calls: dict[int, Call] = {}
        while True:
            for event in (yield from session.events()):
                if isinstance(event, events.RequestReceived):
                    calls[event.stream_id] = Call(_text(event.headers).get(":path", ""))
                elif isinstance(event, events.DataReceived):
                    calls[event.stream_id].body += event.data
                elif isinstance(event, events.StreamReset):
                    calls.pop(event.stream_id, None)
                elif isinstance(event, events.StreamEnded):
                    self._reply(session.http, event.stream_id, calls.pop(event.stream_id))
            session.flush()

    def _reply(self, http: H2Connection, stream: int, asked: Call) -> None:
        opening = [(":status", "200"), ("content-type", "application/grpc")]
        try:
            data = self._method(asked.path)(bytes(asked.body[5:]))
        except RpcError as error:
            trailers = [("grpc-status", str(CODES.index(error.code))), ("grpc-message", quote(error.detail, safe=" "))]
            http.send_headers(stream, [*opening, *trailers], end_stream=True)
            return
        http.send_headers(stream, opening)
        http.send_data(stream, _message(data))
        http.send_headers(stream, [("grpc-status", "0"), ("grpc-message", "")], end_stream=True)

    def _method(self, path: str) -> Method:
        if path not in self._methods:
            raise RpcError("Unimplemented", f"unknown service {path.strip('/').partition('/')[0]}")
        return self._methods[path]
