"""wget, as BusyBox has it.

Source: BusyBox 1.38, networking/wget.c; messages as a real container prints them. Left out: FTP.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import simpy

from podwalk.containers import http, resolver, tls
from podwalk.containers.files import FileError, normal
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import ConnectionTimedOut, SocketError
from podwalk.errors import PodwalkError
from podwalk.simulation import Task

READ_TIMEOUT_S = 900
REDIRECTS = 5
REDIRECTIONS = frozenset([301, 302, 303, 307, 308])
SUCCESSES = frozenset([200, 201, 202, 203, 204, 206])
USAGE = """BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary.

Usage: wget [-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR]
	[--post-data STR | --post-file FILE] [-Y on/off]
	[--no-check-certificate] [-P DIR] [-U AGENT] [-T SEC] URL...

Retrieve files via HTTP or FTP

	--spider	Only check URL existence: $? is 0 if exists
	--header STR	Add STR (of form 'header: value') to headers
	--post-data STR	Send STR using POST method
	--post-file FILE	Send FILE using POST method
	--no-check-certificate	Don't validate the server's certificate
	-c		Continue retrieval of aborted transfer
	-q		Quiet
	-P DIR		Save to DIR (default .)
	-S    		Show server response
	-T SEC		Network read timeout is SEC seconds
	-O FILE		Save to FILE ('-' for stdout)
	-o LOGFILE	Log messages to FILE
	-U STR		Use STR for User-Agent header
	-Y on/off	Use proxy
"""
VALUED = {
    "O": "output", "o": "log", "P": "prefix", "U": "agent", "T": "timeout", "Y": "proxy", "t": "tries",
    "output-document": "output", "output-file": "log", "directory-prefix": "prefix", "user-agent": "agent",
    "timeout": "timeout", "proxy": "proxy", "tries": "tries", "post-data": "post", "post-file": "post_file",
    "header": "header", "method": "method", "body-data": "post",
}  # fmt: skip
SWITCHES = {
    "c": "continue", "q": "quiet", "S": "show", "continue": "continue", "quiet": "quiet", "server-response": "show",
    "spider": "spider", "no-check-certificate": "insecure", "n": "ignored", "v": "ignored", "no-verbose": "ignored",
    "passive-ftp": "ignored", "no-clobber": "ignored", "no-cache": "ignored", "no-hsts": "ignored",
}  # fmt: skip


class WgetError(PodwalkError):
    """What wget says and ends with 1; one that is ``told`` enough needs no word on how wget is used."""

    def __init__(self, message: str, *, told: bool = False) -> None:
        """Keep both."""
        super().__init__(message)
        self.told = told


@dataclass
class Options:
    """A command line, read."""

    urls: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)

    @property
    def quiet(self) -> bool:
        """Whether ``-q`` was given."""
        return "quiet" in self.switches


def wget(process: Process) -> Task:
    """Retrieve files by HTTP."""
    yield process.sleep(0)
    if "--help" in process.argv[1:]:
        process.stderr.write(USAGE.encode())
        return 0
    try:
        options = read(process.argv[1:])
    except WgetError as error:
        usage = "" if error.told else f"\n{USAGE}"
        return process.fail(f"wget: {error}{usage}".rstrip("\n"))
    if not options.urls:
        process.stderr.write(USAGE.encode())
        return 1
    for url in options.urls:
        try:
            yield from _fetch(process, options, url)
        except WgetError as error:
            return process.fail(f"wget: {error}")
    return 0


def read(argv: list[str]) -> Options:
    """Read a command line as getopt does.

    Raises:
        WgetError: for an option that is not there.
    """
    options, rest = Options(), list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            options.urls += rest
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in SWITCHES:
                options.switches.add(SWITCHES[name])
            elif name in VALUED:
                _set(options, VALUED[name], value if equals else _argument(rest, f"option '--{name}'"))
            else:
                raise WgetError(f"unrecognized option '--{name}'")
        elif word.startswith("-") and word != "-":
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                if letter in VALUED:
                    _set(options, VALUED[letter], letters or _argument(rest, f"option -- '{letter}'"))
                    break
                if letter not in SWITCHES:
                    raise WgetError(f"invalid option -- '{letter}'")
                options.switches.add(SWITCHES[letter])
        else:
            options.urls.append(word)
    return options


def _argument(rest: list[str], name: str) -> str:
    if not rest:
        raise WgetError(f"{name.replace('option --', 'option requires an argument --')}")
    return rest.pop(0)


def _set(options: Options, name: str, value: str) -> None:
    if name in ("timeout", "tries") and not re.fullmatch(r"\d+(\.\d*)?", value):
        raise WgetError(f"invalid number '{value}'", told=True)
    if name == "header":
        options.headers.append(value)
    else:
        options.values[name] = value


def _fetch(process: Process, options: Options, url: str) -> Task:
    """Retrieve one URL, following redirections."""
    method, body = _body(process, options)
    url = url if "://" in url else f"http://{url}"
    told = False
    for _ in range(REDIRECTS + 1):
        reply = yield from _request(process, options, url, method, body, told=told)
        if reply.status not in REDIRECTIONS or not reply.header("location"):
            break
        # It stays with its server, and says nothing of it.
        told = reply.header("location").startswith("/")
        url = urljoin(url, reply.header("location"))
        if reply.status == 303:
            method, body = "GET", b""
    else:
        raise WgetError("too many redirections")
    if reply.status not in SUCCESSES:
        raise WgetError(f"server returned error: HTTP/{reply.version} {reply.status} {reply.reason}".rstrip())
    if "spider" in options.switches:
        if not options.quiet:
            process.stderr.write(b"remote file exists\n")
        return
    _save(process, options, url, reply)


def _body(process: Process, options: Options) -> tuple[str, bytes]:
    if "post_file" in options.values:
        name = options.values["post_file"]
        try:
            return "POST", process.container.files.read(normal(name, process.cwd))
        except FileError as error:
            raise WgetError(f"can't open '{name}': {error.reason}") from error
    if "post" in options.values:
        return options.values.get("method", "POST"), options.values["post"].encode()
    return options.values.get("method", "HEAD" if "spider" in options.switches else "GET"), b""


def _request(
    process: Process, options: Options, url: str, method: str, body: bytes, *, told: bool
) -> Generator[simpy.Event, Any, http.Reply]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise WgetError(f"not an http or ftp url: {url}")
    host, port = parts.hostname or "", _port(parts)
    try:
        found = yield from resolver.lookup(process.container, host, library=_library(process))
    except resolver.LookupFailed as error:
        raise WgetError(f"bad address '{parts.netloc.rpartition('@')[2]}'") from error
    ip = found.addresses[0]
    if not options.quiet and not told:
        process.stderr.write(f"Connecting to {parts.netloc.rpartition('@')[2]} ({ip}:{port})\n".encode())
    timeout_s = float(options.values.get("timeout") or READ_TIMEOUT_S)
    connection = None
    try:
        connection = yield from process.container.network.connect(ip, port, timeout_s=timeout_s)
        stream: http.ByteStream = connection
        if parts.scheme == "https":
            stream = yield from tls.client(connection, tls.unverified(), host, timeout_s)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        reply = yield from http.exchange(
            stream, method, target, _headers(options, parts, body), body, timeout_s=timeout_s
        )
    except ConnectionTimedOut as error:
        if timeout_s < 127 or connection is not None:
            raise WgetError("download timed out") from error
        raise WgetError(f"can't connect to remote host ({ip}): Connection timed out") from error
    except SocketError as error:
        if connection is not None:
            raise WgetError("error getting response") from error
        raise WgetError(f"can't connect to remote host ({ip}): {error.words}") from error
    except (tls.TlsError, BrokenPipe) as error:
        raise WgetError("error getting response: Connection reset by peer") from error
    except http.HttpError as error:
        raise WgetError(f"bad header line: {error}") from error
    finally:
        if connection is not None:
            connection.close()
    if "show" in options.switches:
        process.stderr.write("".join(f"  {line}\n" for line in _shown(reply)).encode())
    return reply


def _shown(reply: http.Reply) -> list[str]:
    """Return the lines of an answer's head as far as wget reads it: it stops where it has seen enough."""
    lines = [f"HTTP/{reply.version} {reply.status} {reply.reason}"]
    if reply.status in REDIRECTIONS:
        for name, value in reply.headers:
            lines.append(f"{name}: {value}")
            if name.lower() == "location":
                break
    elif reply.status in SUCCESSES:
        lines += [*(f"{name}: {value}" for name, value in reply.headers), ""]
    return lines


def _port(parts: Any) -> int:
    try:
        return int(parts.port or (443 if parts.scheme == "https" else 80))
    except ValueError as error:
        raise WgetError(f"bad port '{parts.netloc.rpartition(':')[2]}'") from error


def _library(process: Process) -> resolver.Library:
    return "musl" if process.env.get("LIBC") == "musl" else "glibc"


def _headers(options: Options, parts: Any, body: bytes) -> list[tuple[str, str]]:
    own = [tuple(part.strip() for part in header.split(":", 1)) for header in options.headers if ":" in header]
    named = {name.lower() for name, _ in own}
    headers = [("Host", parts.netloc.rpartition("@")[2]), ("User-Agent", options.values.get("agent", "Wget"))]
    headers.append(("Connection", "close"))
    if parts.username:
        token = base64.b64encode(f"{parts.username}:{parts.password or ''}".encode()).decode()
        headers.append(("Authorization", f"Basic {token}"))
    headers = [pair for pair in headers if pair[0].lower() not in named] + [(name, value) for name, value in own]
    if body:
        if "content-type" not in named:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        headers.append(("Content-Length", str(len(body))))
    return headers


def _save(process: Process, options: Options, url: str, reply: http.Reply) -> None:
    """Write the body where it belongs, with the messages and the progress bar."""
    name = options.values.get("output") or urlsplit(url).path.rpartition("/")[2] or "index.html"
    if name == "-":
        if not options.quiet:
            process.stderr.write(b"writing to stdout\n")
        process.stdout.write(reply.body)
    else:
        if "output" not in options.values:
            name = f"{options.values['prefix'].rstrip('/')}/{name}" if options.values.get("prefix") else name
            if process.container.files.exists(normal(name, process.cwd)):
                raise WgetError(f"can't open '{name}': File exists")
        if not options.quiet:
            process.stderr.write(f"saving to '{name}'\n".encode())
        try:
            process.container.files.write(normal(name, process.cwd), reply.body)
        except FileError as error:
            raise WgetError(f"can't open '{name}': {error.reason}") from error
    if not options.quiet:
        short = "-" if name == "-" else name.rpartition("/")[2]
        process.stderr.write(
            f"{short:<20.20} 100% |********************************| {len(reply.body):>5}  0:00:00 ETA\n".encode()
        )
        process.stderr.write(b"written to stdout\n" if name == "-" else f"'{name}' saved\n".encode())
