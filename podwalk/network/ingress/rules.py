"""What every dialect is translated to: rules, and what is wanted of the requests that meet them.

An annotation of ingress-nginx, a middleware of Traefik and a filter of an HTTPRoute that mean the same become the same
value here, so that one function decides for all of them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from podwalk.network.ingress.matching import PathMatch
from podwalk.types import Object, Ref


@dataclass(frozen=True)
class Backend:
    """A Service that takes requests.

    Attributes:
        namespace: the Service's.
        name: the Service's.
        port: the port's number or name in ``spec.ports``; 0 for the first.
        field: where the object says so.
        source: the object that says so.
        weight: its share; all of a rule's together are the whole.
        problem: why it cannot be used, if so, e.g. that it is no Service.
    """

    namespace: str
    name: str
    port: int | str
    field: str
    source: Ref
    weight: int = 1
    problem: str = ""
    intents: Intents | None = None


@dataclass(frozen=True)
class Rewrite:
    """A path is replaced where ``pattern`` is found: by ``target``, with ``$1`` for what its groups found.

    Attributes:
        whole: whether the whole path gives way, not only the part that was found.
        ignore_case: of the pattern.
        host: what is sent on as ``Host``; empty for what came.
    """

    pattern: str
    target: str
    whole: bool = False
    ignore_case: bool = False
    host: str = ""


@dataclass(frozen=True)
class Redirect:
    """The client is sent elsewhere; what is empty stays as it was asked.

    Attributes:
        url: the whole address, in which ``$1`` may stand; then nothing else counts.
        pattern: what the address (``http://host/path``) must match, for ``url`` with groups.
        path: what a :class:`Rewrite` makes of the path.
        always: whether it is done even if it leads where the client is.
    """

    status: int
    url: str = ""
    pattern: str = ""
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: Rewrite | None = None
    always: bool = False


@dataclass(frozen=True)
class BasicAuth:
    """A name and password are asked for; ``users`` are lines of htpasswd, None if the Secret cannot be had."""

    realm: str
    users: tuple[str, ...] | None
    secret: Ref
    remove_header: bool = False


@dataclass(frozen=True)
class ExternalAuth:
    """Another server is asked first.

    Attributes:
        url: whom.
        method: how; empty for the request's own.
        signin: where a client goes who was refused.
        response_headers: which of its answer's headers go on to the backend.
    """

    url: str
    method: str = "GET"
    signin: str = ""
    signin_parameter: str = "rd"
    response_headers: tuple[str, ...] = ()
    request_headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """So many requests in so many seconds (or at once, for ``period_s`` 0) from each client.

    Attributes:
        burst: how many more may come before they are refused.
        name: what it is called, e.g. the annotation.
        status: what those get who are too many.
    """

    name: str
    count: int
    period_s: float
    burst: int
    status: int = 503
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Canary:
    """Which requests go to the other backend: by header, then by cookie, then by weight."""

    backend: Backend
    weight: int = 0
    total: int = 100
    header: str = ""
    value: str = ""
    pattern: str = ""
    cookie: str = ""


@dataclass(frozen=True)
class Affinity:
    """A cookie keeps a client at its endpoint."""

    cookie: str
    path: str = "/"
    max_age_s: int | None = None
    expires_s: int | None = None
    secure: bool | None = None
    http_only: bool = True
    same_site: str = ""
    persistent: bool = False


@dataclass(frozen=True)
class Cors:
    """Which pages of other origins may ask."""

    origins: tuple[str, ...]
    methods: str
    headers: str
    credentials: bool
    expose: str = ""
    max_age_s: int = 1728000
    echo_origin: bool = False


@dataclass(frozen=True)
class ClientCertificate:
    """TLS clients show a certificate of these authorities.

    Attributes:
        secret: which has ``ca.crt``.
        mode: ``on``, ``optional``, ``optional_no_ca`` or ``off``.
        error_page: where to go without one.
        pass_on: whether the backend gets it in a header.
    """

    secret: Ref
    mode: str = "on"
    depth: int = 1
    error_page: str = ""
    pass_on: bool = False


@dataclass(frozen=True)
class HeaderChange:
    """A header that is set, added to what is there, or, with no value, taken away."""

    name: str
    value: str | None
    add: bool = False


@dataclass(frozen=True)
class Intents:
    """What is wanted of the requests of a rule, beside where they go. What is not wanted is empty."""

    redirects: tuple[Redirect, ...] = ()
    https: int = 0
    app_root: str = ""
    rewrites: tuple[Rewrite, ...] = ()
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    basic_auth: BasicAuth | None = None
    external_auth: ExternalAuth | None = None
    limits: tuple[Limit, ...] = ()
    cors: Cors | None = None
    body_limit: int = 0
    affinity: Affinity | None = None
    certificate: ClientCertificate | None = None
    request_headers: tuple[HeaderChange, ...] = ()
    response_headers: tuple[HeaderChange, ...] = ()
    host: str = ""
    protocol: str = "HTTP"
    to_service_ip: bool = False
    connect_timeout_s: float = 0.0
    read_timeout_s: float = 0.0
    tries: int = 0
    mirror: Backend | None = None
    refused: int = 0


@dataclass(frozen=True)
class Condition:
    """A header, query parameter or the method that a request must have, besides host and path."""

    kind: str
    name: str
    value: str
    regex: bool = False


@dataclass(frozen=True)
class Rule:
    """A host and a path, and where requests for them go.

    Attributes:
        host: empty for every host.
        path: the path.
        backends: where they go; empty for nowhere.
        source: the object that has the rule.
        field: where in it.
        priority: what is compared before host and path; the highest wins.
        intents: what else is wanted.
        fallback: the backends that take over when none of ``backends`` has an endpoint.
        tls: whether it is for TLS only (True) or for plain HTTP only (False).
        is_default: whether it is a default backend's rule.
        conditions: what else a request must have.
        skipped: why the controller leaves the rule out, if it does.
    """

    host: str
    path: PathMatch
    backends: tuple[Backend, ...]
    source: Ref
    field: str
    intents: Intents = dataclasses.field(default_factory=Intents)
    priority: tuple[int, ...] = ()
    fallback: tuple[Backend, ...] = ()
    canary: Canary | None = None
    tls: bool | None = None
    is_default: bool = False
    conditions: tuple[Condition, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Unsimulated:
    """Something an object asks for that is not done: the object, what it is, and what to do instead."""

    obj: Object
    what: str
    advice: str
    reason: str = "NotSimulated"
