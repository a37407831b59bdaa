"""The part that all Ingress controllers share: take a request, decide, ask, send on, answer.

What is each one's own (error pages, headers sent on, the log's format) is its :class:`Face`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from urllib.parse import quote, unquote

import simpy

from podwalk.containers import http
from podwalk.containers.images import serving
from podwalk.containers.images.ingress import authority, upstream
from podwalk.containers.images.ingress.tlsfront import Choice, TlsFront
from podwalk.containers.process import Process
from podwalk.network.ingress import Decision, HttpRequest, Memory, gateway
from podwalk.network.ingress.classes import CLASSES, INGRESSES
from podwalk.network.ingress.dialects.traefik_middlewares import MIDDLEWARES
from podwalk.network.ingress.rules import HeaderChange, Rule
from podwalk.simulation import Task
from podwalk.types import Change, Object, View

ENDPOINT_HOST = "$endpoint"
RESOURCES = frozenset(
    [
        *("secrets", "configmaps", "services", "endpointslices.discovery.k8s.io", "namespaces"),
        *(INGRESSES, CLASSES, MIDDLEWARES, *gateway.RESOURCES),
    ]
)
"""What rules are made of: a change of anything else leaves them as they are."""
UNCHANGED = "/:@!$&'()*+,;=~?%"


@runtime_checkable
class Watched(Protocol):
    """A view that tells of its changes."""

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after every write; returns the function that ends it."""


@dataclass(frozen=True)
class Record:
    """A request that was answered, for the log."""

    incoming: http.Incoming
    request: HttpRequest
    answer: http.Answer
    decision: Decision
    attempts: tuple[upstream.Attempt, ...]
    took_s: float


@dataclass(frozen=True)
class Compiled:
    """What the objects make.

    Attributes:
        ingresses: those that are served, the oldest first.
        rules: what they become.
        routes: what HTTPRoutes become.
    """

    ingresses: tuple[Object, ...]
    rules: tuple[Rule, ...]
    routes: tuple[Rule, ...] = ()


class Face(Protocol):
    """What is a controller's own."""

    def compile(self, view: View) -> Compiled:
        """Translate the objects to rules; done again when one of :data:`RESOURCES` has changed."""

    def decide(self, process: Process, compiled: Compiled, request: HttpRequest, memory: Memory) -> Decision:
        """Return what becomes of a request."""

    def choose(self, view: View, compiled: Compiled, name: str) -> Choice:
        """Return the certificate of a server name."""

    @property
    def own_certificate(self) -> tuple[str, str]:
        """The organisation and name of the certificate for names that have none."""

    def answer(self, process: Process, request: HttpRequest, status: int, headers: http.Headers) -> http.Answer:
        """Return an answer of the controller's own."""

    def forwarded(self, process: Process, incoming: http.Incoming, request: HttpRequest) -> dict[str, str]:
        """Return the headers that say from whom a request came."""

    def returned(self, process: Process, request: HttpRequest, headers: http.Headers) -> http.Headers:
        """Return the headers of a backend's answer as the client gets them."""

    def ask(self, process: Process, decision: Decision, request: HttpRequest) -> Task:
        """Ask whom the decision names; a :class:`~podwalk.containers.images.ingress.authority.Answer`."""

    def log(self, process: Process, record: Record) -> None:
        """Write a line for a request."""

    def complain(self, process: Process, words: str) -> None:
        """Write an error."""


class Controller:
    """A running controller."""

    def __init__(self, process: Process, face: Face) -> None:
        """Start with an empty memory."""
        self.process, self.face = process, face
        self.view = process.container.network.fabric.view
        self.memory = Memory()
        self._compiled: Compiled | None = None
        self.stop = self.view.subscribe(self._on_change) if isinstance(self.view, Watched) else lambda: None
        complain: Callable[[str], None] = lambda words: face.complain(process, words)  # noqa: E731
        choose: Callable[[str], Choice] = lambda name: face.choose(self.view, self.compiled, name)  # noqa: E731
        self.front = TlsFront(process, self.view, choose, face.own_certificate, complain)

    @property
    def compiled(self) -> Compiled:
        """What the objects make now."""
        if self._compiled is None or not isinstance(self.view, Watched):
            self._compiled = self.face.compile(self.view)
        return self._compiled

    def _on_change(self, change: Change) -> None:
        if change.resource in RESOURCES:
            self._compiled = None

    def run(self, tasks: Sequence[Task]) -> Task:
        """Serve until the process is told to end."""
        try:
            return (yield from serving.hold(self.process, tasks))
        finally:
            self.stop()

    def handle(self, incoming: http.Incoming) -> Generator[simpy.Event, Any, http.Answer]:
        """Answer a request."""
        started_s = self.process.simulation.now
        request = self._request(incoming)
        decision = self.face.decide(self.process, self.compiled, request, self.memory)
        for key in decision.counted:
            self.memory.open[key] = self.memory.open.get(key, 0) + 1
        try:
            answer, attempts = yield from self._answer(incoming, request, decision)
        finally:
            for key in decision.counted:
                self.memory.open[key] -= 1
        took_s = self.process.simulation.now - started_s
        self.face.log(self.process, Record(incoming, request, answer, decision, attempts, took_s))
        return answer

    def _request(self, incoming: http.Incoming) -> HttpRequest:
        shown = self.front.clients.get(incoming.remote)
        return HttpRequest(
            host=re.sub(r":\d+$", "", incoming.header("host")).lower(),
            path=unquote(incoming.path) or "/",
            query=incoming.query,
            method=incoming.method,
            scheme="http" if incoming.tls is None else "https",
            headers=tuple(incoming.headers),
            client_ip=incoming.remote.ip,
            body_size=len(incoming.body),
            certificate=shown[0] if shown else "",
        )

    def _answer(
        self, incoming: http.Incoming, request: HttpRequest, decision: Decision
    ) -> Generator[simpy.Event, Any, tuple[http.Answer, tuple[upstream.Attempt, ...]]]:
        if not decision.proxied:
            return self.face.answer(self.process, request, decision.status, decision.headers), ()
        added: tuple[HeaderChange, ...] = ()
        if decision.ask is not None:
            asked: authority.Answer = yield from self.face.ask(self.process, decision, request)
            if asked.reply is not None:
                return self._handed_back(asked.reply), ()
            if asked.status:
                return self.face.answer(self.process, request, asked.status, asked.headers), ()
            added = tuple(HeaderChange(name, value) for name, value in asked.headers)
        message = self._message(incoming, request, decision, added)
        outcome = yield from upstream.send(self.process, decision, message)
        if outcome.reply is None:
            address = outcome.attempts[-1].address if outcome.attempts else "-"
            words = f'{outcome.problem}, client: {request.client_ip}, upstream: "http://{address}{message.target}"'
            self.face.complain(self.process, words)
            return self.face.answer(self.process, request, outcome.status, ()), outcome.attempts
        return self._passed_on(request, decision, outcome, outcome.reply), outcome.attempts

    def _message(
        self, incoming: http.Incoming, request: HttpRequest, decision: Decision, added: tuple[HeaderChange, ...]
    ) -> upstream.Message:
        target = incoming.target if decision.target == request.target else quote(decision.target, safe=UNCHANGED)
        own = {**self.face.forwarded(self.process, incoming, request), **self._certificate(incoming, decision)}
        taken = {name.lower() for name in own} | upstream.HOP_BY_HOP | {"host"}
        host = decision.host if decision.host != ENDPOINT_HOST else self._endpoint(decision)
        upgrade = incoming.header("upgrade")
        headers = [("Host", host or incoming.header("host")), *own.items()]
        headers += [("Connection", "upgrade"), ("Upgrade", upgrade)] if upgrade else []
        headers += [(name, value) for name, value in incoming.headers if name.lower() not in taken]
        if incoming.body and not incoming.header("content-length"):
            headers.append(("Content-Length", str(len(incoming.body))))
        return upstream.Message(
            incoming.method, target, upstream.changed(headers, (*added, *decision.request_headers)), incoming.body
        )

    def _certificate(self, incoming: http.Incoming, decision: Decision) -> dict[str, str]:
        wanted = decision.rule.intents.certificate if decision.rule is not None else None
        shown = self.front.clients.get(incoming.remote)
        if wanted is None or wanted.mode == "off":
            return {}
        if shown is None:
            return {"ssl-client-verify": "NONE"}
        found = {"ssl-client-verify": "SUCCESS", "ssl-client-subject-dn": shown[0]}
        return {**found, "ssl-client-cert": quote(shown[1])} if wanted.pass_on else found

    @staticmethod
    def _endpoint(decision: Decision) -> str:
        first = decision.endpoints[0] if decision.endpoints else None
        return f"{first.ip}:{first.port}" if first is not None else decision.external_name

    def _handed_back(self, reply: http.Reply) -> http.Answer:
        kept = [(name, value) for name, value in reply.headers if name.lower() not in upstream.HOP_BY_HOP]
        return http.Answer(reply.status, kept, reply.body, reply.reason)

    def _passed_on(
        self, request: HttpRequest, decision: Decision, outcome: upstream.Outcome, reply: http.Reply
    ) -> http.Answer:
        kept = [(name, value) for name, value in reply.headers if name.lower() not in upstream.HOP_BY_HOP]
        headers = upstream.changed(self.face.returned(self.process, request, kept), decision.response_headers)
        if reply.status != 101 or outcome.stream is None:
            return http.Answer(reply.status, headers, reply.body, reply.reason)
        far, first = outcome.stream, reply.body
        switched = [("Upgrade", reply.header("upgrade")), ("Connection", "upgrade"), *headers]

        def takeover(near: http.ByteStream, sent: bytes) -> Task:
            if sent:
                far.write(sent)
            return upstream.pump(self.process, near, far, first)

        return http.Answer(101, switched, takeover=takeover)
