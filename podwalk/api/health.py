"""What the API server answers at ``/healthz``, ``/livez`` and ``/readyz``: each check by its name, and all together.

A cluster that answers at all is healthy. The checks are those of kube-apiserver v1.37, so that who reads the long
answer learns what a real server looks at.

Source: k8s.io/apiserver/pkg/server/healthz.
"""

from __future__ import annotations

from podwalk.api import failures
from podwalk.types import Request, Response

KINDS = ("/healthz", "/livez", "/readyz")
_TEXT = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
_SHARED = [
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/peer-endpoint-reconciler-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/storage-readiness",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/aggregator-reload-proxy-client-cert",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
]
_ALIVE = ["ping", "log", "loopback-serving-certificate", "etcd", *_SHARED]
_READY = ["ping", "log", "etcd", "etcd-readiness", "informer-sync", *_SHARED, "shutdown"]


def answer(request: Request) -> Response:
    """Answer a request below one of ``KINDS``.

    Raises:
        ApiError: 405 for anything but reading.
    """
    if request.method not in ("GET", "HEAD"):
        raise failures.method_not_allowed()
    kind, slash, check = request.path[1:].partition("/")
    checks = _READY if kind == "readyz" else _ALIVE
    if f"/{kind}" not in KINDS or (slash and check not in checks):
        return Response(404, dict(_TEXT), b"404 page not found\n")
    if check or not any(key == "verbose" for key, _ in request.query):
        return Response(200, dict(_TEXT), b"ok")
    return Response(200, dict(_TEXT), _listed(kind, checks, request.params("exclude")).encode())


def _listed(kind: str, checks: list[str], excluded: list[str]) -> str:
    lines = [f"[+]{name} {'excluded: ' if name in excluded else ''}ok" for name in checks]
    if unknown := sorted(set(excluded) - set(checks)):
        named = ",".join(f'"{name}"' for name in unknown)
        lines.append(f"warn: some health checks cannot be excluded: no matches for {named}")
    return "\n".join([*lines, f"{kind} check passed", ""])
