"""One look of an autoscaler at its target, every fifteen seconds, and its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podwalk.controllers.autoscaler.replicas import MetricError, Target, propose
from podwalk.controllers.behaviour import Past, decide
from podwalk.controllers.controller import Context, Controller, key_of
from podwalk.controllers.labels import matches
from podwalk.controllers.pods import condition
from podwalk.controllers.quantities import milli
from podwalk.controllers.queue import Key
from podwalk.controllers.status import set_status
from podwalk.types import Change, Object

RESOURCE = "horizontalpodautoscalers.autoscaling"
PERIOD_S = 15.0
TARGETS = {
    ("apps", "Deployment"): "deployments.apps",
    ("apps", "ReplicaSet"): "replicasets.apps",
    ("apps", "StatefulSet"): "statefulsets.apps",
}


class Look:
    """The status that one look builds up."""

    def __init__(self, context: Context, hpa: Object, past: Past) -> None:
        """Start from the present status."""
        self.context, self.hpa, self.past = context, hpa, past
        old = hpa.get("status") or {}
        self.status: dict[str, Any] = {**old, "conditions": [dict(entry) for entry in old.get("conditions") or ()]}

    def set(self, kind: str, status: str, reason: str, message: str) -> None:
        """Set a condition; its time changes with its status only."""
        conditions = self.status["conditions"]
        present = condition({"status": self.status}, kind)
        entry = {"type": kind, "status": status, "reason": reason, "message": message}
        same = present is not None and present["status"] == status
        now = self.context.simulation.timestamp()
        entry["lastTransitionTime"] = present["lastTransitionTime"] if present is not None and same else now
        if present is None:
            conditions.append(entry)
        else:
            self.status["conditions"] = [entry if other["type"] == kind else other for other in conditions]

    def warn(self, reason: str, message: str) -> None:
        """Record a Warning about the autoscaler."""
        self.context.recorder.event(self.hpa, "Warning", reason, message)

    def write(self) -> None:
        """Store the status."""
        self.status["observedGeneration"] = self.hpa["metadata"].get("generation", 1)
        set_status(self.context.objects, RESOURCE, self.hpa, self.status)


def reconcile(context: Context, key: Key) -> float | None:
    """Look at the target's load and size it."""
    hpa = context.objects.get(RESOURCE, *key)
    if hpa is None or "deletionTimestamp" in hpa["metadata"]:
        context.cache.autoscaled.pop(key, None)
        return None
    look = Look(context, hpa, context.cache.autoscaled.setdefault(key, Past()))
    found = _find(look)
    if found is not None:
        _scale(look, *found)
    look.write()
    return PERIOD_S


def _find(look: Look) -> tuple[str, Object] | None:
    reference = look.hpa["spec"]["scaleTargetRef"]
    group = reference.get("apiVersion", "").rpartition("/")[0]
    resource = TARGETS.get((group, reference["kind"]))
    namespace = look.hpa["metadata"]["namespace"]
    target = look.context.objects.get(resource, namespace, reference["name"]) if resource else None
    if resource is None:
        error = f'no matches for kind "{reference["kind"]}" in group "{group}"'
    elif target is None:
        error = f'{resource} "{reference["name"]}" not found'
    else:
        look.set(
            "AbleToScale",
            "True",
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        )
        return resource, target
    look.warn("FailedGetScale", error)
    message = f"the HPA controller was unable to get the target's current scale: {error}"
    look.set("AbleToScale", "False", "FailedGetScale", message)
    return None


def _scale(look: Look, resource: str, target: Object) -> None:
    spec = look.hpa["spec"]
    current = target["spec"].get("replicas", 1)
    status = target.get("status") or {}
    look.status["currentReplicas"] = status.get("replicas", 0)
    zero = "the HPA controller did not scale the workload to zero"
    look.set("ScaledToZero", "False", "NotScaledToZero", zero)
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if current == 0 and least != 0:
        look.status["desiredReplicas"] = 0
        message = "scaling is disabled since the replica count of the target is zero"
        look.set("ScalingActive", "False", "ScalingDisabled", message)
        return
    if current > most:
        _resize(look, resource, target, most, "Current number of replicas above Spec.MaxReplicas")
    elif current < least:
        _resize(look, resource, target, least, "Current number of replicas below Spec.MinReplicas")
    else:
        _follow_metrics(look, resource, target, current)


def _follow_metrics(look: Look, resource: str, target: Object, current: int) -> None:
    try:
        desired, name = _desired(look, target, current)
    except MetricError as error:
        look.warn("FailedComputeMetricsReplicas", str(error))
        look.status["desiredReplicas"] = current
        return
    decision = decide(look.hpa, look.past, look.context.simulation.now, current, desired)
    look.set("AbleToScale", "True", *decision.able)
    look.set("ScalingLimited", *decision.limited)
    reason = f"{name} above target" if desired > current else "All metrics below target"
    _resize(look, resource, target, decision.replicas, reason)


def _desired(look: Look, target: Object, current: int) -> tuple[int, str]:
    """Return the largest wish of all metrics, with the words for it.

    Raises:
        MetricError: when no metric can be had, or one cannot and the others would scale down.
    """
    metrics = look.hpa["spec"].get("metrics") or []
    selector = target["spec"].get("selector") or {}
    namespace = target["metadata"]["namespace"]
    candidates = look.context.objects.list("pods", namespace, selector.get("matchLabels") or None)
    found = [pod for pod in candidates if matches(selector, pod["metadata"].get("labels"))]
    wishes: list[tuple[int, str]] = []
    failures: list[tuple[str, str]] = []
    current_metrics: list[Object] = []
    for metric in metrics:
        try:
            wish, status = _wish(look, metric, found, current)
        except MetricError as error:
            failures.append(_describe_failure(metric, error))
            current_metrics.append({"type": ""})
            continue
        wishes.append(wish)
        current_metrics.append(status)
    look.status["currentMetrics"] = current_metrics or None
    best = max(wishes, default=(0, ""))
    if failures and (not wishes or best[0] < current):
        _fail(look, failures, len(metrics))
    message = f"the HPA was able to successfully calculate a replica count from {best[1]}"
    look.set("ScalingActive", "True", "ValidMetricFound", message)
    return best


def _fail(look: Look, failures: Sequence[tuple[str, str]], total: int) -> None:
    reason, text = failures[0]
    look.warn(reason, text)
    look.set("ScalingActive", "False", reason, f"the HPA was unable to compute the replica count: {text}")
    what = text.removeprefix("failed to get ").split(" ")[0]
    raise MetricError(
        f"invalid metrics ({len(failures)} invalid out of {total}), first error is: "
        f"failed to get {what} resource metric value: {text}"
    )


def _wish(look: Look, metric: Object, found: Sequence[Object], current: int) -> tuple[tuple[int, str], Object]:
    kind = metric["type"]
    field = {"Resource": "resource", "ContainerResource": "containerResource"}.get(kind)
    if field is None:
        raise MetricError(f"unable to get metric: no API server of {kind} metrics is installed")
    source = metric[field]
    wanted = source["target"]
    average = milli(wanted["averageValue"]) if wanted.get("averageValue") else None
    target = Target(source["name"], source.get("container", ""), wanted.get("averageUtilization"), average)
    proposal = propose(current, found, look.context.metrics, target)
    numbers: Object = {"averageValue": _quantity(target.resource, proposal.average)}
    if proposal.utilization is not None:
        numbers["averageUtilization"] = proposal.utilization
    status = {
        "name": source["name"],
        **({"container": target.container} if target.container else {}),
        "current": numbers,
    }
    kind_of = "resource utilization (percentage of request)" if target.utilization is not None else "resource"
    words = f"{source['name']} container {kind_of}" if target.container else f"{source['name']} {kind_of}"
    return (proposal.replicas, words), {"type": kind, field: status}


def _quantity(resource: str, value: int) -> str:
    if resource == "cpu":
        return f"{value}m" if value % 1000 else str(value // 1000)
    return str(value // 1000)


def _describe_failure(metric: Object, error: MetricError) -> tuple[str, str]:
    if metric["type"] in ("Resource", "ContainerResource"):
        source = metric.get("resource") or metric["containerResource"]
        what = "utilization" if source["target"].get("averageUtilization") is not None else "resource metric value"
        return "FailedGetResourceMetric", f"failed to get {source['name']} {what}: {error}"
    return f"FailedGet{metric['type']}Metric", str(error)


def _resize(look: Look, resource: str, target: Object, wanted: int, reason: str) -> None:
    current = target["spec"].get("replicas", 1)
    look.status["desiredReplicas"] = wanted
    if wanted == current:
        return
    namespace, name = target["metadata"]["namespace"], target["metadata"]["name"]

    def change(latest: Object) -> None:
        latest["spec"]["replicas"] = wanted

    manager = "horizontal-pod-autoscaler"
    look.context.objects.modify(resource, namespace, name, change, manager=manager)
    look.past.done(look.context.simulation.now, current, wanted)
    message = f"the HPA controller was able to update the target scale to {wanted}"
    look.set("AbleToScale", "True", "SucceededRescale", message)
    look.context.recorder.event(look.hpa, "Normal", "SuccessfulRescale", f"New size: {wanted}; reason: {reason}")
    look.status["lastScaleTime"] = look.context.simulation.timestamp()


def _changed(context: Context, change: Change) -> list[Key]:
    """Look at once at a new or changed wish; its own report is no reason to look again."""
    old = change.old
    return [] if old is not None and old["spec"] == change.object["spec"] else [key_of(change.object)]


CONTROLLER = Controller("horizontal-pod-autoscaler", reconcile, {RESOURCE: _changed})
