"""curl: HTTP and HTTPS.

Source: curl 7.88; messages, exit codes and ``-v`` as a real container prints them. Left out: everything that is not
HTTP, and HTTP/2.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote_plus, urljoin, urlsplit, urlunsplit

import simpy

from podwalk.containers import http, resolver, tls
from podwalk.containers.files import FileError
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import Connection, ConnectionReset, ConnectionTimedOut, SocketError
from podwalk.containers.tools.curl_cookies import Jar
from podwalk.containers.tools.curl_options import Options, UsageError, configured, read
from podwalk.containers.tools.netcat import relay
from podwalk.errors import PodwalkError
from podwalk.simulation import Task

VERSION = "7.88.1"
CONNECT_TIMEOUT_S = 300.0
REDIRECTS = 50
PORTS = {"http": 80, "https": 443, "telnet": 23}
HELP = """Usage: curl [options...] <url>
 -d, --data <data>          HTTP POST data
 -f, --fail                 Fail fast with no output on HTTP errors
 -h, --help <category>      Get help for commands
 -i, --include              Include protocol response headers in the output
 -o, --output <file>        Write to file instead of stdout
 -O, --remote-name          Write output to a file named as the remote file
 -s, --silent               Silent mode
 -T, --upload-file <file>   Transfer local FILE to destination
 -u, --user <user:password> Server user and password
 -A, --user-agent <name>    Send User-Agent <name> to server
 -v, --verbose              Make the operation more talkative
 -V, --version              Show version number and quit

This is not the full help, this menu is stripped into categories.
Use "--help category" to get an overview of all categories.
For all options use the manual or "--help all".
"""
TRY = "curl: try 'curl --help' or 'curl --manual' for more information"
METER = (
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
    "                                 Dload  Upload   Total   Spent    Left  Speed\n"
)
NOTHING_YET = "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0"
CERTIFICATE_HELP = """More details here: https://curl.se/docs/sslcerts.html

curl failed to verify the legitimacy of the server and therefore could not
establish a secure connection to it. To learn more about this situation and
how to fix it, please visit the web page mentioned above."""
NOT_WRITTEN = frozenset(["certs", "ftp_entry_path", "num_certs", "proxy_ssl_verify_result"])
TRANSIENT = frozenset([408, 429, 500, 502, 503, 504])


class CurlError(PodwalkError):
    """What curl says, and the exit code."""

    def __init__(self, code: int, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code


@dataclass
class Transfer:
    """One URL being transferred, and what ``-w`` tells of it."""

    process: Process
    options: Options
    url: str
    number: int = 0
    begun_s: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    connection: Connection | None = None
    stream: http.ByteStream | None = None
    connected_to: tuple[str, str, int] | None = None
    jar: Jar | None = None

    @property
    def now_s(self) -> float:
        """Seconds since the transfer began."""
        return self.process.simulation.now - self.begun_s

    @property
    def whole_url(self) -> str:
        """The URL with its scheme, which may be left out."""
        return self.url if "://" in self.url else f"http://{self.url}"

    def left_s(self) -> float | None:
        """Return what is left of ``-m``."""
        limit_s = self.options.seconds("max-time")
        return None if limit_s is None else max(0.0, limit_s - self.now_s)

    def say(self, mark: str, text: str) -> None:
        """Write a line of ``-v``."""
        if self.options.has("verbose"):
            end = "\r\n" if mark in "<>" else "\n"
            self.process.stderr.write(f"{mark} {text}{end}".encode())

    def cookies(self, parts: SplitResult) -> str:
        """Return what a request's ``Cookie`` says; what ``-b`` itself says goes to the first host only."""
        first = urlsplit(self.whole_url).hostname
        said = ";".join(text for text in self.options.lists.get("cookie", []) if "=" in text)
        kept = self.jar.header(parts) if self.jar else ""
        return "; ".join(filter(None, [kept, said if parts.hostname == first else ""]))

    def say_data(self, mark: str, data: bytes) -> None:
        """Write of ``-v`` how much went one way, as curl does where the data does not go to a terminal."""
        if data and (not self.process.tty or self.options.lists.get("output")):
            self.say(mark, f"[{len(data)} bytes data]")

    def end(self, reply: http.Reply) -> None:
        """Leave the connection open for another transfer, or close it, as the answer allows."""
        if reply.reusable:
            self.say("*", f"Connection #0 to host {self.facts['host']} left intact")
        else:
            self.say("*", "Closing connection 0")
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            self.connection.close()
        self.connection = self.stream = self.connected_to = None


def curl(process: Process) -> Task:
    """Transfer URLs."""
    yield process.sleep(0)
    try:
        options = read(process.argv[1:])
        if "config" in options.values:
            options = read([*configured((yield from _config(process, options))), *process.argv[1:]])
        options.seconds("max-time")
        options.seconds("connect-timeout")
    except UsageError as error:
        return process.fail(f"curl: {error}\n{TRY}", error.code)
    if options.has("help"):
        process.write(HELP)
        return 0
    if options.has("version"):
        process.write(
            f"curl {VERSION} (x86_64-pc-linux-gnu) libcurl/{VERSION} OpenSSL/3.0.20\nProtocols: http https \nFeatures:"
            " HTTPS-proxy IPv6 Largefile SSL\n"
        )
        return 0
    if not options.urls:
        return process.fail(TRY, 2)
    code, jar = 0, _jar(process, options)
    for number, url in enumerate(_expand(options)):
        code = yield from _with_retries(process, options, url, number, jar)
    if jar is not None and "cookie-jar" in options.values:
        _save(process, jar, options.values["cookie-jar"])
    return code


def _config(process: Process, options: Options) -> Generator[simpy.Event, Any, str]:
    """Return the text of the file that ``-K`` names."""
    name = options.values["config"]
    if name == "-":
        return (yield from process.stdin.read_all()).decode(errors="replace")
    try:
        return process.container.files.read(process.path(name)).decode(errors="replace")
    except FileError as error:
        message = f"cannot read config from '{name}'\ncurl: option -K: error encountered when reading a file"
        raise UsageError(message, 26) from error


def _jar(process: Process, options: Options) -> Jar | None:
    """Return the cookies that the files hold; None where no option asks to keep any."""
    files = [name for name in options.lists.get("cookie", []) if "=" not in name]
    if not files and "cookie-jar" not in options.values:
        return None
    jar = Jar(lambda: process.simulation.datetime().timestamp())
    for name in files:
        # A file that is not there is an empty one.
        with suppress(FileError):
            text = process.container.files.read(process.path(name)).decode(errors="replace") if name else ""
            jar.load(text, without_session=options.has("junk-session-cookies"))
    return jar


def _save(process: Process, jar: Jar, name: str) -> None:
    """Write the cookies; curl passes over a file that it cannot write."""
    if name == "-":
        process.write(jar.text())
        return
    with suppress(FileError):
        process.container.files.write(process.path(name), jar.text().encode())


def _expand(options: Options) -> list[str]:
    """Return the URLs, with ranges such as ``[1-10]`` and ``{a,b}`` written out."""
    if options.has("globoff"):
        return options.urls
    urls = list(options.urls)
    pattern = re.compile(r"\[(\d+)-(\d+)(?::(\d+))?\]|\{([^{}]*,[^{}]*)\}")
    index = 0
    while index < len(urls):
        match = pattern.search(urls[index])
        if match is None:
            index += 1
            continue
        if match[4] is not None:
            parts = match[4].split(",")
        else:
            width = len(match[1]) if match[1].startswith("0") else 0
            parts = [str(n).zfill(width) for n in range(int(match[1]), int(match[2]) + 1, int(match[3] or 1))]
        urls[index : index + 1] = [urls[index][: match.start()] + part + urls[index][match.end() :] for part in parts]
    return urls


def _with_retries(process: Process, options: Options, url: str, number: int, jar: Jar | None) -> Task:
    """Transfer one URL, again as ``--retry`` says."""
    left, pause_s = options.number("retry", 0), 1.0
    while True:
        transfer = Transfer(process, options, url, number, process.simulation.now, jar=jar)
        code, message, transient = 0, "", False
        try:
            reply = yield from _run(transfer)
            transient = reply.status in TRANSIENT
            if (options.has("fail") and reply.status >= 400) or (options.has("fail-with-body") and reply.status >= 400):
                code, message = 22, f"The requested URL returned error: {reply.status}"
        except CurlError as error:
            code, message = error.code, str(error)
            _break_meter(transfer, code)
            transient = code in (6, 28) or (code == 7 and options.has("retry-connrefused"))
        finally:
            transfer.close()
        if left and (transient or (code and options.has("retry-all-errors"))):
            wait_s = float(options.values.get("retry-delay") or pause_s)
            if not options.has("silent"):
                word = "HTTP error" if not code else {28: "timeout"}.get(code, "error")
                process.stderr.write(
                    f"Warning: Problem: {word}. Will retry in {wait_s:g} seconds. {left}"
                    f" {'retries' if left > 1 else 'retry'} left.\n".encode()
                )
            yield process.sleep(wait_s)
            left, pause_s = left - 1, pause_s * 2
            continue
        _write_out(transfer, code, message)
        if code and (not options.has("silent") or options.has("show-error")):
            process.stderr.write(f"curl: ({code}) {message}\n".encode())
        return code


def _run(transfer: Transfer) -> Generator[simpy.Event, Any, http.Reply]:
    """Transfer one URL and write what came of it."""
    options, process = transfer.options, transfer.process
    method, body, headers = _request_of(transfer)
    url, redirects = transfer.whole_url, 0
    if options.has("remote-name") and not _split(url).path.rpartition("/")[2]:
        process.stderr.write(b"curl: Remote file name has no length!\n")
        raise CurlError(23, "Failed writing received data to disk/application")
    parts = _split(url)
    _show_meter(transfer)
    if parts.scheme == "telnet":
        return (yield from _telnet(transfer, parts))
    while True:
        parts = _split(url)
        transfer.facts |= {
            "url_effective": urlunsplit(parts._replace(path=parts.path or "/")),
            "num_redirects": redirects,
        }
        reply = yield from _once(transfer, parts, method, body, headers)
        location = reply.header("location")
        transfer.facts["redirect_url"] = urljoin(url, location) if location and 300 <= reply.status < 400 else ""
        if not (options.has("location") and 300 <= reply.status < 400 and location):
            break
        if redirects >= options.number("max-redirs", REDIRECTS):
            raise CurlError(47, f"Maximum ({redirects}) redirects followed")
        _output(transfer, reply, body_too=False)
        transfer.end(reply)
        redirects += 1
        url = urljoin(url, location)
        transfer.say("*", f"Issue another request to this URL: '{url}'")
        if reply.status == 303 or (reply.status in (301, 302) and method == "POST"):
            method, body = ("HEAD" if method == "HEAD" else "GET"), b""
    refused = options.has("fail") and reply.status >= 400
    _output(transfer, reply, body_too=not refused)
    _finish_meter(transfer, reply, len(body), refused=refused)
    transfer.end(reply)
    process.env.pop("", None)
    return reply


def _telnet(transfer: Transfer, parts: SplitResult) -> Generator[simpy.Event, Any, http.Reply]:
    """Copy standard input to a server and its answers back, until it closes or the time is over."""
    yield from _connect(transfer, parts)
    connection, process = transfer.connection, transfer.process
    if connection is None:
        raise CurlError(7, "Couldn't connect to server")
    relaying = process.simulation.spawn(_guarded_relay(process, connection))
    limit_s = transfer.left_s()
    try:
        yield relaying if limit_s is None else relaying | process.simulation.sleep(limit_s)
    finally:
        if relaying.is_alive:
            relaying.interrupt()
    if not relaying.processed:
        transfer.say("*", "Time-out")
        transfer.say("*", "Closing connection 0")
        raise CurlError(28, "Time-out")
    transfer.say("*", "Closing connection 0")
    return http.Reply(0, "", (), b"")


def _guarded_relay(process: Process, connection: Connection) -> Task:
    with suppress(simpy.Interrupt):
        try:
            yield from relay(process, connection, quit_at_end=False)
        except SocketError:
            return


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise CurlError(3, "URL using bad/illegal format or missing URL") from error
    if parts.scheme not in ("http", "https", "telnet"):
        raise CurlError(1, f'Protocol "{parts.scheme}" not supported or disabled in libcurl')
    if not parts.hostname or (port is not None and not 0 <= port <= 65535) or " " in url:
        raise CurlError(3, "URL using bad/illegal format or missing URL")
    return parts


def _request_of(transfer: Transfer) -> tuple[str, bytes, list[tuple[str, str]]]:
    """Return method, body and the headers that go with the body."""
    options = transfer.options
    pieces, headers = [], []
    for kind, value in options.data:
        pieces.append(_piece(transfer, kind, value))
    joined = b"&".join(pieces) if not any(kind == "json" for kind, _ in options.data) else b"".join(pieces)
    if any(kind == "json" for kind, _ in options.data):
        headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
    elif options.data and not options.has("get"):
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
    if options.forms:
        boundary = f"------------------------{transfer.process.simulation.random.getrandbits(64):016x}"
        joined, headers = _form(transfer, boundary), [("Content-Type", f"multipart/form-data; boundary={boundary}")]
    for query in options.lists.get("url-query", []):
        mark = "&" if "?" in transfer.url else "?"
        transfer.url += mark + _piece(transfer, "data-urlencode", query).decode()
    if options.has("get") and joined:
        mark = "&" if "?" in transfer.url else "?"
        transfer.url, joined = f"{transfer.url}{mark}{joined.decode()}", b""
    method = "POST" if (options.data or options.forms) and not options.has("get") else "GET"
    if "upload-file" in options.values:
        method, joined = "PUT", _file(transfer, options.values["upload-file"], 26)
    if options.has("head"):
        method = "HEAD"
    if options.values.get("request") == method and options.has("verbose") and not options.has("silent"):
        note = f"Note: Unnecessary use of -X or --request, {method} is already inferred.\n"
        transfer.process.stderr.write(note.encode())
    return options.values.get("request", method), joined, headers


def _form(transfer: Transfer, boundary: str) -> bytes:
    """Return the body of ``-F``: a part for each field, whose value may be a file's content."""
    out = b""
    for kind, text in transfer.options.forms:
        name, _, value = text.partition("=")
        extra, content = "", value.encode()
        if kind == "form" and value[:1] in ("@", "<"):
            path = value[1:].partition(";")[0]
            content = _file(transfer, path, 26)
            if value[0] == "@":
                kind_of_file = "text/plain" if path.endswith(".txt") else "application/octet-stream"
                extra = f'; filename="{path.rpartition("/")[2]}"\r\nContent-Type: {kind_of_file}'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
        out += head.encode() + content + b"\r\n"
    return out + f"--{boundary}--\r\n".encode()


def _piece(transfer: Transfer, kind: str, value: str) -> bytes:
    if kind == "data-raw":
        return value.encode()
    if kind == "data-urlencode":
        name, equals, content = value.partition("=")
        return (
            f"{name}={quote_plus(content, safe='')}"
            if equals and name
            else quote_plus(content if equals else value, safe="")
        ).encode()
    if value.startswith("@"):
        data = _file(transfer, value[1:], 26)
        return data if kind in ("data-binary", "json") else data.replace(b"\r", b"").replace(b"\n", b"")
    return value.encode()


def _file(transfer: Transfer, name: str, code: int) -> bytes:
    process = transfer.process
    if name == "-":
        return b""
    try:
        return process.container.files.read(process.path(name))
    except FileError as error:
        raise CurlError(code, f'Failed to open "{name}"' if code == 26 else f"Failed to open {name}") from error


def _once(
    transfer: Transfer, parts: SplitResult, method: str, body: bytes, extra: list[tuple[str, str]]
) -> Generator[simpy.Event, Any, http.Reply]:
    """Send one request and wait for its answer."""
    stream = yield from _connect(transfer, parts)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = _headers(transfer, parts, body, method, extra)
    version = "1.0" if transfer.options.has("http1.0") else "1.1"
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in headers), ""]
    for line in lines:
        transfer.say(">", line)
    transfer.facts["size_request"] = sum(len(line) + 2 for line in lines) + len(body)
    transfer.say_data("}", body)
    transfer.facts["time_pretransfer"] = transfer.now_s

    def on_head(reply: http.Reply) -> None:
        transfer.facts["time_starttransfer"] = transfer.now_s
        transfer.say("<", f"HTTP/{reply.version} {reply.status} {reply.reason}")
        for name, value in reply.headers:
            if name.lower() == "set-cookie" and transfer.jar and (done := transfer.jar.take(parts, value)):
                transfer.say("*", done)
            transfer.say("<", f"{name}: {value}")
        transfer.say("<", "")

    limit_s = transfer.left_s()
    exchange = transfer.process.simulation.spawn(
        _guard(http.exchange(stream, method, target, headers, body, on_head=on_head, version=version))
    )
    try:
        yield exchange if limit_s is None else exchange | transfer.process.simulation.sleep(limit_s)
    finally:
        if exchange.is_alive:
            exchange.interrupt()
    if not exchange.processed:
        raise CurlError(28, f"Operation timed out after {_milliseconds(transfer)} milliseconds with 0 bytes received")
    result: Any = exchange.value
    if isinstance(result, ConnectionReset):
        transfer.close()
        raise CurlError(52, "Empty reply from server")
    if isinstance(result, http.NotHttp):
        transfer.close()
        raise CurlError(1, "Received HTTP/0.9 when not allowed")
    if isinstance(result, http.HttpError):
        transfer.close()
        raise CurlError(18, "transfer closed with outstanding read data remaining")
    if isinstance(result, Exception):
        transfer.close()
        raise CurlError(56, f"Recv failure: {result}")
    reply: http.Reply = result
    transfer.facts |= {"status": reply.status, "reply": reply, "time_total": transfer.now_s, "method": method}
    transfer.facts["host"] = parts.hostname
    transfer.say_data("{", reply.body)
    return reply


def _guard(task: Generator[simpy.Event, Any, http.Reply]) -> Task:
    """Run an exchange, handing over what went wrong as a value."""
    try:
        return (yield from task)
    except (SocketError, http.HttpError, tls.TlsError) as error:
        return error
    except BrokenPipe:
        return ConnectionReset()
    except simpy.Interrupt:
        return ConnectionTimedOut()


def _milliseconds(transfer: Transfer) -> int:
    return round(transfer.now_s * 1000)


def _check_interface(transfer: Transfer) -> None:
    """Refuse an ``--interface`` that is not the sender's own, of which there is but one."""
    wanted = transfer.options.values.get("interface")
    own = ("lo", "127.0.0.1", "eth0", transfer.process.container.network.ip)
    if wanted and wanted.removeprefix("if!").removeprefix("host!") not in own:
        raise CurlError(45, f"Couldn't bind to '{wanted}'")


def _connect(transfer: Transfer, parts: SplitResult) -> Generator[simpy.Event, Any, http.ByteStream]:
    """Open a connection, or use the one that is open."""
    process, options = transfer.process, transfer.options
    host = parts.hostname or ""
    port = parts.port or PORTS[parts.scheme]
    if transfer.stream is not None and transfer.connected_to == (parts.scheme, host, port):
        transfer.say("*", f"Re-using existing connection #0 with host {host}")
        return transfer.stream
    transfer.close()
    ip, port = yield from _address(transfer, host, port)
    transfer.facts["time_namelookup"] = transfer.now_s
    transfer.say("*", f"  Trying {ip}:{port}...")
    _check_interface(transfer)
    connect_s, left_s = options.seconds("connect-timeout"), transfer.left_s()
    limits = [limit for limit in (connect_s, left_s) if limit is not None]
    limit_s = min(limits) if limits else CONNECT_TIMEOUT_S
    try:
        connection = yield from process.container.network.connect(ip, port, timeout_s=limit_s)
    except ConnectionTimedOut as error:
        words = "Timeout was reached" if limits else "Couldn't connect to server"
        said = f"Failed to connect to {host} port {port} after {_milliseconds(transfer)} ms: {words}"
        if left_s is not None and limit_s == left_s:
            said = f"Connection timed out after {_milliseconds(transfer)} milliseconds"
        transfer.say("*", said)
        transfer.say("*", "Closing connection 0")
        raise CurlError(28, said) from error
    except SocketError as error:
        transfer.say("*", f"connect to {ip} port {port} failed: {error.words}")
        transfer.say(
            "*",
            f"Failed to connect to {host} port {port} after {_milliseconds(transfer)} ms: Couldn't connect to server",
        )
        transfer.say("*", "Closing connection 0")
        raise CurlError(
            7, f"Failed to connect to {host} port {port} after {_milliseconds(transfer)} ms: Couldn't connect to server"
        ) from error
    transfer.connection, transfer.connected_to = connection, (parts.scheme, host, parts.port or port)
    transfer.facts |= {
        "time_connect": transfer.now_s,
        "remote_ip": ip,
        "remote_port": port,
        "scheme": parts.scheme.upper(),
    }
    transfer.facts |= {"local_ip": connection.local.ip, "local_port": connection.local.port}
    transfer.say("*", f"Connected to {host} ({ip}) port {port} (#0)")
    transfer.stream = connection
    if parts.scheme == "https":
        transfer.stream = yield from _secure(transfer, connection, host)
        transfer.facts["time_appconnect"] = transfer.now_s
    return transfer.stream


def _address(transfer: Transfer, host: str, port: int) -> Generator[simpy.Event, Any, tuple[str, int]]:
    for entry in transfer.options.lists.get("connect-to", []):
        # The last port may be left out, with its colon: `::HOST`.
        fields = (*entry.split(":"), "")
        if len(fields) in (4, 5) and fields[0] in ("", host) and fields[1] in ("", str(port)):
            if fields[3] and not fields[3].isdigit():
                raise CurlError(49, f"No valid port number in connect to host string ({fields[3]})")
            host, port = fields[2] or host, int(fields[3] or port)
            transfer.say("*", f"Connecting to hostname: {host}")
            break
    for entry in transfer.options.lists.get("resolve", []):
        name, _, rest = entry.lstrip("+").partition(":")
        wanted, _, ips = rest.partition(":")
        if name in (host, "*") and wanted == str(port):
            transfer.say("*", f"Added {name}:{wanted}:{ips} to DNS cache")
            transfer.say("*", f"Hostname {host} was found in DNS cache")
            return ips.split(",")[0].strip("[]"), port
    limits = [limit for limit in (transfer.options.seconds("connect-timeout"), transfer.left_s()) if limit is not None]
    lookup = transfer.process.simulation.spawn(_guarded_lookup(transfer.process, host))
    try:
        yield lookup | transfer.process.simulation.sleep(min(limits)) if limits else lookup
    finally:
        if lookup.is_alive:
            lookup.interrupt()
    if not lookup.processed:
        raise CurlError(28, f"Resolving timed out after {_milliseconds(transfer)} milliseconds")
    if lookup.value is None:
        transfer.say("*", f"Could not resolve host: {host}")
        transfer.say("*", "Closing connection 0")
        raise CurlError(6, f"Could not resolve host: {host}")
    found: resolver.Host = lookup.value
    if transfer.options.has("ipv6"):
        raise CurlError(7, "Couldn't connect to server")
    return found.addresses[0], port


def _guarded_lookup(process: Process, host: str) -> Task:
    try:
        return (yield from resolver.lookup(process.container, host))
    except (resolver.LookupFailed, simpy.Interrupt):
        return None


def _secure(transfer: Transfer, connection: Connection, host: str) -> Generator[simpy.Event, Any, tls.TlsStream]:
    """Begin TLS as the options say."""
    options = transfer.options
    context = _context(transfer)
    transfer.say("*", "ALPN: offers h2,http/1.1")
    context.set_alpn_protocols(["http/1.1"])
    try:
        stream = yield from tls.client(connection, context, host, transfer.left_s())
    except tls.TlsError as error:
        if error.verification:
            words = _verification(error, host)
            transfer.say("*", words if error.code in (62, 64) else f"SSL certificate problem: {error.verification}")
            transfer.say("*", "Closing connection 0")
            raise CurlError(60, f"{words}\n{CERTIFICATE_HELP}") from error
        raise CurlError(35, f"OpenSSL/3.0.20: error:0A00010B:SSL routines::{error.reason}") from error
    except ConnectionTimedOut as error:
        raise CurlError(28, "SSL connection timeout") from error
    except SocketError as error:
        name = "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to"
        raise CurlError(35, f"{name} {host}:{connection.remote.port}") from error
    cipher = stream.object.cipher()
    transfer.say("*", f"SSL connection using {stream.object.version()} / {cipher[0] if cipher else ''}")
    accepted = stream.object.selected_alpn_protocol()
    transfer.say(
        "*",
        f"ALPN: server accepted {accepted}" if accepted else "ALPN: server did not agree on a protocol. Uses default.",
    )
    _show_certificate(transfer, stream)
    if not options.has("insecure"):
        transfer.say("*", " SSL certificate verify ok.")
    return stream


def _verification(error: tls.TlsError, host: str) -> str:
    if error.code in (62, 64):
        return f"SSL: no alternative certificate subject name matches target host name '{host}'"
    return f"SSL certificate problem: {error.verification}"


def _context(transfer: Transfer) -> ssl.SSLContext:
    options = transfer.options
    if options.has("insecure"):
        context = tls.unverified()
    else:
        authorities = b""
        if "cacert" in options.values:
            name = options.values["cacert"]
            try:
                authorities = transfer.process.container.files.read(transfer.process.path(name))
            except FileError as error:
                raise CurlError(
                    77, f"error setting certificate verify locations:  CAfile: {name} CApath: none"
                ) from error
        else:
            try:
                authorities = transfer.process.container.files.read("/etc/ssl/certs/ca-certificates.crt")
            except FileError:
                authorities = b""
        try:
            context = tls.trusting(authorities)
        except ssl.SSLError as error:
            raise CurlError(77, "error setting certificate file") from error
    if "cert" in options.values:
        certificate = _file(transfer, options.values["cert"].partition(":")[0], 58)
        key = _file(transfer, options.values.get("key") or options.values["cert"].partition(":")[0], 58)
        try:
            tls.load_certificate(context, certificate, key)
        except (ssl.SSLError, ValueError) as error:
            raise CurlError(58, "could not load PEM client certificate, OpenSSL error") from error
    return context


def _show_certificate(transfer: Transfer, stream: tls.TlsStream) -> None:
    """Write what ``-v`` says of the server's certificate."""
    from cryptography import x509

    data = stream.object.getpeercert(binary_form=True)
    if not data or not transfer.options.has("verbose"):
        return
    certificate = x509.load_der_x509_certificate(data)
    transfer.say("*", "Server certificate:")
    for word, name in (("subject", certificate.subject), ("issuer", certificate.issuer)):
        shown = "; ".join(f"{part.rfc4514_attribute_name}={part.value!s}" for part in name)
        if word == "issuer":
            transfer.say("*", f" start date: {certificate.not_valid_before_utc:%b %e %H:%M:%S %Y} GMT")
            transfer.say("*", f" expire date: {certificate.not_valid_after_utc:%b %e %H:%M:%S %Y} GMT")
        transfer.say("*", f" {word}: {shown}")
    if transfer.options.has("insecure"):
        transfer.say(
            "*", " SSL certificate verify result: unable to get local issuer certificate (20), continuing anyway."
        )


def _headers(
    transfer: Transfer, parts: SplitResult, body: bytes, method: str, extra: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    options = transfer.options
    own, removed = [], set()
    for line in options.lists.get("header", []):
        if line.startswith("@"):
            continue
        name, colon, value = line.partition(":")
        if colon and value.strip():
            own.append((name.strip(), value.strip()))
        elif line.rstrip().endswith(";"):
            own.append((line.rstrip().rstrip(";"), ""))
        elif colon:
            removed.add(name.strip().lower())
    user = options.values.get("user") or (f"{parts.username}:{parts.password or ''}" if parts.username else "")
    headers = [("Host", parts.netloc.rpartition("@")[2])]
    if user:
        headers.append(("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}"))
    if "oauth2-bearer" in options.values:
        headers.append(("Authorization", f"Bearer {options.values['oauth2-bearer']}"))
    headers += [("User-Agent", options.values.get("user-agent", f"curl/{VERSION}")), ("Accept", "*/*")]
    if "referer" in options.values:
        headers.append(("Referer", options.values["referer"]))
    if options.has("compressed"):
        headers.append(("Accept-Encoding", "identity"))
    if cookies := transfer.cookies(parts):
        headers.append(("Cookie", cookies))
    named = {name.lower() for name, _ in own} | removed | {name.lower() for name, _ in extra}
    host = next((value for name, value in own if name.lower() == "host"), "")
    if host:
        headers[0] = ("Host", host)
        own = [pair for pair in own if pair[0].lower() != "host"]
    headers = [pair for pair in headers if pair[0] == "Host" or pair[0].lower() not in named]
    headers += own
    if body or method in ("POST", "PUT"):
        headers.append(("Content-Length", str(len(body))))
    if "range" in options.values:
        headers.insert(1, ("Range", f"bytes={options.values['range']}"))
    return headers + [pair for pair in extra if pair[0].lower() not in {name.lower() for name, _ in own} | removed]


def _head(reply: http.Reply) -> bytes:
    """Return an answer's head as it came."""
    lines = [f"HTTP/{reply.version} {reply.status} {reply.reason}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _output(transfer: Transfer, reply: http.Reply, *, body_too: bool) -> None:
    """Write headers and body where the options want them."""
    process, options = transfer.process, transfer.options
    head = _head(reply)
    data = head if options.has("include") or options.has("head") else b""
    data += reply.body if body_too else b""
    outputs = options.lists.get("output", [])
    name = outputs[min(transfer.number, len(outputs) - 1)] if outputs else ""
    if options.has("remote-name") and not name:
        name = urlsplit(transfer.facts["url_effective"]).path.rpartition("/")[2]
    if "dump-header" in options.values:
        _write(transfer, options.values["dump-header"], head)
    if name and name != "-":
        if "output-dir" in options.values:
            name = f"{options.values['output-dir'].rstrip('/')}/{name}"
        transfer.facts["filename"] = name
        _write(transfer, name, data)
    elif data:
        process.stdout.write(data)


def _write(transfer: Transfer, name: str, data: bytes) -> None:
    process = transfer.process
    if name == "-":
        process.stdout.write(data)
        return
    try:
        process.container.files.write(process.path(name), data)
    except FileError as error:
        if not transfer.options.has("silent"):
            process.stderr.write(f"Warning: Failed to open the file {name}: {error.reason}\n".encode())
        raise CurlError(23, "Failure writing output to destination") from error


def _metered(transfer: Transfer) -> bool:
    options = transfer.options
    if transfer.process.tty and not options.lists.get("output"):
        return False
    return not (options.has("silent") or options.has("no-progress-meter"))


def _show_meter(transfer: Transfer) -> None:
    """Write the head of the progress meter, as curl does when its output goes to a pipe or a file."""
    if _metered(transfer):
        transfer.facts["metered"] = True
        transfer.process.stderr.write(f"{METER}\r{NOTHING_YET}".encode())


def _finish_meter(transfer: Transfer, reply: http.Reply, sent: int, *, refused: bool) -> None:
    if not transfer.facts.pop("metered", False):
        return
    elapsed = max(transfer.now_s, 1e-6)
    if refused or transfer.options.has("head"):
        announced = reply.header("content-length") or "0"
        row = f"\r  0 {announced:>5}" + NOTHING_YET[9:]
    else:
        size = len(reply.body)
        down, up = (_short(int(number / elapsed)) for number in (size, sent))
        total = _short(int((size + sent) / elapsed))
        row = f"\r100 {size + sent:>5}  100 {size:>5}  {100 if sent else 0:>3} {sent:>5} {down:>6} {up:>6}"
        row += f" --:--:-- --:--:-- --:--:-- {total:>5}"
    transfer.process.stderr.write(f"{row}\n".encode())


def _break_meter(transfer: Transfer, code: int) -> None:
    """Write the progress meter's rows of a transfer that came to nothing: one a second, and a last one."""
    if not transfer.facts.get("metered") or code == 6:
        return  # it had not begun, or is over
    before, _, after = NOTHING_YET.partition(" --:--:-- --:--:-- ")
    passed = (f"{s // 3600:>2}:{s // 60 % 60:02}:{s % 60:02}" for s in range(1, int(transfer.now_s + 0.01) + 1))
    rows = [NOTHING_YET, *(f"{before} --:--:-- {time} {after}" for time in passed)]
    transfer.process.stderr.write("".join(f"\r{row}" for row in rows).encode() + b"\n")


def _short(number: int) -> str:
    if number < 100_000:
        return str(number)
    return f"{number // 1024}k" if number < 10_000 * 1024 else f"{number // 1024 // 1024}M"


def _write_out(transfer: Transfer, code: int, message: str) -> None:
    """Write what ``-w`` asks for."""
    template = transfer.options.values.get("write-out", "")
    if not template:
        return
    if template.startswith("@"):
        try:
            template = _file(transfer, template[1:], 26).decode(errors="replace")
        except CurlError:
            transfer.process.stderr.write(f"Warning: Failed to read {template[1:]}".encode())
            return
    facts = _facts(transfer, code, message)
    for escape, char in (("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r")):
        template = template.replace(escape, char)
    stream, at = transfer.process.stdout, 0
    for match in re.finditer(r"%%|%header\{([^}]*)\}|%\{([^}]*)\}", template):
        stream.write(template[at : match.start()].encode())
        at = match.end()
        if match[2] == "onerror" and not code:
            return
        if match[2] in ("stderr", "stdout"):
            stream = transfer.process.stderr if match[2] == "stderr" else transfer.process.stdout
            continue
        stream.write(_fact(transfer, facts, match).encode())
    stream.write(template[at:].encode())


def _fact(transfer: Transfer, facts: dict[str, Any], match: re.Match[str]) -> str:
    """Return what stands for one variable of ``-w``."""
    if match[0] == "%%":
        return "%"
    reply = transfer.facts.get("reply")
    if match[1] is not None:
        return reply.header(match[1]) if reply is not None else ""
    name = match[2]
    if name == "json":
        return json.dumps(facts)
    if name == "header_json":
        return _header_json(reply)
    if name not in facts and name != "onerror":
        fault = "podwalk does not simulate the" if name in NOT_WRITTEN else "unknown"
        transfer.process.stderr.write(f"curl: {fault} --write-out variable: '{name}'\n".encode())
    return str(facts.get(name, ""))


def _header_json(reply: http.Reply | None) -> str:
    """Return the headers of an answer as JSON: each name once, with all its values."""
    found: dict[str, list[str]] = {}
    for name, value in reply.headers if reply is not None else ():
        found.setdefault(name.lower(), []).append(value)
    rows = (f"{json.dumps(name)}:{json.dumps(values, separators=(',', ':'))}" for name, values in found.items())
    return "{" + ",\n".join(rows) + "\n}"


def _facts(transfer: Transfer, code: int, message: str) -> dict[str, Any]:
    facts, reply = transfer.facts, transfer.facts.get("reply")
    size = len(reply.body) if reply is not None else 0
    total_s = transfer.now_s
    known = {
        "http_code": f"{reply.status if reply is not None else 0:03d}",
        "response_code": f"{reply.status if reply is not None else 0:03d}",
        "size_download": size,
        "size_upload": 0,
        "speed_download": int(size / total_s) if total_s else 0,
        "num_connects": 1 if "remote_ip" in facts else 0,
        "content_type": reply.header("content-type") if reply is not None else "",
        "exitcode": code,
        "errormsg": message if code else "",
        "filename_effective": facts.get("filename", ""),
        "referer": transfer.options.values.get("referer", ""),
        "size_header": len(_head(reply)) if reply is not None else 0,
        "size_request": facts.get("size_request", 0),
        "http_connect": "000",
        "num_headers": len(reply.headers) if reply is not None else 0,
        "urlnum": transfer.number,
        "http_version": reply.version if reply is not None else "0",
        "method": facts.get("method", "GET"),
        "url": transfer.url,
        "ssl_verify_result": 0,
        "time_total": f"{total_s:.6f}",
    }
    for name in ("namelookup", "connect", "appconnect", "pretransfer", "starttransfer", "redirect"):
        known[f"time_{name}"] = f"{facts.get(f'time_{name}', 0.0):.6f}"
    for name in (
        "remote_ip",
        "remote_port",
        "local_ip",
        "local_port",
        "url_effective",
        "num_redirects",
        "redirect_url",
        "scheme",
    ):
        known[name] = facts.get(name, "")
    return known
