"""What can be added to a cluster: an Ingress controller, Gateway API, metrics, load balancers, ClusterNetworkPolicy.

A new cluster has none, so that an Ingress does nothing until somebody installs a controller: the first lesson about
it. On the embedded cluster an add-on is installed; on a real one what is already there is found and used.

Either way its Service gets a second name, ``ingress.default`` or ``gateway.default``: see :mod:`podwalk.facade.doors`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podwalk.controllers import clusterpolicies
from podwalk.controllers.ingress import DEPLOYMENTS, GATEWAY_CLASS, STAND_INS, definitions
from podwalk.controllers.ingress import manifest as ingress_manifest
from podwalk.facade import doors, occupancy, provisions
from podwalk.facade.application import Applied, Changes, find
from podwalk.facade.errors import LearnerError, NotFoundError, RefusedError
from podwalk.facade.parts import GATEWAY_API, LOAD_BALANCER, METRICS, Part, apply_when_taken, fetch
from podwalk.types import Object, Ref

if TYPE_CHECKING:
    from pathlib import Path

    from podwalk.facade.cluster import Cluster, Manifest
    from podwalk.facade.kinds import Kind

EMBEDDED = ("embedded", "in-process")
SIMULATED = "-podwalk"
"""How the kernel version ends that the nodes of an embedded cluster report."""

READY_TIMEOUT_S = 120.0
GATEWAY_CLASSES = "gatewayclasses.gateway.networking.k8s.io"


_RBAC = "rbac.authorization.k8s.io"
GATEWAY_RIGHTS: list[Object] = [
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "traefik-gateway"},
        "rules": [
            {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["*/status"], "verbs": ["update", "patch"]},
            {"apiGroups": ["traefik.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        ],
    },
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "traefik-gateway"},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "traefik-gateway"},
        "subjects": [{"kind": "ServiceAccount", "name": "traefik", "namespace": "traefik"}],
    },
]
"""What Traefik's Gateway provider asks of a real API server beside an Ingress controller's rights."""


@dataclass(frozen=True)
class Addon:
    """Something that can be added.

    Attributes:
        title: what a cluster then has.
        install: adds it, or finds it.
        missing: why a real cluster neither has it nor is given it; None if it has it or is.
    """

    title: str
    install: Callable[..., Changes]
    missing: Callable[[Cluster], LearnerError | None]


def images() -> list[str]:
    """Return the images that the add-ons run on a real cluster."""
    return [*STAND_INS, *METRICS.images, *LOAD_BALANCER.images]


def missing(cluster: Cluster, name: str) -> LearnerError | None:
    """Return why a cluster neither has an add-on nor can be given it, without changing anything; None otherwise.

    Args:
        cluster: where.
        name: a key of :data:`ADDONS`.
    """
    return None if is_embedded(cluster) else ADDONS[name].missing(cluster)


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
    if is_embedded(cluster):
        return ADDONS[name].install(cluster, **options)
    made: list[Applied] = []
    here = copy.copy(cluster)

    def apply(manifest: Manifest, **words: Any) -> Changes:
        changes = cluster.apply(manifest, **words)
        made.extend(changes)
        return changes

    # What was made is written down also if the rest fails: it can then be removed.
    setattr(here, "apply", apply)  # noqa: B010  # a method of one object
    try:
        return ADDONS[name].install(here, **options)
    finally:
        _record(cluster, name, made)


def remove(cluster: Cluster, name: str) -> Changes:
    """Delete what :func:`add` made on a real cluster; what was there before stays.

    Raises:
        LearnerError: when nothing was added, or something does not go.
    """
    try:
        record = cluster.get("configmaps", RECORD + name, namespace=RECORD_NAMESPACE).object
    except NotFoundError:
        raise LearnerError(f"the course did not add {name} to this cluster, so there is nothing to remove") from None
    made = [Ref(*entry) for entry in json.loads(record["data"]["objects"])]
    gone = [change for ref in reversed(made) for change in _delete(cluster, ref)]
    cluster.delete(f"configmap/{RECORD}{name}", namespace=RECORD_NAMESPACE)
    return Changes(tuple(gone))


def _delete(cluster: Cluster, ref: Ref) -> Changes:
    try:
        return cluster.delete(f"{ref.resource}/{ref.name}", namespace=ref.namespace)
    except NotFoundError:
        # Its definition went before it, and took it along.
        return Changes(())


def _record(cluster: Cluster, name: str, changes: Iterable[Applied]) -> None:
    """Write down what was made now, beside what was made before."""
    made = [
        [_resource(entry.kind), entry.object["metadata"].get("namespace", ""), entry.object["metadata"]["name"]]
        for entry in changes
        if entry.change == "created"
    ]
    if not made:
        return
    try:
        before = cluster.get("configmaps", RECORD + name, namespace=RECORD_NAMESPACE).object["data"]["objects"]
    except NotFoundError:
        before = "[]"
    metadata = {"name": RECORD + name, "namespace": RECORD_NAMESPACE, "labels": {"podwalk.dev/addon": name}}
    objects = json.dumps([*json.loads(before), *made])
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"objects": objects}})


def _resource(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _part(cluster: Cluster, which: Part, manifest: Path | None) -> Changes:
    """Install a part from its project's manifest, unless the cluster has it."""
    if which.is_there(cluster):
        return Changes(())
    if problem := _no_part(cluster, which):
        raise problem
    changes = [*cluster.apply(fetch(which, manifest))]
    for last in which.finish(cluster):
        changes += apply_when_taken(cluster, [last])
    return Changes(tuple(changes))


def _no_part(cluster: Cluster, which: Part) -> LearnerError | None:
    if cluster.backend == "kind" or which.is_there(cluster):
        return None
    return LearnerError(
        f"{which.lacking}, and on a cluster that is not kind it is not installed for you",
        hint=f"whoever runs the cluster can install it: {which.url}",
    )


def ingress(cluster: Cluster, *, controller: str = "nginx", default: bool = False) -> Changes:
    """Install an Ingress controller: the Deployment, its Service, and its IngressClass.

    On kind, Traefik stands in for ingress-nginx, which is retired: it has its class, its names and its annotations.

    Args:
        cluster: where.
        controller: ``nginx`` (namespace ``ingress-nginx``) or another of the controllers that are simulated.
        default: whether its class is for Ingresses that name none.

    Raises:
        LearnerError: when there is no such controller, or something else holds the ports of the node that it takes.
    """
    if controller not in DEPLOYMENTS:
        raise LearnerError(f"no Ingress controller {controller!r}", hint=f"there are: {', '.join(DEPLOYMENTS)}")
    site = DEPLOYMENTS[controller][0]
    real = not is_embedded(cluster)
    found = _ingress_door(cluster, controller) if real else None
    if found is not None:
        return _named(cluster, "ingress", found)
    if real and (problem := _no_ingress(cluster, controller)):
        raise problem
    objects = ingress_manifest(controller, default=default, real=real, stand_in=_stand_in(cluster, real))
    if problem := occupancy.conflict(cluster, next(obj for obj in objects if obj["kind"] == "Deployment")):
        raise problem
    changes = cluster.apply([*objects, doors.alias("ingress", Ref("services", site.namespace, site.name))])
    _wait(cluster, controller)
    return changes


def _stand_in(cluster: Cluster, real: bool) -> str:
    """Return the best image that a node has already, since there may be no network; the best, if none has any."""
    nodes = cluster.get("nodes") if real else ()
    stored = [image for node in nodes for image in node["status"].get("images") or ()]
    names = {name for image in stored for name in image.get("names") or ()}
    return next((image for image in STAND_INS if image in names), STAND_INS[0])


def _no_ingress(cluster: Cluster, controller: str = "nginx") -> LearnerError | None:
    if (cluster.backend == "kind" and controller == "nginx") or _ingress_door(cluster, controller) is not None:
        return None
    return LearnerError(
        f"this cluster has no Ingress controller for the class {controller}, and on a cluster of the kind "
        f"{cluster.backend!r} it is not installed for you",
        hint="install one as its documentation says; the embedded cluster has it, and kind the one for nginx",
    )


def gateway(cluster: Cluster, *, manifest: Path | None = None) -> Changes:
    """Install Gateway API: its definitions, Traefik as its controller, and the GatewayClass ``traefik``.

    It takes no port of a node, so that it stands beside an Ingress controller.

    Args:
        cluster: where.
        manifest: on kind, Gateway API's standard channel in a file, for a machine without a network.
    """
    found = doors.find(cluster, doors.GATEWAYS)
    embedded = is_embedded(cluster)
    if embedded or (found is None and cluster.backend == "kind"):
        site = DEPLOYMENTS["traefik"][0]
        made = definitions() if embedded else fetch(GATEWAY_API, manifest)
        made = [obj for obj in made if obj["kind"] == "CustomResourceDefinition"]
        cluster.apply(made)
        for definition in made:
            cluster.wait(f"crd/{definition['metadata']['name']}", "condition=Established")
        objects = [] if found else ingress_manifest("traefik", host_ports=False)
        service = found or Ref("services", site.namespace, site.name)
        objects = objects if embedded else [*map(_without_middlewares, objects), *GATEWAY_RIGHTS]
        changes = cluster.apply([*objects, GATEWAY_CLASS, doors.alias("gateway", service)])
        _wait(cluster, "traefik")
    elif found is not None and _has(cluster, GATEWAY_CLASSES, GATEWAY_CLASS["metadata"]["name"]):
        changes = _named(cluster, "gateway", found)
    else:
        raise _lacks_gateway()
    cluster.wait(f"gatewayclass/{GATEWAY_CLASS['metadata']['name']}", "condition=Accepted")
    return changes


def _named(cluster: Cluster, name: str, service: Ref) -> Changes:
    """Give a Service its second name; who may only look finds that it has it."""
    wanted = doors.alias(name, service)
    kind = cluster.kinds.of(wanted)
    there = find(cluster.api, kind.path(doors.NAMESPACE, name))
    if there is not None and there["spec"].get("externalName") == wanted["spec"]["externalName"]:
        return Changes((Applied(f"{kind.label}/{name}", "unchanged", there, there, kind),))
    return cluster.apply(wanted)


def _lacks_gateway() -> LearnerError:
    return LearnerError(
        "this cluster has no controller for Gateway API that serves the GatewayClass traefik",
        hint="install Gateway API's standard channel, and Traefik with --providers.kubernetesgateway; "
        "or use the embedded cluster, which has it",
    )


def _no_gateway(cluster: Cluster) -> LearnerError | None:
    found = doors.find(cluster, doors.GATEWAYS)
    installed = found is None and cluster.backend == "kind"
    served = found is not None and _has(cluster, GATEWAY_CLASSES, GATEWAY_CLASS["metadata"]["name"])
    return None if installed or served else _lacks_gateway()


def is_embedded(cluster: Cluster) -> bool:
    """Whether a cluster is simulated, also when it is reached through a context of a kubeconfig.

    Whoever may not read nodes has a real one: the embedded cluster has one user, who may do everything.
    """
    if cluster.backend in EMBEDDED:
        return True
    try:
        nodes = cluster.get("nodes")
    except RefusedError:
        return False
    return any(node["status"]["nodeInfo"]["kernelVersion"].endswith(SIMULATED) for node in nodes)


def cluster_policy(cluster: Cluster) -> Changes:
    """Install the definition of ClusterNetworkPolicy; only a plugin that knows the kind evaluates it.

    The embedded cluster's does when it imitates Calico, as it does unless asked otherwise.
    """
    if not is_embedded(cluster):
        if problem := _no_cluster_policy(cluster):
            raise problem
        return Changes(())
    changes = cluster.apply(clusterpolicies.definition())
    cluster.wait(f"crd/{clusterpolicies.NAME}", "condition=Established")
    return changes


def _no_cluster_policy(cluster: Cluster) -> LearnerError | None:
    if _has(cluster, "crd", clusterpolicies.NAME):
        return None
    return LearnerError(
        "this cluster does not have ClusterNetworkPolicy",
        hint="install network-policy-api's standard channel, and a CNI plugin that evaluates it, such as "
        "Calico 3.32; or use the embedded cluster, which has it",
    )


def _without_middlewares(obj: Object) -> Object:
    """Leave out Traefik's own kinds, whose definitions a cluster that only wants Gateway API does not have."""
    if obj["kind"] == "Deployment":
        container = obj["spec"]["template"]["spec"]["containers"][0]
        container["args"] = [word for word in container["args"] if word != "--providers.kubernetescrd"]
    return obj


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


def metrics_server(cluster: Cluster, *, manifest: Path | None = None) -> Changes:
    """Install metrics-server, or find it: ``kubectl top`` and autoscalers by CPU then have numbers.

    Args:
        cluster: where.
        manifest: on kind, its project's manifest in a file, for a machine without a network.
    """
    if is_embedded(cluster):
        return provisions.metrics_server(cluster)
    return _part(cluster, METRICS, manifest)


def load_balancer(cluster: Cluster, *, manifest: Path | None = None) -> Changes:
    """Let somebody give Services of type LoadBalancer their addresses: on kind, MetalLB.

    Args:
        cluster: where.
        manifest: on kind, its project's manifest in a file, for a machine without a network.
    """
    if is_embedded(cluster):
        return provisions.load_balancer(cluster)
    return _part(cluster, LOAD_BALANCER, manifest)


RECORD, RECORD_NAMESPACE = "podwalk-addon-", "kube-system"
"""A ConfigMap that holds what an add-on made, so that exactly that can be removed."""

ADDONS: Mapping[str, Addon] = {
    "ingress": Addon("an Ingress controller for the class nginx", ingress, _no_ingress),
    "gateway": Addon("Gateway API, with the GatewayClass traefik", gateway, _no_gateway),
    "metrics-server": Addon(
        "numbers for kubectl top and for autoscalers", metrics_server, lambda cluster: _no_part(cluster, METRICS)
    ),
    "load-balancer": Addon(
        "addresses for Services of type LoadBalancer", load_balancer, lambda cluster: _no_part(cluster, LOAD_BALANCER)
    ),
    "cluster-network-policy": Addon("ClusterNetworkPolicy", cluster_policy, _no_cluster_policy),
}
"""Every add-on by its name."""
