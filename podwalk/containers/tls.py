"""TLS over simulated connections by ``ssl.MemoryBIO``, so that certificates, SNI and errors are OpenSSL's own."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Callable, Generator
from typing import Any, cast

import simpy

from podwalk.containers.files import FileSystem
from podwalk.containers.process import PIPE_SIZE, BrokenPipe
from podwalk.containers.sockets import Connection, ConnectionReset
from podwalk.errors import PodwalkError

PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
"""What a Go server answers to who does not speak TLS."""


class TlsError(PodwalkError):
    """A handshake failed.

    Attributes:
        verification: OpenSSL's reason when the certificate was not accepted, else empty.
        code: OpenSSL's number of that reason.
    """

    def __init__(self, message: str, verification: str = "", code: int = 0, reason: str = "") -> None:
        """Keep OpenSSL's words."""
        self.verification, self.code, self.reason = verification, code, reason
        super().__init__(message)


def failure(error: ssl.SSLError) -> TlsError:
    """Return what OpenSSL reported as an error of ours."""
    reason = (error.reason or "").lower().replace("_", " ")
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsError(error.verify_message, error.verify_message, error.verify_code, reason)
    return TlsError(reason or str(error), reason=reason)


class TlsStream:
    """A connection inside TLS."""

    def __init__(self, connection: Connection, context: ssl.SSLContext, *, server: bool, name: str | None) -> None:
        """Prepare; :meth:`handshake` begins."""
        self.connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self._incoming, self._outgoing, server_side=server, server_hostname=name)

    def handshake(self, timeout_s: float | None = None) -> Generator[simpy.Event, Any, None]:
        """Agree on keys.

        Raises:
            TlsError: when the two ends do not come together.
            ConnectionTimedOut: when the other end is silent.
        """
        while True:
            try:
                self.object.do_handshake()
                self._flush()
                return
            except ssl.SSLWantReadError:
                self._flush()
                yield from self._fill(timeout_s)
            except ssl.SSLError as error:
                self._flush()
                raise failure(error) from error

    def read(self, limit: int = PIPE_SIZE, timeout_s: float | None = None) -> Generator[simpy.Event, Any, bytes]:
        """Wait for bytes; empty at the end."""
        while True:
            try:
                return self.object.read(limit)
            except ssl.SSLWantReadError:
                if not (yield from self._fill(timeout_s, at_end=False)):
                    return b""
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise failure(error) from error

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.object.write(data)
        self._flush()

    def close(self) -> None:
        """Say that nothing more comes, and close the connection."""
        with contextlib.suppress(ssl.SSLError):
            self.object.unwrap()
        self._flush()
        self.connection.close()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            try:
                self.connection.write(data)
            except BrokenPipe:
                self._incoming.write_eof()

    def _fill(self, timeout_s: float | None, *, at_end: bool = True) -> Generator[simpy.Event, Any, bool]:
        data = yield from self.connection.read(PIPE_SIZE, timeout_s)
        if data:
            self._incoming.write(data)
            return True
        if at_end:
            raise ConnectionReset
        self._incoming.write_eof()
        return False


def client(
    connection: Connection, context: ssl.SSLContext, name: str | None, timeout_s: float | None = None
) -> Generator[simpy.Event, Any, TlsStream]:
    """Begin TLS as a client; ``name`` is what SNI sends and, if the context checks it, the certificate's."""
    stream = TlsStream(connection, context, server=False, name=name)
    yield from stream.handshake(timeout_s)
    return stream


def server(connection: Connection, context: ssl.SSLContext) -> Generator[simpy.Event, Any, TlsStream]:
    """Begin TLS as a server."""
    stream = TlsStream(connection, context, server=True, name=None)
    yield from stream.handshake()
    return stream


def peek(connection: Connection, certificate: bytes, key: bytes) -> Generator[simpy.Event, Any, tuple[str, Connection]]:
    """Read the first message of a client, and the server name in it, before TLS begins.

    The name may decide whether a certificate is asked for, and OpenSSL cannot change that once it has begun: so a
    context that is thrown away reads the message first.

    Args:
        connection: of the client.
        certificate: any; nobody is shown it.
        key: its key.

    Returns:
        The name, empty without SNI, and the connection as if nothing had been read.
    """
    asked: list[str] = []

    def on_name(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int:
        asked.append(name or "")
        return ssl.ALERT_DESCRIPTION_USER_CANCELLED

    probe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certificate(probe, certificate, key)
    probe.sni_callback = on_name
    incoming = ssl.MemoryBIO()
    reader = probe.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    hello = b""
    while not asked and (data := (yield from connection.read())):
        hello += data
        incoming.write(data)
        try:
            reader.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            break
    # It has what a TLS stream uses of a connection.
    return (asked[0] if asked else ""), cast("Connection", Replayed(connection, hello))


class Replayed:
    """A connection whose first bytes were read already, and come again."""

    def __init__(self, connection: Connection, first: bytes) -> None:
        """Give ``first`` back before what follows."""
        self._connection, self._first = connection, first

    def read(self, limit: int = PIPE_SIZE, timeout_s: float | None = None) -> Generator[simpy.Event, Any, bytes]:
        """Wait for bytes; empty at the end."""
        if self._first:
            first, self._first = self._first, b""
            return first
        return (yield from self._connection.read(limit, timeout_s))

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._connection.write(data)

    def close(self) -> None:
        """Close both directions."""
        self._connection.close()


def serving(files: FileSystem, certificate: str, key: str) -> Callable[[Connection], Generator[simpy.Event, Any, Any]]:
    """Return what makes TLS of a Go server's connections, with a certificate and a key of a container's files.

    Raises:
        FileError: when a file is not there.
        TlsError: when they are no certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        load_certificate(context, files.read(certificate), files.read(key))
    except ssl.SSLError as error:
        raise failure(error) from error

    def wrap(connection: Connection) -> Generator[simpy.Event, Any, tuple[TlsStream, None]]:
        try:
            return (yield from server(connection, context)), None
        except TlsError as error:
            if error.reason == "http request":
                connection.write(PLAIN_HTTP)
            raise

    return wrap


def unverified() -> ssl.SSLContext:
    """Return a client's context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def trusting(authorities: bytes = b"", *, check_hostname: bool = True) -> ssl.SSLContext:
    """Return a client's context that trusts only these PEM certificates, and no public authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_hostname
    if authorities:
        context.load_verify_locations(cadata=authorities.decode())
    return context


def load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give a context its own certificate and key, both PEM.

    The ``ssl`` module reads them from files only; they are put into one that exists as long as this takes.

    Raises:
        ssl.SSLError: when they are none, or do not belong together.
    """
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)
