"""ingress-nginx's controller: ports 80 and 443, health on 10254, and a line in the log for each request.

**Source**: kubernetes/ingress-nginx, rootfs/etc/nginx/template/nginx.tmpl (headers sent on, log format, redirects).
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any
from urllib.parse import quote, unquote

import simpy

from podwalk.containers import http
from podwalk.containers.images import serving
from podwalk.containers.images.ingress import authority, upstream
from podwalk.containers.images.ingress.tlsfront import Choice, TlsFront
from podwalk.containers.images.nginx import pages
from podwalk.containers.process import Process
from podwalk.containers.sockets import AddressInUse
from podwalk.network.ingress import DIALECTS, Decision, Dialect, HttpRequest, Memory, decide
from podwalk.network.ingress.certificates import secret_for
from podwalk.network.ingress.classes import served
from podwalk.network.ingress.rules import HeaderChange, Rule
from podwalk.simulation import Task

HTTP_PORT, HTTPS_PORT, HEALTH_PORT = 80, 443, 10254
OWN_CERTIFICATE = ("Acme Co", "Kubernetes Ingress Controller Fake Certificate")
HSTS = HeaderChange("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
FLAGS = {
    "election-id": "", "controller-class": "k8s.io/ingress-nginx", "ingress-class": "nginx", "configmap": "",
    "publish-status-address": "", "publish-service": "", "validating-webhook": "",
    "validating-webhook-certificate": "", "validating-webhook-key": "", "watch-ingress-without-class": "",
    "enable-metrics": "", "v": "2", "http-port": str(HTTP_PORT), "https-port": str(HTTPS_PORT),
}  # fmt: skip


class Controller:
    """A running controller."""

    def __init__(self, process: Process, dialect: Dialect) -> None:
        """Start with an empty memory."""
        self.process, self.dialect = process, dialect
        self.network = process.container.network
        self.view = self.network.fabric.view
        self.memory = Memory()
        self.front = TlsFront(process, self.view, self._tls, OWN_CERTIFICATE, self._error)

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules that the objects make now."""
        return self.dialect.rules(self.view, served(self.view, self.dialect.controllers))

    def _tls(self, name: str) -> Choice:
        ingresses = served(self.view, self.dialect.controllers)
        wanted = (rule.intents.certificate for rule in self.rules() if rule.host == name)
        certificate = next((one for one in wanted if one is not None and one.mode != "off"), None)
        return Choice(secret_for(ingresses, name), certificate.secret if certificate else None)

    def handle(self, incoming: http.Incoming) -> Generator[simpy.Event, Any, http.Answer]:
        """Answer a request."""
        started_s = self.process.simulation.now
        request = self._request(incoming)
        decision = decide(
            self.view, self.rules(), request,
            dialect=self.dialect, random=self.process.simulation.random, memory=self.memory,
            now_s=started_s,
        )  # fmt: skip
        for key in decision.counted:
            self.memory.open[key] = self.memory.open.get(key, 0) + 1
        try:
            answer, attempts = yield from self._answer(incoming, request, decision)
        finally:
            for key in decision.counted:
                self.memory.open[key] -= 1
        self._log(incoming, answer, decision, attempts, started_s)
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
            return self._own(request, decision.status, decision.headers), ()
        added: tuple[HeaderChange, ...] = ()
        if decision.ask is not None:
            asked = yield from authority.ask(self.process, decision.ask, request)
            if asked.status:
                return self._own(request, asked.status, asked.headers), ()
            added = tuple(HeaderChange(name, value) for name, value in asked.headers)
        message = self._message(incoming, request, decision, added)
        tries = min(self.dialect.retries, decision.rule.intents.tries or self.dialect.retries) if decision.rule else 1
        outcome = yield from upstream.send(self.process, decision, message, tries)
        if outcome.reply is None:
            address = outcome.attempts[-1].address if outcome.attempts else "-"
            self._error(f'{outcome.problem}, client: {request.client_ip}, upstream: "http://{address}{message.target}"')
            return self._own(request, outcome.status, ()), outcome.attempts
        return self._passed_on(incoming, request, decision, outcome), outcome.attempts

    def _message(
        self, incoming: http.Incoming, request: HttpRequest, decision: Decision, added: tuple[HeaderChange, ...]
    ) -> upstream.Message:
        target = (
            incoming.target if decision.target == request.target else quote(decision.target, safe="/:@!$&'()*+,;=~?%")
        )
        upgrade = incoming.header("upgrade")
        port = str(incoming.local.port)
        own = {
            "X-Request-ID": incoming.header("x-request-id")
            or f"{self.process.simulation.random.getrandbits(128):032x}",
            "X-Real-IP": request.client_ip,
            "X-Forwarded-For": request.client_ip,
            "X-Forwarded-Host": incoming.header("host"),
            "X-Forwarded-Port": port,
            "X-Forwarded-Proto": request.scheme,
            "X-Forwarded-Scheme": request.scheme,
            "X-Scheme": request.scheme,
        }
        shown = self.front.clients.get(incoming.remote)
        if shown and decision.rule and decision.rule.intents.certificate:
            own["ssl-client-verify"], own["ssl-client-subject-dn"] = "SUCCESS", shown[0]
            if decision.rule.intents.certificate.pass_on:
                own["ssl-client-cert"] = quote(shown[1])
        taken = {name.lower() for name in own} | upstream.HOP_BY_HOP | {"host"}
        headers = [("Host", decision.host or incoming.header("host")), *own.items()]
        headers += [("Connection", "upgrade"), ("Upgrade", upgrade)] if upgrade else []
        headers += [(name, value) for name, value in incoming.headers if name.lower() not in taken]
        if incoming.body and not incoming.header("content-length"):
            headers.append(("Content-Length", str(len(incoming.body))))
        changed = upstream.changed(headers, (*added, *decision.request_headers))
        return upstream.Message(incoming.method, target, changed, incoming.body)

    def _passed_on(
        self, incoming: http.Incoming, request: HttpRequest, decision: Decision, outcome: upstream.Outcome
    ) -> http.Answer:
        reply = outcome.reply
        assert reply is not None, "only an answer is passed on"
        kept = [
            (name, value)
            for name, value in reply.headers
            if name.lower() not in {*upstream.HOP_BY_HOP, "server", "date"}
        ]
        headers = [("Date", http.date(self.process.simulation)), *kept]
        changes = decision.response_headers + ((HSTS,) if request.scheme == "https" else ())
        headers = upstream.changed(headers, changes)
        if reply.status == 101 and outcome.stream is not None:
            far, first = outcome.stream, reply.body
            switched = [("Upgrade", reply.header("upgrade")), ("Connection", "upgrade"), *headers]

            def takeover(near: http.ByteStream, sent: bytes) -> Task:
                if sent:
                    far.write(sent)
                return upstream.pump(self.process, near, far, first)

            return http.Answer(101, switched, takeover=takeover)
        return http.Answer(reply.status, headers, reply.body, reply.reason)

    def _own(self, request: HttpRequest, status: int, headers: http.Headers) -> http.Answer:
        """Return an answer of nginx's own."""
        body = b"" if status == 204 else pages.error(status, "nginx")
        first = [("Date", http.date(self.process.simulation))]
        if status != 204:
            first += [("Content-Type", "text/html"), ("Content-Length", str(len(body)))]
        first += [("Connection", "keep-alive"), *headers]
        if request.scheme == "https":
            first = upstream.changed(first, (HSTS,))
        return http.Answer(status, first, body, pages.reason(status))

    def _log(
        self, incoming: http.Incoming, answer: http.Answer, decision: Decision,
        attempts: tuple[upstream.Attempt, ...], started_s: float,
    ) -> None:  # fmt: skip
        now = self.process.simulation.datetime()
        took = self.process.simulation.now - started_s
        service = decision.service
        rule = decision.rule
        backend = next((one for one in rule.backends if service and one.name == service.name), None) if rule else None
        name = f"{service.namespace}-{service.name}-{backend.port if backend else ''}".rstrip("-") if service else ""
        where = ", ".join(one.address for one in attempts) or "-"
        codes = ", ".join(str(one.status) for one in attempts) or "-"
        size = len(answer.body)
        self.process.write(
            f'{incoming.remote.ip} - - [{now:%d/%b/%Y:%H:%M:%S +0000}] "{incoming.method} {incoming.target} '
            f'HTTP/{incoming.version}" {answer.status} {size} "{incoming.header("referer") or "-"}" '
            f'"{incoming.header("user-agent") or "-"}" {len(incoming.body)} {took:.3f} [{name}] [] {where} '
            f"{size if attempts else '-'} {f'{took:.3f}' if attempts else '-'} {codes}\n"
        )

    def _error(self, words: str) -> None:
        now = self.process.simulation.datetime()
        self.process.stderr.write(f"{now:%Y/%m/%d %H:%M:%S} [error] 27#27: {words}\n".encode())

    def health(self, _: http.Incoming) -> http.Answer:
        """Answer ``/healthz`` and ``/metrics``."""
        return serving.text(http.date(self.process.simulation), "ok")


def nginx_ingress_controller(process: Process) -> Task:
    """Run ingress-nginx until told to end."""
    yield process.sleep(0)
    try:
        argv = [word for word in process.argv[1:] if word.startswith("-")]
        given = serving.flags(argv, FLAGS, ("watch-ingress-without-class", "enable-metrics"))
    except serving.FlagError as error:
        return process.fail(str(error), 2)
    running = Controller(process, DIALECTS["nginx"])
    rule = "-" * 79
    process.write(
        f"{rule}\nNGINX Ingress controller\n  Release:       v1.15.1\n  nginx version: nginx/1.27.1\n{rule}\n"
    )
    try:
        tasks = [
            serving.serve(process, int(given["http-port"]), running.handle),
            serving.serve(process, int(given["https-port"]), running.handle, wrap=running.front.wrap),
            serving.serve(process, HEALTH_PORT, running.health),
        ]
    except AddressInUse as error:
        return process.fail(f"Fatal error listening on ports: {error}", 255)
    return (yield from serving.hold(process, tasks))
