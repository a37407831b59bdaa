"""Events as client-go records them: equal ones are counted, similar ones combined, and a flood of them is cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from podwalk.errors import ApiError
from podwalk.simulation import Simulation
from podwalk.types import Object, Objects

SIMILAR_LIMIT = 10
SIMILAR_WINDOW_S = 600.0
BURST = 25
REFILL_S = 300.0
CACHE_LENGTH = 4096


@dataclass
class _Bucket:
    tokens: float
    at_s: float


@dataclass
class _Similar:
    messages: set[str]
    at_s: float


class Recorder:
    """Writes events about objects in the name of one component.

    Source: k8s.io/client-go/tools/record, EventCorrelator with its defaults: an event equal to an earlier one raises
    its ``count``; more
    than ten messages of one reason within ten minutes become ``(combined from similar events): …``; 25 events about
    an object may come
    at once, then one in five minutes.
    """

    def __init__(self, objects: Objects, simulation: Simulation, component: str, host: str = "") -> None:
        """Write to ``objects`` as ``component``, on node ``host`` if it is a kubelet."""
        self._objects = objects
        self._simulation = simulation
        self.component = component
        self.host = host
        self._known: dict[tuple[str, ...], tuple[str, str]] = {}
        self._similar: dict[tuple[str, ...], _Similar] = {}
        self._buckets: dict[tuple[str, ...], _Bucket] = {}
        self._last_ns = 0

    def event(
        self, regarding: Object, kind: Literal["Normal", "Warning"], reason: str, message: str, *, field_path: str = ""
    ) -> None:
        """Record that something happened to an object.

        Args:
            regarding: the object, or an ``ObjectReference`` in the form of an object.
            kind: whether it is as it should be.
            reason: a word in CamelCase.
            message: the sentence for people.
            field_path: the part of the object, e.g. ``spec.containers{web}``.
        """
        reference = _reference(regarding, field_path)
        about = tuple(reference.get(field, "") for field in ("kind", "namespace", "name", "uid", "apiVersion"))
        if not self._allowed(about):
            return
        key = (*about, kind, reason)
        combined = self._is_combined((*key, self.component), message)
        if combined:
            message = f"(combined from similar events): {message}"
        identity = (*key, field_path, "" if combined else message)
        if not self._count(identity, message):
            self._create(identity, reference, kind, reason, message)

    def action(
        self, regarding: Object, kind: Literal["Normal", "Warning"], reason: str, message: str, act: str
    ) -> None:
        """Record an event in the newer form, of ``events.k8s.io``: it has an action and a series instead of counts.

        The scheduler writes such events; they show no first and last time, and equal ones become a series.

        Source: k8s.io/client-go/tools/events.
        """
        reference = _reference(regarding, "")
        identity = (*(str(value) for value in reference.values()), kind, reason, act)
        now = self._simulation.microtime()
        if (where := self._known.get(identity)) is not None:

            def again(event: Object) -> None:
                series = event.get("series") or {"count": 1}
                event["series"] = {"count": series["count"] + 1, "lastObservedTime": now}

            if self._objects.modify("events", *where, again, manager=self.component) is not None:
                return
        event: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "involvedObject": reference,
            "reason": reason,
            "message": message,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": kind,
            "eventTime": now,
            "action": act,
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        }
        self._store(identity, reference, event)

    def _allowed(self, about: tuple[str, ...]) -> bool:
        now = self._simulation.now
        bucket = self._buckets.setdefault(about, _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at_s) / REFILL_S)
        bucket.at_s = now
        _trim(self._buckets)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _is_combined(self, key: tuple[str, ...], message: str) -> bool:
        now = self._simulation.now
        record = self._similar.get(key)
        if record is None or now - record.at_s > SIMILAR_WINDOW_S:
            record = self._similar[key] = _Similar(set(), now)
            _trim(self._similar)
        record.messages.add(message)
        record.at_s = now
        if len(record.messages) < SIMILAR_LIMIT:
            return False
        record.messages.pop()
        return True

    def _count(self, identity: tuple[str, ...], message: str) -> bool:
        where = self._known.get(identity)
        if where is None:
            return False
        now = self._simulation.timestamp()

        def again(event: Object) -> None:
            event["count"] = event.get("count", 1) + 1
            event["lastTimestamp"] = now
            event["message"] = message

        return self._objects.modify("events", *where, again, manager=self.component) is not None

    def _create(self, identity: tuple[str, ...], reference: Object, kind: str, reason: str, message: str) -> None:
        self._store(identity, reference, self._event(reference, kind, reason, message))

    def _store(self, identity: tuple[str, ...], reference: Object, event: Object) -> None:
        namespace = reference.get("namespace") or "default"
        while True:
            name = f"{reference['name']}.{self._nanoseconds():x}"
            event["metadata"] = {"name": name, "namespace": namespace}
            try:
                self._objects.create("events", event, manager=self.component)
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    continue
                # The namespace is going away: as upstream, an event that cannot be written is lost.
                return
            self._known[identity] = (namespace, name)
            _trim(self._known)
            return

    def _event(self, reference: Object, kind: str, reason: str, message: str) -> Object:
        now = self._simulation.timestamp()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "involvedObject": reference,
            "reason": reason,
            "message": message,
            "source": {"component": self.component, **({"host": self.host} if self.host else {})},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        }

    def _nanoseconds(self) -> int:
        moment = int(self._simulation.datetime().timestamp() * 1_000_000) * 1000
        self._last_ns = max(moment, self._last_ns + 1)
        return self._last_ns


def _reference(regarding: Object, field_path: str) -> Object:
    metadata = regarding["metadata"]
    reference = {
        "kind": regarding["kind"],
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "apiVersion": regarding["apiVersion"],
        "resourceVersion": metadata.get("resourceVersion", ""),
        "fieldPath": field_path,
    }
    return {field: value for field, value in reference.items() if value}


def _trim(cache: dict[tuple[str, ...], Any]) -> None:
    while len(cache) > CACHE_LENGTH:
        del cache[next(iter(cache))]
