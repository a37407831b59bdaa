"""Who am I, may I, and is this token good: the reviews of ``authentication.k8s.io`` and ``authorization.k8s.io``.

Whoever reaches an embedded cluster is its administrator, so it answers as kind answers its own. ServiceAccounts and
other users are answered for by the
RBAC objects that are stored.

Source: kubernetes/pkg/registry/{authentication,authorization}, kubernetes/plugin/pkg/auth/authorizer/rbac.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from podwalk.api import failures, negotiation, ownership
from podwalk.api.failures import bad_request
from podwalk.api.negotiation import answer
from podwalk.api.options import write_options
from podwalk.api.routes import Route
from podwalk.api.trees import dig
from podwalk.errors import Cause
from podwalk.types import Object, Request, Response

if TYPE_CHECKING:
    from podwalk.api.server import Api

ADMIN = "kubernetes-admin"
ADMIN_GROUPS = ("kubeadm:cluster-admins", "system:authenticated")
ISSUER = "https://kubernetes.default.svc.cluster.local"
_MIN_TOKEN_S, _DEFAULT_TOKEN_S = 600, 3600
_RBAC = "rbac.authorization.k8s.io"


def review(api: Api, found: Route, request: Request) -> Response:
    """Answer a review: it is filled in and sent back, nothing is stored."""
    wanted = negotiation.representation(request)
    write = write_options(request, "CreateOptions")
    body = api.objects.decoded(found.resource, negotiation.read_body(request, found.resource.kind), write)
    spec = body.get("spec") or {}
    status = _STATUS[found.resource.kind](api, spec, found)
    at, now = api.objects.root_type(found.resource), api.simulation.timestamp()
    ownership.track(at, found.resource, body, None, write, now, resets_status=True)
    result = {**body, "status": status}
    if found.resource.kind == "SelfSubjectReview":
        result["metadata"] = {**result["metadata"], "creationTimestamp": now}
    if found.resource.kind == "SelfSubjectRulesReview":
        result["spec"] = {}
    return answer(result, wanted, status=201, warnings=tuple(write.warnings))


def _who_am_i(_api: Api, _spec: Object, _found: Route) -> Object:
    return {"userInfo": {"username": ADMIN, "groups": list(ADMIN_GROUPS)}}


def _may_i(_api: Api, spec: Object, found: Route) -> Object:
    _check_attributes(spec, found, "")
    binding = (
        'ClusterRoleBinding "kubeadm:cluster-admins" of ClusterRole "cluster-admin" to Group "kubeadm:cluster-admins"'
    )
    return {"allowed": True, "reason": f"RBAC: allowed by {binding}"}


def _check_attributes(spec: Object, found: Route, kind: str) -> None:
    given = [key for key in ("resourceAttributes", "nonResourceAttributes") if spec.get(key)]
    if len(given) != 1:
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        cause = Cause("FieldValueInvalid", "spec", f"Invalid value: null: {text}")
        raise failures.invalid("authorization.k8s.io", kind, "", [cause])


def _may_they(api: Api, spec: Object, found: Route) -> Object:
    _check_attributes(spec, found, found.resource.kind)
    user, groups = spec.get("user", ""), list(spec.get("groups") or ())
    if not user and not groups:
        cause = Cause(
            "FieldValueRequired", "spec.user", "Required value: at least one of user or group must be specified"
        )
        raise failures.invalid("authorization.k8s.io", found.resource.kind, "", [cause])
    if user == ADMIN or set(ADMIN_GROUPS[:1]) & set(groups) or "system:masters" in groups:
        return _may_i(api, spec, found)
    reason = allowing(api, user, groups, spec)
    return {"allowed": True, "reason": reason} if reason else {"allowed": False}


def allowing(api: Api, user: str, groups: Sequence[str], spec: Object) -> str:
    """Return which binding allows a user what a review asks for, in RBAC's words; empty if none does."""
    attributes = spec.get("resourceAttributes") or {}
    for kind, binding in _bindings(api, attributes.get("namespace", "")):
        namespace = binding["metadata"].get("namespace", "")
        subject = next(
            (one for one in binding.get("subjects") or () if _is_subject(one, user, groups, namespace)), None
        )
        if subject is None:
            continue
        ref = binding["roleRef"]
        if any(_rule_allows(rule, spec) for rule in _rules(api, ref, namespace)):
            where = f"{namespace}/{binding['metadata']['name']}" if namespace else binding["metadata"]["name"]
            whom = f'{subject["kind"]} "{_subject_name(subject)}"'
            return f'RBAC: allowed by {kind} "{where}" of {ref["kind"]} "{ref["name"]}" to {whom}'
    return ""


def _subject_name(subject: Object) -> str:
    if subject["kind"] == "ServiceAccount":
        return f"{subject['name']}/{subject.get('namespace', '')}"
    return str(subject["name"])


def _bindings(api: Api, namespace: str) -> Iterator[tuple[str, Object]]:
    for binding in api.objects.list(f"clusterrolebindings.{_RBAC}"):
        yield "ClusterRoleBinding", binding
    if namespace:
        for binding in api.objects.list(f"rolebindings.{_RBAC}", namespace):
            yield "RoleBinding", binding


def _is_subject(subject: Object, user: str, groups: Sequence[str], namespace: str) -> bool:
    if subject["kind"] == "User":
        return bool(subject["name"] == user)
    if subject["kind"] == "Group":
        return subject["name"] in groups
    owner = subject.get("namespace") or namespace
    return user == f"system:serviceaccount:{owner}:{subject['name']}"


def _rules(api: Api, ref: Object, namespace: str) -> Sequence[Object]:
    key = f"clusterroles.{_RBAC}" if ref["kind"] == "ClusterRole" else f"roles.{_RBAC}"
    role = api.objects.get(key, "" if ref["kind"] == "ClusterRole" else namespace, ref["name"])
    return (role or {}).get("rules") or ()


def _rule_allows(rule: Object, spec: Object) -> bool:
    def covers(allowed: Sequence[str] | None, value: str) -> bool:
        return bool(allowed) and ("*" in allowed or value in allowed)  # type: ignore[operator]  # not None where truthy

    if asked := spec.get("nonResourceAttributes"):
        paths = rule.get("nonResourceURLs") or ()
        path = asked.get("path", "")
        fits = any(one == path or (one.endswith("*") and path.startswith(one[:-1])) for one in paths)
        return fits and covers(rule.get("verbs"), asked.get("verb", ""))
    asked = spec.get("resourceAttributes") or {}
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource += f"/{asked['subresource']}"
    names = rule.get("resourceNames")
    return (
        covers(rule.get("verbs"), asked.get("verb", ""))
        and covers(rule.get("apiGroups"), asked.get("group", ""))
        and (
            covers(rule.get("resources"), resource) or f"*/{asked.get('subresource')}" in (rule.get("resources") or ())
        )
        and (not names or asked.get("name", "") in names)
    )


def _my_rules(_api: Api, spec: Object, _found: Route) -> Object:
    if not spec.get("namespace"):
        raise bad_request("no namespace on request")
    return {"resourceRules": _RESOURCE_RULES, "nonResourceRules": _OTHER_RULES, "incomplete": False}


_RESOURCE_RULES = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {
        "verbs": ["create"],
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    },
    {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
]
_HEALTH = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY = ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz"]
_OTHER_RULES = [
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
    {"verbs": ["get"], "nonResourceURLs": [*_DISCOVERY, "/version", "/version/"]},
    {"verbs": ["get"], "nonResourceURLs": _HEALTH},
]


def _is_good(api: Api, spec: Object, _found: Route) -> Object:
    claims = read_token(api, spec.get("token", ""))
    if claims is None:
        return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
    namespace, account = dig(claims, "kubernetes.io", "namespace"), dig(claims, "kubernetes.io", "serviceaccount")
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    user = {"username": claims["sub"], "uid": account["uid"], "groups": groups}
    return {"authenticated": True, "user": user, "audiences": claims["aud"]}


_STATUS = {
    "SelfSubjectReview": _who_am_i,
    "SelfSubjectAccessReview": _may_i,
    "SubjectAccessReview": _may_they,
    "LocalSubjectAccessReview": _may_they,
    "SelfSubjectRulesReview": _my_rules,
    "TokenReview": _is_good,
}


def token(api: Api, found: Route, request: Request) -> Response:
    """Issue a token of a ServiceAccount, signed with a key that lives and dies with this cluster."""
    wanted = negotiation.representation(request)
    write = write_options(request, "CreateOptions")
    account = api.objects.get("serviceaccounts", found.namespace, found.name)
    if account is None:
        raise failures.not_found(found.resource, found.name)
    subresource = found.resource.subresource("token")
    assert subresource is not None  # the route was found by it
    body = api.objects.decode_as(subresource, negotiation.read_body(request, "TokenRequest"), write)
    spec = body.get("spec") or {}
    life_s = spec.get("expirationSeconds") or _DEFAULT_TOKEN_S
    if life_s < _MIN_TOKEN_S:
        text = f"Invalid value: {life_s}: may not specify a duration less than 10 minutes"
        cause = Cause("FieldValueInvalid", "spec.expirationSeconds", text)
        raise failures.invalid("authentication.k8s.io", "TokenRequest", "", [cause])
    audiences = spec.get("audiences") or [ISSUER]
    text = _sign(api, _claims(api, account, audiences, life_s))
    result = {
        **body,
        "metadata": {"name": found.name, "namespace": found.namespace, "creationTimestamp": api.simulation.timestamp()},
        "spec": {
            **spec,
            "audiences": audiences,
            "expirationSeconds": life_s,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {"token": text, "expirationTimestamp": api.simulation.timestamp(api.simulation.now + life_s)},
    }
    return answer(result, wanted, status=201, warnings=tuple(write.warnings))


def _claims(api: Api, account: Object, audiences: list[str], life_s: int) -> Object:
    metadata = account["metadata"]
    now = int(api.simulation.datetime().timestamp())
    bound = {"namespace": metadata["namespace"], "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]}}
    return {
        "aud": audiences,
        "exp": now + life_s,
        "iat": now,
        "iss": ISSUER,
        "jti": api.objects.new_uid(),
        "kubernetes.io": bound,
        "nbf": now,
        "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
    }


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _sign(api: Api, claims: Object) -> str:
    head = _part(json.dumps({"alg": "HS256", "kid": "podwalk"}, separators=(",", ":")).encode())
    body = f"{head}.{_part(json.dumps(claims, separators=(',', ':')).encode())}"
    return f"{body}.{_part(hmac.digest(api.token_key, body.encode(), hashlib.sha256))}"


def read_token(api: Api, text: str) -> Any:
    """Return the claims of a token that this cluster issued and that is still good; None otherwise."""
    body, _, signature = text.rpartition(".")
    good = _part(hmac.digest(api.token_key, body.encode("utf-8", "replace"), hashlib.sha256))
    if not hmac.compare_digest(good.encode(), signature.encode("utf-8", "replace")):
        return None
    payload = body.partition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims if claims["exp"] > api.simulation.datetime().timestamp() else None
