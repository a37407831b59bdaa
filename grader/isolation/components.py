"""The cluster's own components, put back as they were before the checks look.

A submission has all rights in its cluster, so it could teach CoreDNS the answers that a check expects. What an
assignment is not about is therefore restored: what kube-system's DNS and proxy are configured to do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from podwalk.facade import Cluster
from podwalk.types import Object

KINDS = ("configmaps", "services", "deployments", "daemonsets")
NAMESPACE = "kube-system"
ROLLOUT_TIMEOUT_S = 60.0
CHANGED_BY_THE_CLUSTER = frozenset({"resourceVersion", "uid", "generation", "managedFields", "creationTimestamp"})

Kept = Mapping[str, Object]


def keep(cluster: Cluster) -> Kept:
    """Return the components' objects by ``KIND/NAME``."""
    return {
        f"{kind}/{obj['metadata']['name']}": obj for kind in KINDS for obj in cluster.get(kind, namespace=NAMESPACE)
    }


def restore(cluster: Cluster, kept: Kept, *, allowed: Collection[str] = ()) -> list[str]:
    """Put back what is not as it was, and return its names; ``allowed`` ones stay as they are."""
    now = keep(cluster)
    changed = [
        name
        for name, obj in kept.items()
        if name not in allowed and (name not in now or _essence(obj) != _essence(now[name]))
    ]
    for name in changed:
        cluster.delete(name, namespace=NAMESPACE)
        cluster.apply(_essence(kept[name]))
    if changed:
        # CoreDNS reads its configuration again in its own time; a new Pod has read it.
        _restart_dns(cluster)
    return changed


def _restart_dns(cluster: Cluster) -> None:
    for pod in cluster.get("pods", namespace=NAMESPACE, selector="k8s-app=kube-dns"):
        cluster.delete(f"pod/{pod['metadata']['name']}", namespace=NAMESPACE)
    cluster.wait("deployment/coredns", "condition=Available", namespace=NAMESPACE, timeout_s=ROLLOUT_TIMEOUT_S)


def _essence(obj: Object) -> dict[str, Any]:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in CHANGED_BY_THE_CLUSTER}
    annotations = {
        k: v for k, v in metadata.pop("annotations", {}).items() if not k.startswith("deployment.kubernetes.io/")
    }
    return {key: value for key, value in obj.items() if key != "status"} | {
        "metadata": metadata | ({"annotations": annotations} if annotations else {})
    }
