"""One Pod after another: find the nodes that will do, take the best, bind; or say why none will do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from podwalk.controllers import pods
from podwalk.controllers.controller import Context, Controller, key_of
from podwalk.controllers.queue import Key
from podwalk.controllers.scheduler import filters, scores, topology, volumes
from podwalk.controllers.scheduler.filters import Reason
from podwalk.types import Change, Object

NAME = "default-scheduler"
BACKOFF_LIMIT_S = 10
ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
FLUSH_S = 300.0
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"


def reconcile(context: Context, key: Key) -> float | None:
    """Bind a Pod that has no node yet."""
    pod = context.objects.get("pods", *key)
    if pod is None or not _is_waiting(pod):
        context.cache.attempts.pop(key, None)
        return None
    if pod["spec"].get("schedulingGates"):
        _say_gated(context, pod)
        return None
    nodes = context.objects.list("nodes")
    refused, whole = _refusals(context, pod, nodes)
    fitting = [node for node in nodes if node["metadata"]["name"] not in refused]
    if whole is not None or not fitting:
        return _give_up(context, pod, len(nodes), refused, whole)
    ranked = scores.rank(context, pod, fitting)
    best = max(ranked.values())
    chosen = context.simulation.random.choice([name for name, score in ranked.items() if score == best])
    if volumes.must_wait(context, pod, chosen):
        return None
    _bind(context, pod, next(node for node in fitting if node["metadata"]["name"] == chosen))
    return None


def _is_waiting(pod: Object) -> bool:
    spec = pod["spec"]
    mine = spec.get("schedulerName", NAME) == NAME
    return mine and not spec.get("nodeName") and not pods.is_terminating(pod) and not pods.is_finished(pod)


def _refusals(context: Context, pod: Object, nodes: Iterable[Object]) -> tuple[dict[str, list[Reason]], Reason | None]:
    """Return the reasons by node, and one that holds for the Pod as a whole."""
    if (reason := volumes.check(context, pod)) is not None:
        return {node["metadata"]["name"]: [reason] for node in nodes}, reason
    refused = {}
    for node in nodes:
        if reasons := filters.check(context.cache, pod, node):
            refused[node["metadata"]["name"]] = reasons
    left = [node for node in nodes if node["metadata"]["name"] not in refused]
    for name, reason in topology.check(context, pod, left).items():
        refused[name] = [reason]
    return refused, None


def _say_gated(context: Context, pod: Object) -> None:
    """Say why a Pod is left alone, as the API server does of a new Pod with gates."""
    if not pods.condition(pod, "PodScheduled"):
        why = "Scheduling is blocked due to non-empty scheduling gates"

        def change(latest: Object) -> None:
            set_scheduled(context, latest, "False", "SchedulingGated", why)

        context.objects.modify("pods", *key_of(pod), change, subresource="status", manager="kube-scheduler")


def _give_up(
    context: Context, pod: Object, total: int, refused: dict[str, list[Reason]], whole: Reason | None
) -> float | None:
    message = _message(pod, total, refused, whole)
    context.recorder.action(pod, "Warning", "FailedScheduling", message, "Scheduling")
    key = key_of(pod)
    context.cache.attempts[key] = context.cache.attempts.get(key, 0) + 1

    def change(latest: Object) -> None:
        set_scheduled(context, latest, "False", "Unschedulable", message)

    present = pods.condition(pod, "PodScheduled") or {}
    if (present.get("status"), present.get("message")) != ("False", message):
        context.objects.modify("pods", *key, change, subresource="status", manager="kube-scheduler")
    return FLUSH_S


def _message(pod: Object, total: int, refused: dict[str, list[Reason]], whole: Reason | None) -> str:
    """Word it as FitError does, with what preemption found."""
    if not total:
        return "no nodes available to schedule pods"
    head = f"0/{total} nodes are available: "
    if whole is not None:
        counted = whole.text
    else:
        counted = _counted(Counter(reason.text for reasons in refused.values() for reason in reasons))
    if pod["spec"].get("preemptionPolicy") == "Never":
        return f"{head}{counted}. preemption: not eligible due to preemptionPolicy=Never."
    helpful = Counter(
        NO_VICTIMS if all(reason.resolvable for reason in reasons) else NOT_HELPFUL for reasons in refused.values()
    )
    return f"{head}{counted}. preemption: {head}{_counted(helpful)}."


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(sorted(f"{number} {text}" for text, number in reasons.items()))


def set_scheduled(context: Context, pod: Object, status: str, reason: str = "", message: str = "") -> None:
    """Set the ``PodScheduled`` condition of a copy of a Pod."""
    state = pod.setdefault("status", {})
    conditions = [dict(entry) for entry in state.get("conditions") or ()]
    present = next((entry for entry in conditions if entry["type"] == "PodScheduled"), None)
    since = context.simulation.timestamp()
    if present is not None and present["status"] == status:
        since = present["lastTransitionTime"]
    entry: Object = {"type": "PodScheduled", "status": status, "lastProbeTime": None, "lastTransitionTime": since}
    if generation := pod["metadata"].get("generation"):
        entry["observedGeneration"] = generation
    entry |= {field: text for field, text in (("reason", reason), ("message", message)) if text}
    state["conditions"] = [*(other for other in conditions if other["type"] != "PodScheduled"), entry]


def _bind(context: Context, pod: Object, node: Object) -> None:
    """Bind as the ``binding`` subresource does, which also copies the node's zone and region to the Pod."""
    name = node["metadata"]["name"]
    labels = node["metadata"].get("labels") or {}
    copied = {key: labels[key] for key in (ZONE, REGION) if key in labels}

    def change(latest: Object) -> None:
        latest["spec"]["nodeName"] = name
        if copied:
            latest["metadata"]["labels"] = {**(latest["metadata"].get("labels") or {}), **copied}
        set_scheduled(context, latest, "True")

    key = key_of(pod)
    context.objects.modify("pods", *key, change, subresource="binding", manager="kube-scheduler")
    context.cache.attempts.pop(key, None)
    message = f"Successfully assigned {key[0]}/{key[1]} to {name}"
    context.recorder.action(pod, "Normal", "Scheduled", message, "Binding")


def _pods(context: Context, change: Change) -> Iterable[Key]:
    """Schedule a new Pod; try the unschedulable again when one went, or when the Pod itself was changed."""
    pod, key = change.object, key_of(change.object)
    if change.type == "DELETED" or (pods.is_finished(pod) and change.old is not None):
        context.cache.attempts.pop(key, None)
        _retry(context)
    elif _is_waiting(pod) and (change.old is None or change.old["spec"] != pod["spec"] or _relabelled(change)):
        yield key
    elif context.cache.attempts and change.old is not None and not change.old["spec"].get("nodeName"):
        _retry(context, changed=pod)


def _relabelled(change: Change) -> bool:
    return change.old is None or change.old["metadata"].get("labels") != change.object["metadata"].get("labels")


def _nodes(context: Context, change: Change) -> Iterable[Key]:
    old, new = change.old or {}, change.object
    same_status = (old.get("status") or {}).get("allocatable") == (new.get("status") or {}).get("allocatable")
    same_labels = (old.get("metadata") or {}).get("labels") == new["metadata"].get("labels")
    if change.type == "ADDED" or old.get("spec") != new.get("spec") or not same_status or not same_labels:
        _retry(context)
    return ()


def _claims(context: Context, change: Change) -> Iterable[Key]:
    """Try the Pods that wait for a claim again."""
    namespace, name = key_of(change.object)
    return sorted(key for key in context.cache.waiting_for_volumes.get((namespace, name), ()))


def _retry(context: Context, changed: Object | None = None) -> None:
    """Try unschedulable Pods again after their back-off; only those with affinity if a Pod merely got its node."""
    for key, attempts in sorted(context.cache.attempts.items()):
        if changed is not None:
            pod = context.objects.get("pods", *key)
            if pod is None or not ((pod["spec"].get("affinity") or {}).get("podAffinity")):
                continue
        context.queue.add_after(key, min(2.0 ** (attempts - 1), BACKOFF_LIMIT_S))


CONTROLLER = Controller(
    NAME, reconcile, {"pods": _pods, "nodes": _nodes, "persistentvolumeclaims": _claims}, instance=True
)
