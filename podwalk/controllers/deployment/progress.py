"""A Deployment's status: its numbers, and whether it is available and gets on.

Source: k8s.io/kubernetes/pkg/controller/deployment/progress.go and sync.go, calculateStatus.
"""

from __future__ import annotations

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.deployment.family import Family
from podwalk.controllers.pods import condition, parse_time
from podwalk.controllers.status import set_status
from podwalk.controllers.trees import clone
from podwalk.types import Object

RESOURCE = "deployments.apps"


def is_complete(deployment: Object, status: Object) -> bool:
    """Tell whether every Pod is of the newest template and available, and no other is left."""
    wanted = deployment["spec"].get("replicas", 1)
    numbers = (status.get(field, 0) for field in ("updatedReplicas", "replicas", "availableReplicas"))
    generation = deployment["metadata"].get("generation", 0)
    return all(number == wanted for number in numbers) and status.get("observedGeneration", 0) >= generation


def note(context: Context, family: Family, status: str, reason: str, message: str) -> None:
    """Set the ``Progressing`` condition at once, if the Deployment has a deadline."""
    if family.deployment["spec"].get("progressDeadlineSeconds") is None:
        return

    def change(latest: Object) -> None:
        latest.setdefault("status", {})
        _set(context, latest["status"], "Progressing", status, reason, message)

    changed = context.objects.modify(
        RESOURCE, *key_of(family.deployment), change, subresource="status", manager="kube-controller-manager"
    )
    if changed is not None:
        family.deployment = changed


def note_found(context: Context, family: Family, new: Object) -> None:
    """Say that the template's ReplicaSet was there already, if nothing was said of progress yet."""
    if condition(family.deployment, "Progressing") is None:
        note(context, family, "True", "FoundNewReplicaSet", f'Found new replica set "{new["metadata"]["name"]}"')


def note_pause(context: Context, family: Family) -> None:
    """Say that the rollout was paused or resumed, so that the deadline does not run meanwhile."""
    progressing = condition(family.deployment, "Progressing") or {}
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return
    paused, noted = bool(family.deployment["spec"].get("paused")), progressing.get("reason") == "DeploymentPaused"
    if paused and not noted:
        note(context, family, "Unknown", "DeploymentPaused", "Deployment is paused")
    elif noted and not paused:
        note(context, family, "Unknown", "DeploymentResumed", "Deployment is resumed")


def sync(context: Context, family: Family, *, rollout: bool = True) -> float | None:
    """Write the status; returns the seconds until the progress deadline, if one runs.

    While paused, scaled or deleted only the numbers are written (``rollout=False``): nothing is said of progress.
    """
    deployment = family.deployment
    status = _numbers(context, family)
    if not rollout:
        set_status(context.objects, RESOURCE, deployment, status)
        return None
    _progress(context, family, status)
    _pass_failure_on(family, status)
    set_status(context.objects, RESOURCE, deployment, status)
    return _deadline_s(context, deployment, status)


def _numbers(context: Context, family: Family) -> Object:
    deployment = family.deployment
    total = {
        field: sum((entry.get("status") or {}).get(field, 0) for entry in family.replica_sets)
        for field in ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas")
    }
    old = deployment.get("status") or {}
    numbers = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": total["replicas"],
        "updatedReplicas": ((family.new or {}).get("status") or {}).get("replicas", 0),
        "readyReplicas": total["readyReplicas"],
        "availableReplicas": total["availableReplicas"],
        "unavailableReplicas": max(0, sum(_size(entry) for entry in family.replica_sets) - total["availableReplicas"]),
        "collisionCount": old.get("collisionCount", 0),
    }
    status: Object = {field: value for field, value in numbers.items() if value}
    status["terminatingReplicas"] = total["terminatingReplicas"]
    status["conditions"] = clone(old.get("conditions") or [])
    if total["availableReplicas"] >= family.replicas - family.max_unavailable:
        available = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        available = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    _set(context, status, "Available", *available)
    return status


def _progress(context: Context, family: Family, status: Object) -> None:
    deployment = family.deployment
    if deployment["spec"].get("progressDeadlineSeconds") is None:
        _remove(status, "Progressing")
        return
    present = condition({"status": status}, "Progressing")
    settled = present is not None and present["reason"] == "NewReplicaSetAvailable"
    if settled and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return
    new = family.new
    what = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, status):
        message = f"{what} has successfully progressed."
        _set(context, status, "Progressing", "True", "NewReplicaSetAvailable", message)
    elif _advanced(deployment.get("status") or {}, status):
        since = present["lastTransitionTime"] if present is not None and present["status"] == "True" else None
        _remove(status, "Progressing")
        _set(context, status, "Progressing", "True", "ReplicaSetUpdated", f"{what} is progressing.", since=since)
    elif _timed_out(context, deployment, present):
        message = f"{what} has timed out progressing."
        _set(context, status, "Progressing", "False", "ProgressDeadlineExceeded", message)


def _advanced(old: Object, new: Object) -> bool:
    def at(status: Object, field: str) -> int:
        return int(status.get(field, 0))

    more = any(at(new, field) > at(old, field) for field in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    fewer_old = at(new, "replicas") - at(new, "updatedReplicas") < at(old, "replicas") - at(old, "updatedReplicas")
    return more or fewer_old


def _timed_out(context: Context, deployment: Object, present: Object | None) -> bool:
    if present is None or present["reason"] == "NewReplicaSetAvailable":
        return False
    if present["reason"] == "ProgressDeadlineExceeded":
        return True
    left = _left_s(context, deployment, present)
    return left is not None and left <= 0


def _left_s(context: Context, deployment: Object, present: Object) -> float | None:
    since = parse_time(present.get("lastUpdateTime"))
    if since is None:
        return None
    passed = (context.simulation.datetime() - since).total_seconds()
    return float(deployment["spec"]["progressDeadlineSeconds"] - passed)


def _deadline_s(context: Context, deployment: Object, status: Object) -> float | None:
    present = condition({"status": status}, "Progressing")
    ended = ("NewReplicaSetAvailable", "ProgressDeadlineExceeded")
    if present is None or present["reason"] in ended or deployment["spec"].get("paused"):
        return None
    left = _left_s(context, deployment, present)
    return None if left is None else max(left, 0.001)


def _pass_failure_on(family: Family, status: Object) -> None:
    failures = [found for entry in family.replica_sets if (found := condition(entry, "ReplicaFailure")) is not None]
    _remove(status, "ReplicaFailure")
    if failures:
        newest = (condition(family.new, "ReplicaFailure") if family.new else None) or failures[0]
        status["conditions"].append({**newest, "lastUpdateTime": newest["lastTransitionTime"]})


def _set(
    context: Context, status: Object, kind: str, value: str, reason: str, message: str, *, since: str | None = None
) -> None:
    """Set a condition; one of the same status and reason stays as it is, so that its times tell the truth."""
    present = condition({"status": status}, kind)
    if present is not None and (present["status"], present["reason"]) == (value, reason):
        return
    now = context.simulation.timestamp()
    if present is not None and present["status"] == value:
        since = present["lastTransitionTime"]
    _remove(status, kind)
    entry = {"type": kind, "status": value, "reason": reason, "message": message}
    status["conditions"] = [
        *status.get("conditions", ()),
        {**entry, "lastUpdateTime": now, "lastTransitionTime": since or now},
    ]


def _remove(status: Object, kind: str) -> None:
    status["conditions"] = [entry for entry in status.get("conditions", ()) if entry["type"] != kind]


def _size(replica_set: Object) -> int:
    return int(replica_set["spec"].get("replicas", 1))
