"""The conversations of exec, attach and port-forward, in the framings that clients speak over a WebSocket.

A :class:`Conversation` turns messages into a :class:`podwalk.types.Session` and back; it knows nothing of ASGI.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from podwalk.api.routes import flag
from podwalk.embedded import Cluster
from podwalk.errors import ApiError
from podwalk.serve import spdy
from podwalk.types import Request, Session

PORT_LENGTH = 2

STDOUT_CHANNEL, STDERR_CHANNEL, STATUS_CHANNEL = 1, 2, 3

Message = bytes | str

TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."
"""The prefix of a subprotocol that carries the token."""

CLOSE_CHANNEL = 255
"""In ``v5``: the next byte names the channel that the sender has finished with."""


class Conversation:
    """Messages both ways, over one WebSocket.

    Attributes:
        on_output: called whenever there is something to take.
    """

    on_output: Callable[[], None] | None = None

    @property
    def closed(self) -> bool:
        """Whether nothing more is to be sent once what is there is taken."""
        raise NotImplementedError

    def take(self) -> list[Message]:
        """Return the messages to send."""
        raise NotImplementedError

    def receive(self, message: Message) -> None:
        """Take in a message of the client's."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Say that the client went away."""
        raise NotImplementedError

    def _wake(self) -> None:
        if self.on_output is not None:
            self.on_output()


class Channels(Conversation):
    """``channel.k8s.io``: the first byte of each message is its channel; in ``base64`` the first digit of a text.

    Source: k8s.io/apimachinery/pkg/util/remotecommand, k8s.io/apiserver/pkg/util/wsstream,
    k8s.io/kubelet/pkg/cri/streaming/remotecommand/websocket.go.
    """

    def __init__(
        self, cluster: Cluster, request: Request, *, as_text: bool = False, tell: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Open the conversation.

        Args:
            cluster: whose Pods are meant.
            request: for the conversation.
            as_text: whether messages are text, their data in base64.
            tell: makes of the status that ends a command what this framing says, empty for nothing.

        Raises:
            ApiError: when the API refuses it.
        """
        commands = not request.path.endswith("/portforward")
        if not commands and not request.params("ports"):
            raise ApiError(400, "BadRequest", 'query parameter "port" is required')
        self._session = cluster.connect(request)
        self._session.on_output = self._wake
        self._as_text, self._broken = as_text, False
        # Of a port-forward the channels are the ports', two each.
        self._tell = tell if commands else None
        # Tells the client that it is connected, on the lowest channel that it can read.
        self._greeting = [(_lowest_channel(request), b"")] if commands else []

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self._broken or (self._session.closed and not self._session.outbox and not self._greeting)

    def take(self) -> list[Message]:
        """Return what the session said."""
        said, self._greeting = [*self._greeting, *self._session.take()], []
        told = [(channel, self._told(channel, data)) for channel, data in said]
        return [self._framed(channel, data) for channel, data in told if data is not None]

    def receive(self, message: Message) -> None:
        """Hand a message to its channel."""
        if not message:
            return
        try:
            channel, data = self._unframed(message.encode() if isinstance(message, str) else message)
        except ValueError:
            self._broken = True
            self._wake()
            return
        if channel == CLOSE_CHANNEL and data:
            self._session.receive_close(data[0])
        else:
            self._session.receive(channel, data)

    def disconnect(self) -> None:
        """End the session."""
        self._session.on_output = None
        self._session.disconnect()

    def _unframed(self, message: bytes) -> tuple[int, bytes]:
        # Some clients send what they type as text whatever the framing.
        if not self._as_text:
            return message[0], message[1:]
        return int(message[:1]), base64.b64decode(message[1:], validate=True)

    def _told(self, channel: int, data: bytes) -> bytes | None:
        if self._tell is None or channel != STATUS_CHANNEL or not data:
            return data
        return self._tell(data) or None

    def _framed(self, channel: int, data: bytes) -> Message:
        return f"{channel}{base64.b64encode(data).decode()}" if self._as_text else bytes([channel]) + data


def _lowest_channel(request: Request) -> int:
    named = {"stdout": STDOUT_CHANNEL, "stderr": STDERR_CHANNEL}
    return next((number for name, number in named.items() if flag(request, name)), STATUS_CHANNEL)


def _retold(data: bytes) -> bytes:
    """Return what ``v5`` says of a command: the API server's account of what the kubelet told it.

    Source: k8s.io/apiserver/pkg/util/proxy/streamtranslator.go.
    """
    status = json.loads(data)
    details = status.get("details") or {}
    if status.get("reason") == "NonZeroExitCode":
        code = details["causes"][0]["message"]
        status["message"] = f"command terminated with non-zero exit code: command terminated with exit code {code}"
    elif status.get("reason") == "InternalError":
        details["causes"][0]["message"] = status["message"]
        status["message"] = f"Internal error occurred: {status['message']}"
    return json.dumps(status, separators=(",", ":")).encode()


def _in_words(data: bytes) -> bytes:
    """Return what is said of a command before ``v4``: nothing if it went well.

    Source: k8s.io/kubelet/pkg/cri/streaming/remotecommand/httpstream.go, v1WriteStatusFunc.
    """
    status = json.loads(data)
    return b"" if status["status"] == "Success" else str(status["message"]).encode()


class Tunnel(Conversation):
    """``SPDY/3.1+portforward.k8s.io``: SPDY frames in WebSocket messages, a pair of streams for each connection.

    Source: k8s.io/kubelet/pkg/cri/streaming/portforward (an ``error`` and a ``data`` stream with one ``requestid``).
    """

    def __init__(self, cluster: Cluster, request: Request) -> None:
        """Prepare for connections; ports are named by the streams.

        Raises:
            ApiError: when the Pod cannot be forwarded to.
        """
        self._cluster = cluster
        self._request = request
        self._spdy = spdy.Connection()
        self._pairs: dict[str, _Pair] = {}
        self._broken = False
        # A conversation without ports tells at once whether there is such a Pod.
        cluster.connect(request).disconnect()

    @property
    def closed(self) -> bool:
        """Whether the client sent what cannot be read; otherwise it is for the client to end it."""
        return self._broken

    def take(self) -> list[Message]:
        """Return the frames to send."""
        data = self._spdy.take()
        return [data] if data else []

    def receive(self, message: Message) -> None:
        """Take in frames."""
        try:
            for event in self._spdy.feed(message if isinstance(message, bytes) else message.encode()):
                self._handle(event)
        except spdy.SpdyError:
            self._broken = True
        self._wake()

    def disconnect(self) -> None:
        """End every connection."""
        for pair in self._pairs.values():
            pair.end()
        self._pairs.clear()

    def _handle(self, event: spdy.Event) -> None:
        if isinstance(event, spdy.Opened):
            self._spdy.reply(event.stream)
            key = event.headers.get("requestid", "")
            pair = self._pairs.setdefault(key, _Pair(self._spdy, self._wake))
            if event.headers.get("streamtype") == "error":
                pair.error_stream = event.stream
            else:
                pair.data_stream = event.stream
                pair.begin(self._cluster, self._request, int(event.headers.get("port", "0")))
            return
        for key, pair in list(self._pairs.items()):
            if event.stream == pair.data_stream:
                if isinstance(event, spdy.Data):
                    pair.receive(event.data, fin=event.fin)
                else:
                    pair.end()
                    del self._pairs[key]


class _Pair:
    """One forwarded connection."""

    def __init__(self, connection: spdy.Connection, wake: Callable[[], None]) -> None:
        self.error_stream = self.data_stream = 0
        self._spdy = connection
        self._wake = wake
        self._session: Session | None = None
        # A session begins each channel with its port, two bytes; SPDY names the port in the stream's headers instead.
        self._to_skip = {0: PORT_LENGTH, 1: PORT_LENGTH}

    def begin(self, cluster: Cluster, request: Request, port: int) -> None:
        try:
            session = cluster.connect(replace(request, query=[("ports", str(port))]))
        except ApiError as error:
            self._spdy.send(self.error_stream, error.message.encode(), fin=True)
            self._spdy.send(self.data_stream, b"", fin=True)
            return
        self._session = session
        session.on_output = self._pass_on
        self._pass_on()

    def receive(self, data: bytes, *, fin: bool) -> None:
        if self._session is not None:
            if data:
                self._session.receive(0, data)
            if fin:
                self._session.receive_close(0)

    def end(self) -> None:
        if self._session is not None:
            self._session.on_output = None
            self._session.disconnect()
            self._session = None

    def _pass_on(self) -> None:
        session = self._session
        if session is None:
            return
        for channel, data in session.take():
            skipped = min(self._to_skip[channel], len(data))
            self._to_skip[channel] -= skipped
            if len(data) > skipped:
                self._spdy.send(self.error_stream if channel == 1 else self.data_stream, data[skipped:])
        if session.closed:
            self._spdy.send(self.error_stream, b"", fin=True)
            self._spdy.send(self.data_stream, b"", fin=True)
            self._session = None
        self._wake()


PROTOCOLS: Mapping[str, Callable[[Cluster, Request], Conversation]] = {
    "v5.channel.k8s.io": partial(Channels, tell=_retold),
    "v4.channel.k8s.io": Channels,
    "v4.base64.channel.k8s.io": partial(Channels, as_text=True),
    "channel.k8s.io": partial(Channels, tell=_in_words),
    "base64.channel.k8s.io": partial(Channels, tell=_in_words, as_text=True),
    "SPDY/3.1+portforward.k8s.io": Tunnel,
    "": partial(Channels, tell=_in_words),
}
"""The framings that are spoken, the best first; the last is for a client that names none."""

EARLY = ("channel.k8s.io", "base64.channel.k8s.io")
"""Framings that are not spoken for port-forward."""


def spoken(request: Request) -> list[str]:
    """Return the subprotocols that suit a request, the best first; the last, empty, is for who names none."""
    forwards = request.path.endswith("/portforward")
    return [name for name in PROTOCOLS if (name not in EARLY if forwards else not name.startswith("SPDY/"))]


def choose(offered: list[str], names: list[str]) -> str:
    """Return the best of the subprotocols that a client offers.

    Args:
        offered: by the client; one that carries its token counts for nothing.
        names: what is spoken, the best first.

    Raises:
        ApiError: when none of them is spoken here.
    """
    asked = [name for name in offered if not name.startswith(TOKEN_PROTOCOL)]
    for name in names:
        if name in asked:
            return name
    if asked:
        known = ", ".join(name for name in names if name)
        raise ApiError(403, "Forbidden", f"none of the subprotocols {', '.join(asked)} is spoken here, but {known} are")
    return ""
