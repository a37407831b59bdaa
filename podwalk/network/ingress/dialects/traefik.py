"""Traefik's provider for Ingress: a router for each path, and the middlewares that its annotations name.

Hosts and paths are weighed together: the longest router rule wins, whatever it says, unless ``router.priority`` is set;
so a Prefix beats an Exact of the same path. A Prefix is a prefix of the text (``/foo`` takes ``/foobar``). A path whose
Service is missing or has no endpoint has no router at all: 404. All of that was seen on a real cluster.

**Source**: doc.traefik.io, "Kubernetes Ingress" (routing configuration) and "HTTP middlewares"; Traefik v3.6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from podwalk.network.ingress.backends import resolve
from podwalk.network.ingress.dialects import traefik_middlewares as middlewares
from podwalk.network.ingress.dialects.dialect import Dialect
from podwalk.network.ingress.dialects.translation import (
    Path,
    annotations_of,
    backend,
    default_backend,
    paths,
    reference,
)
from podwalk.network.ingress.matching import PathKind, PathMatch
from podwalk.network.ingress.rules import Affinity, Backend, Intents, Rule, Unsimulated
from podwalk.types import Object, View

PREFIX = "traefik.ingress.kubernetes.io/"
LOWEST = -(2**31)
MATCHERS = {"Path": PathKind.EXACT, "PathPrefix": PathKind.TEXT, "PathRegexp": PathKind.REGEX}
ROUTER = {
    "router.entrypoints": "`web` (port 80), `websecure` (port 443), or both",
    "router.middlewares": "`NAMESPACE-NAME@kubernetescrd`, in order",
    "router.pathmatcher": "`Path`, `PathPrefix` or `PathRegexp` for ImplementationSpecific paths",
    "router.priority": "what counts instead of the rule's length",
    "router.tls": "`true`: for TLS only",
}
"""Annotations of an Ingress that work, and what each does."""

SERVICE = {
    "service.serversscheme": "`https`: endpoints are spoken to over TLS",
    "service.passhostheader": "`false`: endpoints get their own address as Host",
    "service.nativelb": "`true`: the ClusterIP instead of the Pods",
    "service.sticky.cookie": "`true`: a cookie keeps a client at its Pod",
    "service.sticky.cookie.name": "its name",
    "service.sticky.cookie.secure": "for TLS only",
    "service.sticky.cookie.httponly": "not for scripts",
    "service.sticky.cookie.samesite": "`none`, `lax` or `strict`",
    "service.sticky.cookie.maxage": "seconds",
}
"""Annotations of a Service that work, and what each does."""


def rules(view: View, ingresses: Sequence[Object]) -> tuple[Rule, ...]:
    """Translate Ingresses to rules; see :class:`~podwalk.network.ingress.dialects.dialect.Dialect`."""
    made = [rule for ingress in ingresses for path in paths(ingress) for rule in _routers(view, ingress, path)]
    for ingress in ingresses:
        whole = default_backend(ingress)
        if whole is not None and not ingress["spec"].get("rules"):
            root = PathMatch(PathKind.TEXT, "/")
            rule = Rule(
                "", root, (whole,), reference(ingress), "spec.defaultBackend", priority=(LOWEST,), is_default=True
            )
            made.append(_checked(view, rule, whole))
            break
    return tuple(made)


def _routers(view: View, ingress: Object, path: Path) -> list[Rule]:
    given = annotations_of(ingress)
    to = backend(ingress, path.entry.get("backend") or {}, f"{path.field}.backend")
    intents, problem = middlewares.read(view, ingress, given.get(f"{PREFIX}router.middlewares", ""))
    own = _service(view, to)
    match = _match(path, given.get(f"{PREFIX}router.pathmatcher", ""))
    rule = Rule(
        host=path.host,
        path=match,
        backends=(replace(to, intents=own),),
        source=reference(ingress),
        field=path.field,
        intents=replace(intents, to_service_ip=own.to_service_ip),
        priority=(_priority(given, path.host, match),),
        tls=_tls(given),
        skipped=problem,
    )
    return [_checked(view, rule, to)]


def _checked(view: View, rule: Rule, to: Backend) -> Rule:
    """Take a router away whose Service has nothing behind it, or is only a name, which is not allowed by default."""
    if rule.skipped:
        return rule
    target = resolve(view, to)
    name = f"Service {to.namespace}/{to.name} is of type ExternalName, which Traefik does not allow by default."
    return replace(rule, skipped=name if target.external_name else target.problem)


def _match(path: Path, matcher: str) -> PathMatch:
    if path.type == "Exact":
        return PathMatch(PathKind.EXACT, path.value)
    if path.type == "Prefix":
        return PathMatch(PathKind.TEXT, path.value)
    return PathMatch(MATCHERS.get(matcher, PathKind.TEXT), path.value)


def _priority(given: dict[str, str], host: str, match: PathMatch) -> int:
    """Return what Traefik compares: the length of the rule's text, or what the annotation says."""
    text = given.get(f"{PREFIX}router.priority", "")
    return int(text) if re.fullmatch(r"-?\d+", text) and int(text) else len(rule_text(host, match))


def rule_text(host: str, match: PathMatch) -> str:
    """Return the rule of a router as Traefik writes it."""
    parts = []
    if host.startswith("*."):
        parts.append(f"HostRegexp(`^[a-zA-Z0-9-]+{re.escape(host[1:])}$`)")
    elif host:
        parts.append(f"Host(`{host}`)")
    name = next(name for name, kind in MATCHERS.items() if kind is match.kind)
    parts.append(f"{name}(`{match.value}`)")
    return " && ".join(parts)


def _tls(given: dict[str, str]) -> bool | None:
    """Return whether a router is for TLS only, for plain HTTP only, or for both."""
    points = {word.strip() for word in given.get(f"{PREFIX}router.entrypoints", "").split(",") if word.strip()}
    if given.get(f"{PREFIX}router.tls") == "true" or points == {"websecure"}:
        return True
    return False if points == {"web"} else None


def _service(view: View, to: Backend) -> Intents:
    """Return what the annotations of a Service want."""
    service = view.get("services", to.namespace, to.name)
    given = annotations_of(service) if service is not None else {}

    def read(name: str) -> str:
        return given.get(f"{PREFIX}service.{name}", "")

    sticky = None
    if read("sticky.cookie") == "true":
        sticky = Affinity(
            read("sticky.cookie.name") or "_traefik",
            max_age_s=int(read("sticky.cookie.maxage")) if read("sticky.cookie.maxage").isdigit() else None,
            secure=read("sticky.cookie.secure") == "true",
            http_only=read("sticky.cookie.httponly") == "true",
            same_site=read("sticky.cookie.samesite").capitalize(),
        )
    https = read("serversscheme") == "https"
    return Intents(
        affinity=sticky,
        protocol="HTTPS" if https else "HTTP",
        to_service_ip=read("nativelb") == "true",
        host="" if read("passhostheader") != "false" else "$endpoint",
    )


def unsimulated(view: View, ingress: Object) -> tuple[Unsimulated, ...]:
    """Name what an Ingress asks for that is not done."""
    given = annotations_of(ingress)
    found = [
        Unsimulated(ingress, f"annotation {key}", f"these work: {', '.join(PREFIX + name for name in ROUTER)}")
        for key in sorted(given)
        if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in ROUTER
    ]
    _, problem = middlewares.read(view, ingress, given.get(f"{PREFIX}router.middlewares", ""))
    if problem:
        found.append(Unsimulated(ingress, f"annotation {PREFIX}router.middlewares", problem.rstrip(".")))
    return tuple(found)


DIALECT = Dialect(
    name="traefik",
    controllers=("traefik.io/ingress-controller",),
    rules=rules,
    unsimulated=unsimulated,
    prefixes=(PREFIX,),
    host_first=False,
    retries=1,
    connect_timeout_s=30.0,
    empty_status=503,
    missing_status=404,
)
