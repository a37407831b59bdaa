"""Add-ons that a cloud's cluster mostly has and a new local one has not: metrics, and load balancers' addresses.

On the embedded cluster they are switched on by objects; for a real one see :mod:`podwalk.facade.parts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.facade import wire
from podwalk.facade.application import Changes
from podwalk.facade.errors import LearnerError
from podwalk.facade.listing import Listing
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

METRICS = "/apis/metrics.k8s.io/v1beta1"
LABELS = {"k8s-app": "metrics-server"}
METRICS_SERVER: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "metrics-server", "namespace": "kube-system", "labels": LABELS},
    "spec": {
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "containers": [
                    {
                        "name": "metrics-server",
                        "image": "registry.k8s.io/metrics-server/metrics-server:v0.8.1",
                        "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}},
                    }
                ]
            },
        },
    },
}
CLOUD: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "cloud-provider-kind", "namespace": "kube-system"},
}


def metrics_server(cluster: Cluster) -> Changes:
    """Switch metrics on in an embedded cluster."""
    changes = cluster.apply(METRICS_SERVER)
    cluster.wait("deployment/metrics-server", "condition=Available", namespace="kube-system")
    return changes


def load_balancer(cluster: Cluster) -> Changes:
    """Let an embedded cluster give Services of type LoadBalancer their addresses, as cloud-provider-kind does."""
    return cluster.apply(CLOUD)


def top(cluster: Cluster, *, namespace: str, selector: str = "") -> Listing:
    """Return what Pods use, as ``kubectl top pods`` prints it.

    Raises:
        LearnerError: when the cluster serves no metrics.
    """
    query = {"labelSelector": selector} if selector else {}
    try:
        found = wire.call(cluster.api, "GET", f"{METRICS}/namespaces/{namespace}/pods", query=query)["items"]
    except wire.StatusError as error:
        raise LearnerError("Metrics API not available", hint='cluster.addon("metrics-server")') from error
    objects = tuple(sorted(found, key=lambda item: str(item["metadata"]["name"])))
    rows = tuple((item["metadata"]["name"], *_used(item["containers"])) for item in objects)
    empty = f"No resources found in {namespace} namespace."
    return Listing(objects, ("NAME", "CPU(cores)", "MEMORY(bytes)"), rows, empty)


def _used(parts: list[Object]) -> tuple[str, str]:
    cores = sum(_number(part["usage"]["cpu"]) for part in parts)
    memory = sum(_number(part["usage"]["memory"]) for part in parts)
    return f"{max(1, round(cores * 1000))}m", f"{round(memory / 2**20)}Mi"


def _number(quantity: str) -> float:
    units = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    digits = quantity.rstrip("numkKMGi")
    return float(digits) * units.get(quantity[len(digits) :], 1)
