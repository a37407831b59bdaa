"""ReplicaSet: keep a number of Pods of a template.

Source: k8s.io/kubernetes/pkg/controller/replicaset. Not simulated: its batches of doubling size and its expectations,
which a
cluster without delay between a write and its notice does not need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podwalk.controllers import pods
from podwalk.controllers.claims import claim
from podwalk.controllers.controller import Context, Controller, itself, owners
from podwalk.controllers.labels import matches
from podwalk.controllers.queue import Key
from podwalk.controllers.status import set_status
from podwalk.errors import ApiError
from podwalk.types import Change, Object

RESOURCE, KIND = "replicasets.apps", "ReplicaSet"


def reconcile(context: Context, key: Key) -> float | None:
    """Create or delete Pods until there are as many as wanted, and report."""
    replica_set = context.objects.get(RESOURCE, *key)
    if replica_set is None:
        context.cache.adoptable.pop((KIND, key), None)
        return None
    failure = _scale(context, replica_set) if "deletionTimestamp" not in replica_set["metadata"] else None
    status, again_s = _status(context, replica_set, failure)
    set_status(context.objects, RESOURCE, replica_set, status)
    if failure is not None:
        raise failure
    return again_s


def _scale(context: Context, replica_set: Object) -> ApiError | None:
    claim(context, KIND, replica_set, replica_set["spec"].get("selector"))
    wanted = replica_set["spec"].get("replicas", 1)
    surplus = context.cache.tally(replica_set).count("ready", "unready") - wanted
    try:
        for _ in range(-surplus):
            _create(context, replica_set)
        if surplus > 0:
            _delete(context, replica_set, surplus)
    except ApiError as error:
        return error
    return None


def _create(context: Context, replica_set: Object) -> None:
    namespace, name = replica_set["metadata"]["namespace"], replica_set["metadata"]["name"]
    pod = pods.from_template(replica_set["spec"]["template"], namespace, replica_set, "apps/v1", KIND)
    pod["metadata"]["generateName"] = f"{name}-"
    try:
        created = context.objects.create("pods", pod, manager="kube-controller-manager")
    except ApiError as error:
        context.recorder.event(replica_set, "Warning", "FailedCreate", f"Error creating: {error}")
        raise
    message = f"Created pod: {created['metadata']['name']}"
    context.recorder.event(replica_set, "Normal", "SuccessfulCreate", message)


def _delete(context: Context, replica_set: Object, surplus: int) -> None:
    uid = replica_set["metadata"]["uid"]
    owned = [pod for pod in context.objects.lookup("owner", uid) if pods.is_active(pod)]
    for pod in sorted(owned, key=lambda pod: _rank(context, pod))[:surplus]:
        name = pod["metadata"]["name"]
        context.objects.delete("pods", pod["metadata"]["namespace"], name, uid=pod["metadata"]["uid"])
        context.recorder.event(replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")


def _rank(context: Context, pod: Object) -> tuple[float | str, ...]:
    """Order as ActivePodsWithRanks: what is least missed goes first."""
    metadata, node = pod["metadata"], pod["spec"].get("nodeName", "")
    ready = pods.condition(pod, "Ready") or {}
    is_ready = ready.get("status") == "True"
    cost = int((metadata.get("annotations") or {}).get("controller.kubernetes.io/pod-deletion-cost", "0"))
    restarts = max((entry.get("restartCount", 0) for entry in pod["status"].get("containerStatuses") or ()), default=0)
    owner = metadata["ownerReferences"][0]["uid"]
    return (
        bool(node),
        {"Pending": 0, "Unknown": 1}.get(pods.phase(pod), 2),
        is_ready,
        cost,
        -context.cache.node(node).owned[owner] if node else 0,
        -_age(ready.get("lastTransitionTime")) if is_ready else 0,
        -restarts,
        -_age(metadata.get("creationTimestamp")),
        metadata["name"],
    )


def _age(text: str | None) -> int:
    """Return a number that grows with a moment's youth on a logarithmic scale, as upstream ranks times."""
    moment = pods.parse_time(text)
    return int(moment.timestamp()) if moment else 0


def _status(context: Context, replica_set: Object, failure: ApiError | None) -> tuple[Object, float | None]:
    spec = replica_set["spec"]
    tally = context.cache.tally(replica_set)
    wanted_labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    fully = sum(
        number
        for (state, labels), number in tally.states.items()
        if state in ("ready", "unready") and matches({"matchLabels": wanted_labels}, dict(labels))
    )
    available, again_s = tally.count("ready"), None
    if spec.get("minReadySeconds"):
        available, again_s = count_available(context, replica_set, spec["minReadySeconds"])
    status: Object = {
        "replicas": tally.count("ready", "unready"),
        "fullyLabeledReplicas": fully,
        "readyReplicas": tally.count("ready"),
        "availableReplicas": available,
        "terminatingReplicas": tally.count("terminating"),
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
    # As Go's omitempty, but for terminatingReplicas, a pointer.
    kept = ("replicas", "terminatingReplicas")
    status = {field: value for field, value in status.items() if value or field in kept}
    if conditions := _conditions(context, replica_set, failure):
        status["conditions"] = conditions
    return status, again_s


def count_available(context: Context, owner: Object, min_ready_s: int) -> tuple[int, float | None]:
    """Return how many of an owner's Pods have been ready long enough, and the seconds until the next one is."""
    now = context.simulation.datetime()
    owned = [pod for pod in context.objects.lookup("owner", owner["metadata"]["uid"]) if pods.is_active(pod)]
    waits = [wait for pod in owned if (wait := pods.available_in(pod, min_ready_s, now)) is not None]
    return sum(1 for wait in waits if wait == 0), min((wait for wait in waits if wait), default=None)


def _conditions(context: Context, replica_set: Object, failure: ApiError | None) -> Sequence[Object]:
    others = [entry for entry in replica_set["status"].get("conditions") or () if entry["type"] != "ReplicaFailure"]
    if failure is None:
        return others
    old = pods.condition(replica_set, "ReplicaFailure")
    if old is not None and old["reason"] == "FailedCreate":
        return [*others, old]
    return [
        *others,
        {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": context.simulation.timestamp(),
            "reason": "FailedCreate",
            "message": str(failure),
        },
    ]


def _by_label(context: Context, change: Change) -> Iterable[Key]:
    """Find the ReplicaSets that may adopt a Pod without an owner."""
    yield from owners(KIND)(context, change)
    metadata = change.object["metadata"]
    if not any(owner.get("controller") for owner in metadata.get("ownerReferences") or ()):
        yield from context.cache.workloads[KIND].matching(metadata["namespace"], metadata.get("labels"))


CONTROLLER = Controller("replicaset-controller", reconcile, {RESOURCE: itself, "pods": _by_label})
