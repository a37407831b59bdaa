"""openssl: ``version``, ``x509`` for what a certificate says, ``s_client`` as far as it shows a handshake and one.

Source: OpenSSL 3.0, apps/s_client.c and apps/x509.c; outputs as a real container prints them.
"""

from __future__ import annotations

import ssl
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from podwalk.containers import resolver, tls
from podwalk.containers.files import FileError
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
    if words[:1] == ["x509"]:
        return (yield from show_certificate(process, words[1:]))
    return process.fail(
        f"openssl: podwalk simulates version, s_client and x509, not {' '.join(words[:1]) or 'the interactive mode'}"
    )


READING = ("subject", "issuer", "dates", "startdate", "enddate", "serial", "fingerprint", "ext", "checkend")
VALUED = ("in", "ext", "checkend", "inform", "outform", "nameopt", "dateopt")
IGNORED = ("noout", "sha1", "sha256", "inform", "outform", "nameopt", "dateopt")
DIGESTS = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}


def show_certificate(process: Process, words: list[str]) -> Task:
    """Say of a certificate what the options ask for, in their order, and print it unless ``-noout`` is given."""
    asked: list[tuple[str, str]] = []
    rest = list(words)
    while rest:
        name = rest.pop(0).lstrip("-")
        if name not in (*READING, *VALUED, *IGNORED):
            return process.fail(f"openssl: podwalk does not simulate -{name} of x509")
        asked.append((name, rest.pop(0) if name in VALUED and rest else ""))
    options = dict(asked)
    source = options.get("in", "")
    try:
        data = process.container.files.read(process.path(source)) if source else (yield from process.stdin.read_all())
        certificate = x509.load_pem_x509_certificate(data[max(0, data.find(PEM_HEAD)) :])
    except (FileError, ValueError) as error:
        why = "open file or uri for loading" if isinstance(error, FileError) else "read"
        process.fail(f"Could not {why} certificate from {source or '<stdin>'}")
        return process.fail("Unable to load certificate")
    code = 0
    for name, value in asked:
        if name == "checkend":
            seconds = int(value) if value.isdigit() else 0
            left_s = certificate.not_valid_after_utc.timestamp() - process.simulation.datetime().timestamp()
            code = int(left_s < seconds)
            process.write(f"Certificate will {'' if code else 'not '}expire\n")
        elif name in READING:
            digest = next((one for one in DIGESTS if one in options), "")
            process.write(_read(certificate, name, value, digest))
    if "noout" not in options:
        process.write(certificate.public_bytes(serialization.Encoding.PEM).decode())
    return code


PEM_HEAD = b"-----BEGIN CERTIFICATE-----"


def _read(certificate: x509.Certificate, name: str, value: str, digest: str) -> str:
    """Return what one option of ``x509`` prints."""
    if name in ("subject", "issuer"):
        return f"{name}={_named(getattr(certificate, name))}\n"
    if name == "serial":
        text = f"{certificate.serial_number:X}"
        return f"serial={text.zfill(len(text) + len(text) % 2)}\n"
    if name == "fingerprint":
        shown = certificate.fingerprint(DIGESTS[digest or "sha1"]).hex(":").upper()
        return f"{digest or 'SHA1'} Fingerprint={shown}\n"
    if name == "ext":
        return _alternatives(certificate) if value == "subjectAltName" else f"No extensions matching {value}\n"
    lines = {
        "startdate": f"notBefore={_moment(certificate.not_valid_before_utc)}\n",
        "enddate": f"notAfter={_moment(certificate.not_valid_after_utc)}\n",
    }
    return "".join(lines.values()) if name == "dates" else lines[name]


def _alternatives(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "No extensions in certificate\n"
    shown = [f"{'IP Address' if isinstance(one, x509.IPAddress) else 'DNS'}:{one.value}" for one in names]
    return f"X509v3 Subject Alternative Name: \n    {', '.join(shown)}\n"


def _named(name: x509.Name) -> str:
    """Return a name as OpenSSL 3.0 writes it, on one line."""
    return ", ".join(f"{part.rfc4514_attribute_name} = {part.value!s}" for part in name)


def _moment(when: datetime) -> str:
    return f"{when:%b} {when.day:2} {when:%H:%M:%S %Y} GMT"


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
    certificate = x509.load_der_x509_certificate(der)
    subject, issuer = _named(certificate.subject), _named(certificate.issuer)
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
