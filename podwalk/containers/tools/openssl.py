"""openssl: ``version``, and ``s_client`` as far as it shows a handshake and a certificate.

Source: OpenSSL 3.0, apps/s_client.c.
"""

from __future__ import annotations

import ssl

from podwalk.containers import resolver, tls
from podwalk.containers.process import Process
from podwalk.containers.sockets import SocketError
from podwalk.simulation import Task

VERSION = "OpenSSL 3.0.20 7 Apr 2026 (Library: OpenSSL 3.0.20 7 Apr 2026)"


def openssl(process: Process) -> Task:
    """Run a subcommand."""
    yield process.sleep(0)
    words = process.argv[1:]
    if words[:1] == ["version"]:
        process.write(f"{VERSION}\n")
        return 0
    if words[:1] == ["s_client"]:
        return (yield from s_client(process, words[1:]))
    return process.fail(
        f"openssl: podwalk simulates version and s_client, not {' '.join(words[:1]) or 'the interactive mode'}"
    )


def s_client(process: Process, words: list[str]) -> Task:
    """Connect, shake hands and show what the server presented."""
    options = {
        words[index].lstrip("-"): words[index + 1] for index in range(len(words) - 1) if words[index].startswith("-")
    }
    where = options.get("connect", "localhost:443")
    host, _, port = where.rpartition(":") if ":" in where else (where, "", "")
    if not port.isdigit():
        return process.fail("s_client: -connect argument or target parameter malformed or ambiguous")
    name = options.get("servername", host if not resolver.is_address(host) else "")
    context = tls.unverified()
    try:
        found = yield from resolver.lookup(process.container, host)
        connection = yield from process.container.network.connect(found.addresses[0], int(port))
    except SocketError as error:
        return process.fail(
            f"connect:errno=111\n{error.words}"
            if not isinstance(error, resolver.LookupFailed)
            else f"{host}: {error.words}\nconnect:errno=22"
        )
    process.write("CONNECTED(00000003)\n")
    try:
        stream = yield from tls.client(connection, context, name or None)
    except (tls.TlsError, SocketError) as error:
        connection.close()
        process.write("---\nno peer certificate available\n---\n")
        return process.fail(f"error: {error}")
    der = stream.object.getpeercert(binary_form=True) or b""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    process.write(
        f"---\nCertificate chain\n 0 s:{subject}\n   i:{issuer}\n   v:NotBefore:"
        f" {certificate.not_valid_before_utc:%b %e %H:%M:%S %Y} GMT; NotAfter:"
        f" {certificate.not_valid_after_utc:%b %e %H:%M:%S %Y} GMT\n---\nServer"
        f" certificate\n{ssl.DER_cert_to_PEM_cert(der)}subject={subject}\nissuer={issuer}\n---\n"
    )
    cipher = stream.object.cipher()
    process.write(f"New, {stream.object.version()}, Cipher is {cipher[0] if cipher else '(NONE)'}\n---\n")
    while data := (yield from process.stdin.read()):
        stream.write(data)
        process.stdout.write((yield from stream.read()))
    stream.close()
    process.write("DONE\n")
    return 0
