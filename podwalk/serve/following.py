"""What grows and is read over a WebSocket: a watch, each event a message, and a log, each line one.

Source: k8s.io/apiserver/pkg/util/wsstream/stream.go; pkg/endpoints/handlers/watch.go, HandleWS.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from podwalk.errors import ApiError
from podwalk.serve.websocket import TOKEN_PROTOCOL, Conversation, Message, choose
from podwalk.types import Request, Response, Stream

LOG_PROTOCOLS = ["binary.k8s.io", "base64.binary.k8s.io", ""]

Frame = Callable[[bytes], Message]


class Following(Conversation):
    """An answer of which each line is a message; what the client sends is passed over."""

    def __init__(self, answer: Response, frame: Frame, *, greets: bool) -> None:
        """Begin to read.

        Args:
            answer: a whole one, or one that grows.
            frame: makes a message of a line.
            greets: whether an empty message comes first.
        """
        self._stream = answer.stream or _whole(answer.body)
        self._frame, self._greeting = frame, [frame(b"")] if greets else []
        self._stream.on_data = self._wake

    @property
    def closed(self) -> bool:
        """Whether all was said."""
        return self._stream.closed and not self._stream.pending and not self._greeting

    def take(self) -> list[Message]:
        """Return a message for each line that has come since."""
        said, self._greeting = self._greeting, []
        return said + [self._frame(line) for line in self._stream.take().splitlines(keepends=True)]

    def receive(self, message: Message) -> None:
        """Pass over what the client says."""

    def disconnect(self) -> None:
        """Stop reading."""
        self._stream.on_data = None
        self._stream.cancel()


def _whole(body: bytes) -> Stream:
    stream = Stream()
    stream.write(body)
    stream.close()
    return stream


def follow(request: Request, answer: Response, offered: list[str]) -> tuple[str, Conversation] | None:
    """Return how an answer is read over a WebSocket: the subprotocol, and the conversation.

    Args:
        request: what was asked.
        answer: to it, without regard to the WebSocket.
        offered: the subprotocols that the client offers.

    Returns:
        None for an answer that does not grow, or is an error: that is given as it is.

    Raises:
        ApiError: when no subprotocol is spoken, or a watch is asked for without an ``Origin``.
    """
    if answer.status != 200:
        return None
    if request.path.endswith("/log"):
        protocol = choose(offered, LOG_PROTOCOLS)
        frame = _in_base64 if protocol.startswith("base64.") else bytes
        return protocol, Following(answer, frame, greets=True)
    if answer.stream is None:
        return None
    if not request.header("origin"):
        answer.stream.cancel()
        raise ApiError(403, "Forbidden", "a watch over a WebSocket needs the header Origin, as a browser sends it")
    asked = [name for name in offered if not name.startswith(TOKEN_PROTOCOL)]
    return (asked[0] if asked else ""), Following(answer, _event, greets=False)


def _in_base64(line: bytes) -> str:
    return base64.b64encode(line).decode()


def _event(line: bytes) -> str:
    return line.decode()
