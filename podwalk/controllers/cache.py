"""What the controllers derive from Pods and selectors, kept up to date change by change.

A reconcile of a ReplicaSet of a thousand Pods must not read a thousand Pods because one of them became ready. So the
counts it decides by
are kept here: per owner, how many Pods are in which state with which labels; per node, what its Pods ask for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from podwalk.controllers import pods
from podwalk.controllers.behaviour import Past
from podwalk.controllers.labels import Selector, SelectorIndex
from podwalk.controllers.owners import controller_of
from podwalk.controllers.quantities import requests, weights
from podwalk.controllers.queue import Key
from podwalk.controllers.triggers import TriggerTimes
from podwalk.types import Change, Object, Ref

WORKLOADS = {
    "replicasets.apps": "ReplicaSet",
    "statefulsets.apps": "StatefulSet",
    "daemonsets.apps": "DaemonSet",
    "jobs.batch": "Job",
}
"""The kinds that own Pods."""

Labels = frozenset[tuple[str, str]]


@dataclass
class Tally:
    """How many Pods an owner has, by state and labels.

    Attributes:
        states: (``ready``, ``unready``, ``terminating`` or ``finished``; labels) → Pods.
    """

    states: Counter[tuple[str, Labels]] = field(default_factory=Counter)

    def count(self, *states: str) -> int:
        """Return how many Pods are in one of the states."""
        return sum(number for (state, _), number in self.states.items() if state in states)


@dataclass
class Usage:
    """What the Pods of one node ask for.

    Attributes:
        asked: resource → amount; ``pods`` is their number.
        ports: (host IP, protocol, host port) → Pods.
        owned: uid of the controlling owner → Pods.
        weighed: as ``asked``, with a default for containers that ask for nothing, so that they too are spread.
    """

    asked: Counter[str] = field(default_factory=Counter)
    ports: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    owned: Counter[str] = field(default_factory=Counter)
    weighed: Counter[str] = field(default_factory=Counter)


def host_ports(pod: Object) -> list[tuple[str, str, int]]:
    """Return the ports of the node that a Pod takes."""
    spec = pod.get("spec") or {}
    return [
        (port.get("hostIP") or "0.0.0.0", port.get("protocol", "TCP"), port["hostPort"])
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    ]


class Cache:
    """Counts and selector indexes over a cluster's objects."""

    def __init__(self) -> None:
        """Start empty."""
        self.tallies: dict[str, Tally] = {}
        self.usage: dict[str, Usage] = {}
        self.services = SelectorIndex()
        self.budgets = SelectorIndex()
        self.deployments = SelectorIndex()
        self.workloads: dict[str, SelectorIndex] = {kind: SelectorIndex() for kind in WORKLOADS.values()}
        self.adoptable: dict[tuple[str, Key], set[str]] = {}
        self.slice_times = TriggerTimes()
        self.endpoint_times = TriggerTimes()
        self.zoned: dict[Key, dict[str, dict[str, int]]] = {}
        """How many endpoints are hinted for each zone, by Service and address type, where the zones' CPU decides."""
        self.affine: set[Key] = set()
        """Bound Pods with required anti-affinity, which can refuse a newcomer."""
        self.refs: dict[str, Ref] = {}
        """Where the object of each uid is."""
        self.autoscaled: dict[Key, Past] = {}
        """What each autoscaler recommended and did of late."""
        self.announced: dict[Key, str] = {}
        """The node that answers for each Service's address which MetalLB gave; empty while none does."""
        self.lost_nodes: dict[str, float] = {}
        """When each deleted node was first missed."""
        self.attempts: dict[Key, int] = {}
        """How often each unschedulable Pod was tried."""
        self.waiting_for_volumes: dict[Key, set[Key]] = {}
        """Claim → Pods that use it and were tried."""

    def apply(self, change: Change) -> None:
        """Take in one change."""
        self._remember(change)
        if change.resource == "pods":
            if change.old is not None:
                self._pod(change.old, -1)
            if change.type != "DELETED":
                self._pod(change.object, 1)
                self._adopt(change.object)
        elif change.resource == "services":
            self._select(self.services, change, _service_selector(change.object))
        elif change.resource == "deployments.apps":
            self._select(self.deployments, change, change.object["spec"].get("selector"))
        elif change.resource == "poddisruptionbudgets.policy":
            self._select(self.budgets, change, change.object["spec"].get("selector"))
        elif change.resource in WORKLOADS:
            kind = WORKLOADS[change.resource]
            self._select(self.workloads[kind], change, change.object["spec"].get("selector"))

    def tally(self, owner: Object) -> Tally:
        """Return the counts of an owner's Pods."""
        return self.tallies.get(owner["metadata"]["uid"]) or Tally()

    def node(self, name: str) -> Usage:
        """Return what a node's Pods ask for."""
        return self.usage.setdefault(name, Usage())

    def _remember(self, change: Change) -> None:
        metadata = change.object["metadata"]
        if change.type == "ADDED":
            self.refs[metadata["uid"]] = Ref(change.resource, metadata.get("namespace", ""), metadata["name"])
        elif change.type == "DELETED":
            self.refs.pop(metadata["uid"], None)

    def _select(self, index: SelectorIndex, change: Change, selector: Selector | None) -> None:
        metadata = change.object["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        index.put(key, None if change.type == "DELETED" else selector)

    def _pod(self, pod: Object, sign: int) -> None:
        owner = controller_of(pod)
        if owner is not None:
            self._count(owner["uid"], pod, sign)
        node = pod["spec"].get("nodeName")
        if not node:
            return
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        if _refuses(pod):
            (self.affine.add if sign > 0 else self.affine.discard)(key)
        if pods.is_finished(pod):
            return
        usage = self.node(node)
        usage.asked["pods"] += sign
        for resource, amount in requests(pod).items():
            usage.asked[resource] += sign * amount
        for resource, amount in weights(pod).items():
            usage.weighed[resource] += sign * amount
        for port in host_ports(pod):
            usage.ports[port] += sign
        if owner is not None and not pods.is_terminating(pod):
            usage.owned[owner["uid"]] += sign
            if not usage.owned[owner["uid"]]:
                del usage.owned[owner["uid"]]

    def _count(self, uid: str, pod: Object, sign: int) -> None:
        tally = self.tallies.setdefault(uid, Tally())
        entry = (_state(pod), frozenset((pod["metadata"].get("labels") or {}).items()))
        tally.states[entry] += sign
        if not tally.states[entry]:
            del tally.states[entry]
            if not tally.states:
                del self.tallies[uid]

    def _adopt(self, pod: Object) -> None:
        metadata = pod["metadata"]
        if not pods.is_active(pod) or controller_of(pod) is not None:
            return
        for kind, index in self.workloads.items():
            for key in index.matching(metadata["namespace"], metadata.get("labels")):
                self.adoptable.setdefault((kind, key), set()).add(metadata["name"])


def _state(pod: Object) -> str:
    if pods.is_terminating(pod):
        return "terminating"
    if pods.is_finished(pod):
        return "finished"
    return "ready" if pods.is_ready(pod) else "unready"


def _service_selector(service: Object) -> Selector | None:
    selector = service["spec"].get("selector")
    return {"matchLabels": selector} if selector and service["spec"].get("type") != "ExternalName" else None


def _refuses(pod: Object) -> bool:
    affinity = pod["spec"].get("affinity") or {}
    return bool((affinity.get("podAntiAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution"))
