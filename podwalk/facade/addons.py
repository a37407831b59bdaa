"""What can be added to a cluster: an Ingress controller, Gateway API, and ClusterNetworkPolicy.

A new cluster has neither, so that an Ingress does nothing until somebody installs a controller: the first lesson about
it. On the embedded cluster an add-on is installed; on a real one what is already there is found and used.

Either way its Service gets a second name, ``ingress.default`` or ``gateway.default``: see :mod:`podwalk.facade.doors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podwalk.controllers import clusterpolicies
from podwalk.controllers.ingress import DEPLOYMENTS, GATEWAY_CLASS, definitions, manifest
from podwalk.facade import doors, provisions
from podwalk.facade.application import Changes
from podwalk.facade.errors import LearnerError
from podwalk.types import Ref

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

EMBEDDED = ("embedded", "in-process")
SIMULATED = "-podwalk"
"""How the kernel version ends that the nodes of an embedded cluster report."""

READY_TIMEOUT_S = 120.0
GATEWAY_CLASSES = "gatewayclasses.gateway.networking.k8s.io"


@dataclass(frozen=True)
class Addon:
    """Something that can be added.

    Attributes:
        title: what a cluster then has.
        install: adds it, or finds it.
    """

    title: str
    install: Callable[..., Changes]


def add(cluster: Cluster, name: str, **options: Any) -> Changes:
    """Install an add-on and wait until it is ready, or find it where a real cluster has it.

    Args:
        cluster: where.
        name: a key of :data:`ADDONS`.
        options: the add-on's own.

    Raises:
        LearnerError: when there is no such add-on, or this cluster neither has it nor can be given it.
    """
    if name not in ADDONS:
        raise LearnerError(f"there is no add-on {name!r}", hint=f"there are: {', '.join(ADDONS)}")
    return ADDONS[name].install(cluster, **options)


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
    site = DEPLOYMENTS[controller][0]
    real = not is_embedded(cluster)
    found = _ingress_door(cluster, controller) if real else None
    if found is not None:
        return cluster.apply(doors.alias("ingress", found))
    if real and (cluster.backend != "kind" or controller != "nginx"):
        raise LearnerError(
            f"this cluster has no Ingress controller for the class {controller}, and on a cluster of the kind "
            f"{cluster.backend!r} it is not installed for you",
            hint="install one as its documentation says; the embedded cluster has it, and kind the one for nginx",
        )
    changes = cluster.apply(
        [
            *manifest(controller, default=default, real=real),
            doors.alias("ingress", Ref("services", site.namespace, site.name)),
        ]
    )
    _wait(cluster, controller)
    return changes


def gateway(cluster: Cluster) -> Changes:
    """Install Gateway API: its definitions, Traefik as its controller, and the GatewayClass ``traefik``.

    It takes no port of a node, so that it stands beside an Ingress controller.
    """
    found = doors.find(cluster, doors.GATEWAYS)
    if is_embedded(cluster):
        site = DEPLOYMENTS["traefik"][0]
        cluster.apply(definitions())
        for definition in definitions():
            cluster.wait(f"crd/{definition['metadata']['name']}", "condition=Established")
        objects = [] if found else manifest("traefik", host_ports=False)
        service = found or Ref("services", site.namespace, site.name)
        changes = cluster.apply([*objects, GATEWAY_CLASS, doors.alias("gateway", service)])
        _wait(cluster, "traefik")
    elif found is None or not _has(cluster, GATEWAY_CLASSES, GATEWAY_CLASS["metadata"]["name"]):
        raise LearnerError(
            "this cluster has no controller for Gateway API that serves the GatewayClass traefik",
            hint="install Gateway API's standard channel, and Traefik with --providers.kubernetesgateway; "
            "or use the embedded cluster, which has it",
        )
    else:
        changes = cluster.apply(doors.alias("gateway", found))
    cluster.wait(f"gatewayclass/{GATEWAY_CLASS['metadata']['name']}", "condition=Accepted")
    return changes


def is_embedded(cluster: Cluster) -> bool:
    """Whether a cluster is simulated, also when it is reached through a context of a kubeconfig."""
    return cluster.backend in EMBEDDED or any(
        node["status"]["nodeInfo"]["kernelVersion"].endswith(SIMULATED) for node in cluster.get("nodes")
    )


def cluster_policy(cluster: Cluster) -> Changes:
    """Install the definition of ClusterNetworkPolicy; only a plugin that knows the kind evaluates it.

    The embedded cluster's does when it imitates Calico, as it does unless asked otherwise.
    """
    if not is_embedded(cluster):
        if _has(cluster, "crd", clusterpolicies.NAME):
            return Changes(())
        raise LearnerError(
            "this cluster does not have ClusterNetworkPolicy",
            hint="install network-policy-api's standard channel, and a CNI plugin that evaluates it, such as "
            "Calico 3.32; or use the embedded cluster, which has it",
        )
    changes = cluster.apply(clusterpolicies.definition())
    cluster.wait(f"crd/{clusterpolicies.NAME}", "condition=Established")
    return changes


def _ingress_door(cluster: Cluster, controller: str) -> Ref | None:
    """Return the Service of the controller that serves a class; None if nobody does."""
    if not _has(cluster, "ingressclasses", DEPLOYMENTS[controller][0].ingress_class):
        return None
    return doors.find(cluster, doors.INGRESS_CLASSES[controller])


def _has(cluster: Cluster, kind: str, name: str) -> bool:
    try:
        return name in cluster.get(kind).names
    except LearnerError:
        return False


def _wait(cluster: Cluster, controller: str) -> None:
    """Wait for a controller's Pod: a Deployment that may lack a Pod is Available at once, its Pod when it answers."""
    site = DEPLOYMENTS[controller][0]
    selector = ",".join(f"{name}={value}" for name, value in site.labels.items())
    cluster.wait(f"deployment/{site.name}", "jsonpath={.status.replicas}=1", namespace=site.namespace)
    cluster.wait("pods", "condition=Ready", namespace=site.namespace, selector=selector, timeout_s=READY_TIMEOUT_S)


def metrics_server(cluster: Cluster) -> Changes:
    """Install metrics-server, or find it; see :func:`podwalk.facade.provisions.metrics_server`."""
    return provisions.metrics_server(cluster, embedded=cluster.backend in EMBEDDED)


def load_balancer(cluster: Cluster) -> Changes:
    """Let somebody serve LoadBalancers; see :func:`podwalk.facade.provisions.load_balancer`."""
    return provisions.load_balancer(cluster, embedded=cluster.backend in EMBEDDED)


ADDONS: Mapping[str, Addon] = {
    "ingress": Addon("an Ingress controller for the class nginx", ingress),
    "gateway": Addon("Gateway API, with the GatewayClass traefik", gateway),
    "metrics-server": Addon("numbers for kubectl top and for autoscalers", metrics_server),
    "load-balancer": Addon("addresses for Services of type LoadBalancer", load_balancer),
    "cluster-network-policy": Addon("ClusterNetworkPolicy", cluster_policy),
}
"""Every add-on by its name."""
