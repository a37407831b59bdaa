"""Who holds the ports of the nodes that a Deployment's Pods ask for: said at once, before anybody waits for such a Pod.

The scheduler says only that no node has the ports free, and nobody else would say more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.controllers.cache import host_ports
from podwalk.controllers.owners import controller_of
from podwalk.facade.errors import LearnerError
from podwalk.network.addresses import FINISHED
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster


def conflict(cluster: Cluster, deployment: Object) -> LearnerError | None:
    """Return who holds ports that a Deployment wants, if no node that it may run on has them free; None otherwise.

    Args:
        cluster: where the Deployment is to be applied.
        deployment: its manifest; Pods of its own are not in its way.
    """
    template, namespace = deployment["spec"]["template"], deployment["metadata"]["namespace"]
    wanted = {(protocol, port) for _, protocol, port in host_ports(template)}
    selector = (template["spec"].get("nodeSelector") or {}).items()
    nodes = [node for node in cluster.get("nodes") if selector <= (node["metadata"].get("labels") or {}).items()]
    if not wanted or not nodes:
        return None
    others = [pod for pod in cluster.get("pods", all_namespaces=True) if not _is_of(pod, deployment, namespace)]
    held = {node["metadata"]["name"]: _holders(others, node["metadata"]["name"], wanted) for node in nodes}
    if not all(held.values()):
        return None
    node, (pod, *_) = next(iter(held.items()))
    return _taken(deployment, node, pod, wanted)


def _is_of(pod: Object, deployment: Object, namespace: str) -> bool:
    labels, wanted = pod["metadata"].get("labels") or {}, deployment["spec"]["selector"]["matchLabels"]
    return bool(pod["metadata"]["namespace"] == namespace and wanted.items() <= labels.items())


def _holders(pods: list[Object], node: str, wanted: set[tuple[str, int]]) -> list[Object]:
    """Return the Pods on a node that hold one of the ports."""
    return [
        pod
        for pod in pods
        if pod["spec"].get("nodeName") == node
        and pod["status"].get("phase") not in FINISHED
        and any((protocol, port) in wanted for _, protocol, port in host_ports(pod))
    ]


def _taken(deployment: Object, node: str, pod: Object, wanted: set[tuple[str, int]]) -> LearnerError:
    held = sorted(port for _, protocol, port in host_ports(pod) if (protocol, port) in wanted)
    ports = f"port {held[0]}" if len(held) == 1 else f"ports {', '.join(map(str, held[:-1]))} and {held[-1]}"
    holder, space = _kept_by(pod), pod["metadata"]["namespace"]
    return LearnerError(
        f"{deployment['metadata']['name']} was not installed: {holder} in the namespace {space} holds {ports} of the "
        f"node {node}, and no other node will do",
        hint=f"one of the two can have them. To change over: kubectl delete -n {space} {holder}",
    )


def _kept_by(pod: Object) -> str:
    """Return what has to be deleted, so that a Pod does not come back: its Deployment, where it has one."""
    owner = controller_of(pod) or {"kind": "Pod", "name": pod["metadata"]["name"]}
    mark = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
    if owner["kind"] == "ReplicaSet" and mark:
        return f"deployment/{owner['name'].removesuffix(f'-{mark}')}"
    return f"{owner['kind'].lower()}/{owner['name']}"
