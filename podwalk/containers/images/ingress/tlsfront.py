"""The TLS end of an Ingress controller: the certificate of the Secret for the name asked for, or its own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import simpy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podwalk.containers import http, tls
from podwalk.containers.process import BrokenPipe, Process
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
        name, replayed = yield from tls.peek(connection, *self._own_pem())
        try:
            stream = yield from tls.server(replayed, self._context(self.choose(name)))
        except tls.TlsError as error:
            self.complain(f"SSL_do_handshake() failed ({error}) while SSL handshaking, client: {connection.remote.ip}")
            connection.close()
            raise ConnectionEnded from error
        self._remember(stream, connection)
        return stream, name

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
