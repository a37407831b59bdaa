"""ingress-nginx's face: ports 80 and 443, health on 10254, and a line in the log for each request.

**Source**: kubernetes/ingress-nginx, rootfs/etc/nginx/template/nginx.tmpl (headers sent on, log format, redirects).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from podwalk.containers import http
from podwalk.containers.images import serving
from podwalk.containers.images.ingress import authority, upstream
from podwalk.containers.images.ingress.controller import Compiled, Controller, Record
from podwalk.containers.images.ingress.tlsfront import Choice
from podwalk.containers.images.nginx import pages
from podwalk.containers.process import Process
from podwalk.containers.sockets import AddressInUse
from podwalk.network.ingress import DIALECTS, Decision, HttpRequest, Memory, decide
from podwalk.network.ingress.certificates import secret_for
from podwalk.network.ingress.classes import served
from podwalk.network.ingress.rules import HeaderChange
from podwalk.simulation import Task
from podwalk.types import View

HEALTH_PORT = 10254
HSTS = HeaderChange("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
FLAGS = {
    "election-id": "", "controller-class": "k8s.io/ingress-nginx", "ingress-class": "nginx", "configmap": "",
    "publish-status-address": "", "publish-service": "", "validating-webhook": "",
    "validating-webhook-certificate": "", "validating-webhook-key": "", "watch-ingress-without-class": "",
    "enable-metrics": "", "v": "2", "http-port": "80", "https-port": "443",
}  # fmt: skip
CERTIFICATE_WANTED = b"<center>No required SSL certificate was sent</center>\r\n"
BANNER = f"{'-' * 79}\nNGINX Ingress controller\n  Release:       v1.15.1\n  nginx version: nginx/1.27.1\n{'-' * 79}\n"


class Nginx:
    """ingress-nginx; see :class:`~podwalk.containers.images.ingress.controller.Face`."""

    dialect = DIALECTS["nginx"]
    own_certificate = ("Acme Co", "Kubernetes Ingress Controller Fake Certificate")

    def compile(self, view: View) -> Compiled:
        """Translate the Ingresses to rules."""
        ingresses = served(view, self.dialect.controllers)
        return Compiled(ingresses, self.dialect.rules(view, ingresses))

    def decide(self, process: Process, compiled: Compiled, request: HttpRequest, memory: Memory) -> Decision:
        """Return what becomes of a request."""
        simulation, view = process.simulation, process.container.network.fabric.view
        return decide(
            view, compiled.rules, request,
            dialect=self.dialect, random=simulation.random, memory=memory, now_s=simulation.now,
        )  # fmt: skip

    def choose(self, view: View, compiled: Compiled, name: str) -> Choice:
        """Return the certificate of a server name, and whether the host's clients show theirs."""
        wanted = (rule.intents.certificate for rule in compiled.rules if rule.host == name)
        certificate = next((one for one in wanted if one is not None and one.mode != "off"), None)
        return Choice(secret_for(compiled.ingresses, name), certificate.secret if certificate else None)

    def answer(self, process: Process, request: HttpRequest, status: int, headers: http.Headers) -> http.Answer:
        """Return a page of nginx's own."""
        body = b"" if status == 204 else pages.error(status, "nginx")
        if status == 400:
            body = body.replace(b"<title>400 Bad Request", b"<title>400 No required SSL certificate was sent")
            body = body.replace(b"</h1></center>\r\n", b"</h1></center>\r\n" + CERTIFICATE_WANTED, 1)
        own: list[tuple[str, str]] = [("Date", http.date(process.simulation))]
        if status != 204:
            own += [("Content-Type", "text/html"), ("Content-Length", str(len(body)))]
        own += [("Connection", "keep-alive"), *headers]
        if request.scheme == "https":
            own = upstream.changed(own, (HSTS,))
        return http.Answer(status, own, body, pages.reason(status))

    def forwarded(self, process: Process, incoming: http.Incoming, request: HttpRequest) -> dict[str, str]:
        """Return the headers that say from whom a request came; what the client claims is not believed."""
        return {
            "X-Request-ID": incoming.header("x-request-id") or f"{process.simulation.random.getrandbits(128):032x}",
            "X-Real-IP": request.client_ip,
            "X-Forwarded-For": request.client_ip,
            "X-Forwarded-Host": incoming.header("host"),
            "X-Forwarded-Port": str(incoming.local.port),
            "X-Forwarded-Proto": request.scheme,
            "X-Forwarded-Scheme": request.scheme,
            "X-Scheme": request.scheme,
        }

    def returned(self, process: Process, request: HttpRequest, headers: http.Headers) -> http.Headers:
        """Return a backend's headers, with nginx's date, without the server's name."""
        kept = [(name, value) for name, value in headers if name.lower() not in ("server", "date")]
        back: list[tuple[str, str]] = [("Date", http.date(process.simulation)), *kept]
        return upstream.changed(back, (HSTS,)) if request.scheme == "https" else back

    def ask(
        self, process: Process, decision: Decision, request: HttpRequest
    ) -> Generator[simpy.Event, Any, authority.Answer]:
        """Ask the server of ``auth-url``."""
        assert decision.ask is not None, "the controller looked"
        return (yield from authority.ask(process, decision.ask, request))

    def log(self, process: Process, record: Record) -> None:
        """Write a line in ingress-nginx's format."""
        now, incoming, service = process.simulation.datetime(), record.incoming, record.decision.service
        rule = record.decision.rule
        name = ""
        if service is not None and rule is not None:
            port = next((one.port for one in rule.backends if one.name == service.name), "")
            name = f"{service.namespace}-{service.name}-{port}"
        where = ", ".join(one.address for one in record.attempts) or "-"
        codes = ", ".join(str(one.status) for one in record.attempts) or "-"
        size, took = len(record.answer.body), f"{record.took_s:.3f}"
        process.write(
            f'{incoming.remote.ip} - - [{now:%d/%b/%Y:%H:%M:%S +0000}] "{incoming.method} {incoming.target} '
            f'HTTP/{incoming.version}" {record.answer.status} {size} "{incoming.header("referer") or "-"}" '
            f'"{incoming.header("user-agent") or "-"}" {len(incoming.body)} {took} [{name}] [] {where} '
            f"{size if record.attempts else '-'} {took if record.attempts else '-'} {codes}\n"
        )

    def complain(self, process: Process, words: str) -> None:
        """Write an error in nginx's format."""
        process.stderr.write(f"{process.simulation.datetime():%Y/%m/%d %H:%M:%S} [error] 27#27: {words}\n".encode())


def nginx_ingress_controller(process: Process) -> Task:
    """Run ingress-nginx until told to end."""
    yield process.sleep(0)
    try:
        # The image's own entrypoint names the program a second time, in the arguments.
        argv = [word for word in process.argv[1:] if word.startswith("-")]
        given = serving.flags(argv, FLAGS, ("watch-ingress-without-class", "enable-metrics"))
    except serving.FlagError as error:
        return process.fail(str(error), 2)
    running = Controller(process, Nginx())
    process.write(BANNER)

    def health(_: http.Incoming) -> http.Answer:
        return serving.text(http.date(process.simulation), "ok")

    try:
        tasks = [
            serving.serve(process, int(given["http-port"]), running.handle),
            serving.serve(process, int(given["https-port"]), running.handle, wrap=running.front.wrap),
            serving.serve(process, HEALTH_PORT, health),
        ]
    except AddressInUse as error:
        return process.fail(f"Fatal error listening on ports: {error}", 255)
    return (yield from running.run(tasks))
