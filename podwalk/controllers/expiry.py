"""What goes by itself: events after an hour.

Source: kube-apiserver's ``--event-ttl``.
"""

from __future__ import annotations

from collections.abc import Iterable

from podwalk.controllers.controller import Context, Controller, key_of
from podwalk.controllers.pods import parse_time
from podwalk.controllers.queue import Key
from podwalk.types import Change

EVENT_TTL_S = 3600.0


def reconcile(context: Context, key: Key) -> float | None:
    """Delete an event that was last seen an hour ago."""
    event = context.objects.get("events", *key)
    if event is None:
        return None
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event["metadata"]["creationTimestamp"])
    seen = next(moment for text in times if (moment := parse_time(text)) is not None)
    left = EVENT_TTL_S - (context.simulation.datetime() - seen).total_seconds()
    if left > 0:
        return left
    context.objects.delete("events", *key, uid=event["metadata"]["uid"])
    return None


def _new(context: Context, change: Change) -> Iterable[Key]:
    if change.type == "ADDED":
        context.queue.add_after(key_of(change.object), EVENT_TTL_S)
    return ()


CONTROLLER = Controller("event-ttl", reconcile, {"events": _new})
