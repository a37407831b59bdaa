"""Asking another server whether a request may go on: ``auth-url``."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import simpy

from podwalk.containers import http, resolver, tls
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import SocketError
from podwalk.network.ingress import HttpRequest
from podwalk.network.ingress.rules import ExternalAuth

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Answer:
    """What the other server said: ``status`` 0 lets the request on, with ``headers`` added; another refuses it.

    With ``reply`` the client gets what the other server answered.
    """

    status: int
    headers: http.Headers = ()
    reply: http.Reply | None = None


def ask(process: Process, auth: ExternalAuth, request: HttpRequest) -> Generator[simpy.Event, Any, Answer]:
    """Ask, as ingress-nginx does: 2xx lets the request on, 401 and 403 refuse it, all else is an error (500)."""
    asked = f"{request.scheme}://{request.host}{request.target}"
    own = [
        ("X-Original-URL", asked),
        ("X-Original-Method", request.method),
        ("X-Sent-From", "nginx-ingress-controller"),
        ("X-Real-IP", request.client_ip),
        ("X-Forwarded-For", request.client_ip),
        ("X-Auth-Request-Redirect", request.target),
    ]
    reply = yield from _exchange(process, auth, request, own)
    if reply is None:
        return Answer(500)
    if 200 <= reply.status < 300:
        wanted = ((name, reply.header(name)) for name in auth.response_headers)
        return Answer(0, tuple((name, value) for name, value in wanted if value))
    if reply.status == 401 and auth.signin:
        return Answer(302, (("Location", _signin(auth, request)),))
    if reply.status in (401, 403):
        challenge = reply.header("www-authenticate")
        return Answer(reply.status, (("WWW-Authenticate", challenge),) if challenge else ())
    return Answer(500)


def ask_forward(process: Process, auth: ExternalAuth, request: HttpRequest) -> Generator[simpy.Event, Any, Answer]:
    """Ask, as Traefik's forwardAuth does: 2xx lets the request on, any other answer is the client's."""
    own = [
        ("X-Forwarded-Method", request.method),
        ("X-Forwarded-Proto", request.scheme),
        ("X-Forwarded-Host", request.host),
        ("X-Forwarded-Uri", request.target),
        ("X-Forwarded-For", request.client_ip),
    ]
    reply = yield from _exchange(process, auth, request, own)
    if reply is None:
        return Answer(500)
    if 200 <= reply.status < 300:
        wanted = ((name, reply.header(name)) for name in auth.response_headers)
        return Answer(0, tuple((name, value) for name, value in wanted if value))
    return Answer(reply.status, reply=reply)


def _exchange(
    process: Process, auth: ExternalAuth, request: HttpRequest, own: list[tuple[str, str]]
) -> Generator[simpy.Event, Any, http.Reply | None]:
    url = urlsplit(substituted(auth.url, request))
    headers = [("Host", url.netloc), *own, ("Connection", "close")]
    taken = {name.lower() for name, _ in headers} | {"content-length", "transfer-encoding", "upgrade"}
    kept = {name.lower() for name in auth.request_headers}
    headers += [
        (name, value)
        for name, value in request.headers
        if name.lower() not in taken and (not kept or name.lower() in kept)
    ]
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        found = yield from resolver.lookup(process.container, url.hostname or "")
        port = url.port or (443 if url.scheme == "https" else 80)
        connection = yield from process.container.network.connect(found.addresses[0], port, timeout_s=TIMEOUT_S)
        try:
            stream: http.ByteStream = connection
            if url.scheme == "https":
                stream = yield from tls.client(connection, tls.unverified(), url.hostname, TIMEOUT_S)
            return (
                yield from http.exchange(stream, auth.method or request.method, target, headers, timeout_s=TIMEOUT_S)
            )
        finally:
            connection.close()
    except (SocketError, BrokenPipe, resolver.LookupFailed, http.HttpError, tls.TlsError):
        return None


def substituted(text: str, request: HttpRequest) -> str:
    """Put nginx's variables in an address."""
    values = {
        "host": request.host,
        "scheme": request.scheme,
        "request_uri": request.target,
        "escaped_request_uri": quote(request.target, safe=""),
        "request_method": request.method,
        "remote_addr": request.client_ip,
        "best_http_host": request.host,
    }
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values.get(match[1], match[0]), text)


def _signin(auth: ExternalAuth, request: HttpRequest) -> str:
    url = substituted(auth.signin, request)
    if f"{auth.signin_parameter}=" in url:
        return url
    back = quote(f"{request.scheme}://{request.host}{request.target}", safe="")
    return f"{url}{'&' if '?' in url else '?'}{auth.signin_parameter}={back}"
