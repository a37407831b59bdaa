"""A container's ``hostPort``: a port of its node that leads to it, by the CNI plugin ``portmap``.

Source: containernetworking/plugins, plugins/meta/portmap. The source addresses were seen on a real cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

from podwalk.network.addresses import FINISHED
from podwalk.types import Object, View


@dataclass(frozen=True)
class HostPort:
    """A port of a node that leads to a Pod.

    Attributes:
        pod: the Pod.
        port: the port of its container.
        path: where the Pod says so.
    """

    pod: Object
    port: int
    path: str


def find(view: View, node: str, ip: str, port: int, protocol: str) -> HostPort | None:
    """Return the Pod behind a node's port, or None; Pods on the host's network listen there themselves."""
    for pod in view.lookup("pod-node", node):
        if pod["spec"].get("hostNetwork") or pod.get("status", {}).get("phase") in FINISHED:
            continue
        for place, container in enumerate(pod["spec"].get("containers") or ()):
            for index, entry in enumerate(container.get("ports") or ()):
                same = entry.get("hostPort") == port and entry.get("protocol", "TCP") == protocol
                if same and entry.get("hostIP") in (None, "", "0.0.0.0", ip) and pod.get("status", {}).get("podIP"):
                    return HostPort(pod, entry["containerPort"], f"spec.containers[{place}].ports[{index}].hostPort")
    return None
