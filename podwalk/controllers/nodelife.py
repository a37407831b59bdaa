"""A node's life: taints for what is wrong with it, eviction of Pods that do not bear them, the Pods of a lost node.

Source: k8s.io/kubernetes/pkg/controller/nodelifecycle, tainteviction and podgc.
"""

from __future__ import annotations

from collections.abc import Iterable

from podwalk.controllers import pods
from podwalk.controllers.controller import Context, Controller, itself, key_of
from podwalk.controllers.queue import Key
from podwalk.controllers.scheduler.filters import untolerated
from podwalk.types import Change, Object

MANAGER = "kube-controller-manager"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
PRESSURE = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
}
QUARANTINE_S = 40.0


def _wanted(node: Object) -> set[tuple[str, str]]:
    """Return the taints, as key and effect, that a node's state asks for."""
    wanted = set()
    if (node.get("spec") or {}).get("unschedulable"):
        wanted.add((UNSCHEDULABLE, "NoSchedule"))
    for entry in (node.get("status") or {}).get("conditions") or ():
        if entry["type"] == "Ready" and entry["status"] != "True":
            key = NOT_READY if entry["status"] == "False" else UNREACHABLE
            wanted |= {(key, "NoSchedule"), (key, "NoExecute")}
        elif entry["type"] in PRESSURE and entry["status"] == "True":
            wanted.add((PRESSURE[entry["type"]], "NoSchedule"))
    return wanted


def reconcile(context: Context, key: Key) -> float | None:
    """Set a node's taints, and the readiness of its Pods when it is lost."""
    node = context.objects.get("nodes", *key)
    if node is None:
        return None
    own = {UNSCHEDULABLE, NOT_READY, UNREACHABLE, *PRESSURE.values()}
    wanted = _wanted(node)
    present = [entry for entry in (node.get("spec") or {}).get("taints") or () if entry["key"] in own]
    if {(entry["key"], entry["effect"]) for entry in present} != wanted:
        _taint(context, key[1], own, wanted)
    if any(effect == "NoExecute" for _, effect in wanted):
        for pod in context.objects.lookup("pod-node", key[1]):
            _mark_not_ready(context, pod)
    return None


def _taint(context: Context, name: str, own: set[str], wanted: set[tuple[str, str]]) -> None:
    def change(latest: Object) -> None:
        spec = latest.setdefault("spec", {})
        kept = [
            entry
            for entry in spec.get("taints") or ()
            if entry["key"] not in own or (entry["key"], entry["effect"]) in wanted
        ]
        there = {(entry["key"], entry["effect"]) for entry in kept}
        now = context.simulation.timestamp()
        new = [{"key": key, "effect": effect, "timeAdded": now} for key, effect in sorted(wanted - there)]
        spec.pop("taints", None)
        if kept or new:
            spec["taints"] = [*kept, *new]

    context.objects.modify("nodes", "", name, change, manager=MANAGER)


def _mark_not_ready(context: Context, pod: Object) -> None:
    if not pods.is_ready(pod):
        return
    now = context.simulation.timestamp()

    def change(latest: Object) -> None:
        latest["status"]["conditions"] = [
            {**entry, "status": "False", "lastTransitionTime": now} if entry["type"] == "Ready" else entry
            for entry in latest["status"].get("conditions") or ()
        ]

    context.objects.modify("pods", *key_of(pod), change, subresource="status", manager=MANAGER)
    context.recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready")


LIFECYCLE = Controller("node-controller", reconcile, {"nodes": itself})


def evict(context: Context, key: Key) -> float | None:
    """Delete a Pod that does not tolerate a ``NoExecute`` taint of its node, after the time that it tolerates it."""
    pod = context.objects.get("pods", *key)
    node = context.objects.get("nodes", "", pod["spec"].get("nodeName", "")) if pod is not None else None
    if pod is None or node is None or pods.is_terminating(pod):
        return None
    taints = [entry for entry in (node.get("spec") or {}).get("taints") or () if entry["effect"] == "NoExecute"]
    if not taints:
        return None
    left = 0.0 if untolerated(pod, taints, ("NoExecute",)) else _bearable_s(context, pod, taints)
    if left is None:
        return None
    if left > 0:
        return left
    message = f"Marking for deletion Pod {key[0]}/{key[1]}"
    context.recorder.event(pod, "Normal", "TaintManagerEviction", message)
    _note_disruption(context, pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
    context.objects.delete("pods", *key, uid=pod["metadata"]["uid"])
    return None


def _bearable_s(context: Context, pod: Object, taints: list[Object]) -> float | None:
    """Return the seconds for which a Pod still bears its node's taints; None for ever."""
    shortest: float | None = None
    for taint in taints:
        for toleration in pod["spec"].get("tolerations") or ():
            seconds = toleration.get("tolerationSeconds")
            if seconds is None or toleration.get("key", taint["key"]) != taint["key"]:
                continue
            since = pods.parse_time(taint.get("timeAdded")) or context.simulation.datetime()
            left = max(0.0, seconds - (context.simulation.datetime() - since).total_seconds())
            shortest = left if shortest is None else min(shortest, left)
    return shortest


def _note_disruption(context: Context, pod: Object, reason: str, message: str) -> None:
    entry = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
    entry["lastTransitionTime"] = context.simulation.timestamp()

    def change(latest: Object) -> None:
        others = [other for other in latest["status"].get("conditions") or () if other["type"] != "DisruptionTarget"]
        latest["status"]["conditions"] = [*others, entry]

    context.objects.modify("pods", *key_of(pod), change, subresource="status", manager=MANAGER)


def _tainted(context: Context, change: Change) -> Iterable[Key]:
    old, new = (change.old or {}).get("spec") or {}, change.object.get("spec") or {}
    if old.get("taints") == new.get("taints"):
        return ()
    return [key_of(pod) for pod in context.objects.lookup("pod-node", change.object["metadata"]["name"])]


def _bound(context: Context, change: Change) -> Iterable[Key]:
    """Look at a Pod that just got its node."""
    was = change.old is not None and change.old["spec"].get("nodeName")
    return () if was or not change.object["spec"].get("nodeName") else (key_of(change.object),)


EVICTION = Controller("taint-eviction-controller", evict, {"nodes": _tainted, "pods": _bound})


def collect(context: Context, key: Key) -> float | None:
    """Remove the Pods of a node that is gone, once it has been gone for long enough; a key is a node's."""
    if context.objects.get("nodes", *key) is not None:
        context.cache.lost_nodes.pop(key[1], None)
        return None
    since = context.cache.lost_nodes.setdefault(key[1], context.simulation.now)
    if (left := since + QUARANTINE_S - context.simulation.now) > 0:
        return left
    for pod in context.objects.lookup("pod-node", key[1]):
        if not pods.is_finished(pod):
            _note_disruption(context, pod, "DeletionByPodGC", "PodGC: node no longer exists")
        context.objects.delete("pods", *key_of(pod), grace_s=0, uid=pod["metadata"]["uid"])
    return None


def _lost(context: Context, change: Change) -> Iterable[Key]:
    return (key_of(change.object),) if change.type != "MODIFIED" else ()


GARBAGE = Controller("pod-garbage-collector", collect, {"nodes": _lost})
