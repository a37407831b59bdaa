"""Who may ask, how much and how often: sizes, limits, addresses, passwords, origins, and the cookie of an affinity."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import random as randomness
from email.utils import formatdate

from podwalk.network.addresses import contains
from podwalk.network.ingress import passwords
from podwalk.network.ingress.memory import Memory
from podwalk.network.ingress.messages import HttpRequest
from podwalk.network.ingress.redirects import Refusal
from podwalk.network.ingress.rules import Affinity, BasicAuth, Cors, HeaderChange, Rule


def too_large(request: HttpRequest, rule: Rule) -> Refusal | None:
    """Refuse a body above the limit."""
    limit = rule.intents.body_limit
    if limit and request.body_size > limit:
        return Refusal(413, "413 body too large", f"The body has {request.body_size} bytes; {limit} are allowed.")
    return None


def preflight(request: HttpRequest, rule: Rule) -> Refusal | None:
    """Answer a browser's OPTIONS request for a page of another origin."""
    if rule.intents.cors is None or request.method != "OPTIONS":
        return None
    headers = tuple((change.name, change.value or "") for change in cors_headers(request, rule.intents.cors))
    detail = "CORS is enabled, so the controller answers OPTIONS itself."
    return Refusal(204, "CORS preflight", detail, headers)


def cors_headers(request: HttpRequest, cors: Cors | None) -> tuple[HeaderChange, ...]:
    """Return the headers that let a page of another origin read the answer."""
    origin = request.header("origin") or ""
    if cors is None:
        return ()
    allowed = "*" in cors.origins or any(fnmatch.fnmatchcase(origin, one) for one in cors.origins)
    if not allowed:
        return ()
    values = {
        "Access-Control-Allow-Origin": "*" if "*" in cors.origins and not cors.echo_origin else origin,
        "Access-Control-Allow-Credentials": "true" if cors.credentials else "",
    }
    more = {
        "Access-Control-Allow-Methods": cors.methods,
        "Access-Control-Allow-Headers": cors.headers,
        "Access-Control-Expose-Headers": cors.expose,
        "Access-Control-Max-Age": str(cors.max_age_s) if cors.max_age_s else "",
    }
    return tuple(HeaderChange(name, value) for name, value in (values | more).items() if value)


def limited(request: HttpRequest, rule: Rule, memory: Memory, now_s: float) -> Refusal | None:
    """Count a request against every limit, and refuse one that is too many."""
    for limit in rule.intents.limits:
        if any(contains(cidr, request.client_ip) for cidr in limit.allowed):
            continue
        key = (str(rule.source), limit.name, request.client_ip)
        within = memory.admit(key, limit, now_s) if limit.period_s else memory.open.get(key, 0) < limit.count
        if not within:
            rate = f"{limit.count} in {limit.period_s:g} s" if limit.period_s else f"{limit.count} at once"
            detail = f"{request.client_ip} has asked too often: {limit.name} allows {rate}, and {limit.burst} more."
            return Refusal(limit.status, f"{limit.status} {limit.name}", detail)
    return None


def concurrent(request: HttpRequest, rule: Rule) -> tuple[tuple[str, ...], ...]:
    """Return the keys of the limits on open requests that a request counts for."""
    return tuple(
        (str(rule.source), limit.name, request.client_ip) for limit in rule.intents.limits if not limit.period_s
    )


def forbidden(request: HttpRequest, rule: Rule) -> Refusal | None:
    """Refuse by address, by client certificate, or for want of a password."""
    intents = rule.intents
    if intents.denied and any(contains(cidr, request.client_ip) for cidr in intents.denied):
        return Refusal(403, "403 address", f"{request.client_ip} is in the list of those who may not.")
    if intents.allowed and not any(contains(cidr, request.client_ip) for cidr in intents.allowed):
        detail = f"{request.client_ip} is in none of the ranges that may: {', '.join(intents.allowed)}."
        return Refusal(403, "403 address", detail)
    wanted = intents.certificate
    if wanted is not None and wanted.mode == "on" and not request.certificate and request.scheme == "https":
        detail = f"A client certificate of the authorities in {wanted.secret} is required, and none was shown."
        if wanted.error_page:
            return Refusal(302, "client certificate", detail, (("Location", wanted.error_page),))
        return Refusal(400, "400 no client certificate", detail)
    if wanted is not None and wanted.mode == "on" and request.scheme != "https":
        return Refusal(403, "403 no TLS", "A client certificate is required, so plain HTTP will not do.")
    return _password(request, intents.basic_auth) if intents.basic_auth is not None else None


def _password(request: HttpRequest, auth: BasicAuth) -> Refusal | None:
    challenge = (("WWW-Authenticate", f'Basic realm="{auth.realm}"'),)
    if auth.users is None:
        detail = f"The users cannot be read from {auth.secret}, so nobody gets in."
        return Refusal(503, "503 basic auth", detail)
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return Refusal(401, "401 basic auth", "No name and password were sent.", challenge)
    try:
        name, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return Refusal(401, "401 basic auth", "The Authorization header cannot be read.", challenge)
    if not passwords.verify(auth.users, name, password):
        return Refusal(401, "401 basic auth", f"{auth.secret} has no user {name!r} with this password.", challenge)
    return None


def session_cookie(
    affinity: Affinity, request: HttpRequest, random: randomness.Random, now_s: float
) -> tuple[str, str]:
    """Return a new value for an affinity's cookie, and its ``Set-Cookie``."""
    value = hashlib.md5(f"{random.random()}{now_s}".encode(), usedforsecurity=False).hexdigest()
    secure = affinity.secure if affinity.secure is not None else request.scheme == "https"
    parts = [f"{affinity.cookie}={value}", f"Path={affinity.path}"]
    parts += [f"Expires={formatdate(affinity.expires_s, usegmt=True)}"] if affinity.expires_s is not None else []
    parts += [f"Max-Age={affinity.max_age_s}"] if affinity.max_age_s is not None else []
    parts += ["Secure"] if secure else []
    parts += ["HttpOnly"] if affinity.http_only else []
    parts += [f"SameSite={affinity.same_site}"] if affinity.same_site else []
    return value, "; ".join(parts)
