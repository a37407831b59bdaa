"""The HTTP and WebSocket front of a cluster: an ASGI application that lets in whoever has the token.

It turns HTTP into :class:`podwalk.types.Request`, streams into chunks, and conversations into WebSocket messages in
the form of ``channel.k8s.io``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from podwalk.embedded import Cluster
from podwalk.errors import ApiError
from podwalk.serve import STOP_PATH, websocket
from podwalk.serve.clock import Clock
from podwalk.serve.following import follow
from podwalk.serve.outside import OUTSIDE_PATH
from podwalk.serve.outside.follower import Outside
from podwalk.types import Request, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)

CONVERSATIONS = ("/exec", "/attach", "/portforward")

MAX_BODY = 3 * 1024 * 1024
"""Bytes of a request's body that are read; the API server of upstream has the same limit for JSON."""


class Front:
    """The ASGI application."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        *,
        token: str,
        commit: Callable[[], None] = lambda: None,
        outside: Outside | None = None,
    ) -> None:
        """Serve a cluster.

        Args:
            cluster: the cluster.
            clock: what moves its clock.
            token: what lets a client in.
            commit: makes what was written durable, and is called before a write is answered.
            outside: its sockets for clients outside, if it has any.
        """
        self.cluster, self.outside = cluster, outside
        self.clock = clock
        self.on_stop: Callable[[], None] = lambda: None
        self._token = token.encode()
        self._commit = commit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or conversation."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        task = asyncio.create_task(self.clock.run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    def _authorized(self, headers: MutableMapping[str, str]) -> bool:
        kind, _, token = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        if not self._authorized(headers):
            await _send_whole(send, _failure(ApiError(401, "Unauthorized", "Unauthorized")))
            return
        if scope["path"] == STOP_PATH and scope["method"] == "POST":
            await _send_whole(send, Response(200, {"Content-Type": "application/json"}, b"{}"))
            self.on_stop()
            return
        if scope["path"] == OUTSIDE_PATH and scope["method"] == "GET":
            self._commit()
            table = self.outside.table() if self.outside is not None else {}
            await _send_whole(send, Response(200, {"Content-Type": "application/json"}, json.dumps(table).encode()))
            return
        body = await _read(receive)
        if body is None:
            message = f"Request entity too large: limit is {MAX_BODY}"
            await _send_whole(send, _failure(ApiError(413, "RequestEntityTooLarge", message)))
            return
        self.clock.sync()
        request = _request(scope, headers, body)
        response = self._refuse_spdy(request) if _wants_spdy(headers) else self._handle(request)
        self._commit()
        self.clock.wake()
        if response.stream is None:
            await _send_whole(send, response)
        else:
            await self._send_stream(response, receive, send)

    def _handle(self, request: Request) -> Response:
        try:
            return self.cluster.handle(request)
        except Exception as error:  # noqa: BLE001  a fault of ours is an answer, and the server goes on
            _log.exception("%s %s", request.method, request.path)
            message = f"Internal error occurred: {type(error).__name__}: {error}"
            return _failure(ApiError(500, "InternalError", message))

    def _refuse_spdy(self, request: Request) -> Response:
        """Answer a client that fell back from WebSocket to SPDY with what it cannot do, or that SPDY is not spoken."""
        try:
            self.cluster.connect(request).disconnect()
        except ApiError as error:
            return _failure(error)
        spoken = ", ".join(name for name in websocket.PROTOCOLS if name)
        return _failure(
            ApiError(400, "BadRequest", f"SPDY is not spoken here; upgrade to a WebSocket with one of {spoken}")
        )

    async def _send_stream(self, response: Response, receive: Receive, send: Send) -> None:
        stream = response.stream
        assert stream is not None, "only called for answers that grow"
        ready = asyncio.Event()
        stream.on_data = ready.set
        gone = asyncio.create_task(_until_disconnect(receive, "http.disconnect", ready))
        await _start(send, response)
        self.clock.waiting += 1
        try:
            while not gone.done():
                ready.clear()
                if data := stream.take():
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                elif stream.closed:
                    await send({"type": "http.response.body", "body": b""})
                    return
                else:
                    self.clock.wake()
                    await ready.wait()
        finally:
            self.clock.waiting -= 1
            stream.on_data = None
            stream.cancel()
            gone.cancel()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        offered = list(scope.get("subprotocols", ()))
        request = _request(scope, headers, b"")
        await receive()
        try:
            if not self._authorized(headers) and not self._token_offered(offered):
                raise ApiError(401, "Unauthorized", "Unauthorized")
            self.clock.sync()
            begun = self._begin(request, offered)
        except ApiError as error:
            begun = _failure(error)
        if isinstance(begun, Response):
            await _reject(scope, send, begun)
            return
        protocol, conversation = begun
        await send({"type": "websocket.accept", "subprotocol": protocol or None})
        await self._converse(conversation, receive, send)

    def _begin(self, request: Request, offered: list[str]) -> tuple[str, websocket.Conversation] | Response:
        """Return the subprotocol and the conversation; the answer itself where it neither grows nor talks."""
        if request.path.endswith(CONVERSATIONS):
            protocol = websocket.choose(offered, websocket.spoken(request))
            return protocol, websocket.PROTOCOLS[protocol](self.cluster, request)
        answer = self._handle(request)
        return follow(request, answer, offered) or answer

    def _token_offered(self, offered: list[str]) -> bool:
        # Source: k8s.io/apiserver/pkg/authentication/request/websocket, for browsers, which cannot set headers.
        for name in offered:
            if name.startswith(websocket.TOKEN_PROTOCOL):
                text = name.removeprefix(websocket.TOKEN_PROTOCOL)
                with contextlib.suppress(ValueError):
                    return hmac.compare_digest(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), self._token)
        return False

    async def _converse(self, conversation: websocket.Conversation, receive: Receive, send: Send) -> None:
        ready = asyncio.Event()
        conversation.on_output = ready.set
        reader = asyncio.create_task(self._listen(conversation, receive, ready))
        self.clock.waiting += 1
        try:
            while True:
                ready.clear()
                messages = conversation.take()
                self._commit()
                for message in messages:
                    await send({"type": "websocket.send", "bytes" if isinstance(message, bytes) else "text": message})
                if conversation.closed:
                    await send({"type": "websocket.close", "code": 1000})
                    return
                if reader.done():
                    return
                self.clock.wake()
                await ready.wait()
        finally:
            self.clock.waiting -= 1
            conversation.on_output = None
            reader.cancel()
            conversation.disconnect()
            self.clock.wake()

    async def _listen(self, conversation: websocket.Conversation, receive: Receive, ready: asyncio.Event) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                ready.set()
                return
            self.clock.sync()
            conversation.receive(message.get("bytes") or message.get("text") or b"")
            self.clock.sync()
            self.clock.wake()


def _wants_spdy(headers: MutableMapping[str, str]) -> bool:
    return headers.get("upgrade", "").lower().startswith("spdy/")


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _request(scope: Scope, headers: dict[str, str], body: bytes) -> Request:
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Request(scope.get("method", "GET"), scope["path"], query, headers, body)


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _until_disconnect(receive: Receive, kind: str, ready: asyncio.Event) -> None:
    while (await receive())["type"] != kind:
        continue
    ready.set()


async def _start(send: Send, response: Response) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in response.headers.items()
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def _send_whole(send: Send, response: Response) -> None:
    response.headers.setdefault("Content-Length", str(len(response.body)))
    await _start(send, response)
    await send({"type": "http.response.body", "body": response.body})


def _failure(error: ApiError) -> Response:
    return Response(error.code, {"Content-Type": "application/json"}, json.dumps(error.status()).encode())


async def _reject(scope: Scope, send: Send, response: Response) -> None:
    if "websocket.http.response" in scope.get("extensions", {}):
        response.headers.setdefault("Content-Length", str(len(response.body)))
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()
        ]
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": response.body})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": response.body.decode(errors="replace")[:120]})
