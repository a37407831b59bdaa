"""The API's ``proxy``: an HTTP request carried from the node into a Pod."""

from __future__ import annotations

from podwalk.containers import http
from podwalk.containers import tls as transport_security
from podwalk.containers.process import BrokenPipe
from podwalk.containers.sockets import ConnectionRefused, NetNs, SocketError
from podwalk.errors import ApiError, PodwalkError
from podwalk.simulation import Simulation, Task
from podwalk.types import Request, Response

TIMEOUT_S = 30.0
HOP_BY_HOP = frozenset(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "authorization"])


def send(
    simulation: Simulation, source: NetNs, target: tuple[str, int], request: Request, *, tls: bool = False
) -> Response:
    """Send a request and return the answer; the clock moves on as far as the answer takes.

    Raises:
        ApiError: 503 when nobody answers, in the API server's words.
    """
    ip, port = target
    found: list[Response | ApiError] = []
    task = simulation.spawn(_exchange(source, target, request, found, tls=tls))
    simulation.jump_until(lambda: bool(found), TIMEOUT_S)
    if not found:
        task.interrupt()
        raise ApiError(504, "Timeout", f"error trying to reach service: dial tcp {ip}:{port}: i/o timeout")
    if isinstance(found[0], ApiError):
        raise found[0]
    return found[0]


def _exchange(
    source: NetNs, to: tuple[str, int], request: Request, found: list[Response | ApiError], *, tls: bool
) -> Task:
    import simpy

    connection, (ip, port) = None, to
    target = request.path + ("?" + "&".join(f"{key}={value}" for key, value in request.query) if request.query else "")
    headers = [(name.title(), value) for name, value in request.headers.items() if name not in {*HOP_BY_HOP, "host"}]
    headers = [("Host", f"{ip}:{port}"), *headers]
    if request.body and "content-length" not in request.headers:
        headers.append(("Content-Length", str(len(request.body))))
    try:
        connection = yield from source.connect(ip, port)
        stream: http.ByteStream = connection
        if tls:
            stream = yield from transport_security.client(connection, transport_security.unverified(), None, TIMEOUT_S)
        reply = yield from http.exchange(stream, request.method, target, headers, request.body)
        kept = {name.lower(): value for name, value in reply.headers if name.lower() not in HOP_BY_HOP}
        found.append(Response(reply.status, kept, reply.body))
    except ConnectionRefused:
        words = f"error trying to reach service: dial tcp {ip}:{port}: connect: connection refused"
        found.append(ApiError(503, "ServiceUnavailable", words))
    except (SocketError, BrokenPipe, PodwalkError) as error:
        found.append(ApiError(503, "ServiceUnavailable", f"error trying to reach service: {error}"))
    except simpy.Interrupt:
        return
    finally:
        if connection is not None:
            connection.close()
