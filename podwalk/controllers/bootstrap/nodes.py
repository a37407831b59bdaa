"""The nodes, in two zones, as kind's node image reports them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from podwalk.controllers.bootstrap.ensure import Maker
from podwalk.types import Object

CAPACITY = {
    "cpu": "8",
    "ephemeral-storage": "263940936Ki",
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
    "memory": "16384000Ki",
    "pods": "110",
}
CNI_ANNOTATION = "podwalk.dev/cni"
"""On every node: the plugin that is imitated. On a real cluster the plugin's own DaemonSet tells which it is."""
CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


@dataclass(frozen=True)
class Place:
    """One node: the end of its name, its number (of address and Pod range) and its zone."""

    suffix: str
    number: int
    zone: str


CONTROL_PLANE = Place("control-plane", 0, "zone-a")


def workers(count: int) -> Iterator[Place]:
    """Yield the places of the workers, named as kind names them."""
    for number in range(1, count + 1):
        yield Place(f"worker{number}" if number > 1 else "worker", number, "zone-a" if number % 2 else "zone-b")


def make(maker: Maker, place: Place) -> None:
    """Make a node and its Lease."""
    name = f"{maker.options.name}-{place.suffix}"
    node = maker.ensure("nodes", _node(maker, place, name), manager="kubelet")
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
    maker.ensure(
        "leases.coordination.k8s.io",
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease", "ownerReferences": [owner]},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": maker.simulation.microtime()},
        },
        manager="kubelet",
    )


def _node(maker: Maker, place: Place, name: str) -> Object:
    cidr = maker.pod_cidr(place.number)
    spec: Object = {"podCIDR": cidr, "podCIDRs": [cidr], "providerID": f"kind://docker/{maker.options.name}/{name}"}
    if place is CONTROL_PLANE:
        spec["taints"] = [dict(CONTROL_PLANE_TAINT)]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": _labels(place, name),
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0",
                CNI_ANNOTATION: maker.options.cni,
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": spec,
        "status": _status(maker, place, name),
    }


def _labels(place: Place, name: str) -> dict[str, str]:
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": place.zone,
    }
    if place is CONTROL_PLANE:
        labels["node-role.kubernetes.io/control-plane"] = ""
        labels["node.kubernetes.io/exclude-from-external-load-balancers"] = ""
    return labels


def _status(maker: Maker, place: Place, name: str) -> Object:
    now = maker.simulation.timestamp()
    machine = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, status, reason, message in _HEALTHY
    ]
    return {
        "addresses": [
            {"type": "InternalIP", "address": maker.node_ip(place.number)},
            {"type": "Hostname", "address": name},
        ],
        "capacity": dict(CAPACITY),
        "allocatable": dict(CAPACITY),
        "conditions": conditions,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": str(uuid.uuid5(machine, "boot")),
            "containerRuntimeVersion": "containerd://2.2.9",
            "kernelVersion": "6.18.0-podwalk",
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.37.0",
            "machineID": machine.hex,
            "operatingSystem": "linux",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "systemUUID": str(machine),
        },
    }
