"""What an Ingress controller does with a request: the rule it meets, what the rule wants, and where the request goes.

``route`` reads the objects through a dialect; ``decide`` takes rules that are ready, whatever they were made from. The
order of the checks is that of nginx's phases: size, redirects, limits, access, then the backend.
"""

from __future__ import annotations

import random as randomness
from dataclasses import dataclass, field

from podwalk.network.endpoints import Endpoint
from podwalk.network.ingress import access, classes, redirects, selection
from podwalk.network.ingress.backends import Target, resolve
from podwalk.network.ingress.decision import Decision
from podwalk.network.ingress.dialects import DIALECTS, Dialect
from podwalk.network.ingress.matching import host_matches
from podwalk.network.ingress.memory import Memory
from podwalk.network.ingress.messages import HttpRequest
from podwalk.network.ingress.rules import Backend, HeaderChange, Intents, Rule
from podwalk.types import Hop, HopKind, Ref, View


@dataclass
class _Visit:
    """A request on its way through the controller."""

    view: View
    request: HttpRequest
    dialect: Dialect
    random: randomness.Random
    memory: Memory
    now_s: float
    hops: list[Hop] = field(default_factory=list)

    def note(
        self,
        title: str,
        detail: str,
        rule: Rule | None = None,
        *,
        ok: bool = True,
        at: str = "",
        objects: tuple[Ref, ...] = (),
    ) -> None:
        """Keep a decision."""
        first = (rule.source,) if rule is not None else ()
        self.hops.append(
            Hop(HopKind.INGRESS_CONTROLLER, title, detail, ok, (*first, *objects), at or (rule.field if rule else ""))
        )

    def refuse(self, status: int, rule: Rule | None = None, headers: tuple[tuple[str, str], ...] = ()) -> Decision:
        """Finish with an answer of the controller's own."""
        return Decision(tuple(self.hops), status, headers, rule)


def route(
    view: View,
    request: HttpRequest,
    *,
    dialect: Dialect | str = "nginx",
    ingress_class: str = "",
    random: randomness.Random | None = None,
    memory: Memory | None = None,
    now_s: float = 0.0,
) -> Decision:
    """Return what an Ingress controller does with a request, with every decision on its way.

    Args:
        view: the cluster's objects.
        request: what came.
        dialect: the controller, or its name in :data:`DIALECTS`.
        ingress_class: only Ingresses of this class; by default of all classes that name the controller.
        random: where weights' choices come from.
        memory: the controller's tables of clients and turns; they are changed.
        now_s: the present, for rate limits.

    Returns:
        A decision whose last hop that is not ``ok`` is the reason of a refusal.

    **Source**: kubernetes.io, Ingress; the documentation of each dialect.
    """
    chosen = DIALECTS[dialect] if isinstance(dialect, str) else dialect
    rules = chosen.rules(view, classes.served(view, chosen.controllers, ingress_class))
    return decide(view, rules, request, dialect=chosen, random=random, memory=memory, now_s=now_s)


def decide(
    view: View,
    rules: tuple[Rule, ...],
    request: HttpRequest,
    *,
    dialect: Dialect,
    random: randomness.Random | None = None,
    memory: Memory | None = None,
    now_s: float = 0.0,
) -> Decision:
    """Return what a controller with these rules does with a request; see :func:`route`."""
    # One draw a request for each weight; a fixed seed keeps a bare call repeatable.
    visit = _Visit(view, request, dialect, random or randomness.Random(0), memory or Memory(), now_s)
    rule, others = selection.find(rules, request, host_first=dialect.host_first)
    if rule is None or not (rule.backends or rule.intents.redirects or rule.intents.refused or rule.is_default):
        return _unmatched(visit, rules)
    also = f" It also met {len(others)} less specific rule{'s' * (len(others) > 1)}." if others else ""
    what = "the default backend" if rule.is_default else f"{rule.host or 'every host'} with {rule.path}"
    visit.note(
        _named(rule.source),
        f"{request.method} {request.scheme}://{request.host}{request.path} meets {what}.{also}",
        rule,
    )
    return _follow(visit, rule)


def _named(source: Ref) -> str:
    """Return an object in the words of a title: ``Ingress shop/web``."""
    kind = "HTTPRoute" if source.resource.startswith("httproutes") else "Ingress"
    return f"{kind} {source.namespace}/{source.name}"


def _unmatched(visit: _Visit, rules: tuple[Rule, ...]) -> Decision:
    for rule in selection.skipped(rules, visit.request)[:1]:
        visit.note(f"{visit.dialect.name}: 404", f"{rule.skipped} The controller leaves the rule out.", rule, ok=False)
        return visit.refuse(404, rule)
    hosts = sorted({rule.host for rule in rules if rule.host})
    known = [rule for rule in rules if host_matches(rule.host, visit.request.host) and not rule.is_default]
    if known:
        paths = ", ".join(dict.fromkeys(str(rule.path) for rule in known))
        detail = f"No path for {visit.request.host or 'this host'} matches {visit.request.path} (there are: {paths})."
    elif rules:
        detail = f"No rule is for the host {visit.request.host or '(none)'} (there are: {', '.join(hosts) or 'none'})."
    else:
        detail = f"There is no Ingress of a class that the {visit.dialect.name} controller serves."
    objects = tuple(dict.fromkeys(rule.source for rule in known or rules))
    visit.note(f"{visit.dialect.name}: 404", detail, ok=False, objects=objects)
    return visit.refuse(404)


def _follow(visit: _Visit, rule: Rule) -> Decision:
    intents = rule.intents
    for check in (access.too_large, redirects.check, access.preflight):
        refusal = check(visit.request, rule)
        if refusal is not None:
            visit.note(refusal.title, refusal.detail, rule, ok=refusal.status < 400, at=refusal.field)
            return visit.refuse(refusal.status, rule, refusal.headers)
    limited = access.limited(visit.request, rule, visit.memory, visit.now_s)
    if limited is not None:
        visit.note(limited.title, limited.detail, rule, ok=False)
        return visit.refuse(limited.status, rule, limited.headers)
    refusal = access.forbidden(visit.request, rule)
    if refusal is not None:
        visit.note(refusal.title, refusal.detail, rule, ok=refusal.status < 400)
        return visit.refuse(refusal.status, rule, refusal.headers)
    if intents.refused:
        visit.note(
            "misconfigured", "The controller cannot do what the rule asks for, so it answers for it.", rule, ok=False
        )
        return visit.refuse(intents.refused, rule)
    return _send(visit, rule)


def _send(visit: _Visit, rule: Rule) -> Decision:
    backend = _backend(visit, rule)
    if backend is None:
        visit.note("no backend", "The rule has no backend with a weight above zero.", rule, ok=False)
        return visit.refuse(503 if rule.backends else 404, rule)
    target = resolve(visit.view, backend)
    if target.problem and rule.fallback and not backend.problem:
        instead = resolve(visit.view, rule.fallback[0])
        if not instead.problem:
            visit.note("default-backend", f"{target.problem} The default backend takes over.", rule)
            target = instead
    if target.problem:
        missing = target.service is None or target.port is None
        status = visit.dialect.missing_status if missing else visit.dialect.empty_status
        status = 500 if backend.problem else status
        visit.note(
            f"Service {backend.namespace}/{backend.name}",
            target.problem,
            rule,
            ok=False,
            at=backend.field,
            objects=(target.ref,),
        )
        return visit.refuse(status, rule)
    return _proxy(visit, rule, target)


def _backend(visit: _Visit, rule: Rule) -> Backend | None:
    if rule.canary is not None:
        takes, why = selection.canary_takes(rule.canary, visit.request, visit.random)
        there = rule.canary.backend
        to = f"{there.namespace}/{there.name}" if takes else "the main backend"
        visit.note("canary", f"The request goes to {to}, as {why}.", rule, objects=(there.source,))
        if takes:
            return there
    chosen = selection.draw(rule.backends, visit.random)
    if chosen is not None and len(rule.backends) > 1:
        total = sum(max(backend.weight, 0) for backend in rule.backends)
        visit.note(
            "weights",
            f"{chosen.namespace}/{chosen.name} was drawn: its weight is {chosen.weight} of {total}.",
            rule,
            at=chosen.field,
        )
    return chosen


def _proxy(visit: _Visit, rule: Rule, target: Target) -> Decision:
    request, dialect = visit.request, visit.dialect
    own = target.backend.intents or Intents()
    intents = rule.intents
    affinity = own.affinity or intents.affinity
    cookie = request.cookie(affinity.cookie) if affinity else None
    back: tuple[HeaderChange, ...] = (
        *access.cors_headers(request, intents.cors),
        *intents.response_headers,
        *own.response_headers,
    )
    if affinity is not None and not cookie and target.endpoints:
        cookie, line = access.session_cookie(affinity, request, visit.random, visit.now_s)
        back = (*back, HeaderChange("Set-Cookie", line, add=True))
    key = f"{target.ref}:{target.backend.port}"
    there = _service_itself(target) if intents.to_service_ip else target.endpoints
    ordered = selection.order(there, affinity, cookie, visit.memory, key)
    path, host = redirects.rewrite(request, rule)
    if path != request.target:
        visit.note("rewrite", f"The path {request.target} is sent on as {path}.", rule)
    _note_endpoints(visit, rule, target, ordered[0].ip if ordered else target.external_name)
    return Decision(
        tuple(visit.hops),
        rule=rule,
        service=target.ref,
        endpoints=ordered,
        tries=intents.tries or dialect.retries,
        target=path,
        host=host or own.host or intents.host,
        protocol=own.protocol if own.protocol != "HTTP" else intents.protocol,
        external_name=target.external_name,
        external_port=int(target.port["port"]) if target.port and target.external_name else 0,
        request_headers=(*intents.request_headers, *own.request_headers),
        response_headers=back,
        ask=intents.external_auth,
        connect_timeout_s=intents.connect_timeout_s or dialect.connect_timeout_s,
        read_timeout_s=intents.read_timeout_s or 60.0,
        counted=access.concurrent(request, rule),
    )


def _service_itself(target: Target) -> tuple[Endpoint, ...]:
    service, port = target.service or {}, target.port or {}
    return (Endpoint(service["spec"]["clusterIP"], port["port"]),)


def _note_endpoints(visit: _Visit, rule: Rule, target: Target, first: str) -> None:
    name = f"Service {target.backend.namespace}/{target.backend.name}"
    count = len(target.endpoints)
    detail = (
        f"{name} port {target.backend.port} has {count} ready endpoint{'s' * (count != 1)}; {first} is tried first."
    )
    visit.note(name, detail, rule, at=target.backend.field, objects=(target.ref,))
