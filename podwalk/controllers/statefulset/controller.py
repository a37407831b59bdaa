"""The order of things in one reconcile of a StatefulSet: create, wait, condemn, update, each in its turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from podwalk.controllers import history, pods
from podwalk.controllers.claims import claim
from podwalk.controllers.controller import Context, Controller, itself, owners
from podwalk.controllers.deployment.family import scaled
from podwalk.controllers.owners import controller_of, is_controlled_by
from podwalk.controllers.queue import Key
from podwalk.controllers.statefulset import identity
from podwalk.controllers.status import set_status
from podwalk.types import Change, Object

RESOURCE, KIND = "statefulsets.apps", "StatefulSet"


@dataclass
class Work:
    """What one reconcile knows: the set, its revisions, its Pods by number."""

    context: Context
    stateful_set: Object
    current: Object
    update: Object
    pods: dict[int, Object]

    @property
    def numbers(self) -> range:
        """The numbers of the Pods that shall be."""
        spec = self.stateful_set["spec"]
        start = (spec.get("ordinals") or {}).get("start", 0)
        return range(start, start + spec.get("replicas", 1))

    @property
    def in_order(self) -> bool:
        """Whether each Pod waits for the one before it."""
        return bool(self.stateful_set["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady")

    def is_available(self, pod: Object) -> bool:
        """Tell whether a Pod runs, is ready, and has been for ``minReadySeconds``."""
        if pods.phase(pod) != "Running" or pods.is_terminating(pod):
            return False
        seconds = self.stateful_set["spec"].get("minReadySeconds", 0)
        return pods.available_in(pod, seconds, self.context.simulation.datetime()) == 0


def reconcile(context: Context, key: Key) -> float | None:
    """Bring a StatefulSet one step further, and report."""
    stateful_set = context.objects.get(RESOURCE, *key)
    if stateful_set is None:
        context.cache.adoptable.pop((KIND, key), None)
        return None
    claim(context, KIND, stateful_set, stateful_set["spec"].get("selector"), partial(identity.is_member, stateful_set))
    update, revisions = history.current(context, stateful_set, KIND, history.HASH_LABEL)
    name = (stateful_set.get("status") or {}).get("currentRevision")
    current = next((entry for entry in revisions if entry["metadata"]["name"] == name), update)
    work = Work(context, stateful_set, current, update, _pods(context, stateful_set))
    if "deletionTimestamp" not in stateful_set["metadata"]:
        _step(work)
        work.pods = _pods(context, stateful_set)
    status = _status(work)
    set_status(context.objects, RESOURCE, stateful_set, status)
    live = {identity.revision(pod) for pod in work.pods.values()} | {
        status["currentRevision"],
        status["updateRevision"],
    }
    history.truncate(context, stateful_set, revisions, live)
    return _next_availability(work)


def _pods(context: Context, stateful_set: Object) -> dict[int, Object]:
    found = context.objects.lookup("owner", stateful_set["metadata"]["uid"])
    owned = [entry for entry in found if entry["kind"] == "Pod" and is_controlled_by(entry, stateful_set)]
    return {identity.ordinal(pod): pod for pod in owned if identity.ordinal(pod) >= 0}


def _step(work: Work) -> None:
    for number in work.numbers:
        if not _settle(work, number) and work.in_order:
            return
    work.pods = _pods(work.context, work.stateful_set)
    condemned = sorted((number for number in work.pods if number not in work.numbers), reverse=True)
    if condemned:
        _condemn(work, condemned)
        return
    if (work.stateful_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate":
        _roll(work)


def _settle(work: Work, number: int) -> bool:
    """Make sure of one Pod; True if it is as it shall be, so that the next may follow."""
    context, stateful_set, pod = work.context, work.stateful_set, work.pods.get(number)
    if pod is not None and pods.is_finished(pod):
        if not pods.is_terminating(pod):
            name, namespace = stateful_set["metadata"]["name"], stateful_set["metadata"]["namespace"]
            message = f"StatefulSet {namespace}/{name} is recreating failed Pod {pod['metadata']['name']}"
            context.recorder.event(stateful_set, "Warning", "RecreatingFailedPod", message)
            identity.remove(context, stateful_set, pod)
        pod = context.objects.get("pods", stateful_set["metadata"]["namespace"], pod["metadata"]["name"])
        if pod is not None:
            return False
    if pod is None:
        identity.make(context, stateful_set, identity.new_pod(stateful_set, _revision_for(work, number), number))
        return False
    return work.is_available(pod)


def _revision_for(work: Work, number: int) -> Object:
    """Return the revision of a new Pod: the old one below the partition while a rollout is under way."""
    strategy = work.stateful_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return work.update
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    return work.current if number < work.numbers.start + partition else work.update


def _condemn(work: Work, condemned: list[int]) -> None:
    """Delete the Pods that are too many, the highest first; one at a time if in order."""
    everyone = [pod for _, pod in sorted(work.pods.items())]
    unhealthy = next((pod for pod in everyone if not work.is_available(pod)), None)
    for number in condemned:
        pod = work.pods[number]
        if pods.is_terminating(pod):
            if work.in_order:
                return
            continue
        if work.in_order and not work.is_available(pod) and pod is not unhealthy:
            return
        identity.remove(work.context, work.stateful_set, pod)
        if work.in_order:
            return


def _roll(work: Work) -> None:
    """Delete Pods of an old revision from the highest down to the partition, as many as may be missing."""
    spec = work.stateful_set["spec"]
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    partition = rolling.get("partition", 0)
    allowed = max(1, scaled(rolling.get("maxUnavailable", 1), len(work.numbers), up=True))
    missing = sum(1 for number in work.numbers if not work.is_available(work.pods[number]))
    wanted = work.update["metadata"]["name"]
    for number in reversed(work.numbers):
        if number < work.numbers.start + partition or missing > allowed:
            return
        pod = work.pods[number]
        healthy = work.is_available(pod)
        if identity.revision(pod) != wanted and not pods.is_terminating(pod):
            if healthy and missing >= allowed:
                return
            identity.remove(work.context, work.stateful_set, pod)
            missing += healthy
        elif not healthy and missing >= allowed:
            return


def _status(work: Work) -> Object:
    current, update = work.current["metadata"]["name"], work.update["metadata"]["name"]
    created = list(work.pods.values())
    alive = [pod for pod in created if not pods.is_terminating(pod)]
    ready = [pod for pod in created if pods.phase(pod) == "Running" and pods.is_ready(pod)]
    updated = sum(1 for pod in alive if identity.revision(pod) == update)
    old = sum(1 for pod in alive if identity.revision(pod) == current)
    strategy = (work.stateful_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
    if strategy == "RollingUpdate" and updated == len(created) == len(ready):
        current, old = update, updated
    available = sum(1 for pod in created if work.is_available(pod))
    numbers = {
        "readyReplicas": len(ready),
        "currentReplicas": old,
        "updatedReplicas": updated,
        "observedGeneration": work.stateful_set["metadata"].get("generation", 0),
    }
    return {
        "replicas": len(created),
        "availableReplicas": available,
        "collisionCount": (work.stateful_set.get("status") or {}).get("collisionCount", 0),
        "currentRevision": current,
        "updateRevision": update,
        **{field: value for field, value in numbers.items() if value},
    }


def _next_availability(work: Work) -> float | None:
    seconds = work.stateful_set["spec"].get("minReadySeconds", 0)
    now = work.context.simulation.datetime()
    waits = [pods.available_in(pod, seconds, now) for pod in work.pods.values()] if seconds else []
    return min((wait for wait in waits if wait), default=None)


def _of_pod(context: Context, change: Change) -> Iterable[Key]:
    yield from owners(KIND)(context, change)
    if controller_of(change.object) is None:
        metadata = change.object["metadata"]
        yield from context.cache.workloads[KIND].matching(metadata["namespace"], metadata.get("labels"))


CONTROLLER = Controller("statefulset-controller", reconcile, {RESOURCE: itself, "pods": _of_pod})
