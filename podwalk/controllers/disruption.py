"""PodDisruptionBudget: how many of the Pods that it protects may be evicted now.

Source: k8s.io/kubernetes/pkg/controller/disruption.
"""

from __future__ import annotations

from collections.abc import Iterable

from podwalk.controllers import pods
from podwalk.controllers.controller import Context, Controller, itself
from podwalk.controllers.deployment.family import scaled
from podwalk.controllers.labels import matches
from podwalk.controllers.owners import controller_of
from podwalk.controllers.queue import Key
from podwalk.controllers.status import set_status
from podwalk.types import Change, Object

RESOURCE = "poddisruptionbudgets.policy"
DELETION_TIMEOUT_S = 120.0
SCALED = {"ReplicaSet": "replicasets.apps", "StatefulSet": "statefulsets.apps", "Deployment": "deployments.apps"}


def reconcile(context: Context, key: Key) -> float | None:
    """Count the healthy Pods of a budget, and say how many may go."""
    budget = context.objects.get(RESOURCE, *key)
    if budget is None:
        return None
    selector = budget["spec"].get("selector")
    candidates = context.objects.list("pods", key[0], (selector or {}).get("matchLabels") or None)
    found = [
        pod for pod in candidates if matches(selector, pod["metadata"].get("labels")) and not pods.is_finished(pod)
    ]
    if not found:
        context.recorder.event(budget, "Normal", "NoPods", "No matching pods found")
    expected, desired, error = _wanted(context, budget["spec"], found)
    if error:
        context.recorder.event(budget, "Warning", "CalculateExpectedPodCountFailed", error)
    going = _going(context, budget, found)
    healthy = sum(
        1
        for pod in found
        if pods.is_ready(pod) and not pods.is_terminating(pod) and pod["metadata"]["name"] not in going
    )
    allowed = max(0, healthy - desired) if expected and not error else 0
    status: Object = {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"].get("generation", 1),
        "conditions": [_condition(context, budget, allowed, error)],
        **({"disruptedPods": going} if going else {}),
    }
    set_status(context.objects, RESOURCE, budget, status)
    return DELETION_TIMEOUT_S if going else None


def _going(context: Context, budget: Object, found: list[Object]) -> dict[str, str]:
    """Return the Pods that were told to go a while ago and are still there, with the time: they are not healthy.

    One that is deleted is counted as such; of one that is not within two minutes, nobody knows any more.
    """
    oldest = context.simulation.timestamp(context.simulation.now - DELETION_TIMEOUT_S)
    present = {pod["metadata"]["name"] for pod in found if not pods.is_terminating(pod)}
    told = (budget.get("status") or {}).get("disruptedPods") or {}
    return {name: since for name, since in told.items() if name in present and since > oldest}


def _wanted(context: Context, spec: Object, found: list[Object]) -> tuple[int, int, str]:
    """Return how many Pods there should be, how many must be healthy, and what went wrong."""
    if "maxUnavailable" in spec:
        expected, error = _expected(context, found)
        missing = scaled(spec["maxUnavailable"], expected, up=True)
        return expected, max(0, expected - missing), error
    least = spec.get("minAvailable", 0)
    if isinstance(least, int):
        return len(found), least, ""
    expected, error = _expected(context, found)
    return expected, scaled(least, expected, up=True), error


def _expected(context: Context, found: list[Object]) -> tuple[int, str]:
    """Return the sum of the sizes of all workloads that the Pods belong to."""
    sizes: dict[str, int] = {}
    for pod in found:
        owner = _scale_of(context, pod["metadata"]["namespace"], pod)
        if owner is None:
            return 0, f'found no controllers for pod "{pod["metadata"]["name"]}"'
        sizes[owner["metadata"]["uid"]] = owner["spec"].get("replicas", 1)
    return sum(sizes.values()), ""


def _scale_of(context: Context, namespace: str, obj: Object) -> Object | None:
    """Follow the controlling owners up to the last that has a size."""
    reference = controller_of(obj)
    if reference is None or reference["kind"] not in SCALED:
        return None
    owner = context.objects.get(SCALED[reference["kind"]], namespace, reference["name"])
    return None if owner is None else _scale_of(context, namespace, owner) or owner


def _condition(context: Context, budget: Object, allowed: int, error: str) -> Object:
    status, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    if error:
        status, reason = "False", "SyncFailed"
    present = pods.condition(budget, "DisruptionAllowed")
    same = present is not None and present["status"] == status
    since = present["lastTransitionTime"] if present is not None and same else context.simulation.timestamp()
    return {
        "type": "DisruptionAllowed",
        "status": status,
        "reason": reason,
        "message": error,
        "lastTransitionTime": since,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }


def _protecting(context: Context, change: Change) -> Iterable[Key]:
    found: dict[Key, None] = {}
    for pod in (change.old, change.object):
        if pod is not None:
            metadata = pod["metadata"]
            found.update(dict.fromkeys(context.cache.budgets.matching(metadata["namespace"], metadata.get("labels"))))
    return found


CONTROLLER = Controller("controllermanager", reconcile, {RESOURCE: itself, "pods": _protecting})
