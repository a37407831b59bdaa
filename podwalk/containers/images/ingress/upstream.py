"""Sending a request on to an endpoint, over simulated sockets, so that policies stand between controller and Pod."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

from podwalk.containers import http, resolver, tls
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import ConnectionTimedOut, SocketError
from podwalk.network.ingress import Decision
from podwalk.network.ingress.rules import HeaderChange
from podwalk.simulation import Task

HOP_BY_HOP = frozenset(
    ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"]
)


@dataclass(frozen=True)
class Attempt:
    """One try of one endpoint: its address, and what came of it."""

    address: str
    status: int


@dataclass(frozen=True)
class Outcome:
    """What became of a request that was sent on.

    Attributes:
        reply: what the endpoint answered; None if none did.
        status: 502 or 504 when none did.
        attempts: every try.
        stream: the open connection after a 101.
        problem: the last failure in words.
    """

    reply: http.Reply | None
    status: int
    attempts: tuple[Attempt, ...]
    stream: http.ByteStream | None = None
    problem: str = ""


@dataclass(frozen=True)
class Message:
    """A request as it is sent on."""

    method: str
    target: str
    headers: http.Headers
    body: bytes


def send(process: Process, decision: Decision, message: Message) -> Generator[simpy.Event, Any, Outcome]:
    """Try the endpoints of a decision one after the other; a single one is tried again."""
    addresses = yield from _addresses(process, decision)
    attempts: list[Attempt] = []
    problem = "no live upstreams"
    status = 502
    for number in range(decision.tries if addresses else 0):
        ip, port = addresses[number % len(addresses)]
        try:
            reply, stream = yield from _exchange(process, decision, message, ip, port)
        except ConnectionTimedOut:
            status, problem = 504, "upstream timed out (110: Operation timed out) while connecting to upstream"
        except tls.TlsError as error:
            status, problem = 502, f"SSL_do_handshake() failed ({error}) while SSL handshaking to upstream"
        except (SocketError, BrokenPipe) as error:
            words = getattr(error, "words", "Connection reset by peer")
            status, problem = 502, f"connect() failed ({words}) while connecting to upstream"
        except http.HttpError as error:
            status, problem = 502, f"upstream sent an invalid answer ({error})"
        else:
            attempts.append(Attempt(f"{ip}:{port}", reply.status))
            return Outcome(reply, reply.status, tuple(attempts), stream)
        attempts.append(Attempt(f"{ip}:{port}", status))
    return Outcome(None, status, tuple(attempts), problem=problem)


def _addresses(process: Process, decision: Decision) -> Generator[simpy.Event, Any, Sequence[tuple[str, int]]]:
    if not decision.external_name:
        return [(endpoint.ip, endpoint.port) for endpoint in decision.endpoints]
    try:
        found = yield from resolver.lookup(process.container, decision.external_name)
    except resolver.LookupFailed:
        return []
    return [(ip, decision.external_port) for ip in found.addresses]


def _exchange(
    process: Process, decision: Decision, message: Message, ip: str, port: int
) -> Generator[simpy.Event, Any, tuple[http.Reply, http.ByteStream | None]]:
    connection = yield from process.container.network.connect(ip, port, timeout_s=decision.connect_timeout_s)
    stream: http.ByteStream = connection
    kept = False
    try:
        if decision.protocol == "HTTPS":
            stream = yield from tls.client(connection, tls.unverified(), None, decision.connect_timeout_s)
        reply = yield from http.exchange(
            stream, message.method, message.target, message.headers, message.body, timeout_s=decision.read_timeout_s
        )
        kept = reply.status == 101
        return reply, stream if kept else None
    finally:
        if not kept:
            connection.close()


def pump(process: Process, near: http.ByteStream, far: http.ByteStream, first: bytes) -> Task:
    """Carry bytes both ways until both ends are closed: what follows a 101."""
    if first:
        near.write(first)

    def carry(source: http.ByteStream, sink: http.ByteStream) -> Task:
        try:
            while data := (yield from source.read()):
                sink.write(data)
        except (BrokenPipe, SocketError):
            pass
        finally:
            sink.close()

    there = process.simulation.spawn(carry(near, far))
    back = process.simulation.spawn(carry(far, near))
    yield there & back


def changed(headers: http.Headers, changes: Sequence[HeaderChange]) -> list[tuple[str, str]]:
    """Return headers after changes, in their order."""
    result = list(headers)
    for change in changes:
        if not change.add:
            result = [(name, value) for name, value in result if name.lower() != change.name.lower()]
        if change.value is not None:
            result.append((change.name, change.value))
    return result
