"""agnhost as a client: ``netexec``'s ``/dial`` and the subcommand ``connect``, over TCP, UDP and SCTP.

Source: kubernetes/test/images/agnhost, netexec and connect; its errors are those of Go's package net, as a real
container prints them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping
from typing import Any

import simpy

from podwalk.containers import http, resolver
from podwalk.containers.images import serving
from podwalk.containers.images.agnhost_datagrams import SCTP_SIZE, log
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import (
    Address,
    ConnectionRefused,
    ConnectionReset,
    ConnectionTimedOut,
    SocketError,
)
from podwalk.errors import PodwalkError
from podwalk.simulation import Task

DIAL_S = 5.0
WELL_KNOWN = {"http": 80, "https": 443}
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


class GoError(PodwalkError):
    """An error, in Go's words."""


def seconds(text: str) -> float:
    """Return a duration as Go writes it in seconds.

    Raises:
        GoError: when it is none.
    """
    if text == "0":
        return 0.0
    if not text or DURATION.sub("", text):
        raise GoError(f'time: invalid duration "{text}"')
    return sum(float(number) * UNITS_S[unit] for number, unit in DURATION.findall(text))


def resolve(process: Process, network: str, host: str, port: str) -> Generator[simpy.Event, Any, Address]:
    """Return the address that a host and a port name.

    Raises:
        GoError: when the port is none, or the name is not found.
    """
    if not port.isdigit() and port not in WELL_KNOWN:
        raise GoError(f"lookup {network}/{port}: unknown port")
    number = WELL_KNOWN.get(port) or int(port)
    if number > 65535:
        raise GoError(f"address {port}: invalid port")
    if not host:
        return Address("", number)
    try:
        found = yield from resolver.lookup(process.container, host)
    except resolver.LookupFailed as error:
        server = resolver.conf(process.container.files).nameservers[0]
        here = f"{process.container.network.ip}:{process.container.network.ephemeral()}"
        why = f"read udp {here}->{server}:53: i/o timeout" if error.again else "no such host"
        raise GoError(f"lookup {host} on {server}:53: {why}") from error
    return Address(found.addresses[0], number)


def dial(process: Process, query: Mapping[str, str]) -> Generator[simpy.Event, Any, http.Answer]:
    """Answer ``/dial``: ask another server as often as told, and tell what it answered."""
    date, protocol = http.date(process.simulation), query.get("protocol", "")
    host, port, wanted, tries = (query.get(name, "") for name in ("host", "port", "request", "tries"))
    log(process, f"GET /dial?host={host}&protocol={protocol}&port={port}&request={wanted}&tries={tries}")
    ask = DIALS.get(protocol.lower() or "http")
    if tries and not tries.isdigit():
        return _bad(date, f'tries parameter is invalid. strconv.Atoi: parsing "{tries}": invalid syntax')
    if not wanted:
        return _bad(date, "request parameter not specified. <nil>")
    if ask is None:
        return _bad(date, f"unsupported protocol. {protocol}")
    network = "tcp" if protocol.lower() in ("", "http") else protocol.lower()
    try:
        address = yield from resolve(process, network, host, port)
    except GoError as error:
        return _bad(date, f"host and/or port param are invalid. {error}")
    responses: list[str] = []
    errors: list[str] = []
    response = ""
    for _ in range(int(tries or 1)):
        response = ""
        try:
            response = yield from ask(process, address, wanted)
            responses.append(response)
        except GoError as error:
            errors.append(str(error))
    found = {**({"responses": responses} if response else {}), **({"errors": errors} if errors else {})}
    text = json.dumps(found, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return serving.text(http.date(process.simulation), text)


def _bad(date: str, text: str) -> http.Answer:
    return serving.error(date, f"{text}\n", 400)


def _dial_http(process: Process, to: Address, wanted: str) -> Generator[simpy.Event, Any, str]:
    network, started_s = process.container.network, process.simulation.now
    headers = [("Host", str(to)), ("User-Agent", "Go-http-client/1.1"), ("Accept-Encoding", "gzip")]
    try:
        connection = yield from network.connect(to.ip or "127.0.0.1", to.port, timeout_s=DIAL_S)
        left_s = max(0.0, DIAL_S - (process.simulation.now - started_s))
        try:
            reply = yield from http.exchange(connection, "GET", f"/{wanted}", headers, timeout_s=left_s)
        finally:
            connection.close()
    except (SocketError, http.HttpError) as error:
        raise GoError(f'Get "http://{to}/{wanted}": {_why_no_answer(error, to)}') from error
    return reply.body.decode(errors="replace")


def _why_no_answer(error: PodwalkError, to: Address) -> str:
    if isinstance(error, ConnectionTimedOut):
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    if isinstance(error, ConnectionReset):
        return "EOF"
    return _connect_error(error, to) if isinstance(error, SocketError) else str(error)


def _connect_error(error: SocketError, to: Address) -> str:
    return f"dial tcp {to}: connect: {error.words[0].lower()}{error.words[1:]}"


def _dial_udp(process: Process, to: Address, wanted: str) -> Generator[simpy.Event, Any, str]:
    try:
        return (yield from ask_udp(process, to, wanted.encode(), DIAL_S))
    except GoError as error:
        raise GoError(f"reading from udp connection failed. err:'{error}'") from error


def ask_udp(process: Process, to: Address, data: bytes, timeout_s: float | None) -> Generator[simpy.Event, Any, str]:
    """Send a datagram and return what comes back.

    Raises:
        GoError: when the port is closed, or nothing comes in time.
    """
    ip, network = to.ip or "127.0.0.1", process.container.network
    socket = network.bind()
    read = f"read udp {'127.0.0.1' if ip.startswith('127.') else network.ip}:{socket.port}->{ip}:{to.port}"
    try:
        socket.send(data, ip, to.port)
        received = yield from socket.receive(timeout_s)
    except ConnectionRefused as error:
        raise GoError(f"{read}: read: connection refused") from error
    finally:
        socket.close()
    if received is None:
        raise GoError(f"{read}: i/o timeout")
    return received[0].decode(errors="replace")


def _dial_sctp(process: Process, to: Address, wanted: str) -> Generator[simpy.Event, Any, str]:
    return (
        yield from ask_sctp(
            process,
            to,
            wanted.encode(),
            (
                "sctp dial failed. err:{}",
                "sctp connection write failed. err:{}",
                "reading from sctp connection failed. err:'{}'",
            ),
        )
    )


def ask_sctp(
    process: Process, to: Address, data: bytes, words: tuple[str, str, str] = ("{}", "{}", "{}")
) -> Generator[simpy.Event, Any, str]:
    """Open an association, send a message and return what comes back, however long it takes: there is no deadline.

    Raises:
        GoError: when dialling, writing or reading fails; ``words`` say so in this order.
    """
    try:
        connection = yield from process.container.network.connect(to.ip or "127.0.0.1", to.port, "SCTP")
    except SocketError as error:
        raise GoError(words[0].format(error.words.lower())) from error
    try:
        connection.write(data)
        answer = yield from connection.read(SCTP_SIZE)
    except BrokenPipe as error:
        raise GoError(words[1].format("broken pipe")) from error
    finally:
        connection.close()
    if not answer:
        raise GoError(words[2].format("EOF"))
    return answer.decode(errors="replace")


DIALS: Mapping[str, Callable[[Process, Address, str], Generator[simpy.Event, Any, str]]] = {
    "http": _dial_http,
    "udp": _dial_udp,
    "sctp": _dial_sctp,
}


def connect(process: Process, options: Mapping[str, str], words: list[str]) -> Task:
    """Try a connection, with an answer in one word."""
    try:
        seconds(options["timeout"])
    except GoError as error:
        return process.fail(f'Error: invalid argument "{options["timeout"]}" for "--timeout" flag: {error}')
    if len(words) != 1:
        return process.fail(f"Error: accepts 1 arg(s), received {len(words)}")
    protocol = options["protocol"] or "tcp"
    if protocol not in TRIES:
        process.stderr.write(f"Unsupported protocol\n{protocol}".encode())
        return 1
    host, colon, port = words[0].rpartition(":")
    if not colon:
        return process.fail(f"{'UNKNOWN' if protocol == 'tcp' else 'DNS'}: address {port}: missing port in address")
    try:
        to = yield from resolve(process, protocol, host.strip("[]"), port)
    except GoError as error:
        return process.fail(f"DNS: {error}")
    said = yield from TRIES[protocol](process, to, options)
    return process.fail(said) if said else 0


def _try_tcp(process: Process, to: Address, options: Mapping[str, str]) -> Generator[simpy.Event, Any, str]:
    timeout_s = seconds(options["timeout"]) or None
    try:
        connection = yield from process.container.network.connect(to.ip or "127.0.0.1", to.port, timeout_s=timeout_s)
        connection.close()
    except ConnectionRefused:
        return "REFUSED"
    except ConnectionTimedOut:
        return "TIMEOUT"
    except SocketError as error:
        return f"OTHER: {_connect_error(error, to)}"
    return ""


def _try_udp(process: Process, to: Address, options: Mapping[str, str]) -> Generator[simpy.Event, Any, str]:
    try:
        yield from ask_udp(process, to, f"{options['udp-data']}\n".encode(), seconds(options["timeout"]) or None)
    except GoError as error:
        return f"{'TIMEOUT' if str(error).endswith('timeout') else 'REFUSED'}: {error}"
    return ""


def _try_sctp(process: Process, to: Address, options: Mapping[str, str]) -> Generator[simpy.Event, Any, str]:
    """Try an association; without a time-out there is no time for one, as in the source."""
    asked = process.simulation.spawn(_asked(process, to, f"{options['sctp-data']}\n".encode()))
    yield asked | process.sleep(seconds(options["timeout"]))
    if asked.is_alive:
        asked.interrupt()
        return "TIMEOUT"
    return f"OTHER: {asked.value}" if asked.value else ""


def _asked(process: Process, to: Address, data: bytes) -> Task:
    try:
        yield from ask_sctp(process, to, data)
    except GoError as error:
        return str(error)
    except simpy.Interrupt:
        return None
    return ""


TRIES: Mapping[str, Callable[[Process, Address, Mapping[str, str]], Generator[simpy.Event, Any, str]]] = {
    "tcp": _try_tcp,
    "udp": _try_udp,
    "sctp": _try_sctp,
}
