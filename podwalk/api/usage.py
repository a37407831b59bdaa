"""``metrics.k8s.io``: what containers use, as metrics-server serves it once it runs.

A new cluster has no metrics API, as a new kind cluster has none: ``kubectl top`` says so, and an autoscaler too. It is
there as soon as a Pod of the Deployment ``metrics-server`` in ``kube-system`` is available, and goes with it.

Left out: watching, field selectors, tables (kubectl then prints names only; ``kubectl top`` needs none).

Source: github.com/kubernetes-sigs/metrics-server, pkg/api; k8s.io/metrics v1beta1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from podwalk.api import failures, negotiation, selectors
from podwalk.api.negotiation import Representation
from podwalk.api.registry import Resource
from podwalk.types import Object, Request, Response, View

if TYPE_CHECKING:
    from podwalk.api.server import Api

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
ROOT = f"/apis/{GROUP}/{VERSION}"
READ = ("get", "list")
RESOURCES = (
    Resource(GROUP, VERSION, "NodeMetrics", "nodes", "", namespaced=False, verbs=READ),
    Resource(GROUP, VERSION, "PodMetrics", "pods", "", namespaced=True, verbs=READ),
)
DEPLOYMENT = ("deployments.apps", "kube-system", "metrics-server")

Measure = Callable[[Object], Object | None]
"""A Pod → its ``PodMetrics``, or a Node → its ``NodeMetrics``; None if nothing is known of it."""


def is_served(view: View) -> bool:
    """Whether metrics-server runs."""
    deployment = view.get(*DEPLOYMENT) or {}
    return bool((deployment.get("status") or {}).get("availableReplicas"))


def resources(api: Api) -> Sequence[Resource]:
    """Return what discovery has to list of this API just now."""
    return RESOURCES if api.measures and is_served(api.objects) else ()


def answer(api: Api, request: Request) -> Response | None:
    """Answer a request for metrics; None if it is none, or nobody serves them.

    Raises:
        ApiError: 404 for an object without metrics, 405 for anything but reading.
    """
    if not request.path.startswith(f"{ROOT}/") or not resources(api):
        return None
    parts = request.path.removeprefix(f"{ROOT}/").strip("/").split("/")
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    resource = next((one for one in RESOURCES if one.plural == parts[0]), None)
    if resource is None or len(parts) > 2:
        raise failures.no_such_resource()
    if request.method not in ("GET", "HEAD"):
        raise failures.method_not_allowed()
    if len(parts) == 2:
        return _reply(_one(api, resource, namespace, parts[1]), request)
    return _reply(_all(api, resource, namespace, request.param("labelSelector")), request)


def _reply(body: Any, request: Request) -> Response:
    return negotiation.answer(body, Representation(pretty=negotiation.is_pretty(request)))


def _one(api: Api, resource: Resource, namespace: str, name: str) -> Object:
    found = api.objects.get(resource.plural, namespace, name)
    measured = api.measures[resource.plural](found) if found is not None else None
    if measured is None:
        raise failures.not_found(resource, f"{namespace}/{name}" if namespace else name)
    return measured


def _all(api: Api, resource: Resource, namespace: str, labels: str) -> Object:
    wanted = selectors.parse_labels(labels)
    objects = api.objects.list(resource.plural, namespace or None)
    found = [obj for obj in objects if all(one.matches(obj["metadata"].get("labels") or {}) for one in wanted)]
    items = [measured for obj in found if (measured := api.measures[resource.plural](obj)) is not None]
    kind = {"kind": f"{resource.kind}List", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}}
    return {**kind, "items": items}
