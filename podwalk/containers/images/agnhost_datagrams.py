"""What agnhost serves besides HTTP: a few words over UDP and SCTP, and fixed answers on ``porter``'s ports.

Source: kubernetes/test/images/agnhost, netexec and porter; the answers and the log as a real container gives them, of
SCTP as the source has them, since the reference cluster's kernel has none.
"""

from __future__ import annotations

from collections.abc import Callable

from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import Connection
from podwalk.simulation import Task

SCTP_SIZE = 1024


def log(process: Process, text: str) -> None:
    """Write a line as klog does."""
    now = process.simulation.datetime()
    process.stderr.write(f"I{now:%m%d %H:%M:%S.%f} {process.pid:>7} log.go:244] {text}\n".encode())


def serve_udp(process: Process, port: int, address: str) -> Task:
    """Answer ``hostname``, ``echo TEXT``, ``clientip`` and ``envvar NAME``; anything else gets no answer."""
    socket = process.container.network.bind(port, address)
    try:
        while True:
            received = yield from socket.receive()
            if received is not None:
                data, ip, client = received
                reply = _answer(process, data.decode(errors="replace").strip(), f"{ip}:{client}", "UDP")
                if reply is not None:
                    socket.send(reply.encode(), ip, client)
    finally:
        socket.close()


def serve_sctp(process: Process, port: int, fail: Callable[[], None]) -> Task:
    """Answer the same, but for ``envvar``: one message of one association after another.

    An association that ends without a message is what ``fail`` is called for, since it ends the real server.
    """
    listener = process.container.network.listen(port, "SCTP")
    log(process, "Started SCTP server")
    try:
        while True:
            connection = yield from listener.accept()
            client = str(connection.remote)
            data = yield from connection.read(SCTP_SIZE)
            if not data:
                log(process, f"Error occurred: failed to read from SCTP client {client}:EOF")
                fail()
                return
            reply = _answer(process, data.decode(errors="replace").strip(), client, "SCTP")
            _reply(connection, reply or "")
    finally:
        listener.close()


def _answer(process: Process, text: str, client: str, protocol: str) -> str | None:
    command, _, words = text.partition(" ")
    command = command.lower()
    if command == "hostname" and not words:
        log(process, f"Sending {'udp' if protocol == 'UDP' else protocol} hostName response")
        return process.container.hostname
    if command == "echo" and words:
        log(process, f"Echoing {words.lower()} to {protocol} client {client}")
        return words.lower()
    if command == "clientip" and not words:
        log(process, f"Sending clientip back to {protocol} client {client}")
        return client
    if command == "envvar" and words and protocol == "UDP":
        log(process, f"Sending UDP envvar response for {words}")
        return process.env.get(words, "")
    if text:
        log(process, f"Unknown {protocol} command received from {client}: {text.lower()}")
    return None


def porter_udp(process: Process, port: int, value: str) -> Task:
    """Answer every datagram with a value."""
    socket = process.container.network.bind(port)
    log(process, f"Started UDP server on port {port}")
    try:
        while True:
            received = yield from socket.receive()
            if received is not None:
                socket.send(value.encode(), received[1], received[2])
    finally:
        socket.close()


def porter_sctp(process: Process, port: int, value: str) -> Task:
    """Send a value to everyone who opens an association, and end it."""
    listener = process.container.network.listen(port, "SCTP")
    log(process, "Started SCTP server")
    try:
        while True:
            connection = yield from listener.accept()
            log(process, "Sending response")
            _reply(connection, value)
            log(process, "Response sent")
    finally:
        listener.close()


def _reply(connection: Connection, text: str) -> None:
    try:
        connection.write(text.encode())
    except BrokenPipe:
        pass
    finally:
        connection.close()
