"""What a controller is: a name, a reconcile function, and which keys a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from podwalk.controllers.cache import Cache
from podwalk.controllers.metrics import Usage
from podwalk.controllers.owners import controller_of
from podwalk.controllers.queue import Key, Queue
from podwalk.controllers.recorder import Recorder
from podwalk.simulation import Simulation
from podwalk.types import Change, ClusterOptions, Object, Objects


@dataclass(frozen=True)
class Context:
    """What a reconcile function has at hand.

    Attributes:
        objects: the API.
        simulation: the clock and the randomness.
        options: how the cluster was set up.
        cache: what all controllers derive from Pods and selectors, kept up to date change by change.
        recorder: writes events in the controller's name.
        queue: the controller's own queue.
        usage: what containers use; None if nobody measures it.
        metrics_served: whether the metrics API is installed.
    """

    objects: Objects
    simulation: Simulation
    options: ClusterOptions
    cache: Cache
    recorder: Recorder
    queue: Queue
    usage: Usage | None = None
    metrics_served: Callable[[], bool] = lambda: True

    @property
    def metrics(self) -> Usage | None:
        """What containers use, as the metrics API serves it; None if that is not installed."""
        return self.usage if self.metrics_served() else None


Reconcile = Callable[[Context, Key], float | None]
Watch = Callable[[Context, Change], Iterable[Key]]


@dataclass(frozen=True)
class Controller:
    """One controller: registered in :data:`podwalk.controllers.CONTROLLERS`.

    Attributes:
        name: as in events' ``source.component``.
        reconcile: brings the object of a key to its desired state; returns seconds after which to look again, or None.
        watches: resource → the keys that a change of an object of it concerns.
        instance: whether its events name the process, as the scheduler's do.
    """

    name: str
    reconcile: Reconcile
    watches: Mapping[str, Watch]
    instance: bool = False


def key_of(obj: Object) -> Key:
    """Return an object's namespace and name."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def itself(context: Context, change: Change) -> Iterable[Key]:
    """Map a change to the changed object's own key."""
    return (key_of(change.object),)


def owners(kind: str) -> Watch:
    """Map a change to the controlling owner of a kind, before and after."""

    def keys(context: Context, change: Change) -> Iterable[Key]:
        found: dict[Key, None] = {}
        for obj in (change.old, change.object):
            owner = controller_of(obj) if obj is not None else None
            if obj is not None and owner is not None and owner["kind"] == kind:
                found[obj["metadata"].get("namespace", ""), owner["name"]] = None
        return found

    return keys
