"""The TLS end of an Ingress controller: the certificate of the Secret for the name asked for, or its own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import simpy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podwalk.containers import http, tls
from podwalk.containers.process import PIPE_SIZE, BrokenPipe, Process
from podwalk.containers.sockets import Address, Connection
from podwalk.network.ingress.dialects.nginx_annotations import decoded
from podwalk.types import Ref, View

VALID = timedelta(days=365)
CLIENTS = 4096
"""Clients whose certificates are remembered."""


@dataclass(frozen=True)
class Choice:
    """What a server name gets: the Secret of its certificate, and that of the authorities of its clients."""

    certificate: Ref | None = None
    authorities: Ref | None = None


@dataclass
class TlsFront:
    """Makes the TLS stream of a connection.

    Attributes:
        process: the controller.
        view: the objects.
        choose: says what a server name gets.
        own_name: what the certificate of its own is issued to.
        clients: the subject, and the certificate, that the client at an address has shown.
    """

    process: Process
    view: View
    choose: Callable[[str], Choice]
    own_name: tuple[str, str]
    complain: Callable[[str], None]
    clients: dict[Address, tuple[str, str]] = field(default_factory=dict)
    _contexts: dict[tuple[str, ...], ssl.SSLContext] = field(default_factory=dict)
    _pem: tuple[bytes, bytes] | None = None

    def wrap(self, connection: Connection) -> Generator[simpy.Event, Any, tuple[http.ByteStream, str | None]]:
        """Begin TLS as a server; see :data:`podwalk.containers.http.Wrap`."""
        name, hello = yield from self._peek(connection)
        # It has what a TLS stream uses of a connection.
        replayed = cast("Connection", Replayed(connection, hello))
        try:
            stream = yield from tls.server(replayed, self._context(self.choose(name)))
        except tls.TlsError as error:
            self.complain(f"SSL_do_handshake() failed ({error}) while SSL handshaking, client: {connection.remote.ip}")
            connection.close()
            raise ConnectionEnded from error
        self._remember(stream, connection)
        return stream, name

    def _peek(self, connection: Connection) -> Generator[simpy.Event, Any, tuple[str, bytes]]:
        """Read the first message of a client, and the server name in it.

        The name decides whether a certificate is asked for, and OpenSSL cannot change that once it has begun: so one
        that is thrown away reads the message first.
        """
        asked: list[str] = []

        def on_name(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int:
            asked.append(name or "")
            return ssl.ALERT_DESCRIPTION_USER_CANCELLED

        probe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_certificate(probe, *self._own_pem())
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
        return (asked[0] if asked else ""), hello

    def _remember(self, stream: tls.TlsStream, connection: Connection) -> None:
        self.clients.pop(connection.remote, None)
        shown = stream.object.getpeercert(True)
        if shown:
            while len(self.clients) >= CLIENTS:
                del self.clients[next(iter(self.clients))]
            certificate = x509.load_der_x509_certificate(shown)
            pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
            self.clients[connection.remote] = (certificate.subject.rfc4514_string(), pem)

    def _context(self, choice: Choice) -> ssl.SSLContext:
        key = (*self._version(choice.certificate), *self._version(choice.authorities))
        if key not in self._contexts:
            self._contexts[key] = self._make(choice)
        return self._contexts[key]

    def _version(self, ref: Ref | None) -> tuple[str, str]:
        secret = self.view.get("secrets", ref.namespace, ref.name) if ref is not None else None
        return str(ref), (secret or {}).get("metadata", {}).get("resourceVersion", "")

    def _make(self, choice: Choice) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        data = self._data(choice.certificate)
        try:
            tls.load_certificate(context, data["tls.crt"], data["tls.key"])
        except (KeyError, ssl.SSLError):
            if choice.certificate is not None:
                where = f"{choice.certificate.namespace}/{choice.certificate.name}"
                self.complain(
                    f'Error getting SSL certificate "{where}": no usable tls.crt and tls.key. Using default certificate'
                )
            tls.load_certificate(context, *self._own_pem())
        if "ca.crt" in (authorities := self._data(choice.authorities)):
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=authorities["ca.crt"].decode())
        return context

    def _data(self, ref: Ref | None) -> dict[str, bytes]:
        return decoded(self.view.get("secrets", ref.namespace, ref.name)) if ref is not None else {}

    def _own_pem(self) -> tuple[bytes, bytes]:
        if self._pem is None:
            self._pem = self_signed(*self.own_name, self.process)
        return self._pem


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


class ConnectionEnded(BrokenPipe):
    """A handshake failed; there is nobody to talk to."""


def self_signed(organisation: str, name: str, process: Process) -> tuple[bytes, bytes]:
    """Return a certificate of a controller's own and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    start = process.simulation.datetime()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ingress.local")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), pem
