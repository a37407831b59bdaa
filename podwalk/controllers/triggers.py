"""When the cause of a change of endpoints happened."""

from __future__ import annotations

from collections.abc import Iterable

from podwalk.controllers import pods
from podwalk.controllers.queue import Key
from podwalk.types import Object


class TriggerTimes:
    """The causes seen so far, by Service: a Pod's readiness, or the Service's creation.

    Source: k8s.io/endpointslice/util, TriggerTimeTracker.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen: dict[Key, tuple[str, dict[str, str]]] = {}

    def compute(self, service: Object, members: Iterable[Object]) -> str:
        """Return the earliest new cause since the last call for this Service, empty if there is none."""
        created = service["metadata"].get("creationTimestamp", "")
        times = {pod["metadata"]["name"]: _ready_since(pod) for pod in members}
        old_created, old_times = self._seen.get(_key(service), ("", {}))
        self._seen[_key(service)] = created, times
        causes = [at for name, at in times.items() if at > old_times.get(name, "")]
        if created > old_created:
            causes.append(created)
        return min((at for at in causes if at and at >= old_created), default="")

    def forget(self, key: Key) -> None:
        """Drop a Service that is gone."""
        self._seen.pop(key, None)


def _ready_since(pod: Object) -> str:
    return str((pods.condition(pod, "Ready") or {}).get("lastTransitionTime") or "")


def _key(service: Object) -> Key:
    return service["metadata"]["namespace"], service["metadata"]["name"]
