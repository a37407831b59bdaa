"""One ``server`` block: which location answers a request, and how.

Source: nginx.org, ngx_http_core_module, ngx_http_proxy_module, ngx_http_rewrite_module. Left out: caching, buffering,
sub-requests; ``if`` knows its documented conditions but holds only ``return``, ``rewrite`` and ``set``.
"""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import simpy

from podwalk.containers import http, resolver, tls
from podwalk.containers.files import FileError
from podwalk.containers.images.nginx import pages
from podwalk.containers.images.nginx.configuration import Directive
from podwalk.containers.images.nginx.variables import find, substitute
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import Address, ConnectionTimedOut, SocketError
from podwalk.network.ingress import passwords

PROXY_TIMEOUT_S = 60.0
NAME_WIDTH = 50
"""Characters of a name in a directory's listing."""
NO_ANSWER = 444
"""The status with which nginx closes a connection without a word."""
ADDED_TO = frozenset([200, 201, 204, 206, 301, 302, 303, 304, 307, 308])
"""The statuses whose answers get the headers of ``add_header`` and ``expires``."""
BODY_LIMIT = 1024**2
"""Bytes that a request's body may have where the configuration says nothing."""
REDIRECTS = 10
COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
Clients = dict[Address, str]
"""The subject of the certificate that the client at an address has shown."""

HOP_BY_HOP = frozenset(["connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"])


@dataclass(frozen=True)
class Listen:
    """One ``listen``."""

    port: int
    ssl: bool
    default: bool


def listens(block: Directive) -> list[Listen]:
    """Return the ports of a server; 80 if it names none."""
    found: dict[int, Listen] = {}
    for directive in block.all("listen"):
        address, flags = directive.args[0], directive.args[1:]
        text = address.rpartition(":")[2] if ":" in address else address
        port = int(text) if text.isdigit() else 80
        found[port] = Listen(port, "ssl" in flags, "default_server" in flags)
    return list(found.values()) or [Listen(80, ssl=False, default=False)]


def verification(block: Directive, http_block: Directive) -> str:
    """Return whether a server asks its clients for a certificate: ``on``, ``optional``, ``off``."""
    found = block.first("ssl_verify_client") or http_block.first("ssl_verify_client")
    return found.args[0] if found is not None else "off"


@dataclass
class Visit:
    """One request on its way through a server: its URI may be rewritten."""

    request: http.Incoming
    port: int
    path: str
    query: str
    scopes: list[Directive] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    captures: tuple[str, ...] = ()
    first: str = ""
    status: int = 0


class Site:
    """One server."""

    def __init__(
        self, process: Process, http_block: Directive, block: Directive, server: str, clients: Clients
    ) -> None:
        """Keep the blocks; ``server`` is what nginx calls itself."""
        self.process, self.http, self.block, self.name, self.clients = process, http_block, block, server, clients
        self.names = [
            name.strip('"').lower() if not name.startswith("~") else name
            for one in block.all("server_name")
            for name in one.args
        ]
        tokens = block.first("server_tokens") or http_block.first("server_tokens")
        self.signature = "nginx" if tokens is not None and tokens.args[0] == "off" else server
        self.turns: dict[str, int] = {}
        self.served = 0

    def answer(self, request: http.Incoming, port: int) -> Generator[simpy.Event, Any, http.Answer]:
        """Answer a request and log it."""
        self.served += 1
        path, _, query = request.target.partition("?")
        visit = Visit(request, port, _clean(unquote(path)), query)
        visit.first = visit.path
        climbs = _climbs(unquote(path))
        answer = self._error(400) if climbs else (yield from self._process(visit))
        page = self._error_page(visit, answer)
        if answer.silent:
            self._log(visit, answer)
            return answer
        finished = self._finish(visit, page if isinstance(page, http.Answer) else (yield from page))
        self._log(visit, finished)
        return finished

    def _process(self, visit: Visit) -> Generator[simpy.Event, Any, http.Answer]:
        visit.scopes = [self.block]
        wanted = visit.request.tls is not None and verification(self.block, self.http) == "on"
        if wanted and not self._client(visit):
            page = pages.error(400, self.signature, "No required SSL certificate was sent")
            return http.Answer(400, [("Content-Type", "text/html")], page)
        if (done := self._rewrite(visit, self.block)) is not None:
            return done
        for _ in range(REDIRECTS):
            location, captures = self._location(visit, self.block)
            visit.scopes, visit.captures = [self.block, *location], captures or visit.captures
            before = visit.path
            if (done := self._barred(visit)) is not None:
                return done
            if location and (done := self._rewrite(visit, location[-1])) is not None:
                return done
            if visit.path != before and "break" not in visit.variables:
                continue
            visit.variables.pop("break", None)
            if (done := self._refuse(visit)) is not None:
                return done
            answer = yield from self._content(visit)
            if isinstance(answer, http.Answer):
                return answer
            visit.path = answer
        return self._error(500)

    def _location(self, visit: Visit, block: Directive) -> tuple[list[Directive], tuple[str, ...]]:
        """Return the location of a path, nested ones too, and what its expression captured."""
        best: Directive | None = None
        longest = -1
        for one in block.all("location"):
            sign, pattern = (one.args[0], one.args[1]) if len(one.args) > 1 else ("", one.args[0])
            if sign == "=" and visit.path == pattern:
                return [one], ()
            if (
                sign in ("", "^~")
                and not pattern.startswith("@")
                and visit.path.startswith(pattern)
                and len(pattern) > longest
            ):
                best, longest = one, len(pattern)
        if best is not None and any(best.all("location")):
            inner, captures = self._location(visit, best)
            if inner:
                return [best, *inner], captures
        if best is not None and best.args[0] == "^~":
            return [best], ()
        for one in block.all("location"):
            if one.args[0] in ("~", "~*"):
                match = re.search(one.args[1], visit.path, re.IGNORECASE if one.args[0] == "~*" else 0)
                if match is not None:
                    return [one], (match[0], *(group or "" for group in match.groups()))
        return ([best], ()) if best is not None else ([], ())

    def _rewrite(self, visit: Visit, block: Directive) -> http.Answer | None:
        """Run ``return``, ``rewrite``, ``set`` and ``if`` of a block; an answer if one of them gives it."""
        for one in block.block or ():
            if one.name == "return":
                return self._return(visit, one)
            if one.name == "set":
                visit.variables[one.args[0].lstrip("$")] = self._value(visit, one.args[1])
            elif one.name == "rewrite":
                stop, answer = self._rewrite_one(visit, one)
                if answer is not None or stop:
                    return answer
            elif one.name == "if" and self._holds(visit, one.args):
                answer = self._rewrite(visit, one)
                if answer is not None:
                    return answer
        return None

    def _rewrite_one(self, visit: Visit, one: Directive) -> tuple[bool, http.Answer | None]:
        match = re.search(one.args[0], visit.path)
        if match is None:
            return False, None
        visit.captures = (match[0], *(group or "" for group in match.groups()))
        target = self._value(visit, one.args[1])
        flag = one.args[2] if len(one.args) > 2 else ""
        if flag in ("redirect", "permanent") or target.startswith(("http://", "https://", "$scheme")):
            query = ""
            if visit.query and not target.endswith("?"):
                query = ("&" if "?" in target else "?") + visit.query
            target = target.removesuffix("?")
            return True, self._redirect(301 if flag == "permanent" else 302, self._absolute(visit, target) + query)
        path, question, query = target.partition("?")
        visit.path = path
        visit.query = "&".join(part for part in (query, visit.query) if part) if question else visit.query
        if flag == "break":
            visit.variables["break"] = "1"
        return flag in ("last", "break"), None

    def _holds(self, visit: Visit, args: tuple[str, ...]) -> bool:
        words = list(args)
        words[0], words[-1] = words[0].lstrip("("), words[-1].rstrip(")")
        words = [word for word in words if word]
        if len(words) == 1:
            return self._value(visit, words[0]) not in ("", "0")
        if words[0] in ("-f", "!-f", "-d", "!-d", "-e", "!-e"):
            path, files = self._value(visit, words[1]), self.process.container.files
            there = files.is_dir(path) if words[0].endswith("d") else files.exists(path)
            return there != words[0].startswith("!")
        left, sign, right = (
            self._value(visit, words[0]),
            words[1],
            self._value(visit, words[2]) if "~" not in words[1] else words[2],
        )
        if sign in ("=", "!="):
            return (left == right) == (sign == "=")
        match = re.search(right, left, re.IGNORECASE if sign.endswith("*") else 0)
        if match is not None:
            visit.captures = (match[0], *(group or "" for group in match.groups()))
        return (match is not None) != sign.startswith("!")

    def _return(self, visit: Visit, one: Directive) -> http.Answer:
        first = one.args[0]
        if not first.isdigit():
            return self._redirect(302, self._absolute(visit, self._value(visit, first)))
        status = int(first)
        text = self._value(visit, one.args[1]) if len(one.args) > 1 else None
        if status in (301, 302, 303, 307, 308):
            return self._redirect(status, self._absolute(visit, text or ""))
        if status == NO_ANSWER:
            return http.Answer(status, silent=True)
        if text is None and (status == 204 or not pages.reason(status)):
            return http.Answer(status)
        if text is None and status >= 300:
            return self._error(status)
        kind = [("Content-Type", self._kind(visit, visit.path))]
        return http.Answer(status, kind, (text or "").encode())

    def _absolute(self, visit: Visit, target: str) -> str:
        if not target.startswith("/"):
            return target
        host = visit.request.header("host").partition(":")[0] or (self.names[0] if self.names else "")
        scheme = "https" if visit.request.tls is not None else "http"
        usual = 443 if scheme == "https" else 80
        port = "" if visit.port == usual else f":{visit.port}"
        return f"{scheme}://{host}{port}{target}"

    def _redirect(self, status: int, location: str) -> http.Answer:
        return http.Answer(
            status, [("Content-Type", "text/html"), ("Location", location)], pages.error(status, self.signature)
        )

    def _client(self, visit: Visit) -> str:
        """Return the subject of the client's certificate, which was verified in the handshake; empty without one."""
        return self.clients.get(visit.request.remote, "")

    def _error(self, status: int) -> http.Answer:
        return http.Answer(status, [("Content-Type", "text/html")], pages.error(status, self.signature))

    def _setting(self, visit: Visit, name: str) -> Directive | None:
        """Return the innermost directive of a name."""
        for scope in [*reversed(visit.scopes), self.http]:
            if (found := scope.first(name)) is not None:
                return found
        return None

    def _settings(self, visit: Visit, name: str) -> list[Directive]:
        """Return the directives of a name of the innermost scope that has any: no others are inherited."""
        for scope in [*reversed(visit.scopes), self.http]:
            if found := list(scope.all(name)):
                return found
        return []

    def _refuse(self, visit: Visit) -> http.Answer | None:
        """Apply ``allow``, ``deny`` and ``auth_basic``."""
        client = ipaddress.ip_address(visit.request.remote.ip)
        for scope in [*reversed(visit.scopes), self.http]:
            rules = [one for one in scope.block or () if one.name in ("allow", "deny")]
            for rule in rules:
                if rule.args[0] == "all" or client in ipaddress.ip_network(rule.args[0], strict=False):
                    if rule.name == "deny":
                        return self._error(403)
                    break
            if rules:
                break
        realm = self._setting(visit, "auth_basic")
        if realm is not None and realm.args[0] != "off" and not self._authorised(visit):
            answer = self._error(401)
            return http.Answer(
                401, [*answer.headers, ("WWW-Authenticate", f'Basic realm="{realm.args[0]}"')], answer.body
            )
        return None

    def _barred(self, visit: Visit) -> http.Answer | None:
        """Apply ``internal`` and the limit of a body, as soon as the location is found."""
        largest = self._setting(visit, "client_max_body_size")
        limit = _size(largest.args[0]) if largest is not None else BODY_LIMIT
        if limit and len(visit.request.body) > limit:
            return dataclasses.replace(self._error(413), close=True)
        if visit.scopes[-1].first("internal") is not None and not visit.status and visit.path == visit.first:
            return self._error(404)
        return None

    def _authorised(self, visit: Visit) -> bool:
        scheme, _, token = visit.request.header("authorization").partition(" ")
        listed = self._setting(visit, "auth_basic_user_file")
        if scheme.lower() != "basic" or listed is None:
            return False
        try:
            user, _, password = base64.b64decode(token).decode().partition(":")
            lines = self.process.container.files.read(listed.args[0]).decode().splitlines()
        except (ValueError, FileError):
            return False
        return passwords.verify(lines, user, password)

    def _content(self, visit: Visit) -> Generator[simpy.Event, Any, http.Answer | str]:
        """Return the answer of a location, or the path to go to instead."""
        scope = visit.scopes[-1]
        proxied = scope.first("proxy_pass")
        if proxied is not None:
            return (yield from self._proxy(visit, proxied))
        if scope.first("stub_status") is not None:
            body = (
                f"Active connections: 1 \nserver accepts handled requests\n {self.served} {self.served} {self.served}"
                " \nReading: 0 Writing: 1 Waiting: 0 \n"
            )
            return http.Answer(200, [("Content-Type", "text/plain")], body.encode())
        tried = self._setting(visit, "try_files")
        if tried is not None:
            return self._try(visit, tried)
        return self._file(visit, visit.path)

    def _try(self, visit: Visit, tried: Directive) -> http.Answer | str:
        files = self.process.container.files
        for candidate in tried.args[:-1]:
            path = self._value(visit, candidate)
            where = self._where(visit, path)
            if path.endswith("/") and files.is_dir(where):
                return self._file(visit, path)
            if files.exists(where) and not files.is_dir(where):
                return self._file(visit, path)
        last = tried.args[-1]
        if last.startswith("="):
            return self._error(int(last[1:]))
        target = self._value(visit, last)
        if last.startswith("@"):
            named = next((one for one in self.block.all("location") if one.args == (last,)), None)
            if named is None:
                return self._error(500)
            visit.scopes = [self.block, named]
            done = self._rewrite(visit, named)
            return done if done is not None else self._file(visit, visit.path)
        path = target.partition("?")[0]
        return path if path != visit.path else self._file(visit, path)

    def _where(self, visit: Visit, path: str) -> str:
        """Return the file that a path stands for."""
        for scope in reversed(visit.scopes):
            alias = scope.first("alias")
            if alias is not None and scope.name == "location":
                prefix = scope.args[-1]
                return self._value(visit, alias.args[0]) + path[len(prefix) :]
            if (root := scope.first("root")) is not None:
                return self._value(visit, root.args[0]).rstrip("/") + path
        root = self.http.first("root")
        return (root.args[0].rstrip("/") if root is not None else "/etc/nginx/html") + path

    def _file(self, visit: Visit, path: str) -> http.Answer | str:
        files, where = self.process.container.files, self._where(visit, path)
        if visit.request.method not in ("GET", "HEAD"):
            return self._error(405)
        if files.is_dir(where):
            if not path.endswith("/"):
                return self._redirect(301, self._absolute(visit, path + "/"))
            index = self._setting(visit, "index")
            for name in index.args if index is not None else ("index.html",):
                if files.exists(f"{where.rstrip('/')}/{name}"):
                    target = f"{path}{name}"
                    return target if target != visit.path else self._read(visit, f"{where.rstrip('/')}/{name}")
            listed = self._setting(visit, "autoindex")
            if listed is not None and listed.args[0] == "on":
                return self._index(where, path)
            self._complain(visit, f'directory index of "{where}" is forbidden')
            return self._error(403)
        return self._read(visit, where)

    def _index(self, where: str, path: str) -> http.Answer:
        rows = "".join(self._row(where, name) for name in self.process.container.files.list(where))
        body = (
            f"<html>\r\n<head><title>Index of {path}</title></head>\r\n<body>\r\n<h1>Index of {path}</h1><hr><pre><a"
            f' href="../">../</a>\r\n{rows}</pre><hr></body>\r\n</html>\r\n'
        )
        return http.Answer(200, [("Content-Type", "text/html")], body.encode())

    def _row(self, where: str, name: str) -> str:
        """Return a line of a directory's listing; names that begin with a dot are left out."""
        if name.startswith("."):
            return ""
        files, path = self.process.container.files, f"{where.rstrip('/')}/{name}"
        folder = files.is_dir(path)
        shown = f"{name}/" if folder else name
        when = self.process.simulation.datetime(files.stat(path).mtime).strftime("%d-%b-%Y %H:%M")
        size = "-" if folder else str(files.stat(path).size)
        cut = shown if len(shown) <= NAME_WIDTH else f"{shown[: NAME_WIDTH - 3]}..>"
        link = f'<a href="{quote(shown)}">{cut}</a>'
        return f"{link}{' ' * (NAME_WIDTH - min(len(shown), NAME_WIDTH))} {when} {size:>19}\r\n"

    def _read(self, visit: Visit, where: str) -> http.Answer:
        files = self.process.container.files
        try:
            node, data = files.stat(where), files.read(where)
        except FileError as error:
            number = {"EACCES": 13, "ENOTDIR": 20}.get(error.name, 2)
            self._complain(visit, f'open() "{where}" failed ({number}: {error.reason})')
            return self._error(403 if error.name == "EACCES" else 404)
        kind = self._kind(visit, where)
        moment = self.process.simulation.epoch + timedelta(seconds=node.mtime)
        seconds = int(moment.timestamp())
        headers = [
            ("Content-Type", kind),
            ("Last-Modified", format_datetime(moment.replace(microsecond=0), usegmt=True)),
            ("ETag", f'"{seconds:x}-{len(data):x}"'),
            ("Accept-Ranges", "bytes"),
        ]
        if visit.request.header("if-none-match", visit.request.header("if-modified-since")) in (
            headers[1][1],
            headers[2][1],
        ):
            return http.Answer(304, headers[1:3], b"")
        return self._part(visit, headers, data)

    def _kind(self, visit: Visit, path: str) -> str:
        """Return the type of what is at a path: by its ending, else what ``default_type`` says."""
        name = path.rpartition("/")[2]
        default = self._setting(visit, "default_type")
        usual = default.args[0] if default is not None else "text/plain"
        return pages.TYPES.get(name.rpartition(".")[2].lower() if "." in name else "", usual)

    def _part(self, visit: Visit, headers: list[tuple[str, str]], data: bytes) -> http.Answer:
        """Answer with a file, or the one part of it that is asked for; several parts at once are not simulated."""
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", visit.request.header("range"))
        if asked is None or asked.group() == "bytes=-":
            return http.Answer(200, headers, data)
        first = int(asked[1]) if asked[1] else max(0, len(data) - int(asked[2]))
        last = min(int(asked[2]), len(data) - 1) if asked[1] and asked[2] else len(data) - 1
        if first > last:
            refused = self._error(416)
            return dataclasses.replace(refused, headers=[*refused.headers, ("Content-Range", f"bytes */{len(data)}")])
        span = ("Content-Range", f"bytes {first}-{last}/{len(data)}")
        return http.Answer(206, [*headers[:-1], span], data[first : last + 1])

    def _proxy(self, visit: Visit, one: Directive) -> Generator[simpy.Event, Any, http.Answer]:
        target = self._value(visit, one.args[0])
        parts = urlsplit(target)
        path = self._proxy_path(visit, one, parts.path)
        headers = self._proxy_headers(visit, parts.netloc)
        for host, port in self._upstream(parts.netloc, 443 if parts.scheme == "https" else 80):
            try:
                reply = yield from self._send(visit, (parts.scheme, host, port), path, headers)
            except resolver.LookupFailed:
                self._complain(visit, f"{host} could not be resolved (3: Host not found)")
                return self._error(502)
            except ConnectionTimedOut:
                self._complain(
                    visit,
                    "upstream timed out (110: Connection timed out) while connecting to upstream, upstream:"
                    f' "{target}"',
                )
                continue_status = 504
            except (SocketError, BrokenPipe, http.HttpError, tls.TlsError) as error:
                self._complain(
                    visit, f'connect() failed (111: {error}) while connecting to upstream, upstream: "{target}"'
                )
                continue_status = 502
            else:
                visit.variables["upstream_status"] = str(reply.status)
                kept = [(name, value) for name, value in reply.headers if name.lower() not in HOP_BY_HOP]
                return http.Answer(reply.status, kept, reply.body, reply.reason)
            visit.variables["upstream_status"] = str(continue_status)
        return self._error(continue_status)

    def _proxy_path(self, visit: Visit, one: Directive, path: str) -> str:
        """Return the path sent on: with a URI in ``proxy_pass`` it takes the place of the location's prefix."""
        query = f"?{visit.query}" if visit.query else ""
        location = visit.scopes[-1]
        if "$" in one.args[0] and path:
            return path + query
        if path and location.name == "location" and location.args[0] not in ("~", "~*"):
            return quote(path + visit.path[len(location.args[-1]) :], safe="/:@!$&'()*+,;=~") + query
        return quote(visit.path, safe="/:@!$&'()*+,;=~") + query

    def _proxy_headers(self, visit: Visit, host: str) -> list[tuple[str, str]]:
        own = {one.args[0]: self._value(visit, one.args[1]) for one in self._settings(visit, "proxy_set_header")}
        lower = {name.lower() for name in own}
        headers = [] if "host" in lower else [("Host", host)]
        headers += [("Host", value) for name, value in own.items() if name.lower() == "host"]
        headers += [
            (name, value) for name, value in own.items() if value and name.lower() not in ("host", "connection")
        ]
        headers.append(("Connection", own.get("Connection") or "close"))
        for name, value in visit.request.headers:
            if name.lower() not in {*lower, "host", "connection", "keep-alive", "transfer-encoding"}:
                headers.append((name, value))
        return headers

    def _upstream(self, name: str, port: int) -> Iterator[tuple[str, int]]:
        """Yield the servers to try: those of an ``upstream`` in turn, or the one named."""
        block = next((one for one in self.http.all("upstream") if one.args[0] == name), None)
        if block is None:
            host, _, number = name.partition(":")
            yield host, int(number or port)
            return
        listed = [one for one in block.all("server") if "down" not in one.args]
        servers = [one.args[0] for one in listed if "backup" not in one.args for _ in range(_weight(one))]
        spare = [one.args[0] for one in listed if "backup" in one.args]
        turn = self.turns[name] = (self.turns.get(name, -1) + 1) % max(len(servers), 1)
        for server in dict.fromkeys([*servers[turn:], *servers[:turn], *spare]):
            host, _, number = server.partition(":")
            yield host, int(number or port)

    def _send(
        self, visit: Visit, where: tuple[str, str, int], path: str, headers: list[tuple[str, str]]
    ) -> Generator[simpy.Event, Any, http.Reply]:
        scheme, host, port = where
        found = yield from resolver.lookup(self.process.container, host)
        ip = self.process.simulation.random.choice(found.addresses)
        visit.variables["upstream_addr"] = f"{ip}:{port}"
        connect_s, read_s = (self._span(visit, f"proxy_{kind}_timeout") for kind in ("connect", "read"))
        connection = yield from self.process.container.network.connect(ip, port, timeout_s=connect_s)
        try:
            stream: http.ByteStream = connection
            if scheme == "https":
                stream = yield from tls.client(connection, tls.unverified(), host)
            return (
                yield from http.exchange(
                    stream, visit.request.method, path, headers, visit.request.body, timeout_s=read_s
                )
            )
        finally:
            connection.close()

    def _span(self, visit: Visit, name: str) -> float:
        """Return a time that the configuration sets for the proxy, in seconds."""
        wanted = self._setting(visit, name)
        return float(_seconds(wanted.args[0])) if wanted is not None else PROXY_TIMEOUT_S

    def _error_page(self, visit: Visit, answer: http.Answer) -> http.Answer | Generator[simpy.Event, Any, http.Answer]:
        """Replace an error by the page that ``error_page`` names."""
        if answer.status < 300 or visit.status:
            return answer
        for one in self._settings(visit, "error_page"):
            *codes, target = one.args
            override = next((int(code[1:] or 200) for code in codes if code.startswith("=")), answer.status)
            if str(answer.status) in codes:
                return self._instead(visit, answer, target, override)
        return answer

    def _instead(
        self, visit: Visit, answer: http.Answer, target: str, status: int
    ) -> Generator[simpy.Event, Any, http.Answer]:
        if target.startswith(("http://", "https://")):
            return self._redirect(302, target)
        visit.status = answer.status
        if target.startswith("@"):
            named = next((one for one in self.block.all("location") if one.args == (target,)), None)
            if named is None:
                return answer
            visit.scopes = [self.block, named]
            page: Any = self._rewrite(visit, named)
            if page is None:
                page = yield from self._content(visit)
        else:
            visit.path = self._value(visit, target)
            page = yield from self._process(visit)
        if not isinstance(page, http.Answer) or (page.status >= 400 and page.body == self._error(page.status).body):
            return answer
        return http.Answer(status, page.headers, page.body)

    def _finish(self, visit: Visit, answer: http.Answer) -> http.Answer:
        """Put the headers in nginx's order, with those of ``add_header``."""
        given = [pair for pair in answer.headers if pair[1]]
        early = [pair for pair in given if pair[0].lower() == "content-type"]
        own = self._absolute(visit, "/")
        middle = [
            pair
            for pair in given
            if pair[0].lower() == "last-modified" or (pair[0].lower() == "location" and pair[1].startswith(own))
        ]
        ranges = [pair for pair in given if pair[0] in ("Accept-Ranges", "Content-Range")]
        late = [pair for pair in given if pair not in (*early, *middle, *ranges)]
        keep = (
            not answer.close
            and visit.request.version == "1.1"
            and "close" not in visit.request.header("connection").lower()
        )
        headers = [("Server", self.signature), ("Date", http.date(self.process.simulation)), *early]
        if answer.status not in (204, 304):
            headers.append(("Content-Length", str(len(answer.body))))
        headers += [*middle, ("Connection", "keep-alive" if keep else "close"), *late]
        if answer.status in ADDED_TO:
            headers += self._expiry(visit)
        for one in self._settings(visit, "add_header"):
            if answer.status in ADDED_TO or one.args[-1] == "always":
                headers.append((one.args[0], self._value(visit, one.args[1])))
        reason = answer.reason or pages.reason(answer.status)
        return http.Answer(answer.status, [*headers, *ranges], answer.body, reason, close=not keep)

    def _expiry(self, visit: Visit) -> list[tuple[str, str]]:
        """Return the headers of ``expires``."""
        wanted = self._setting(visit, "expires")
        if wanted is None or wanted.args[0] == "off":
            return []
        word = wanted.args[-1]
        if word in ("epoch", "max"):
            moment = "Thu, 01 Jan 1970 00:00:01 GMT" if word == "epoch" else "Thu, 31 Dec 2037 23:55:55 GMT"
            return [("Expires", moment), ("Cache-Control", "no-cache" if word == "epoch" else "max-age=315360000")]
        span = _seconds(self._value(visit, word))
        when = self.process.simulation.datetime().replace(microsecond=0) + timedelta(seconds=span)
        control = f"max-age={span}" if span >= 0 else "no-cache"
        return [("Expires", format_datetime(when, usegmt=True)), ("Cache-Control", control)]

    def _value(self, visit: Visit, text: str) -> str:
        return substitute(text, lambda name: self.variable(visit, name))

    def variable(self, visit: Visit, name: str) -> str:
        """Return the value of a variable."""
        request = visit.request
        if name.isdigit():
            return visit.captures[int(name)] if int(name) < len(visit.captures) else ""
        if name in visit.variables:
            return visit.variables[name]
        if name == "request_id":
            # The same for the whole request.
            visit.variables[name] = f"{self.process.simulation.random.getrandbits(128):032x}"
            return visit.variables[name]
        if name == "document_root":
            root = self._setting(visit, "root") if visit.scopes else None
            return root.args[0] if root is not None else "/etc/nginx/html"
        for one in self.http.all("map"):
            if one.args[1] == f"${name}":
                return self._mapped(visit, one)
        host = request.header("host").partition(":")[0].lower() or (self.names[0] if self.names else "")
        forwarded = request.header("x-forwarded-for")
        known = {
            "args": visit.query, "query_string": visit.query, "is_args": "?" if visit.query else "", "host": host,
            "hostname": self.process.container.hostname,
            "document_uri": visit.path, "uri": visit.path, "request_uri": request.target,
            "request_method": request.method,
            "request": f"{request.method} {request.target} HTTP/{request.version}", "remote_addr": request.remote.ip,
            "remote_port": str(request.remote.port),
            "remote_user": _user(request) or "", "scheme": "https" if request.tls is not None else "http",
            "server_addr": request.local.ip,
            "server_port": str(visit.port), "server_name": self.names[0] if self.names else "",
            "server_protocol": f"HTTP/{request.version}",
            "proxy_add_x_forwarded_for": f"{forwarded}, {request.remote.ip}" if forwarded else request.remote.ip,
            "nginx_version": self.name.partition("/")[2],
            "content_type": request.header("content-type"), "content_length": request.header("content-length"),
            "request_body": request.body.decode(errors="replace"),
            "time_local": self.process.simulation.datetime().strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "time_iso8601": self.process.simulation.datetime().strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            "msec": f"{self.process.simulation.datetime().timestamp():.3f}", "pid": str(self.process.pid),
            "https": "on" if request.tls is not None else "",
            "request_time": "0.000", "http_host": request.header("host"), "connection": "1",
            "ssl_server_name": request.tls or "",
            "ssl_client_s_dn": self._client(visit),
            "ssl_client_verify": ("SUCCESS" if self._client(visit) else "NONE") if request.tls is not None else "",
        }  # fmt: skip
        return find(name, known, request.header, visit.query)

    def _mapped(self, visit: Visit, one: Directive) -> str:
        source = self._value(visit, one.args[0])
        default = ""
        for entry in one.block or ():
            if entry.name == "default":
                default = self._value(visit, entry.args[0])
            elif entry.name == source or (entry.name.startswith("~") and re.search(entry.name.lstrip("~*"), source)):
                return self._value(visit, entry.args[0])
        return default

    def _log(self, visit: Visit, answer: http.Answer) -> None:
        target = self._setting(visit, "access_log")
        if target is not None and target.args[0] == "off":
            return
        form = COMBINED
        if target is not None and len(target.args) > 1:
            named = next((one for one in self.http.all("log_format") if one.args[0] == target.args[1]), None)
            form = "".join(named.args[1:]) if named is not None else COMBINED
        sent = 0 if visit.request.method == "HEAD" else len(answer.body)
        visit.variables |= {"status": str(answer.status), "body_bytes_sent": str(sent), "bytes_sent": str(sent)}
        line = substitute(form, lambda name: self.variable(visit, name) or "-")
        self._write(target.args[0] if target is not None else "/var/log/nginx/access.log", f"{line}\n", error=False)

    def _complain(self, visit: Visit, words: str) -> None:
        request = visit.request
        now = self.process.simulation.datetime().strftime("%Y/%m/%d %H:%M:%S")
        server = self.names[0] if self.names else ""
        line = (
            f"{now} [error] {self.process.pid}#{self.process.pid}: *{self.served} {words}, client: {request.remote.ip},"
            f" server: {server}, "
            f'request: "{request.method} {request.target} HTTP/{request.version}", host: "{request.header("host")}"\n'
        )
        target = self._setting(visit, "error_log")
        self._write(target.args[0] if target is not None else "/var/log/nginx/error.log", line, error=True)

    def _write(self, path: str, line: str, *, error: bool) -> None:
        """Write to a log; the image links its logs to stdout and stderr."""
        files = self.process.container.files
        try:
            kind = getattr(files.find(path).node, "kind", "")
            if kind.startswith("fd/") or path in ("stderr", "/dev/stdout", "/dev/stderr"):
                (self.process.stderr if error else self.process.stdout).write(line.encode())
            else:
                files.append(path, line)
        except (FileError, BrokenPipe):
            return


def _size(text: str) -> int:
    """Return bytes as nginx writes them: ``8k``, ``1m``."""
    factor = {"k": 1024, "m": 1024**2, "g": 1024**3}.get(text[-1:].lower(), 1)
    return int(re.sub(r"\D", "", text) or 0) * factor


SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}


def _seconds(text: str) -> int:
    """Return a time as nginx writes it, ``1h30m``; a number alone is seconds."""
    found = re.findall(r"(\d+)([smhdwMy]?)", text)
    return (-1 if text.startswith("-") else 1) * sum(int(number) * SPANS.get(unit, 1) for number, unit in found)


def _clean(path: str) -> str:
    """Merge slashes and resolve ``.`` and ``..``, keeping a final slash."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts) + ("/" if parts and path.endswith(("/", "/.", "/..")) else "")


def _climbs(path: str) -> bool:
    """Whether a path leads above the root."""
    depth = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def _weight(one: Directive) -> int:
    return next((int(arg[7:]) for arg in one.args if arg.startswith("weight=")), 1)


def _user(request: http.Incoming) -> str:
    scheme, _, token = request.header("authorization").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(token).decode().partition(":")[0]
    except ValueError:
        return ""
