"""httpd of BusyBox: the smallest web server there is, in the foreground or not, with programs in ``cgi-bin``.

Each connection is one request. Left out, and refused: its configuration file, inetd mode, and hashing of passwords.

Source: BusyBox 1.38, networking/httpd.c; answers as a real container gives them.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import simpy

from podwalk.containers.files import File, FileError, normal
from podwalk.containers.images.serving import guarded
from podwalk.containers.process import BrokenPipe, Pipe, Process
from podwalk.containers.sockets import AddressInUse, Connection, Listener, SocketError
from podwalk.containers.tools.command import VERSION, Options, ToolError, UsageError, parse
from podwalk.simulation import Task

REQUEST = re.compile(rb"([A-Z]+) (/\S*) HTTP/1\.[01]\r?$")
HEAD_LIMIT = 8192
INDEX = "index.html"
DEFAULT_CGI = "/cgi-bin/index.cgi"
TYPES = {
    kind: content
    for kinds, content in (
        ("txt h c cc cpp", "text/plain"), ("htm html", "text/html"), ("jpg jpeg", "image/jpeg"), ("gif", "image/gif"),
        ("png", "image/png"), ("svg", "image/svg+xml"), ("css", "text/css"), ("js", "application/javascript"),
        ("wav", "audio/wav"), ("avi", "video/x-msvideo"), ("qt mov", "video/quicktime"), ("mpe mpeg", "video/mpeg"),
        ("mp3", "audio/mpeg"),
    )
    for kind in kinds.split()
}  # fmt: skip
ERRORS = {
    400: ("Bad Request", "Unsupported method"),
    403: ("Forbidden", ""),
    404: ("Not Found", "The requested URL was not found"),
    501: ("Not Implemented", "The requested method is not recognized"),
}


@dataclass
class Site:
    """What is served: from which directory, how loudly."""

    process: Process
    home: str
    verbose: int

    def say(self, connection: Connection, text: str) -> None:
        """Log a line on standard error."""
        self.process.fail(f"[::ffff:{connection.remote.ip}]:{connection.remote.port}: {text}")


@dataclass(frozen=True)
class Request:
    """A request, read."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


USAGE = f"""{VERSION}

Usage: httpd [-ifv[v]] [-c CONFFILE] [-p [IP:]PORT] [-M MAXCONN] [-K KILLSEC] [-u USER[:GRP]] [-r REALM] [-h HOME]
or httpd -d/-e/-m STRING

Listen for incoming HTTP requests
""" + "".join(f"\n\t{line}" for line in (
    "-i\t\tInetd mode",
    "-f\t\tRun in foreground",
    "-v[v]\t\tVerbose",
    "-p [IP:]PORT\tBind to IP:PORT (default *:80)",
    "-M NUM\t\tPause if NUM connections are open (default 256)",
    "-K NUM\t\tKill CGIs after NUM seconds",
    "-u USER[:GRP]\tSet uid/gid after binding to port",
    "-r REALM\tAuthentication Realm for Basic Authentication",
    "-h HOME\t\tHome directory (default .)",
    "-c FILE\t\tConfiguration file (default {/etc,HOME}/httpd.conf)",
    "-m STRING\tMD5 crypt STRING",
    "-e STRING\tHTML encode STRING",
    "-d STRING\tURL decode STRING",
))  # fmt: skip


def httpd(process: Process) -> Task:
    """Serve the files of a directory; or encode a text."""
    yield process.sleep(0)
    try:
        options, words = parse(process.argv[1:], "fvip:h:c:r:u:M:K:d:e:m:", ["help"])
        if words or "help" in options:
            return process.fail(USAGE, int(bool(words)))
        return (yield from _run_with(process, options))
    except UsageError as error:
        return process.fail(f"httpd: {error}\n{USAGE}")
    except ToolError as error:
        return process.fail(f"httpd: {error}")


def _run_with(process: Process, options: Options) -> Task:
    if "d" in options:
        process.write(unquote(options.get("d")))
        return 0
    if "e" in options:
        process.write("".join(one if one.isalnum() else f"&#{ord(one)};" for one in options.get("e")))
        return 0
    if refused := next((flag for flag in "icrm" if flag in options), ""):
        raise ToolError(f"-{refused} is not simulated by Podwalk")
    home = normal(options.get("h", "."), process.cwd)
    if not process.container.files.is_dir(home):
        raise ToolError(f"can't change directory to '{options.get('h')}': No such file or directory")
    site = Site(process, home, len([flag for flag, _ in options.pairs if flag == "v"]))
    return (yield from _start(site, _listen(process, options.get("p", "80")), foreground="f" in options))


def _listen(process: Process, where: str) -> Listener:
    address, _, port = where.rpartition(":")
    if not port.isdigit():
        raise ToolError(f"bad address '{where}'")
    try:
        return process.container.network.listen(int(port), address=address)
    except AddressInUse as error:
        raise ToolError("bind: Address already in use") from error


def _start(site: Site, listener: Listener, *, foreground: bool) -> Task:
    """Serve in this process, or in one that goes on when this has ended."""
    if foreground:
        return (yield from _run_until_killed(site, listener))
    container = site.process.container
    site.process = Process(container, site.process.argv, env=site.process.env, cwd=site.home)
    site.process.start(lambda _: _run_until_killed(site, listener))
    return 0


def _run_until_killed(site: Site, listener: Listener) -> Task:
    """Serve for ever: it takes no signal of its own, so that as process 1 it goes only with SIGKILL."""
    server = site.process.simulation.spawn(guarded(_serve(site, listener)))
    try:
        yield site.process.simulation.event()
    finally:
        server.interrupt()


def _serve(site: Site, listener: Listener) -> Task:
    tell, container = site.process.container.network.fabric.on_request, site.process.container
    try:
        while True:
            connection = yield from listener.accept()
            if tell is not None:
                tell(container.pod, container.name)
            site.process.simulation.spawn(_session(site, connection))
    finally:
        listener.close()


def _session(site: Site, connection: Connection) -> Task:
    try:
        request = yield from _receive(connection)
        if request is None:
            status, data = _error(site, 400)
        else:
            if site.verbose > 1:
                site.say(connection, f"{request.method} {request.path}")
            status, data = yield from _answer(site, connection, request)
        if site.verbose:
            site.say(connection, f"response:{status}")
        connection.write(data)
    except (BrokenPipe, SocketError):
        return
    finally:
        connection.close()


def _receive(connection: Connection) -> Generator[simpy.Event, Any, Request | None]:
    """Read a request; None for what is none."""
    data = bytearray()
    while b"\r\n\r\n" not in data and b"\n\n" not in data:
        part = yield from connection.read()
        data += part
        first = REQUEST.match(bytes(data).partition(b"\n")[0])
        if not part or len(data) > HEAD_LIMIT or (b"\n" in data and first is None):
            return None
    head, _, body = bytes(data).replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = head.decode("latin-1").split("\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = headers.get("content-length", "0")
    while len(body) < (int(length) if length.isdigit() else 0):
        part = yield from connection.read()
        if not part:
            break
        body += part
    method, target, _ = lines[0].split(" ")
    path, _, query = target.partition("?")
    # A slash that is hidden is none: nothing has such a name.
    path = unquote(path) if "%2f" not in path.lower() else f"/{path}"
    return Request(method, path, query, headers, body)


def _answer(site: Site, connection: Connection, request: Request) -> Generator[simpy.Event, Any, tuple[int, bytes]]:
    if request.method not in ("GET", "HEAD", "POST") or ".." in request.path.split("/"):
        return _error(site, 400)
    if request.path.startswith("/cgi-bin/"):
        return (yield from _run(site, connection, request, request.path))
    if request.method == "POST":
        return _error(site, 501)
    files, path = site.process.container.files, f"{site.home.rstrip('/')}{request.path}"
    if files.is_dir(path):
        if not path.endswith("/"):
            head = _head(site, 302, "Found", [("Content-type", "text/html"), ("Location", f"{request.path}/")])
            return 302, head
        path += INDEX
        if not files.exists(path) and files.exists(site.home.rstrip("/") + DEFAULT_CGI):
            return (yield from _run(site, connection, request, DEFAULT_CGI))
    return _file(site, request, path)


def _file(site: Site, request: Request, path: str) -> tuple[int, bytes]:
    files = site.process.container.files
    try:
        node = files.open(path)
        data = node.read()
    except FileError as error:
        return _error(site, 403 if error.name == "EACCES" else 404)
    kind = TYPES.get(path.rpartition("/")[2].rpartition(".")[2] if "." in path.rpartition("/")[2] else "")
    headers = [("Content-type", kind)] if kind else []
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if asked and int(asked.group(1)) < len(data):
        first, last = int(asked.group(1)), min(int(asked.group(2) or len(data) - 1), len(data) - 1)
        whole = [("Content-type", "text/html"), ("Content-Range", f"bytes {first}-{last}/{len(data)}")]
        part = data[first : last + 1]
        return 206, _head(site, 206, "Partial Content", [*whole, *_stamps(site, node, len(data)), _length(part)]) + part
    return 200, _head(site, 200, "OK", [*headers, *_stamps(site, node, len(data)), _length(data)]) + data


def _stamps(site: Site, node: File, size: int) -> list[tuple[str, str]]:
    when = site.process.simulation.datetime(node.mtime).replace(microsecond=0)
    return [
        ("Accept-Ranges", "bytes"),
        ("Last-Modified", format_datetime(when, usegmt=True)),
        ("ETag", f'"{int(when.timestamp()):x}-{size:x}"'),
    ]


def _length(data: bytes) -> tuple[str, str]:
    return "Content-Length", str(len(data))


def _head(site: Site, status: int, reason: str, headers: list[tuple[str, str]]) -> bytes:
    date = format_datetime(site.process.simulation.datetime().replace(microsecond=0), usegmt=True)
    lines = [f"HTTP/1.1 {status} {reason}", f"Date: {date}", "Connection: close"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), "", ""]).encode("latin-1", "replace")


def _error(site: Site, status: int) -> tuple[int, bytes]:
    reason, detail = ERRORS[status]
    title = f"{status} {reason}"
    page = f"<HTML><HEAD><TITLE>{title}</TITLE></HEAD>\n<BODY><H1>{title}</H1>\n{detail}\n</BODY></HTML>\n"
    return status, _head(site, status, reason, [("Content-type", "text/html")]) + page.encode()


def _run(
    site: Site, connection: Connection, request: Request, path: str
) -> Generator[simpy.Event, Any, tuple[int, bytes]]:
    """Run a program of ``cgi-bin``; what it prints is the answer after its first line."""
    files, name = site.process.container.files, ""
    parts = path.strip("/").split("/")
    for number in range(2, len(parts) + 1):
        name = "/" + "/".join(parts[:number])
        if not files.is_dir(site.home.rstrip("/") + name):
            break
    script, rest = site.home.rstrip("/") + name, path[len(name) :]
    if not files.exists(script) or files.is_dir(script):
        return _error(site, 404)
    if not files.allowed(files.stat(script), 1):
        return _error(site, 403)
    variables = {
        "REQUEST_METHOD": request.method, "QUERY_STRING": request.query, "PATH_INFO": rest, "SCRIPT_NAME": name,
        "SCRIPT_FILENAME": script, "REQUEST_URI": path + (f"?{request.query}" if request.query else ""),
        "REMOTE_ADDR": f"[::ffff:{connection.remote.ip}]", "REMOTE_PORT": str(connection.remote.port),
        "SERVER_SOFTWARE": "busybox httpd/1.38.0", "SERVER_PROTOCOL": "HTTP/1.0", "GATEWAY_INTERFACE": "CGI/1.1",
        "CONTENT_LENGTH": str(len(request.body)), "CONTENT_TYPE": request.headers.get("content-type", ""),
        **{f"HTTP_{key.upper().replace('-', '_')}": value for key, value in request.headers.items()},
    }  # fmt: skip
    source, out = Pipe(site.process.simulation), Pipe(site.process.simulation, counted=True)
    source.write(request.body)
    source.close()
    env = {**site.process.env, **variables}
    child = site.process.spawn([script], stdin=source, stdout=out, env=env, cwd=script.rpartition("/")[0])
    printed = yield from out.read_all()
    if child.exit_code is None:
        yield child.done
    if printed.startswith(b"HTTP/"):
        return 200, printed
    if printed.startswith(b"Status: "):
        return 200, b"HTTP/1.1 " + printed[len(b"Status: ") :]
    return 200, b"HTTP/1.1 200 OK\r\n" + printed
