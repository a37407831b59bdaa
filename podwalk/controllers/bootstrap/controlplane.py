"""The control plane's Pods: mirrors of what the kubelet would start from files, and run by no container here.

Each carries ``kubernetes.io/config.mirror``; the kubelet leaves such Pods alone, so their status is set once.
"""

from __future__ import annotations

import hashlib

from podwalk.controllers.bootstrap.ensure import Maker
from podwalk.types import Object

_COMPONENTS: dict[str, tuple[str, int, dict[str, str]]] = {
    "etcd": ("registry.k8s.io/etcd:3.7.0-0", 2381, {"cpu": "100m", "memory": "100Mi"}),
    "kube-apiserver": ("registry.k8s.io/kube-apiserver:v1.37.0", 6443, {"cpu": "250m"}),
    "kube-controller-manager": ("registry.k8s.io/kube-controller-manager:v1.37.0", 10257, {"cpu": "200m"}),
    "kube-scheduler": ("registry.k8s.io/kube-scheduler:v1.37.0", 10259, {"cpu": "100m"}),
}
MIRROR = "kubernetes.io/config.mirror"


def make(maker: Maker) -> None:
    """Make one Pod a component on the control-plane node."""
    for component in _COMPONENTS:
        maker.ensure("pods", _pod(maker, component), manager="kubelet")


def _pod(maker: Maker, component: str) -> Object:
    node = maker.objects.get("nodes", "", maker.control_plane)
    assert node is not None, "the control-plane node is made before its Pods"
    image, port, requests = _COMPONENTS[component]
    digest = hashlib.md5(f"{component}/{maker.control_plane}".encode(), usedforsecurity=False).hexdigest()
    owner = {"apiVersion": "v1", "kind": "Node", "name": maker.control_plane, "uid": node["metadata"]["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{component}-{maker.control_plane}",
            "namespace": "kube-system",
            "labels": {
                "component": component,
                "tier": "control-plane",
                "topology.kubernetes.io/zone": node["metadata"]["labels"]["topology.kubernetes.io/zone"],
            },
            "annotations": {
                "kubernetes.io/config.hash": digest,
                MIRROR: digest,
                "kubernetes.io/config.seen": maker.simulation.timestamp(),
                "kubernetes.io/config.source": "file",
            },
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": {
            "containers": [_container(component, image, port, requests)],
            "hostNetwork": True,
            "nodeName": maker.control_plane,
            "priority": 2000001000,
            "priorityClassName": "system-node-critical",
            "restartPolicy": "Always",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "tolerations": [{"effect": "NoExecute", "operator": "Exists"}],
        },
        "status": _status(maker, component, image, requests),
    }


def _container(component: str, image: str, port: int, requests: dict[str, str]) -> Object:
    probe = {"name": "probe-port", "containerPort": port, "hostPort": port, "protocol": "TCP"}
    return {
        "name": component,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [component],
        "ports": [probe],
        "resources": {"requests": requests},
    }


def _status(maker: Maker, component: str, image: str, requests: dict[str, str]) -> Object:
    now, address = maker.simulation.timestamp(), maker.node_ip(0)
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    digest = hashlib.sha256(image.encode()).hexdigest()
    return {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": now} for kind in kinds
        ],
        "containerStatuses": [
            {
                "name": component,
                "image": image,
                "imageID": f"sha256:{digest}",
                "containerID": f"containerd://{hashlib.sha256(component.encode()).hexdigest()}",
                "lastState": {},
                "ready": True,
                "resources": {"requests": requests},
                "restartCount": 0,
                "started": True,
                "state": {"running": {"startedAt": now}},
            }
        ],
        "hostIP": address,
        "hostIPs": [{"ip": address}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "qosClass": "Burstable",
        "startTime": now,
    }
