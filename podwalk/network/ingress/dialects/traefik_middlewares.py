"""Traefik's middlewares: objects ``Middleware`` (traefik.io/v1alpha1) that routers name, and what each wants.

One reader a kind: :data:`KINDS`. A kind that is not there, or a Middleware that does not exist, takes its router away,
as with Traefik.

**Source**: doc.traefik.io, "HTTP middlewares".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from podwalk.network.ingress.dialects.nginx_annotations import decoded
from podwalk.network.ingress.rules import (
    BasicAuth,
    Cors,
    ExternalAuth,
    HeaderChange,
    Intents,
    Limit,
    Redirect,
    Rewrite,
)
from podwalk.types import Object, Ref, View

MIDDLEWARES = "middlewares.traefik.io"
SECONDS = {"": 1e-9, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
Settings = Mapping[str, Any]


def read(view: View, ingress: Object, named: str) -> tuple[Intents, str]:
    """Return what the middlewares of an annotation want, and why they cannot be had; empty if they can."""
    intents = Intents()
    for word in (part.strip() for part in named.split(",")):
        if not word:
            continue
        found = _find(view, word)
        if found is None:
            return intents, f"middleware {word} does not exist, so the router is not made."
        intents, problem = apply(view, found, intents)
        if problem:
            return intents, problem
    return intents, ""


def _find(view: View, word: str) -> Object | None:
    """Return the Middleware of ``NAMESPACE-NAME@kubernetescrd``."""
    name, _, provider = word.partition("@")
    if provider != "kubernetescrd":
        return None
    for one in view.list(MIDDLEWARES):
        if f"{one['metadata']['namespace']}-{one['metadata']['name']}" == name:
            return one
    return None


def apply(view: View, middleware: Object, intents: Intents, depth: int = 0) -> tuple[Intents, str]:
    """Add what one Middleware wants."""
    where = f"{middleware['metadata']['namespace']}/{middleware['metadata']['name']}"
    spec = middleware.get("spec") or {}
    if "chain" in spec:
        return _chain(view, middleware, intents, depth)
    for kind, settings in spec.items():
        if kind not in KINDS:
            return intents, f"Middleware {where}: {kind} is not simulated (these are: {', '.join(KINDS)}, chain)."
        intents = KINDS[kind](view, middleware, settings or {}, intents)
    return intents, ""


def _chain(view: View, middleware: Object, intents: Intents, depth: int) -> tuple[Intents, str]:
    own = middleware["metadata"]["namespace"]
    for entry in (middleware["spec"]["chain"] or {}).get("middlewares") or ():
        found = view.get(MIDDLEWARES, entry.get("namespace") or own, entry["name"])
        if found is None or depth > 8:
            return intents, f"middleware {entry['name']} of a chain does not exist, so the router is not made."
        intents, problem = apply(view, found, intents, depth + 1)
        if problem:
            return intents, problem
    return intents, ""


def _rewrites(intents: Intents, *rewrites: Rewrite) -> Intents:
    return replace(intents, rewrites=(*intents.rewrites, *rewrites))


def _strip_prefix(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    prefixes = "|".join(re.escape(prefix.rstrip("/")) for prefix in settings.get("prefixes") or ())
    return _rewrites(intents, Rewrite(rf"^(?:{prefixes})(?=/|$)", "")) if prefixes else intents


def _strip_prefix_regex(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    return _rewrites(intents, *(Rewrite(f"^{regex.lstrip('^')}", "") for regex in settings.get("regex") or ()))


def _add_prefix(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    return _rewrites(intents, Rewrite("^", str(settings.get("prefix", ""))))


def _replace_path(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    return _rewrites(intents, Rewrite("^.*$", str(settings.get("path", "/")), whole=True))


def _replace_path_regex(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    return _rewrites(intents, Rewrite(str(settings.get("regex", "")), str(settings.get("replacement", ""))))


def _redirect_scheme(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    status = 301 if settings.get("permanent") else 302
    port = int(settings["port"]) if str(settings.get("port", "")).isdigit() else 0
    one = Redirect(status, scheme=str(settings.get("scheme", "https")), port=port)
    return replace(intents, redirects=(*intents.redirects, one))


def _redirect_regex(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    status = 301 if settings.get("permanent") else 302
    one = Redirect(status, url=str(settings.get("replacement", "")), pattern=str(settings.get("regex", "")))
    return replace(intents, redirects=(*intents.redirects, one))


def _rate_limit(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    average, period_s = int(settings.get("average") or 0), _seconds(settings.get("period", "1s"))
    if not average:
        return intents
    burst = int(settings.get("burst") or 1)
    limit = Limit(f"rateLimit {obj['metadata']['name']}", average, period_s, max(burst - 1, 0), 429)
    return replace(intents, limits=(*intents.limits, limit))


def _seconds(text: object) -> float:
    match = re.fullmatch(r"([\d.]+)(ms|s|m|h|)", str(text))
    return float(match[1]) * SECONDS[match[2]] if match else 1.0


def _in_flight(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    limit = Limit(f"inFlightReq {obj['metadata']['name']}", int(settings.get("amount") or 0), 0.0, 0, 429)
    return replace(intents, limits=(*intents.limits, limit))


def _basic_auth(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    where = Ref("secrets", obj["metadata"]["namespace"], str(settings.get("secret", "")))
    secret = view.get(where.resource, where.namespace, where.name)
    data = decoded(secret)
    users: tuple[str, ...] | None = None
    if "users" in data:
        users = tuple(data["users"].decode(errors="replace").splitlines())
    auth = BasicAuth(str(settings.get("realm", "traefik")), users, where, bool(settings.get("removeHeader")))
    return replace(intents, basic_auth=auth)


def _forward_auth(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    auth = ExternalAuth(
        str(settings.get("address", "")),
        response_headers=tuple(settings.get("authResponseHeaders") or ()),
        request_headers=tuple(settings.get("authRequestHeaders") or ()),
    )
    return replace(intents, external_auth=auth)


def _headers(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    def changes(name: str) -> tuple[HeaderChange, ...]:
        return tuple(HeaderChange(key, value or None) for key, value in (settings.get(name) or {}).items())

    origins = tuple(settings.get("accessControlAllowOriginList") or ())
    cors = intents.cors
    if origins or settings.get("accessControlAllowMethods"):
        cors = Cors(
            origins,
            ",".join(settings.get("accessControlAllowMethods") or ()),
            ",".join(settings.get("accessControlAllowHeaders") or ()),
            bool(settings.get("accessControlAllowCredentials")),
            ",".join(settings.get("accessControlExposeHeaders") or ()),
            int(settings.get("accessControlMaxAge") or 0),
        )
    return replace(
        intents,
        request_headers=(*intents.request_headers, *changes("customRequestHeaders")),
        response_headers=(*intents.response_headers, *changes("customResponseHeaders")),
        cors=cors,
    )


def _buffering(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    return replace(intents, body_limit=int(settings.get("maxRequestBodyBytes") or 0))


def _allow_list(view: View, obj: Object, settings: Settings, intents: Intents) -> Intents:
    return replace(intents, allowed=(*intents.allowed, *(settings.get("sourceRange") or ())))


KINDS: Mapping[str, Callable[[View, Object, Settings, Intents], Intents]] = {
    "addPrefix": _add_prefix,
    "basicAuth": _basic_auth,
    "buffering": _buffering,
    "forwardAuth": _forward_auth,
    "headers": _headers,
    "inFlightReq": _in_flight,
    "ipAllowList": _allow_list,
    "rateLimit": _rate_limit,
    "redirectRegex": _redirect_regex,
    "redirectScheme": _redirect_scheme,
    "replacePath": _replace_path,
    "replacePathRegex": _replace_path_regex,
    "stripPrefix": _strip_prefix,
    "stripPrefixRegex": _strip_prefix_regex,
}
"""Every kind that is simulated."""
