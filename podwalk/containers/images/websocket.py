"""A WebSocket endpoint that sends every message back, by wsproto; what traefik/whoami has at ``/echo``.

Source: github.com/traefik/whoami, app.go (echoHandler); gorilla/websocket's Upgrader for the handshake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import wsproto.events as ws
from wsproto.connection import Connection, ConnectionType
from wsproto.utilities import LocalProtocolError, generate_accept_token

from podwalk.containers import http
from podwalk.simulation import Task

VERSION = "13"


def echo(request: http.Incoming, date: str, heard: Callable[[bytes], None]) -> http.Answer:
    """Answer a handshake, and from then on each message with itself.

    Args:
        request: the request.
        date: the ``Date`` header of an answer that is not an upgrade.
        heard: called with each message.
    """
    key = request.header("sec-websocket-key")
    upgrades = "websocket" in request.header("upgrade").lower() and "upgrade" in request.header("connection").lower()
    if not upgrades or not key or request.header("sec-websocket-version") != VERSION:
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Sec-Websocket-Version", VERSION),
            ("X-Content-Type-Options", "nosniff"),
            ("Date", date),
            ("Content-Length", "12"),
        ]
        return http.Answer(400, headers, b"Bad Request\n")
    accepted = generate_accept_token(key.encode()).decode()
    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accepted)]
    return http.Answer(101, headers, takeover=lambda stream, first: _converse(stream, first, heard))


def _converse(stream: http.ByteStream, data: bytes, heard: Callable[[bytes], None]) -> Task:
    connection = Connection(ConnectionType.SERVER)
    message: list[bytes | str] = []
    connection.receive_data(data)
    while True:
        for reply in _replies(connection, message, heard):
            stream.write(connection.send(reply))
            if isinstance(reply, ws.CloseConnection):
                return
        data = yield from stream.read()
        if not data:
            return
        connection.receive_data(data)


def _replies(connection: Connection, message: list[bytes | str], heard: Callable[[bytes], None]) -> Iterator[ws.Event]:
    """Yield what to send for what came; the parts of a message wait in ``message`` for its end."""
    for event in connection.events():
        if isinstance(event, ws.TextMessage | ws.BytesMessage):
            message.append(event.data if isinstance(event.data, str) else bytes(event.data))
            if event.message_finished:
                yield _joined(message, heard)
                message.clear()
        elif isinstance(event, ws.Ping | ws.CloseConnection):
            try:
                yield event.response()
            except LocalProtocolError:
                return


def _joined(message: list[bytes | str], heard: Callable[[bytes], None]) -> ws.Event:
    if isinstance(message[0], str):
        text = "".join(str(part) for part in message)
        heard(text.encode())
        return ws.TextMessage(text)
    data = b"".join(part for part in message if isinstance(part, bytes))
    heard(data)
    return ws.BytesMessage(data)
