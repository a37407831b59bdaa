"""kube-apiserver's process: the cluster's API as Pods reach it, at the Service ``kubernetes``.

A client is whom its token says: a Pod's ServiceAccount, or nobody. Roles and bindings are honoured for resources;
without one a ServiceAccount may read what every account may: versions, health, discovery. Left out: client
certificates, impersonation, watches (a stream is refused).

Source: kubernetes.io/docs/reference/access-authn-authz; answers as a real API server's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from podwalk.containers import http, tls
from podwalk.containers.images import serving
from podwalk.containers.process import Process
from podwalk.containers.sockets import Connection
from podwalk.errors import ApiError
from podwalk.simulation import Task
from podwalk.types import ClusterOptions, Object, Request, View

PORT = 6443
PUBLIC = ("/version", "/healthz", "/livez", "/readyz")
DISCOVERY = ("/api", "/apis", "/openapi")
ANONYMOUS = "system:anonymous"
VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(options: ClusterOptions, addresses: list[str]) -> tuple[bytes, bytes]:
    """Return the server's certificate, signed by the key of the cluster's root certificate, and its key, both PEM.

    The root's key is derived from the cluster's name and seed, as :mod:`podwalk.controllers.certificate` has it.
    """
    authority = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{options.name}/{options.seed}".encode()).digest())
    secret = hashlib.sha256(f"{options.name}/{options.seed}/apiserver".encode()).digest()
    key = Ed25519PrivateKey.from_private_bytes(secret)
    domain = options.cluster_domain
    names: list[x509.GeneralName] = [
        x509.DNSName(name)
        for name in (
            "kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}",
            "localhost",
            f"{options.name}-control-plane",
        )
    ]  # fmt: skip
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in (*addresses, "127.0.0.1")]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")]))
        .public_key(key.public_key())
        .serial_number(int.from_bytes(secret[:8], "big") | 1)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_BEFORE + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority, None)
    )
    return made.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def user_of(view: View, token: str) -> str:
    """Return whose token it is; empty if it is nobody's.

    A token is good as long as its Pod is there: the Pod's uid signs it, see
    :func:`podwalk.kubelet.volumes.service_account_token`.
    """
    head, _, signature = token.rpartition(".")
    try:
        claims = json.loads(_decode(head.partition(".")[2]))
        pod = claims["kubernetes.io"]["pod"]
        found = view.get("pods", claims["kubernetes.io"]["namespace"], pod["name"])
    except (ValueError, KeyError, TypeError):
        return ""
    if found is None or found["metadata"].get("uid") != pod["uid"]:
        return ""
    wanted = hmac.new(pod["uid"].encode(), head.encode(), hashlib.sha256).digest()
    return str(claims["sub"]) if hmac.compare_digest(wanted, _decode(signature)) else ""


def _decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def allowed(view: View, user: str, verb: str, group: str, resource: str, namespace: str, name: str) -> bool:
    """Whether roles and bindings let a user do something."""
    for role, _ in _roles(view, user, namespace):
        for rule in role.get("rules") or ():
            if (
                _matches(rule.get("verbs"), verb)
                and _matches(rule.get("apiGroups"), group)
                and _matches(rule.get("resources"), resource)
                and (not rule.get("resourceNames") or name in rule["resourceNames"])
            ):
                return True
    return False


def _matches(values: list[str] | None, wanted: str) -> bool:
    return "*" in (values or ()) or wanted in (values or ())


def _roles(view: View, user: str, namespace: str) -> Iterator[tuple[Object, Object]]:
    group = "rbac.authorization.k8s.io"
    bindings = [(one, "") for one in view.list(f"clusterrolebindings.{group}")]
    bindings += [(one, namespace) for one in view.list(f"rolebindings.{group}", namespace)] if namespace else []
    for binding, space in bindings:
        if any(_is_subject(subject, user, space) for subject in binding.get("subjects") or ()):
            reference = binding["roleRef"]
            if reference["kind"] == "ClusterRole":
                role = view.get(f"clusterroles.{group}", "", reference["name"])
            else:
                role = view.get(f"roles.{group}", space, reference["name"])
            if role is not None:
                yield role, binding


def _is_subject(subject: Mapping[str, Any], user: str, namespace: str) -> bool:
    if subject.get("kind") == "ServiceAccount":
        return user == f"system:serviceaccount:{subject.get('namespace') or namespace}:{subject['name']}"
    if subject.get("kind") == "Group":
        space = user.split(":")[2] if user.startswith("system:serviceaccount:") else ""
        mine = {"system:unauthenticated"} if user == ANONYMOUS else {"system:authenticated"}
        mine |= {"system:serviceaccounts", f"system:serviceaccounts:{space}"} if space else set()
        return subject["name"] in mine
    return bool(subject.get("name") == user)


def authorise(view: View, user: str, method: str, path: str) -> None:
    """Refuse what a user may not do.

    Raises:
        ApiError: 403 in the API server's words.
    """
    if path.rstrip("/") in PUBLIC or path.startswith(tuple(f"{one}/" for one in PUBLIC[1:])):
        return
    parts = [part for part in path.split("/") if part]
    group, rest = ("", parts[2:]) if parts[:1] == ["api"] else (parts[1] if len(parts) > 1 else "", parts[3:])
    verb, is_resource = VERBS.get(method, method.lower()), bool(rest) and parts[0] in ("api", "apis")
    if not is_resource:
        if user != ANONYMOUS and path.startswith(DISCOVERY):
            return
        raise _forbidden(f'User "{user}" cannot {verb} path "{path}"', {})
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name = "/".join([rest[0], *rest[2:]]), rest[1] if len(rest) > 1 else ""
    verb = "list" if verb == "get" and not name else verb
    if allowed(view, user, verb, group, resource, namespace, name):
        return
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    shown = f"{resource}.{group}" if group else resource
    subject = f'{shown} "{name}" is' if name else f"{shown} is"
    message = f'{subject} forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    raise ApiError(403, "Forbidden", message, details={"kind": resource, **({"name": name} if name else {})})


def _forbidden(words: str, details: dict[str, Any]) -> ApiError:
    return ApiError(403, "Forbidden", f"forbidden: {words}", details=details)


class ApiServer:
    """What answers at the port."""

    def __init__(self, process: Process) -> None:
        """Make the certificate."""
        self.process = process
        self.fabric = process.container.network.fabric
        service = self.fabric.view.get("services", "default", "kubernetes")
        own = [service["spec"]["clusterIP"]] if service is not None else []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        tls.load_certificate(self.context, *certificate(self.fabric.options, [process.container.network.ip, *own]))

    def wrap(self, connection: Connection) -> Task:
        """Begin TLS."""
        stream = yield from tls.server(connection, self.context)
        return stream, ""

    def handle(self, request: http.Incoming) -> http.Answer:
        """Answer a request as the cluster's API does, for the user that the token names."""
        path = unquote(request.path)
        try:
            authorise(self.fabric.view, self._user(request), request.method, path)
            if self.fabric.api is None:
                raise ApiError(503, "ServiceUnavailable", "the API server is not ready")
            headers = {name.lower(): value for name, value in request.headers if name.lower() != "authorization"}
            query = tuple(parse_qsl(request.query, keep_blank_values=True))
            if ("watch", "true") in query or ("watch", "1") in query or ("follow", "true") in query:
                raise ApiError(501, "NotImplemented", "podwalk does not simulate watches from inside a Pod")
            reply = self.fabric.api(Request(request.method, path, query, headers, request.body))
            status, kept, body = reply.status, list(reply.headers.items()), reply.body
        except ApiError as error:
            status, kept = error.code, [("Content-Type", "application/json")]
            body = json.dumps(error.status(), indent=2).encode()
        shown = [("-".join(part.capitalize() for part in name.split("-")), value) for name, value in kept]
        shown = [pair for pair in shown if pair[0] not in ("Content-Length", "Date")]
        shown += [("Date", http.date(self.process.simulation)), ("Content-Length", str(len(body)))]
        return http.Answer(status, shown, body)

    def _user(self, request: http.Incoming) -> str:
        scheme, _, token = request.header("authorization").partition(" ")
        if not token:
            return ANONYMOUS
        user = user_of(self.fabric.view, token.strip()) if scheme.lower() == "bearer" else ""
        if not user:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return user


def kube_apiserver(process: Process) -> Task:
    """Serve the API on ``--secure-port``."""
    yield process.sleep(0)
    port = next((int(word.partition("=")[2]) for word in process.argv if word.startswith("--secure-port=")), PORT)
    running = ApiServer(process)
    return (yield from serving.hold(process, [serving.serve(process, port, running.handle, wrap=running.wrap)]))
