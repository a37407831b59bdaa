"""Requests that are sent elsewhere, and paths that are sent on as others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from podwalk.network.ingress.matching import expression
from podwalk.network.ingress.messages import Headers, HttpRequest
from podwalk.network.ingress.rules import Redirect, Rewrite, Rule


@dataclass(frozen=True)
class Refusal:
    """An answer of the controller's own."""

    status: int
    title: str
    detail: str
    headers: Headers = ()
    field: str = ""


def check(request: HttpRequest, rule: Rule) -> Refusal | None:
    """Return where a rule sends the client instead; None if it does not."""
    intents = rule.intents
    location, status, why = "", 302, ""
    if intents.app_root and request.path == "/":
        location, why = f"{request.scheme}://{request.host}{intents.app_root}", "the application's root"
    elif intents.redirects:
        for redirect in intents.redirects:
            found = _location(request, redirect)
            if found is not None:
                location, status, why = found, redirect.status, "a redirect"
                break
    if not location and intents.https and request.scheme == "http":
        location, status, why = f"https://{request.host}{request.target}", intents.https, "HTTPS only"
    if not location:
        return None
    return Refusal(
        status, f"{status} redirect", f"The client is sent to {location} ({why}).", (("Location", location),)
    )


def _location(request: HttpRequest, redirect: Redirect) -> str | None:
    asked = f"{request.scheme}://{request.host}{request.target}"
    if redirect.url and redirect.pattern:
        pattern = expression(redirect.pattern, False)
        if pattern is None or not pattern.search(asked):
            return None
        location = pattern.sub(lambda match: expand(match, redirect.url), asked, count=1)
        return None if location == asked else location
    if redirect.url:
        return redirect.url
    path = replaced(request.path, redirect.path) if redirect.path else request.path
    scheme = redirect.scheme or request.scheme
    if not redirect.always and redirect.scheme == request.scheme:
        return None
    port = "" if redirect.port in (0, {"http": 80, "https": 443}.get(scheme)) else f":{redirect.port}"
    query = f"?{request.query}" if request.query else ""
    return f"{scheme}://{redirect.host or request.host}{port}{path}{query}"


def rewrite(request: HttpRequest, rule: Rule) -> tuple[str, str]:
    """Return path and query as they are sent on, and the host if it changes.

    A target with a question mark puts its own query before the request's.
    """
    path, host, query = request.path, "", request.query
    for one in rule.intents.rewrites:
        host = one.host or host
        if one.pattern:
            path = replaced(path, one)
    path, mark, own = path.partition("?")
    query = "&".join(part for part in (own, query) if part) if mark else query
    return (f"{path}?{query}" if query else path) or "/", host


def replaced(path: str, one: Rewrite) -> str:
    """Return a path after one rewrite; unchanged if its pattern is not found."""
    pattern = expression(one.pattern, one.ignore_case)
    match = pattern.search(path) if pattern is not None else None
    if match is None:
        return path
    new = expand(match, one.target)
    result = new if one.whole else path[: match.start()] + new + path[match.end() :]
    return result if result.startswith("/") else f"/{result}"


def expand(match: re.Match[str], template: str) -> str:
    """Put what groups found in the place of ``$1``, ``${1}`` and ``${name}``."""

    def group(reference: re.Match[str]) -> str:
        name = reference.group(1) or reference.group(2)
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, re.error):
            return ""

    return re.sub(r"\$(\d+)|\$\{(\w+)\}|\$\$", group, template)
