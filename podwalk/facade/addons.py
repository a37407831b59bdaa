"""What can be added to a cluster: an Ingress controller.

A new cluster has none, so that an Ingress does nothing until somebody installs a controller: the first lesson about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from podwalk.controllers.ingress import DEPLOYMENTS, manifest
from podwalk.facade.errors import LearnerError

if TYPE_CHECKING:
    from podwalk.facade.application import Changes
    from podwalk.facade.cluster import Cluster

EMBEDDED = ("embedded", "in-process")
READY_TIMEOUT_S = 120.0


def add(cluster: Cluster, name: str, **options: Any) -> Changes:
    """Install an add-on and wait until it is ready.

    Args:
        cluster: where.
        name: a key of :data:`ADDONS`.
        options: the add-on's own.

    Raises:
        LearnerError: when there is no such add-on, or not for this cluster.
    """
    if name not in ADDONS:
        raise LearnerError(f"there is no add-on {name!r}", hint=f"there are: {', '.join(ADDONS)}")
    return ADDONS[name](cluster, **options)


def ingress(cluster: Cluster, *, controller: str = "nginx", default: bool = False) -> Changes:
    """Install an Ingress controller: the Deployment, its Service, and its IngressClass.

    On kind, Traefik stands in for ingress-nginx, which is retired: it has its class, its names and its annotations.

    Args:
        cluster: where.
        controller: ``nginx`` (namespace ``ingress-nginx``) or another of the controllers that are simulated.
        default: whether its class is for Ingresses that name none.
    """
    if controller not in DEPLOYMENTS:
        raise LearnerError(f"no Ingress controller {controller!r}", hint=f"there are: {', '.join(DEPLOYMENTS)}")
    real = cluster.backend not in EMBEDDED
    if real and (cluster.backend != "kind" or controller != "nginx"):
        raise LearnerError(
            f"the Ingress controller {controller} is not installed on a cluster of the kind {cluster.backend!r}",
            hint="install one as its documentation says; the embedded cluster has it, and kind the one for nginx",
        )
    site = DEPLOYMENTS[controller][0]
    changes = cluster.apply(manifest(controller, default=default, real=real))
    selector = ",".join(f"{name}={value}" for name, value in site.labels.items())
    # A Deployment that may lack a Pod is Available at once; its Pod says when it answers.
    cluster.wait(f"deployment/{site.name}", "jsonpath={.status.replicas}=1", namespace=site.namespace)
    cluster.wait("pods", "condition=Ready", namespace=site.namespace, selector=selector, timeout_s=READY_TIMEOUT_S)
    return changes


ADDONS: Mapping[str, Callable[..., Changes]] = {"ingress": ingress}
"""Every add-on by its name."""
