"""ingress-nginx: its locations, and which of them a host's paths become.

A host's rules, from whichever Ingresses, are one ``server``; of two equal paths the older Ingress has it. When any
Ingress of a host uses ``use-regex`` or ``rewrite-target``, **all** paths of that host are case-insensitive regular
expressions that match at the beginning, the longest first.

**Source**: kubernetes.github.io/ingress-nginx, "Ingress Path Matching" and "Annotations"; internal/ingress/controller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from podwalk.network.ingress.dialects import nginx_annotations
from podwalk.network.ingress.dialects.dialect import Dialect
from podwalk.network.ingress.dialects.translation import (
    Path,
    annotations_of,
    backend,
    default_backend,
    paths,
    reference,
    tls_hosts,
)
from podwalk.network.ingress.matching import PathKind, PathMatch
from podwalk.network.ingress.rules import Backend, Canary, Intents, Rule, Unsimulated
from podwalk.types import Object, View

PREFIX = nginx_annotations.PREFIX
KINDS = {"Exact": PathKind.EXACT, "Prefix": PathKind.PREFIX, "ImplementationSpecific": PathKind.TEXT}


def rules(view: View, ingresses: Sequence[Object]) -> tuple[Rule, ...]:
    """Translate Ingresses to rules; see :class:`~podwalk.network.ingress.dialects.dialect.Dialect`."""
    main = [one for one in ingresses if not _is_canary(one)]
    regex_hosts = {path.host for one in main if nginx_annotations.wants_regex(one) for path in paths(one)}
    certified = {host for one in main for host in tls_hosts(one)}
    made: dict[tuple[str, PathMatch], Rule] = {}
    for ingress in main:
        for path in paths(ingress):
            rule = _rule(view, ingress, path, regex=path.host in regex_hosts, tls=path.host in certified)
            made.setdefault((rule.host, rule.path), rule)
    for canary in (one for one in ingresses if _is_canary(one)):
        _add_canary(made, canary, regex_hosts)
    defaults = [rule for ingress in main for rule in _defaults(view, ingress, made, certified)]
    return (*made.values(), *defaults)


def _rule(view: View, ingress: Object, path: Path, *, regex: bool, tls: bool) -> Rule:
    intents, fallback = nginx_annotations.read(view, ingress, path, tls=tls)
    return Rule(
        host=path.host,
        path=_match(path, regex),
        backends=(backend(ingress, path.entry.get("backend") or {}, f"{path.field}.backend"),),
        source=reference(ingress),
        field=path.field,
        intents=intents,
        fallback=tuple(one for one in (fallback, default_backend(ingress)) if one is not None),
        priority=(1,) if KINDS.get(path.type) is PathKind.EXACT and not regex else (0,),
    )


def _match(path: Path, regex: bool) -> PathMatch:
    if regex:
        return PathMatch(PathKind.REGEX, path.value, ignore_case=True)
    return PathMatch(KINDS.get(path.type, PathKind.TEXT), path.value)


def _defaults(view: View, ingress: Object, made: dict[tuple[str, PathMatch], Rule], certified: set[str]) -> list[Rule]:
    """Return what ``spec.defaultBackend`` adds: for the Ingress's own hosts, or for all if it has no rules."""
    whole = default_backend(ingress)
    if whole is None:
        return []
    hosts = [rule.get("host") or "" for rule in ingress["spec"].get("rules") or ()] or [""]
    root = PathMatch(PathKind.TEXT, "/")
    added = []
    for host in dict.fromkeys(hosts):
        path = Path(host, {"path": "/"}, "spec.defaultBackend")
        intents, _ = nginx_annotations.read(view, ingress, path, tls=host in certified)
        intents = replace(intents, rewrites=())
        added.append(Rule(host, root, (whole,), reference(ingress), "spec.defaultBackend", intents, is_default=True))
    return added


def _is_canary(ingress: Object) -> bool:
    return annotations_of(ingress).get(f"{PREFIX}canary") == "true"


def _add_canary(made: dict[tuple[str, PathMatch], Rule], ingress: Object, regex_hosts: set[str]) -> None:
    """Give the canary's backend to the rule of the same host and path; without one it does nothing."""
    for path in paths(ingress):
        for kind in {_match(path, path.host in regex_hosts), _match(path, False)}:
            rule = made.get((path.host, kind))
            if rule is not None and rule.canary is None:
                there = backend(ingress, path.entry.get("backend") or {}, f"{path.field}.backend")
                made[path.host, kind] = replace(rule, canary=canary(ingress, there))


def canary(ingress: Object, there: Backend) -> Canary:
    """Return when a canary Ingress takes a request."""
    given = annotations_of(ingress)

    def read(name: str) -> str:
        return given.get(f"{PREFIX}{name}", "")

    return Canary(
        there,
        weight=nginx_annotations.number(read("canary-weight")),
        total=nginx_annotations.number(read("canary-weight-total")) or 100,
        header=read("canary-by-header"),
        value=read("canary-by-header-value"),
        pattern=read("canary-by-header-pattern"),
        cookie=read("canary-by-cookie"),
    )


def unsimulated(view: View, ingress: Object) -> tuple[Unsimulated, ...]:
    """Name what an Ingress asks for that is not done, or that the controller refuses."""
    return nginx_annotations.unsimulated(view, ingress)


DIALECT = Dialect(
    name="nginx",
    controllers=("k8s.io/ingress-nginx",),
    rules=rules,
    unsimulated=unsimulated,
    prefixes=(PREFIX,),
    host_first=True,
    retries=3,
    connect_timeout_s=5.0,
    empty_status=503,
    missing_status=503,
    announces=True,
)

__all__ = ["DIALECT", "Intents", "rules"]
