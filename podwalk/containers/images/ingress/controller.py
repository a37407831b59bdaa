"""The part that all Ingress controllers share: take a request, decide, ask, send on, answer.

What is each one's own (error pages, headers sent on, the log's format) is its :class:`Face`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, unquote

import simpy

from podwalk.containers import http
from podwalk.containers.images.ingress import authority, upstream
from podwalk.containers.images.ingress.tlsfront import Choice, TlsFront
from podwalk.containers.process import Process
from podwalk.network.ingress import Decision, HttpRequest, Memory
from podwalk.network.ingress.rules import HeaderChange
from podwalk.simulation import Task
from podwalk.types import View

ENDPOINT_HOST = "$endpoint"
UNCHANGED = "/:@!$&'()*+,;=~?%"


@dataclass(frozen=True)
class Record:
    """A request that was answered, for the log."""

    incoming: http.Incoming
    request: HttpRequest
    answer: http.Answer
    decision: Decision
    attempts: tuple[upstream.Attempt, ...]
    took_s: float


class Face(Protocol):
    """What is a controller's own."""

    def decide(self, process: Process, request: HttpRequest, memory: Memory, port: int) -> Decision:
        """Return what becomes of a request that came to a port."""

    def choose(self, view: View, name: str) -> Choice:
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
        complain: Callable[[str], None] = lambda words: face.complain(process, words)  # noqa: E731
        choose: Callable[[str], Choice] = lambda name: face.choose(self.view, name)  # noqa: E731
        self.front = TlsFront(process, self.view, choose, face.own_certificate, complain)

    def handle(self, incoming: http.Incoming) -> Generator[simpy.Event, Any, http.Answer]:
        """Answer a request."""
        started_s = self.process.simulation.now
        request = self._request(incoming)
        decision = self.face.decide(self.process, request, self.memory, incoming.local.port)
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
