"""The annotations ``nginx.ingress.kubernetes.io/…``: what each does here, and which are not done.

One row an annotation: :data:`TABLE`. Whatever is not in it, or is there as refused, is named in a Warning Event.

**Source**: kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from podwalk.network.ingress.dialects.translation import Path, annotations_of, reference
from podwalk.network.ingress.matching import expression
from podwalk.network.ingress.rules import (
    Affinity,
    Backend,
    BasicAuth,
    ClientCertificate,
    Cors,
    ExternalAuth,
    HeaderChange,
    Intents,
    Limit,
    Redirect,
    Rewrite,
    Unsimulated,
)
from podwalk.types import Object, Ref, View

PREFIX = "nginx.ingress.kubernetes.io/"
SNIPPETS_OFF = (
    "Snippets are switched off (allow-snippet-annotations is false, the default since v1.9), and the admission webhook "
    "would refuse the Ingress; say the same with an annotation of its own, or in the application"
)
CORS_METHODS = "GET, PUT, POST, DELETE, PATCH, OPTIONS"
CORS_HEADERS = (
    "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization"
)
BODY_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Given:
    """An Ingress's annotations, and what they are read for."""

    view: View
    ingress: Object
    path: Path
    tls: bool
    values: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        """Return an annotation, without its prefix and surrounding blanks."""
        return self.values.get(f"{PREFIX}{name}", default).strip()

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a switch; anything but ``true`` and ``false`` is the default."""
        return {"true": True, "false": False}.get(self.text(name), default)

    def number(self, name: str, default: int = 0) -> int:
        """Return a number; the default if it is none."""
        text = self.text(name)
        return int(text) if re.fullmatch(r"-?\d+", text) else default

    def words(self, name: str) -> tuple[str, ...]:
        """Return what commas separate."""
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def has(self, name: str) -> bool:
        """Whether an annotation is there."""
        return f"{PREFIX}{name}" in self.values

    def secret(self, name: str) -> Ref:
        """Return the Secret that ``NAME`` or ``NAMESPACE/NAME`` means."""
        namespace, slash, secret = self.text(name).rpartition("/")
        return Ref("secrets", namespace if slash else reference(self.ingress).namespace, secret)


def number(text: str) -> int:
    """Return a number; 0 if it is none."""
    return int(text) if text.strip().isdigit() else 0


def size(text: str) -> int:
    """Return the bytes of ``8m``; 0, which means no limit, for what is none."""
    match = re.fullmatch(r"(\d+)([kKmMgG]?)", text.strip())
    return int(match[1]) * {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}[match[2].lower()] if match else 0


def seconds(text: str) -> float:
    """Return the seconds of ``5``, ``5s``, ``1m``."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h|)", text.strip())
    return int(match[1]) * {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0


def wants_regex(ingress: Object) -> bool:
    """Whether an Ingress makes the paths of its hosts regular expressions."""
    given = annotations_of(ingress)
    return given.get(f"{PREFIX}use-regex") == "true" or bool(given.get(f"{PREFIX}rewrite-target"))


def _redirects(given: Given, intents: Intents) -> Intents:
    redirects = []
    if given.text("permanent-redirect"):
        status = given.number("permanent-redirect-code", 301)
        redirects.append(Redirect(status if 300 <= status <= 308 else 301, given.text("permanent-redirect")))
    elif given.text("temporal-redirect"):
        status = given.number("temporal-redirect-code", 302)
        redirects.append(Redirect(status if 300 <= status <= 308 else 302, given.text("temporal-redirect")))
    return replace(intents, redirects=tuple(redirects), app_root=given.text("app-root"))


def _https(given: Given, intents: Intents) -> Intents:
    forced = given.flag("force-ssl-redirect") or (given.tls and given.flag("ssl-redirect", True))
    return replace(intents, https=308 if forced else 0)


def _rewrite(given: Given, intents: Intents) -> Intents:
    target = given.text("rewrite-target")
    if not target or target == given.path.value:
        return intents
    changes = intents.request_headers
    if given.text("x-forwarded-prefix"):
        changes = (*changes, HeaderChange("X-Forwarded-Prefix", given.text("x-forwarded-prefix")))
    one = Rewrite(given.path.value, target, whole=True, ignore_case=True)
    return replace(intents, rewrites=(one,), request_headers=changes)


def _addresses(given: Given, intents: Intents) -> Intents:
    allowed = given.words("allowlist-source-range") or given.words("whitelist-source-range")
    return replace(intents, allowed=allowed, denied=given.words("denylist-source-range"))


def _limits(given: Given, intents: Intents) -> Intents:
    burst = given.number("limit-burst-multiplier", 5)
    allowed = given.words("limit-allowlist") or given.words("limit-whitelist")
    limits = [
        Limit(name, given.number(name), period_s, given.number(name) * burst, allowed=allowed)
        for name, period_s in (("limit-connections", 0.0), ("limit-rps", 1.0), ("limit-rpm", 60.0))
        if given.number(name) > 0
    ]
    return replace(intents, limits=tuple(limits))


def _basic_auth(given: Given, intents: Intents) -> Intents:
    if given.text("auth-type") != "basic":
        return intents
    where = given.secret("auth-secret")
    users = _users(given.view.get("secrets", where.namespace, where.name), given.text("auth-secret-type", "auth-file"))
    return replace(intents, basic_auth=BasicAuth(given.text("auth-realm", "Authentication Required"), users, where))


def _users(secret: Object | None, kind: str) -> tuple[str, ...] | None:
    data = decoded(secret)
    if secret is None or (kind == "auth-file" and "auth" not in data):
        return None
    if kind == "auth-map":
        return tuple(f"{name}:{value.decode(errors='replace')}" for name, value in data.items())
    return tuple(data["auth"].decode(errors="replace").splitlines())


def decoded(secret: Object | None) -> dict[str, bytes]:
    """Return a Secret's data."""
    import base64

    found: dict[str, bytes] = {}
    for name, value in ((secret or {}).get("data") or {}).items():
        try:
            found[name] = base64.b64decode(value)
        except ValueError:
            continue
    return found


def _external_auth(given: Given, intents: Intents) -> Intents:
    if not given.text("auth-url"):
        return intents
    auth = ExternalAuth(
        given.text("auth-url"),
        given.text("auth-method", "GET"),
        given.text("auth-signin"),
        given.text("auth-signin-redirect-param", "rd"),
        given.words("auth-response-headers"),
    )
    return replace(intents, external_auth=auth)


def _affinity(given: Given, intents: Intents) -> Intents:
    if given.text("affinity") != "cookie":
        return intents
    name = given.text("session-cookie-name", "INGRESSCOOKIE")
    own_path = "/" if wants_regex(given.ingress) else given.path.value
    affinity = Affinity(
        name,
        given.text("session-cookie-path", own_path),
        given.number("session-cookie-max-age") if given.has("session-cookie-max-age") else None,
        given.number("session-cookie-expires") if given.has("session-cookie-expires") else None,
        given.flag("session-cookie-secure") if given.has("session-cookie-secure") else None,
        True,
        given.text("session-cookie-samesite"),
        given.text("affinity-mode") == "persistent",
    )
    return replace(intents, affinity=affinity)


def _cors(given: Given, intents: Intents) -> Intents:
    if not given.flag("enable-cors"):
        return intents
    cors = Cors(
        given.words("cors-allow-origin") or ("*",),
        given.text("cors-allow-methods", CORS_METHODS),
        given.text("cors-allow-headers", CORS_HEADERS),
        given.flag("cors-allow-credentials", True),
        given.text("cors-expose-headers"),
        given.number("cors-max-age", 1728000),
    )
    return replace(intents, cors=cors)


def _body(given: Given, intents: Intents) -> Intents:
    return replace(intents, body_limit=size(given.text("proxy-body-size", "1m")))


def _certificate(given: Given, intents: Intents) -> Intents:
    if not given.text("auth-tls-secret"):
        return intents
    wanted = ClientCertificate(
        given.secret("auth-tls-secret"),
        given.text("auth-tls-verify-client", "on"),
        given.number("auth-tls-verify-depth", 1),
        given.text("auth-tls-error-page"),
        given.flag("auth-tls-pass-certificate-to-upstream"),
    )
    return replace(intents, certificate=wanted)


def _headers(given: Given, intents: Intents) -> Intents:
    namespace, slash, name = given.text("custom-headers").rpartition("/")
    if not name:
        return intents
    where = namespace if slash else reference(given.ingress).namespace
    data = (given.view.get("configmaps", where, name) or {}).get("data") or {}
    changes = tuple(HeaderChange(key, value) for key, value in data.items())
    return replace(intents, response_headers=(*intents.response_headers, *changes))


def _upstream(given: Given, intents: Intents) -> Intents:
    changes = intents.request_headers
    if given.text("connection-proxy-header"):
        changes = (*changes, HeaderChange("Connection", given.text("connection-proxy-header")))
    return replace(
        intents,
        request_headers=changes,
        host=given.text("upstream-vhost"),
        protocol=given.text("backend-protocol", "HTTP").upper(),
        to_service_ip=given.flag("service-upstream"),
        connect_timeout_s=seconds(given.text("proxy-connect-timeout")),
        read_timeout_s=seconds(given.text("proxy-read-timeout")),
        tries=given.number("proxy-next-upstream-tries"),
    )


READERS: tuple[Callable[[Given, Intents], Intents], ...] = (
    _redirects,
    _https,
    _rewrite,
    _addresses,
    _limits,
    _basic_auth,
    _external_auth,
    _affinity,
    _cors,
    _body,
    _certificate,
    _headers,
    _upstream,
)


def read(view: View, ingress: Object, path: Path, *, tls: bool) -> tuple[Intents, Backend | None]:
    """Return what an Ingress's annotations want of the requests of one path, and its ``default-backend``."""
    given = Given(view, ingress, path, tls, annotations_of(ingress))
    intents = Intents()
    for reader in READERS:
        intents = reader(given, intents)
    if given.text("backend-protocol", "HTTP").upper() not in ("HTTP", "HTTPS", "AUTO_HTTP"):
        intents = replace(intents, refused=502)
    where = reference(ingress)
    name = given.text("default-backend")
    at = f"metadata.annotations['{PREFIX}default-backend']"
    return intents, Backend(where.namespace, name, 0, at, where) if name else None


@dataclass(frozen=True)
class Row:
    """One annotation: what it does here; or, with ``advice``, why not, and what to do instead."""

    name: str
    does: str
    advice: str = ""


TABLE: tuple[Row, ...] = (
    Row("affinity", "`cookie`: a cookie keeps a client at its Pod"),
    Row("affinity-mode", "`balanced` or `persistent`: taken, both behave as `persistent` while the Pods stay the same"),
    Row("allowlist-source-range", "who may ask, by address; others get 403"),
    Row("app-root", "`/` is redirected there (302)"),
    Row("auth-method", "how the external server is asked"),
    Row("auth-realm", "what the browser's dialog says"),
    Row("auth-response-headers", "headers of the external server's answer that the backend gets"),
    Row("auth-secret", "the Secret with the users (key `auth`)"),
    Row("auth-secret-type", "`auth-file` or `auth-map`"),
    Row("auth-signin", "where a client goes whom the external server refused"),
    Row("auth-signin-redirect-param", "the parameter of that address that says where from"),
    Row("auth-tls-error-page", "where a client without a certificate goes"),
    Row("auth-tls-pass-certificate-to-upstream", "the backend gets the certificate in `ssl-client-cert`"),
    Row("auth-tls-secret", "client certificates are asked for; the Secret has `ca.crt`"),
    Row("auth-tls-verify-client", "`on`, `optional`, `off`"),
    Row("auth-tls-verify-depth", "taken; the chain is checked as OpenSSL does"),
    Row("auth-type", "`basic`: name and password", ""),
    Row("auth-url", "another server is asked first; only 2xx lets the request on"),
    Row("backend-protocol", "`HTTP`, `HTTPS`; others are answered with 502 and named in an Event"),
    Row("canary", "`true`: this Ingress takes a part of another's requests"),
    Row("canary-by-cookie", "a cookie `always` or `never` decides"),
    Row("canary-by-header", "a header `always` or `never` decides"),
    Row("canary-by-header-pattern", "a regular expression for the header"),
    Row("canary-by-header-value", "the header's value that takes the canary"),
    Row("canary-weight", "the share of requests"),
    Row("canary-weight-total", "of how many"),
    Row("connection-proxy-header", "`Connection` as sent on"),
    Row("cors-allow-credentials", "with `enable-cors`"),
    Row("cors-allow-headers", "with `enable-cors`"),
    Row("cors-allow-methods", "with `enable-cors`"),
    Row("cors-allow-origin", "with `enable-cors`; `https://*.example.com` too"),
    Row("cors-expose-headers", "with `enable-cors`"),
    Row("cors-max-age", "with `enable-cors`"),
    Row("custom-headers", "a ConfigMap of headers for the client"),
    Row("default-backend", "the Service that takes over when the rule's own has no endpoint"),
    Row("denylist-source-range", "who may not ask"),
    Row("enable-cors", "pages of other origins may ask"),
    Row("force-ssl-redirect", "to HTTPS (308), with or without a certificate"),
    Row("limit-allowlist", "who is not limited"),
    Row("limit-whitelist", "the older name of `limit-allowlist`"),
    Row("limit-burst-multiplier", "how many more may come at once (5 times as many)"),
    Row("limit-connections", "so many at once from an address; more get 503"),
    Row("limit-rpm", "so many a minute from an address; more than the burst get 503"),
    Row("limit-rps", "so many a second from an address; more than the burst get 503"),
    Row("permanent-redirect", "everything is redirected there (301)"),
    Row("permanent-redirect-code", "with another code"),
    Row("proxy-body-size", "the largest body (1m); a larger one gets 413"),
    Row("proxy-connect-timeout", "how long an endpoint may take to accept (5 s)"),
    Row("proxy-next-upstream-tries", "how many endpoints are tried (3)"),
    Row("proxy-read-timeout", "how long an endpoint may be silent (60 s)"),
    Row("rewrite-target", "the path as sent on; `$1` is what the path's first group found"),
    Row("service-upstream", "the Service's ClusterIP instead of its Pods"),
    Row("session-cookie-expires", "with `affinity`"),
    Row("session-cookie-max-age", "with `affinity`"),
    Row("session-cookie-name", "with `affinity` (INGRESSCOOKIE)"),
    Row("session-cookie-path", "with `affinity`"),
    Row("session-cookie-samesite", "with `affinity`"),
    Row("session-cookie-secure", "with `affinity`"),
    Row("ssl-redirect", "to HTTPS (308) where the host has TLS, unless `false`"),
    Row("temporal-redirect", "everything is redirected there (302)"),
    Row("temporal-redirect-code", "with another code"),
    Row("upstream-vhost", "`Host` as sent on"),
    Row("use-regex", "the paths of the host are regular expressions"),
    Row("whitelist-source-range", "the older name of `allowlist-source-range`"),
    Row("x-forwarded-prefix", "a header beside `rewrite-target`"),
    Row("auth-snippet", "", SNIPPETS_OFF),
    Row("configuration-snippet", "", SNIPPETS_OFF),
    Row("modsecurity-snippet", "", SNIPPETS_OFF),
    Row("server-snippet", "", SNIPPETS_OFF),
    Row("stream-snippet", "", SNIPPETS_OFF),
    Row("enable-modsecurity", "", "there is no web application firewall; check requests in the application"),
    Row("enable-opentelemetry", "", "there is no tracing; look at the packet walk instead"),
    Row("limit-rate", "", "bandwidth is not simulated; limit requests with limit-rps"),
    Row("limit-rate-after", "", "bandwidth is not simulated; limit requests with limit-rps"),
    Row("load-balance", "", "requests go round in turn; use affinity for a fixed Pod"),
    Row("mirror-target", "", "use a RequestMirror filter of the Gateway API"),
    Row("proxy-buffering", "", "answers are sent on whole, so buffers change nothing"),
    Row("server-alias", "", "write a rule for each host"),
    Row("ssl-passthrough", "", "use a Service of type LoadBalancer for TLS that the Pods end themselves"),
    Row("upstream-hash-by", "", "use affinity for a fixed Pod"),
)
"""Every annotation that is known: those that work, then those that do not."""

ROWS: Mapping[str, Row] = {row.name: row for row in TABLE}


def unsimulated(view: View, ingress: Object) -> tuple[Unsimulated, ...]:
    """Name the annotations of an Ingress that are not done, or whose value cannot be."""
    found = []
    for key, value in sorted(annotations_of(ingress).items()):
        if not key.startswith(PREFIX):
            continue
        row = ROWS.get(key.removeprefix(PREFIX))
        if row is None:
            advice = "it is not in the table of the annotations that are simulated"
            found.append(Unsimulated(ingress, f"annotation {key}", advice))
        elif row.advice:
            found.append(Unsimulated(ingress, f"annotation {key}", row.advice))
        elif problem := _problem(row.name, value):
            found.append(Unsimulated(ingress, f"annotation {key}: {value!r}", problem))
    if wants_regex(ingress):
        found += _bad_expressions(ingress)
    return tuple(found)


def _problem(name: str, value: str) -> str:
    if name == "auth-type" and value != "basic":
        return "only basic is simulated"
    if name == "affinity" and value != "cookie":
        return "only cookie exists"
    if name == "backend-protocol" and value.upper() not in ("HTTP", "HTTPS", "AUTO_HTTP"):
        return "only HTTP and HTTPS are simulated; requests are answered with 502"
    return ""


def _bad_expressions(ingress: Object) -> list[Unsimulated]:
    from podwalk.network.ingress.dialects.translation import paths

    return [
        Unsimulated(ingress, f"{path.field}.path: {path.value!r}", "it is no regular expression, so nothing matches it")
        for path in paths(ingress)
        if expression(path.value, True) is None
    ]
