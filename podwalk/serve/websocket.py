"""The conversations of exec, attach and port-forward, in the framings that clients speak over a WebSocket.

A :class:`Conversation` turns messages into a :class:`podwalk.types.Session` and back; it knows nothing of ASGI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from podwalk.embedded import Cluster
from podwalk.errors import ApiError
from podwalk.serve import spdy
from podwalk.types import Request, Session

PORT_LENGTH = 2

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

    def take(self) -> list[bytes]:
        """Return the messages to send."""
        raise NotImplementedError

    def receive(self, message: bytes) -> None:
        """Take in a message of the client's."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Say that the client went away."""
        raise NotImplementedError

    def _wake(self) -> None:
        if self.on_output is not None:
            self.on_output()


class Channels(Conversation):
    """``channel.k8s.io``: the first byte of each message is its channel.

    Source: k8s.io/apimachinery/pkg/util/remotecommand and httpstream/wsstream.
    """

    def __init__(self, cluster: Cluster, request: Request) -> None:
        """Open the conversation.

        Raises:
            ApiError: when the API refuses it.
        """
        self._session = cluster.connect(request)
        self._session.on_output = self._wake

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self._session.closed and not self._session.outbox

    def take(self) -> list[bytes]:
        """Return what the session said."""
        return [bytes([channel]) + data for channel, data in self._session.take()]

    def receive(self, message: bytes) -> None:
        """Hand a message to its channel."""
        if not message:
            return
        if message[0] == CLOSE_CHANNEL and len(message) > 1:
            self._session.receive_close(message[1])
        else:
            self._session.receive(message[0], message[1:])

    def disconnect(self) -> None:
        """End the session."""
        self._session.on_output = None
        self._session.disconnect()


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

    def take(self) -> list[bytes]:
        """Return the frames to send."""
        data = self._spdy.take()
        return [data] if data else []

    def receive(self, message: bytes) -> None:
        """Take in frames."""
        try:
            for event in self._spdy.feed(message):
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
    "v5.channel.k8s.io": Channels,
    "v4.channel.k8s.io": Channels,
    "channel.k8s.io": Channels,
    "SPDY/3.1+portforward.k8s.io": Tunnel,
    "": Channels,
}
"""The framings that are spoken, the best first; the last is for a client that names none."""


def choose(offered: list[str], request: Request) -> str:
    """Return the best of the subprotocols that a client offers.

    Raises:
        ApiError: when none of them is spoken here, or it does not suit the request.
    """
    suitable = [name for name in PROTOCOLS if not name.startswith("SPDY/") or request.path.endswith("/portforward")]
    for name in suitable:
        if name in offered:
            return name
    asked = [name for name in offered if not name.startswith("base64url.bearer.")]
    if asked:
        spoken = ", ".join(name for name in suitable if name)
        raise ApiError(
            400, "BadRequest", f"none of the subprotocols {', '.join(asked)} is spoken here, but {spoken} are"
        )
    return ""
