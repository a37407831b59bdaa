"""What containers use: the numbers of ``metrics.k8s.io``, from a model of load.

The network tells a :class:`Load` of every HTTP request that a container serves. A container's CPU then follows the rate
of requests over the last window, as metrics-server would see it, up to its limit; its memory is steady. A Pod's
annotation ``podwalk.dev/millicores-per-request`` says how dear a request is, so that a lesson on autoscaling needs no
real burning of CPU.

Known difference: a real container also uses CPU for what nobody asked of it by HTTP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from podwalk.controllers.quantities import amount
from podwalk.simulation import Simulation
from podwalk.types import Change, Object, Objects

Usage = Callable[[Object, str], tuple[int, int] | None]
"""A Pod and a container's name → millicores and bytes, or None if nothing is known yet."""

WINDOW_S = 15.0
IDLE_MILLICORES = 1
IDLE_BYTES = 12 * 1024 * 1024
MILLICORES_PER_REQUEST = 10
CORES = 8
"""Of a node: what a container without a limit can use at most."""
NODE_MILLICORES = 40
NODE_BYTES = 200 * 1024 * 1024
"""What a node uses for itself."""
COST_ANNOTATION = "podwalk.dev/millicores-per-request"


class Load:
    """The requests that containers served of late."""

    def __init__(self, simulation: Simulation) -> None:
        """Start with nobody having asked for anything."""
        self._simulation = simulation
        self._served: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    def record(self, pod: Mapping[str, Any], container: str, requests: int = 1) -> None:
        """Note that a container served requests just now."""
        served = self._served.setdefault((pod["metadata"]["uid"], container), deque())
        now = self._simulation.now
        if served and served[-1][0] == now:
            served[-1] = (now, served[-1][1] + requests)
        else:
            served.append((now, requests))
        self._forget(served)

    def usage(self, pod: Object, container: str) -> tuple[int, int] | None:
        """Return millicores and bytes of a running container; None if it does not run."""
        statuses = (pod.get("status") or {}).get("containerStatuses") or ()
        if not any(entry["name"] == container and "running" in (entry.get("state") or {}) for entry in statuses):
            return None
        served = self._served.get((pod["metadata"]["uid"], container), deque())
        self._forget(served)
        rate = sum(number for _, number in served) / WINDOW_S
        return min(IDLE_MILLICORES + round(rate * _cost(pod)), _limit(pod, container)), IDLE_BYTES

    def drop(self, uid: str) -> None:
        """Forget a Pod that is gone."""
        for key in [key for key in self._served if key[0] == uid]:
            del self._served[key]

    def follow(self, change: Change) -> None:
        """Forget Pods as they are deleted."""
        if change.resource == "pods" and change.type == "DELETED":
            self.drop(change.object["metadata"]["uid"])

    def _forget(self, served: deque[tuple[float, int]]) -> None:
        while served and served[0][0] <= self._simulation.now - WINDOW_S:
            served.popleft()


def _cost(pod: Object) -> int:
    text = (pod["metadata"].get("annotations") or {}).get(COST_ANNOTATION, "")
    return int(text) if text.isdigit() else MILLICORES_PER_REQUEST


def _limit(pod: Object, container: str) -> int:
    spec: Object = next((one for one in pod["spec"]["containers"] if one["name"] == container), {})
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("cpu")
    return amount("cpu", limit) if limit is not None else CORES * 1000


def measures(objects: Objects, simulation: Simulation, usage: Usage) -> Mapping[str, Callable[[Object], Object | None]]:
    """Return what measures a Pod, and what measures a node, for the metrics API."""

    def of_pod(pod: Object) -> Object | None:
        return pod_metrics(pod, usage, simulation.timestamp())

    def of_node(node: Object) -> Object:
        name = node["metadata"]["name"]
        pods = (pod for pod in objects.list("pods") if pod["spec"].get("nodeName") == name)
        return node_metrics(node, pods, usage, simulation.timestamp())

    return {"pods": of_pod, "nodes": of_node}


def pod_metrics(pod: Object, usage: Usage, timestamp: str) -> Object | None:
    """Return the ``PodMetrics`` of a Pod, or None if one of its containers has no numbers yet.

    Source: k8s.io/metrics/pkg/apis/metrics/v1beta1.
    """
    containers = []
    for container in pod["spec"]["containers"]:
        used = usage(pod, container["name"])
        if used is None:
            return None
        containers.append({"name": container["name"], "usage": _quantities(*used)})
    metadata = pod["metadata"]
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "creationTimestamp": timestamp,
            "labels": dict(metadata.get("labels") or {}),
        },
        "timestamp": timestamp,
        "window": f"{WINDOW_S:g}s",
        "containers": containers,
    }


def node_metrics(node: Object, pods: Iterable[Object], usage: Usage, timestamp: str) -> Object:
    """Return the ``NodeMetrics`` of a node: its own share, and what its Pods use.

    Source: k8s.io/metrics/pkg/apis/metrics/v1beta1.
    """
    used = [usage(pod, container["name"]) or (0, 0) for pod in pods for container in pod["spec"]["containers"]]
    metadata = node["metadata"]
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "NodeMetrics",
        "metadata": {
            "name": metadata["name"],
            "creationTimestamp": timestamp,
            "labels": dict(metadata.get("labels") or {}),
        },
        "timestamp": timestamp,
        "window": f"{WINDOW_S:g}s",
        "usage": _quantities(
            NODE_MILLICORES + sum(millicores for millicores, _ in used),
            NODE_BYTES + sum(memory for _, memory in used),
        ),
    }


def _quantities(millicores: int, memory: int) -> dict[str, str]:
    return {"cpu": f"{millicores}m", "memory": f"{memory // 1024}Ki"}
