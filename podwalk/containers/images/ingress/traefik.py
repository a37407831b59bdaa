"""Traefik's face: entry points web and websecure, and ``/ping`` on port 8080.

**Source**: a real Traefik 3.6's answers; doc.traefik.io, "EntryPoints", "ForwardAuth".
"""

from __future__ import annotations

from collections.abc import Generator
from http import HTTPStatus
from typing import Any

import simpy

from podwalk.containers import http
from podwalk.containers.images import serving
from podwalk.containers.images.ingress import authority
from podwalk.containers.images.ingress.controller import Compiled, Controller, Record
from podwalk.containers.images.ingress.tlsfront import Choice
from podwalk.containers.process import Process
from podwalk.containers.sockets import AddressInUse
from podwalk.network.ingress import DIALECTS, Decision, HttpRequest, Memory, decide, gateway
from podwalk.network.ingress.certificates import secret_for
from podwalk.network.ingress.classes import served
from podwalk.simulation import Task
from podwalk.types import View

PING_PORT = 8080
PLAIN = ("Content-Type", "text/plain; charset=utf-8")
BODIES = {404: "404 page not found\n", 503: "no available server\n", 401: "401 Unauthorized\n", 500: ""}


class Traefik:
    """Traefik; see :class:`~podwalk.containers.images.ingress.controller.Face`."""

    dialect = DIALECTS["traefik"]
    own_certificate = ("Traefik Labs", "TRAEFIK DEFAULT CERT")

    def compile(self, view: View) -> Compiled:
        """Translate Ingresses and HTTPRoutes to rules."""
        ingresses = served(view, self.dialect.controllers)
        return Compiled(ingresses, self.dialect.rules(view, ingresses), gateway.rules(view))

    def decide(self, process: Process, compiled: Compiled, request: HttpRequest, memory: Memory) -> Decision:
        """Return what becomes of a request: by an HTTPRoute if one is met, else by an Ingress."""
        simulation, view = process.simulation, process.container.network.fabric.view
        tables = ((gateway.DIALECT, compiled.routes), (self.dialect, compiled.rules))
        for dialect, rules in tables:
            found = decide(
                view, rules, request,
                dialect=dialect, random=simulation.random, memory=memory, now_s=simulation.now,
            )  # fmt: skip
            if found.rule is not None:
                break
        return found

    def choose(self, view: View, compiled: Compiled, name: str) -> Choice:
        """Return the certificate of a server name, of a Gateway's listener or an Ingress."""
        return Choice(gateway.secret_for(view, name) or secret_for(compiled.ingresses, name))

    def answer(self, process: Process, request: HttpRequest, status: int, headers: http.Headers) -> http.Answer:
        """Return an answer as Go's server writes it."""
        text = BODIES.get(status, HTTPStatus(status).phrase)
        kind = {401: [("Content-Type", "text/plain")], 404: [PLAIN, NO_SNIFF], 503: [PLAIN, NO_SNIFF]}.get(status, [])
        length = [("Content-Length", str(len(text)))] if status != 204 else []
        own = [*kind, *headers, ("Date", http.date(process.simulation)), *length]
        return http.Answer(status, own, text.encode() if status != 204 else b"")

    def forwarded(self, process: Process, incoming: http.Incoming, request: HttpRequest) -> dict[str, str]:
        """Return the headers that say from whom a request came; what the client claims is not believed."""
        own = {
            "X-Forwarded-For": request.client_ip,
            "X-Forwarded-Host": incoming.header("host"),
            "X-Forwarded-Port": str(incoming.local.port),
            "X-Forwarded-Proto": request.scheme,
            "X-Forwarded-Server": process.container.hostname,
            "X-Real-Ip": request.client_ip,
        }
        return own if incoming.header("accept-encoding") else {**own, "Accept-Encoding": "gzip"}

    def returned(self, process: Process, request: HttpRequest, headers: http.Headers) -> http.Headers:
        """Return a backend's headers sorted by name, as Go writes them."""
        return sorted(headers, key=lambda pair: pair[0])

    def ask(
        self, process: Process, decision: Decision, request: HttpRequest
    ) -> Generator[simpy.Event, Any, authority.Answer]:
        """Ask the server of a ``forwardAuth``; what it refuses with is what the client gets."""
        assert decision.ask is not None, "the controller looked"
        return (yield from authority.ask_forward(process, decision.ask, request))

    def log(self, process: Process, record: Record) -> None:
        """Write nothing: Traefik's access log is off unless asked for."""

    def complain(self, process: Process, words: str) -> None:
        """Write a debug line nowhere: Traefik logs errors of its configuration only."""


NO_SNIFF = ("X-Content-Type-Options", "nosniff")


def traefik(process: Process) -> Task:
    """Run Traefik until told to end; of its flags, the addresses of the entry points count."""
    yield process.sleep(0)
    ports = {"web": 80, "websecure": 443}
    for word in process.argv[1:]:
        name, _, value = word.lstrip("-").partition("=")
        for point in ports:
            if name.lower() == f"entrypoints.{point}.address":
                ports[point] = serving.port_of(value, ports[point])
    running = Controller(process, Traefik())

    def ping(request: http.Incoming) -> http.Answer:
        known = request.path == "/ping"
        return serving.text(http.date(process.simulation), "OK" if known else BODIES[404], 200 if known else 404)

    try:
        tasks = [
            serving.serve(process, ports["web"], running.handle),
            serving.serve(process, ports["websecure"], running.handle, wrap=running.front.wrap),
            serving.serve(process, PING_PORT, ping),
        ]
    except AddressInUse as error:
        return process.fail(f"error while building entryPoint: {error}", 1)
    return (yield from running.run(tasks))
