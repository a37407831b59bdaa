"""``managedFields``: which manager set which fields, noted on every write.

Source: k8s.io/apimachinery/pkg/util/managedfields/internal (structuredmerge.go, stripmeta.go, buildmanagerinfo.go,
capmanagers.go).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

from podwalk.api import fieldsets
from podwalk.api.fieldsets import Fields
from podwalk.api.options import Write
from podwalk.api.registry import Resource
from podwalk.api.schema import FieldType
from podwalk.types import Object

_MAX_UPDATERS = 10
_ANCIENT = "ancient-changes"
_TYPE = ("f:apiVersion", "f:kind")
_IDENTITY = frozenset(
    (
        ".",
        "f:name",
        "f:namespace",
        "f:creationTimestamp",
        "f:selfLink",
        "f:uid",
        "f:clusterName",
        "f:generation",
        "f:managedFields",
        "f:resourceVersion",
    )
)


@dataclass(frozen=True)
class Entry:
    """One row of ``managedFields``."""

    manager: str
    operation: str
    version: str
    time: str
    fields: Fields
    subresource: str = ""
    row: Object | None = field(default=None, compare=False)
    """The ``ManagedFieldsEntry`` that it was read from, as long as it says the same."""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes two rows the same manager."""
        return self.manager, self.operation, self.version, self.subresource

    def as_json(self) -> Object:
        """Return the ``ManagedFieldsEntry``."""
        if self.row is not None and self.row["fieldsV1"] is self.fields and self.row.get("time", "") == self.time:
            return self.row
        entry = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _shared(self.fields),
        }
        if self.subresource:
            entry["subresource"] = self.subresource
        return {key: value for key, value in entry.items() if value != ""}


def read(entries: Any) -> list[Entry]:
    """Return the rows of ``managedFields``; malformed ones are left out."""
    return [
        Entry(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("apiVersion", ""),
            entry.get("time", ""),
            entry["fieldsV1"],
            entry.get("subresource", ""),
            entry,
        )
        for entry in entries or ()
        if isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict)
    ]


def store(obj: Object, entries: Sequence[Entry]) -> None:
    """Write rows into an object, in upstream's order; rows without fields are left out."""
    kept = [entry for entry in entries if entry.fields]
    if not kept:
        obj["metadata"].pop("managedFields", None)
        return
    kept.sort(key=lambda one: (one.operation, one.time, one.manager, one.version, one.subresource))
    obj["metadata"]["managedFields"] = [entry.as_json() for entry in kept]


def _shared(fields: Fields) -> Fields:
    """Return the one copy of a set: a thousand Pods of one manager have the same, and nobody changes one in place."""
    return _the_one(json.dumps(fields, separators=(",", ":")))


@lru_cache(maxsize=1024)
def _the_one(text: str) -> Fields:
    fields: Fields = json.loads(text)
    return fields


def track(
    at: FieldType, resource: Resource, obj: Object, old: Object | None, write: Write, now: str, *, resets_status: bool
) -> None:
    """Note who set the fields that a write changes, in place.

    Args:
        at: the type of the object.
        resource: whose object it is.
        obj: the new state.
        old: the state before; None for a new object.
        write: how it was asked for.
        now: the time of the write.
        resets_status: whether what is written under ``status`` through the main path is dropped.
    """
    # A binding stores the Pod below the layer that notes owners: on a real cluster nobody owns spec.nodeName.
    if write.operation == "Apply" or write.subresource == "binding":
        return
    compared = fieldsets.compare(old if old is not None else zero_object(at), obj, at)
    changed, removed = strip(compared.changed), strip(compared.removed)
    if not write.subresource and resets_status:
        changed, removed = fieldsets.without(changed, ("f:status",)), fieldsets.without(removed, ("f:status",))
    before = old["metadata"].get("managedFields") if old is not None else None
    given = obj["metadata"].get("managedFields")
    if not isinstance(given, list) or not given:
        given = before
    if not changed and not removed:
        if given is before and before:
            obj["metadata"]["managedFields"] = before
        else:
            store(obj, _rows(given))
        return
    time = "" if write.subresource == "scale" else now
    mine = Entry(write.manager, "Update", resource.api_version, time, {}, write.subresource)
    store(obj, _capped(_updated(_rows(given), mine, changed, removed)))


def _rows(given: Any) -> list[Entry]:
    return [] if given and given[0] == {} else read(given)


def _updated(entries: list[Entry], mine: Entry, changed: Fields, removed: Fields) -> list[Entry]:
    gone = fieldsets.union(changed, removed)
    result, own = [], mine.fields
    for entry in entries:
        if entry.identity == mine.identity:
            own = fieldsets.difference(entry.fields, removed)
            continue
        left = fieldsets.difference(entry.fields, gone)
        result.append(entry if left is entry.fields else replace(entry, fields=left))
    return [*result, replace(mine, fields=fieldsets.union(own, changed))]


def strip(fields: Fields) -> Fields:
    """Return a set less what nobody owns: the type and the identity of the object."""
    kept = {key: node for key, node in fields.items() if key not in _TYPE}
    metadata = kept.get("f:metadata")
    if metadata is not None:
        owned = {key: node for key, node in metadata.items() if key not in _IDENTITY}
        if owned:
            kept["f:metadata"] = owned
        else:
            del kept["f:metadata"]
    return kept


def _capped(entries: list[Entry]) -> list[Entry]:
    updaters = [entry for entry in entries if entry.operation == "Update" and entry.fields]
    if len(updaters) <= _MAX_UPDATERS:
        return entries
    oldest = sorted((one for one in updaters if one.manager != _ANCIENT), key=lambda one: one.time)
    surplus = oldest[: len(updaters) - _MAX_UPDATERS + 1]
    buckets: dict[str, Entry] = {one.version: one for one in updaters if one.manager == _ANCIENT}
    for one in surplus:
        bucket = buckets.get(one.version, Entry(_ANCIENT, "Update", one.version, one.time, {}))
        time = max(bucket.time, one.time)
        buckets[one.version] = replace(bucket, time=time, fields=fieldsets.union(bucket.fields, one.fields))
    kept = [entry for entry in entries if entry not in surplus and entry.manager != _ANCIENT]
    return [*kept, *buckets.values()]


@cache
def zero_object(at: FieldType) -> Any:
    """Return what Go writes of an empty object: structures that are no pointers, and what is always written."""
    if at.kind == "struct":
        zero = {}
        for name, field in at.fields.items():
            if field.presence in ("always", "null") or (field.presence == "value" and field.kind == "struct"):
                zero[name] = None if field.presence == "null" else zero_object(field)
        return zero
    if at.kind == "raw":
        return {"metadata": {}}
    return {"string": "", "boolean": False, "integer": 0, "number": 0, "quantity": "0", "int-or-string": 0}.get(at.kind)
