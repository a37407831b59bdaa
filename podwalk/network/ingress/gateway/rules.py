"""HTTPRoutes translated to rules: the same values that Ingresses become.

**Source**: gateway-api.sigs.k8s.io, HTTPRoute v1. Filters that Traefik 3.6 lacks, as RequestMirror, are answered with
500, as it does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from podwalk.network.ingress.backends import find_port
from podwalk.network.ingress.gateway.attachment import ROUTES, attachments, granted
from podwalk.network.ingress.matching import PathKind, PathMatch
from podwalk.network.ingress.rules import Backend, Condition, HeaderChange, Intents, Redirect, Rewrite, Rule
from podwalk.types import Object, Ref, View

KINDS = {"Exact": PathKind.EXACT, "PathPrefix": PathKind.PREFIX, "RegularExpression": PathKind.REGEX}
DEFAULT_MATCH: Object = {"path": {"type": "PathPrefix", "value": "/"}}
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True)
class Problem:
    """Why a backend cannot be used: the reason of the condition ``ResolvedRefs``, and the message."""

    reason: str
    message: str


def rules(view: View) -> tuple[Rule, ...]:
    """Return the rules of every HTTPRoute that is attached, the oldest first."""
    routes = sorted(view.list(ROUTES), key=_age)
    return tuple(rule for route in routes for rule in _of_route(view, route))


def _age(route: Object) -> tuple[str, str, str]:
    metadata = route["metadata"]
    return metadata.get("creationTimestamp") or "", metadata["namespace"], metadata["name"]


def _of_route(view: View, route: Object) -> list[Rule]:
    places = {
        (host, listener.tls)
        for attachment in attachments(view, route)
        for listener, hosts in attachment.hosts
        if listener.ok
        for host in hosts
    }
    made = []
    for number, entry in enumerate(route["spec"].get("rules") or ()):
        for index, match in enumerate(entry.get("matches") or (DEFAULT_MATCH,)):
            base = _rule(view, route, entry, number, index, match)
            made += [replace(base, host=_deep(host), tls=tls) for host, tls in sorted(places)]
    return made


def _deep(host: str) -> str:
    """Write a wildcard of any depth, as Gateway API means it."""
    return f"*{host}" if host.startswith("*.") else host


def _rule(view: View, route: Object, entry: Object, number: int, index: int, match: Object) -> Rule:
    at = f"spec.rules[{number}]"
    path = _path(match.get("path") or {})
    backends = tuple(
        _backend(view, route, one, f"{at}.backendRefs[{place}]")
        for place, one in enumerate(entry.get("backendRefs") or ())
    )
    return Rule(
        host="",
        path=path,
        backends=backends,
        source=Ref(ROUTES, route["metadata"]["namespace"], route["metadata"]["name"]),
        field=f"{at}.matches[{index}]" if entry.get("matches") else at,
        intents=_intents(entry, path),
        conditions=_conditions(match),
    )


def _path(entry: Object) -> PathMatch:
    return PathMatch(KINDS[entry.get("type", "PathPrefix")], entry.get("value", "/"))


def _conditions(match: Object) -> tuple[Condition, ...]:
    found = [Condition("method", "", match["method"])] if match.get("method") else []
    for kind, name in (("header", "headers"), ("query", "queryParams")):
        found += [
            Condition(kind, one["name"], one["value"], one.get("type") == "RegularExpression")
            for one in match.get(name) or ()
        ]
    return tuple(found)


def _backend(view: View, route: Object, entry: Object, at: str) -> Backend:
    problem = problem_of(view, route, entry)
    source = Ref(ROUTES, route["metadata"]["namespace"], route["metadata"]["name"])
    namespace = entry.get("namespace") or source.namespace
    words = f"{problem.message}." if problem else ""
    return Backend(namespace, entry["name"], entry.get("port") or 0, at, source, entry.get("weight", 1), words)


def problem_of(view: View, route: Object, entry: Object) -> Problem | None:
    """Return why a ``backendRef`` cannot be used; None if it can."""
    own = route["metadata"]["namespace"]
    group, kind = entry.get("group", ""), entry.get("kind", "Service")
    where = Ref("services", entry.get("namespace") or own, entry["name"])
    full = f"{group or 'core'}/{kind}/{where.namespace}/{where.name}"
    if (group, kind) != ("", "Service"):
        return Problem("InvalidKind", f"Cannot load HTTPBackendRef {full}: unsupported kind")
    if where.namespace != own and not granted(view, "HTTPRoute", own, "", "Service", where):
        return Problem("RefNotPermitted", f"Cannot load HTTPBackendRef {full}: missing ReferenceGrant")
    if entry.get("filters"):
        return Problem("UnsupportedValue", f"Cannot load HTTPBackendRef {full}: filters of backends are not simulated")
    service = view.get("services", where.namespace, where.name)
    short = f"{where.namespace}/{where.name}"
    if service is None:
        words = f'Cannot load HTTPBackendRef {short}: getting service: service "{where.name}" not found'
        return Problem("BackendNotFound", words)
    if find_port(service, entry.get("port") or -1) is None:
        return Problem(
            "BackendNotFound", f"Cannot load HTTPBackendRef {short}: service port {entry.get('port')} not found"
        )
    return None


def _intents(entry: Object, path: PathMatch) -> Intents:
    timeouts = entry.get("timeouts") or {}
    intents = Intents(read_timeout_s=_duration(timeouts.get("backendRequest") or timeouts.get("request") or ""))
    for one in entry.get("filters") or ():
        match one["type"]:
            case "RequestHeaderModifier":
                changes = _changes(one["requestHeaderModifier"])
                intents = replace(intents, request_headers=(*intents.request_headers, *changes))
            case "ResponseHeaderModifier":
                changes = _changes(one["responseHeaderModifier"])
                intents = replace(intents, response_headers=(*intents.response_headers, *changes))
            case "RequestRedirect":
                intents = replace(intents, redirects=(_redirect(one["requestRedirect"], path),))
            case "URLRewrite":
                wanted = one["urlRewrite"]
                own = _rewrite(wanted.get("path"), path) or Rewrite("", "")
                intents = replace(intents, rewrites=(replace(own, host=wanted.get("hostname", "")),))
            case _:
                intents = replace(intents, refused=500)
    return intents


def _duration(text: str) -> float:
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|h|m|s)", text))


def _changes(modifier: Object) -> tuple[HeaderChange, ...]:
    removed = tuple(HeaderChange(name, None) for name in modifier.get("remove") or ())
    given = tuple(HeaderChange(one["name"], one["value"]) for one in modifier.get("set") or ())
    added = tuple(HeaderChange(one["name"], one["value"], add=True) for one in modifier.get("add") or ())
    return (*removed, *given, *added)


def _redirect(wanted: Object, path: PathMatch) -> Redirect:
    return Redirect(
        status=wanted.get("statusCode", 302),
        scheme=wanted.get("scheme", ""),
        host=wanted.get("hostname", ""),
        port=wanted.get("port", 0),
        path=_rewrite(wanted.get("path"), path),
        always=True,
    )


def _rewrite(wanted: Object | None, path: PathMatch) -> Rewrite | None:
    if not wanted:
        return None
    if wanted["type"] == "ReplaceFullPath":
        return Rewrite("^.*$", wanted["replaceFullPath"].replace("$", "$$"), whole=True)
    prefix = re.escape(path.value.rstrip("/"))
    return Rewrite(f"^{prefix}(?=/|$)", wanted["replacePrefixMatch"].rstrip("/").replace("$", "$$"))
