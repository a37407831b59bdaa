"""gRPC over simulated connections: as much of it, and of HTTP/2 under it, as a health check needs, on both ends.

The bytes are those of the protocols, so what speaks neither sees what it would see of a real server. Headers are
written as literals that no table holds (RFC 7541, 6.2.2), and only such are read. Left out: flow control,
streaming, TLS.
Source: RFC 9113; grpc/grpc, doc/PROTOCOL-HTTP2.md and doc/connection-backoff.md; grpc-go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import simpy

from podwalk.containers.http import ByteStream
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import Connection, ConnectionReset, ConnectionTimedOut, NetNs, SocketError
from podwalk.errors import PodwalkError
from podwalk.simulation import Simulation, Task

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, ACK, END_HEADERS = 1, 1, 4
STREAM = 1
"""The number of the first, and here the only, stream that a client opens."""

MAX_FRAME_SIZE = 16_384
GREETING = (5).to_bytes(2, "big") + MAX_FRAME_SIZE.to_bytes(4, "big")
"""The settings of a Go server: SETTINGS_MAX_FRAME_SIZE."""

FIRST_RETRY_S, RETRY_FACTOR = 1.0, 1.6

CODES = ("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
         "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
         "Internal", "Unavailable", "DataLoss", "Unauthenticated")  # fmt: skip

Pairs = Sequence[tuple[str, str]]
Method = Callable[[bytes], bytes]


class RpcError(PodwalkError):
    """A call failed; ``code`` is the name of gRPC's status, ``detail`` what the server said."""

    def __init__(self, code: str, detail: str) -> None:
        """Say it as grpc-go does."""
        super().__init__(f"rpc error: code = {code} desc = {detail}")
        self.code, self.detail = code, detail


class ProtocolError(PodwalkError):
    """The other end does not speak HTTP/2."""


@dataclass(frozen=True)
class Frame:
    """A frame of HTTP/2."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    def __bytes__(self) -> bytes:
        """Return it as it is sent."""
        head = len(self.payload).to_bytes(3, "big") + bytes((self.kind, self.flags)) + self.stream.to_bytes(4, "big")
        return head + self.payload


class Reader:
    """What comes over a connection, in pieces of known length."""

    def __init__(self, simulation: Simulation, stream: ByteStream) -> None:
        """Begin with nothing read."""
        self._simulation, self._stream, self._held = simulation, stream, bytearray()

    def exactly(self, size: int, deadline_s: float | None = None) -> Generator[simpy.Event, Any, bytes]:
        """Wait for so many bytes.

        Raises:
            ConnectionTimedOut: when they have not come by ``deadline_s``.
            ConnectionReset: when the other end closed before.
        """
        while len(self._held) < size:
            left_s = None if deadline_s is None else max(0.0, deadline_s - self._simulation.now)
            data = yield from self._stream.read(timeout_s=left_s)
            if not data:
                raise ConnectionReset
            self._held += data
        taken, self._held = bytes(self._held[:size]), self._held[size:]
        return taken

    def frame(self, deadline_s: float | None = None) -> Generator[simpy.Event, Any, Frame]:
        """Wait for a frame.

        Raises:
            ProtocolError: when what comes is longer than a frame may be, as the text of another protocol seems to be.
        """
        head = yield from self.exactly(9, deadline_s)
        size = int.from_bytes(head[:3], "big")
        if size > MAX_FRAME_SIZE:
            raise ProtocolError(f"a frame of {size} bytes, longer than the {MAX_FRAME_SIZE} that a frame may have")
        payload = yield from self.exactly(size, deadline_s)
        return Frame(head[3], head[4], int.from_bytes(head[5:], "big"), payload)


def _write_headers(pairs: Pairs) -> bytes:
    block = bytearray()
    for pair in pairs:
        block.append(0)
        for text in pair:
            data = text.encode()
            block += _integer(len(data)) + data
    return bytes(block)


def _integer(value: int) -> bytes:
    """Write a length in a prefix of seven bits (RFC 7541, 5.1)."""
    if value < 127:
        return bytes((value,))
    rest = value - 127
    written = bytearray((127,))
    while rest >= 128:
        written.append(rest % 128 + 128)
        rest //= 128
    written.append(rest)
    return bytes(written)


def _read_headers(block: bytes) -> dict[str, str]:
    found, at = {}, 0
    try:
        while at < len(block):
            name, at = _text(block, at + 1)
            found[name], at = _text(block, at)
    except (IndexError, UnicodeDecodeError) as error:
        raise ProtocolError("a block of headers that is none") from error
    return found


def _text(block: bytes, at: int) -> tuple[str, int]:
    size, at, factor = block[at], at + 1, 1
    if size == 127:
        while block[at] >= 128:
            size, at, factor = size + (block[at] - 128) * factor, at + 1, factor * 128
        size, at = size + block[at] * factor, at + 1
    return block[at : at + size].decode(), at + size


def _message(data: bytes) -> bytes:
    return b"\x00" + len(data).to_bytes(4, "big") + data


@dataclass
class Channel:
    """A client's connection to a server that has greeted it."""

    simulation: Simulation
    connection: Connection
    reader: Reader

    def call(self, path: str, request: bytes, deadline_s: float) -> Generator[simpy.Event, Any, bytes]:
        """Call a method and wait for its answer.

        Raises:
            RpcError: when the server refuses, goes away, or does not answer by ``deadline_s``.
        """
        ask = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", str(self.connection.remote)),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        answer = b""
        try:
            self.connection.write(bytes(Frame(HEADERS, END_HEADERS, STREAM, _write_headers(ask))))
            self.connection.write(bytes(Frame(DATA, END_STREAM, STREAM, _message(request))))
            while True:
                frame = yield from self.reader.frame(deadline_s)
                if frame.kind == DATA:
                    answer = frame.payload[5:]
                elif frame.kind == HEADERS and frame.flags & END_STREAM:
                    return _finish(_read_headers(frame.payload), answer)
        except ConnectionTimedOut as error:
            raise RpcError("DeadlineExceeded", "context deadline exceeded") from error
        except (SocketError, BrokenPipe, ProtocolError) as error:
            raise RpcError("Unavailable", "error reading from server: EOF") from error

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _finish(trailers: Mapping[str, str], answer: bytes) -> bytes:
    status = trailers.get("grpc-status", "")
    code = CODES[int(status)] if status.isdigit() and int(status) < len(CODES) else "Unknown"
    if code != "OK":
        raise RpcError(code, unquote(trailers.get("grpc-message", "")))
    return answer


def dial(network: NetNs, ip: str, port: int, deadline_s: float) -> Generator[simpy.Event, Any, Channel]:
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


def _greet(network: NetNs, ip: str, port: int, deadline_s: float) -> Generator[simpy.Event, Any, Channel]:
    simulation = network.simulation
    connection = yield from network.connect(ip, port, timeout_s=deadline_s - simulation.now)
    greeted = False
    try:
        reader = Reader(simulation, connection)
        connection.write(PREFACE + bytes(Frame(SETTINGS, 0, 0, b"")))
        frame = yield from reader.frame(deadline_s)
        if frame.kind != SETTINGS:
            raise ProtocolError("no settings came first")
        connection.write(bytes(Frame(SETTINGS, ACK, 0, b"")))
        greeted = True
        return Channel(simulation, connection, reader)
    finally:
        if not greeted:
            connection.close()


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
                self._simulation.spawn(self._session(connection))
        finally:
            self._listener.close()
            for connection in list(self._open):
                connection.close()

    def _session(self, connection: Connection) -> Task:
        try:
            connection.write(bytes(Frame(SETTINGS, 0, 0, GREETING)))
            reader = Reader(self._simulation, connection)
            if (yield from reader.exactly(len(PREFACE))) == PREFACE:
                yield from self._converse(connection, reader)
        except (BrokenPipe, SocketError, ProtocolError):
            pass
        finally:
            connection.close()
            self._open.discard(connection)

    def _converse(self, connection: Connection, reader: Reader) -> Task:
        paths: dict[int, str] = {}
        while True:
            frame = yield from reader.frame()
            if frame.kind == SETTINGS and not frame.flags & ACK:
                connection.write(bytes(Frame(SETTINGS, ACK, 0, b"")))
            elif frame.kind == HEADERS:
                paths[frame.stream] = _read_headers(frame.payload).get(":path", "")
            elif frame.kind == DATA and frame.stream in paths:
                for reply in self._answer(paths.pop(frame.stream), frame):
                    connection.write(bytes(reply))

    def _answer(self, path: str, asked: Frame) -> list[Frame]:
        status, said, data = "0", "", None
        try:
            data = self._method(path)(asked.payload[5:])
        except RpcError as error:
            status, said = str(CODES.index(error.code)), quote(error.detail, safe=" ")
        opening = [(":status", "200"), ("content-type", "application/grpc")]
        trailers = [("grpc-status", status), ("grpc-message", said)]
        if data is None:
            return [Frame(HEADERS, END_HEADERS | END_STREAM, asked.stream, _write_headers([*opening, *trailers]))]
        return [
            Frame(HEADERS, END_HEADERS, asked.stream, _write_headers(opening)),
            Frame(DATA, 0, asked.stream, _message(data)),
            Frame(HEADERS, END_HEADERS | END_STREAM, asked.stream, _write_headers(trailers)),
        ]

    def _method(self, path: str) -> Method:
        if path not in self._methods:
            raise RpcError("Unimplemented", f"unknown service {path.strip('/').partition('/')[0]}")
        return self._methods[path]
