"""HTTP/1.1 over simulated connections, spoken by h11 on both ends.

h11 is the protocol as a state machine without I/O, which is what a simulation needs. Bodies are read and sent whole.
HTTP/2 is not spoken: a client that offers it by ALPN is answered with ``http/1.1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Protocol

import h11
import simpy

from podwalk.containers.process import PIPE_SIZE, BrokenPipe
from podwalk.containers.sockets import Address, Connection, ConnectionReset, ConnectionTimedOut, Listener, SocketError
from podwalk.containers.tls import TlsError
from podwalk.errors import PodwalkError
from podwalk.simulation import Simulation, Task

Headers = Sequence[tuple[str, str]]

REQUEST_LINE = re.compile(rb"\S+ +.+ HTTP/\d\.\d")

HEAD_LIMIT = 64 * 1024
"""Bytes of a request line and its headers; more is answered with 431, as nginx and Go do at their own limits."""


class ByteStream(Protocol):
    """A connection, with TLS or without."""

    def read(self, limit: int = ..., timeout_s: float | None = ...) -> Generator[simpy.Event, Any, bytes]:
        """Wait for bytes; empty at the end."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """Close both directions."""


class HttpError(PodwalkError):
    """The other side did not speak HTTP, or stopped in the middle."""


class NotHttp(HttpError):
    """What came is no HTTP from its first byte; ``line`` is its first line."""

    def __init__(self, data: bytes) -> None:
        """Keep what a client may show of it."""
        self.line = data.partition(b"\n")[0].removesuffix(b"\r")
        super().__init__("the answer is no HTTP")


@dataclass(frozen=True)
class Incoming:
    """A request that a server got.

    Attributes:
        method: the method.
        target: path and query as sent.
        headers: names as sent.
        body: the whole body.
        version: ``1.0`` or ``1.1``.
        local: the address that the client reached.
        remote: the client, as the server sees it.
        tls: the server name of TLS, empty without SNI; None without TLS.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    version: str
    local: Address
    remote: Address
    tls: str | None = None

    def header(self, name: str, default: str = "") -> str:
        """Return the first header of a name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]


@dataclass(frozen=True)
class Answer:
    """What a server answers.

    ``takeover`` gets the connection after a 101, with what the client has sent since. A ``silent`` one is not sent: the
    connection is closed.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    reason: str = ""
    close: bool = False
    takeover: Callable[[ByteStream, bytes], Task] | None = None
    silent: bool = False


@dataclass(frozen=True)
class Reply:
    """What a client got."""

    status: int
    reason: str
    headers: Headers
    body: bytes
    version: str = "1.1"
    reusable: bool = False

    def header(self, name: str, default: str = "") -> str:
        """Return the first header of a name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)


Handler = Callable[[Incoming], Answer | Generator[simpy.Event, Any, Answer]]
Wrap = Callable[[Connection], Generator[simpy.Event, Any, tuple[ByteStream, str | None]]]


def date(simulation: Simulation) -> str:
    """Return the present as a ``Date`` header."""
    return format_datetime(simulation.datetime().replace(microsecond=0), usegmt=True)


@dataclass
class Server:
    """An HTTP server on a listener.

    Attributes:
        wrap: makes the TLS stream of a connection; None for plain HTTP.
        bad_request: what a request that is no HTTP is answered with; the default is Go's.
        refusal: makes that answer for a status, where it is more than words.
        open: the connections that are open; all are closed when the server ends.
    """

    simulation: Simulation
    listener: Listener
    handle: Handler
    wrap: Wrap | None = None
    bad_request: Answer = field(
        default=Answer(
            400, [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")], b"400 Bad Request"
        )
    )
    refusal: Callable[[int], Answer] | None = None
    open: dict[Connection, simpy.Process] = field(default_factory=dict)

    def run(self) -> Task:
        """Serve until interrupted."""
        try:
            while True:
                connection = yield from self.listener.accept()
                self.open[connection] = self.simulation.spawn(self._session(connection))
        finally:
            self.listener.close()
            for connection in list(self.open):
                connection.close()

    def run_once(self) -> Task:
        """Serve one connection."""
        yield from self._session((yield from self.listener.accept()))

    def _session(self, connection: Connection) -> Task:
        try:
            stream, name = (connection, None) if self.wrap is None else (yield from self.wrap(connection))
            yield from self._converse(stream, connection, name)
            stream.close()
        except (BrokenPipe, SocketError, TlsError):
            pass
        finally:
            connection.close()
            self.open.pop(connection, None)

    def _converse(self, stream: ByteStream, connection: Connection, name: str | None) -> Task:
        protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        while True:
            try:
                request = yield from _receive_request(protocol, stream, connection, name)
            except h11.RemoteProtocolError as error:
                self._refuse(protocol, stream, error.error_status_hint)
                return
            if request is None:
                return
            answer = self.handle(request)
            if not isinstance(answer, Answer):
                answer = yield from answer
            if answer.silent:
                return
            if answer.takeover is not None:
                yield from self._switch(protocol, stream, answer)
                return
            stream.write(_render(protocol, answer, request.method))
            if answer.close or protocol.our_state is not h11.DONE or protocol.their_state is not h11.DONE:
                return
            protocol.start_next_cycle()

    def _refuse(self, protocol: h11.Connection, stream: ByteStream, status: int) -> None:
        if protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = self.bad_request
            if self.refusal is not None:
                answer = self.refusal(status or 400)
            elif status not in (0, 400):
                answer = Answer(status, answer.headers, f"{status} {HTTPStatus(status).phrase}".encode())
            stream.write(_render(protocol, answer, "GET"))

    def _switch(self, protocol: h11.Connection, stream: ByteStream, answer: Answer) -> Task:
        data = protocol.send(
            h11.InformationalResponse(status_code=101, headers=_encode(answer.headers), reason=_reason(answer).encode())
        )
        stream.write(data or b"")
        if answer.takeover is not None:
            yield from answer.takeover(stream, protocol.trailing_data[0])


def _receive_request(
    protocol: h11.Connection, stream: ByteStream, connection: Connection, name: str | None
) -> Generator[simpy.Event, Any, Incoming | None]:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            if protocol.they_are_waiting_for_100_continue:
                stream.write(protocol.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            protocol.receive_data((yield from stream.read()))
            if head is None:
                _check_request_line(protocol.trailing_data[0])
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Incoming(
                head.method.decode(),
                head.target.decode("latin-1"),
                _decode(head.headers),
                bytes(body),
                head.http_version.decode(),
                connection.local,
                connection.remote,
                name,
            )
        else:
            return None


def _check_request_line(data: bytes) -> None:
    # h11 waits for the whole head; servers refuse a first line that is no request as soon as they have read it.
    line, end, _ = data.partition(b"\n")
    if end and line.strip() and not REQUEST_LINE.fullmatch(line.rstrip(b"\r")):
        raise h11.RemoteProtocolError("illegal request line", error_status_hint=400)


def _render(protocol: h11.Connection, answer: Answer, method: str) -> bytes:
    """Write an answer; h11 adds ``connection`` and ``transfer-encoding``, whose case is made what servers send."""
    headers = list(answer.headers)
    names = {key.lower() for key, _ in headers}
    bodiless = answer.status in (204, 304) or 100 <= answer.status < 200
    if not bodiless and protocol.their_http_version is not None and not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(answer.body))))
    if answer.close and "connection" not in names:
        headers.append(("Connection", "close"))
    head = h11.Response(status_code=answer.status, headers=_encode(headers), reason=_reason(answer).encode())
    data = protocol.send(head) or b""
    for name in (b"Connection", b"Transfer-Encoding"):
        data = data.replace(b"\r\n" + name.lower() + b": ", b"\r\n" + name + b": ", 1)
    data = _in_place(data, headers)
    if answer.body and method != "HEAD" and not bodiless:
        data += protocol.send(h11.Data(data=answer.body)) or b""
    if method == "HEAD" or bodiless or answer.body or "content-length" not in names or _length(headers) == 0:
        data += protocol.send(h11.EndOfMessage()) or b""
    return data


def _in_place(data: bytes, headers: Headers) -> bytes:
    """Move ``Connection``, which h11 puts last when it closes, back to where the server has it."""
    wanted = next((index for index, (key, _) in enumerate(headers) if key.lower() == "connection"), -1)
    lines = data.split(b"\r\n")
    at = next((index for index, line in enumerate(lines) if line.startswith(b"Connection: ")), -1)
    if wanted >= 0 and at > wanted + 1:
        lines.insert(wanted + 1, lines.pop(at))
        return b"\r\n".join(lines)
    return data


def _length(headers: Headers) -> int:
    return next((int(value) for key, value in headers if key.lower() == "content-length"), 0)


def _reason(answer: Answer) -> str:
    if answer.reason:
        return answer.reason
    try:
        return HTTPStatus(answer.status).phrase
    except ValueError:
        return f"status code {answer.status}"


def exchange(
    stream: ByteStream,
    method: str,
    target: str,
    headers: Headers,
    body: bytes = b"",
    *,
    timeout_s: float | None = None,
    on_head: Callable[[Reply], None] | None = None,
    on_data: Callable[[bytes], None] | None = None,
    version: str = "1.1",
) -> Generator[simpy.Event, Any, Reply]:
    """Send a request and wait for the whole answer.

    Args:
        stream: an open connection.
        method: the method.
        target: path and query.
        headers: every header, ``Host`` included; sent in this order.
        body: the body; ``Content-Length`` is the caller's.
        timeout_s: how long to wait for each piece.
        on_head: called with status and headers as soon as they are there.
        on_data: called with each piece of the body as it comes.
        version: of HTTP, as the request says.

    Raises:
        ConnectionTimedOut: when a piece did not come in time.
        ConnectionReset: when the server closed before it answered.
        NotHttp: when what came is no HTTP.
        HttpError: when it is broken, or ended too early.
    """
    protocol = h11.Connection(h11.CLIENT)
    try:
        data = protocol.send(h11.Request(method=method, target=target or "/", headers=_encode(headers))) or b""
        data = data.replace(b" HTTP/1.1\r\n", f" HTTP/{version}\r\n".encode(), 1)
        data += (protocol.send(h11.Data(data=body)) or b"") if body else b""
        data += protocol.send(h11.EndOfMessage()) or b""
    except h11.LocalProtocolError as error:
        raise HttpError(f"cannot send this request: {error}") from error
    try:
        stream.write(data)
    except BrokenPipe as error:
        raise ConnectionReset from error
    return (yield from _receive_reply(protocol, stream, timeout_s, on_head, on_data))


def _receive_reply(
    protocol: h11.Connection,
    stream: ByteStream,
    timeout_s: float | None,
    on_head: Callable[[Reply], None] | None,
    on_data: Callable[[bytes], None] | None,
) -> Generator[simpy.Event, Any, Reply]:
    reply: Reply | None = None
    body, seen = bytearray(), False
    while True:
        try:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                data = yield from stream.read(PIPE_SIZE, timeout_s)
                if not data and reply is None:
                    raise ConnectionReset
                if reply is None and not seen and data[:5] != b"HTTP/"[: len(data)]:
                    raise NotHttp(data)
                seen = True
                protocol.receive_data(data)
                continue
        except h11.RemoteProtocolError as error:
            raise HttpError(str(error)) from error
        if isinstance(event, h11.Response) or (
            isinstance(event, h11.InformationalResponse) and event.status_code == 101
        ):
            reply = Reply(
                event.status_code, event.reason.decode(), _decode(event.headers), b"", event.http_version.decode()
            )
            if on_head is not None:
                on_head(reply)
            if event.status_code == 101:
                return Reply(101, reply.reason, reply.headers, protocol.trailing_data[0], reply.version)
        elif isinstance(event, h11.Data):
            body += event.data
            if on_data is not None:
                on_data(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage) and reply is not None:
            reusable = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
            return Reply(reply.status, reply.reason, reply.headers, bytes(body), reply.version, reusable)
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            raise ConnectionReset


def _encode(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(key.encode("latin-1", "replace"), value.encode("utf-8")) for key, value in headers]


def _decode(headers: Any) -> list[tuple[str, str]]:
    return [(key.decode("latin-1"), value.decode("latin-1")) for key, value in headers.raw_items()]


__all__ = [
    "Answer",
    "ByteStream",
    "ConnectionTimedOut",
    "HttpError",
    "Incoming",
    "Reply",
    "Server",
    "date",
    "exchange",
]
