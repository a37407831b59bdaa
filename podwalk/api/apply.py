"""Server-side apply: a configuration is merged into the object, and its manager owns what it says.

Source: sigs.k8s.io/structured-merge-diff/merge/update.go, typed/merge.go;
k8s.io/apimachinery/pkg/util/managedfields/internal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from podwalk.api import fieldsets, ownership, typedpatch
from podwalk.api.conversion import to_served, to_stored
from podwalk.api.failures import bad_request
from podwalk.api.fieldsets import Fields, child_type, item_key
from podwalk.api.negotiation import load_yaml
from podwalk.api.options import Write
from podwalk.api.ownership import Entry
from podwalk.api.registry import Resource, Subresource
from podwalk.api.routes import Route
from podwalk.api.schema import FieldType
from podwalk.api.trees import clone, name_of
from podwalk.errors import ApiError, Cause
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"


class Conflicts(Exception):  # a list of conflicts, as upstream calls it
    """Fields that others own and that the configuration sets differently."""

    def __init__(self, found: list[tuple[Entry, Fields]]) -> None:
        """Keep each other manager with the fields in dispute."""
        super().__init__(f"{len(found)} managers object")
        self.found = found


def apply(objects: StoredObjects, route: Route, body: bytes, write: Write) -> tuple[Object, int]:
    """Apply a configuration to an object, or create it.

    Returns:
        The object and the HTTP status: 201 if it was created.

    Raises:
        ApiError: 400 for a body that is no configuration, 409 for a conflict, 422 for a result that breaks the rules.
    """
    config = read_configuration(route, body, route.resource)
    resource = route.resource
    at = objects.root_type(resource)
    typedpatch.check(config, at, resource)
    old = objects.get(resource.storage_key, route.namespace, route.name)
    if old is None:
        return _create(objects, route, config, at, write), 201
    live = to_served(resource, old)
    new, entries = _merge_for(objects, resource, live, config, at, write)
    obj = to_stored(resource, objects.decoded(resource, new, write))
    obj["metadata"].setdefault("name", route.name)
    if resource.namespaced:
        obj["metadata"]["namespace"] = route.namespace
    ownership.store(obj, _unchanged_times(entries, ownership.read(old["metadata"].get("managedFields"))))
    return objects.replace(resource, obj, write), 200


def read_configuration(route: Route, body: bytes, resource: Resource | Subresource) -> Object:
    """Return the configuration in a body.

    Args:
        route: where it is sent to.
        body: YAML, or JSON.
        resource: of which kind it has to be.

    Raises:
        ApiError: 400 for a body that is no configuration, or one for another object.
    """
    config = load_yaml(body)
    if not isinstance(config, dict):
        kind = {str: "string", bool: "bool", list: "array"}.get(type(config), "number")
        why = f"while decoding JSON: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        raise bad_request(f"error decoding patch: error unmarshaling JSON: {why}")
    version, kind = config.get("apiVersion") or "", config.get("kind") or ""
    if (version, kind) != (resource.api_version, resource.kind):
        group, _, number = str(version).rpartition("/")
        raise bad_request(
            f"invalid object type: {group}/{number}, Kind={kind}"
            if not group
            else f"invalid object type: {version}, Kind={kind}"
        )
    metadata = config.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request("error decoding patch: metadata must be an object")
    if metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    if metadata.get("name") and metadata["name"] != route.name:
        raise bad_request(
            f"the name of the object ({name_of(config)}) does not match the name on the URL ({route.name})"
        )
    if route.resource.namespaced and metadata.get("namespace", route.namespace) != route.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    return config


def _create(objects: StoredObjects, route: Route, config: Object, at: FieldType, write: Write) -> Object:
    resource = route.resource
    if route.subresource:
        from podwalk.api.failures import not_found

        raise not_found(resource, route.name)
    obj = to_stored(resource, objects.decoded(resource, clone(config), write))
    obj["metadata"]["name"] = route.name
    if resource.namespaced:
        obj["metadata"]["namespace"] = route.namespace
    entry = _entry(objects, resource, config, at, write)
    ownership.store(obj, [entry])
    return objects.insert(resource, obj, write)


def _entry(objects: StoredObjects, resource: Resource, config: Object, at: FieldType, write: Write) -> Entry:
    fields = ownership.strip(fieldsets.of(config, at))
    if objects.strategy(resource).status:
        if write.subresource == "status":
            fields = {key: node for key, node in fields.items() if key in ("f:status", "f:metadata")}
        else:
            fields = fieldsets.without(fields, ("f:status",))
    now = objects.simulation.timestamp()
    return Entry(write.manager, "Apply", resource.api_version, now, fields, write.subresource)


def _merge_for(
    objects: StoredObjects, resource: Resource, live: Object, config: Object, at: FieldType, write: Write
) -> tuple[Object, list[Entry]]:
    entries = ownership.read(live["metadata"].get("managedFields"))
    mine = _entry(objects, resource, config, at, write)
    try:
        new, result = merge_configuration(live, config, at, entries, mine, force=write.force)
    except Conflicts as conflicts:
        left = _not_last_applied(conflicts, live, at) if write.manager == _KUBECTL else conflicts.found
        if left:
            raise conflict_error(left) from conflicts
        new, result = merge_configuration(live, config, at, entries, mine, force=True)
    if write.manager == _KUBECTL:
        _refresh_last_applied(new, live, config)
    return new, result


def merge_configuration(
    live: Object, config: Object, at: FieldType, entries: list[Entry], mine: Entry, *, force: bool
) -> tuple[Object, list[Entry]]:
    """Return the merged object and who owns what then.

    Raises:
        Conflicts: fields of others would change, and ``force`` is not set.
    """
    others = [entry for entry in entries if not _same_applier(entry, mine)]
    before = next((entry.fields for entry in entries if _same_applier(entry, mine)), {})
    new = merge(_bare(live), _bare(config), at)
    if before:
        kept: Fields = mine.fields
        for entry in others:
            kept = fieldsets.union(kept, entry.fields)
        new = _prune(new, before, kept, at)
    compared = fieldsets.compare(_bare(live), new, at)
    changed, removed = ownership.strip(compared.changed), ownership.strip(compared.removed)
    disputed = [(entry, both) for entry in others if (both := fieldsets.intersection(entry.fields, changed))]
    if disputed and not force:
        raise Conflicts(disputed)
    gone = fieldsets.union(changed, removed)
    rest = [replace(entry, fields=fieldsets.difference(entry.fields, gone)) for entry in others]
    return new, [*rest, mine]


def _same_applier(entry: Entry, mine: Entry) -> bool:
    return (entry.manager, entry.operation, entry.subresource) == (mine.manager, "Apply", mine.subresource)


def _bare(obj: Object) -> Object:
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def merge(live: Any, config: Any, at: FieldType) -> Any:
    """Merge a configuration into a value by the types of the fields; neither is changed."""
    if isinstance(config, dict) and isinstance(live, dict) and at.map_type != "atomic":
        result = dict(live)
        for key, value in config.items():
            below = child_type(at, f"f:{key}")
            result[key] = merge(live[key], value, below) if key in live else clone(value)
        return result
    if isinstance(config, list) and isinstance(live, list) and at.list_type != "atomic":
        return _merge_items(live, config, at)
    return clone(config)


def _merge_items(live: list[Any], config: list[Any], at: FieldType) -> list[Any]:
    """Merge lists by their keys; the configuration decides the order of what it names.

    Source: ``mergingWalker.visitListItems``.
    """
    left = [(item_key(item, at), item) for item in live]
    right = [(item_key(item, at), item) for item in config]
    on_left = dict(left)
    on_right = {key for key, _ in right}
    shared = [key for key, _ in right if key in on_left]
    result: list[Any] = []
    merged: set[str | None] = set()
    i = j = 0
    item_type = at.item or FieldType("raw")
    while i < len(left) or j < len(right):
        if i < len(left):
            key, item = left[i]
            if key not in on_right:
                result.append(item)
                i += 1
                continue
            if key in merged or (j < len(right) and shared and key != shared[0]):
                i += 1
                continue
        if j < len(right):
            key, item = right[j]
            result.append(merge(on_left[key], item, item_type) if key in on_left else clone(item))
            merged.add(key)
            if shared and shared[0] == key:
                shared.pop(0)
            j += 1
    return result


def _prune(value: Any, before: Fields, kept: Fields, at: FieldType) -> Any:
    """Take out what the manager applied before and nobody owns now."""
    if isinstance(value, dict):
        result = {}
        for key, part in value.items():
            step = f"f:{key}"
            if (left := _prune_part(part, step, before, kept, at)) is not _GONE:
                result[key] = left
        return result
    if isinstance(value, list) and at.list_type != "atomic":
        items = []
        for part in value:
            step = item_key(part, at) or ""
            if (left := _prune_part(part, step, before, kept, at)) is not _GONE:
                items.append(left)
        return items
    return value


_GONE: Any = object()


def _prune_part(part: Any, step: str, before: Fields, kept: Fields, at: FieldType) -> Any:
    node = before.get(step)
    if node is None or step in ("f:apiVersion", "f:kind"):
        return part
    if step not in kept:
        return _GONE
    left = _prune(part, node, kept[step], child_type(at, step))
    return _GONE if part and not left and isinstance(left, dict | list) else left


def _unchanged_times(entries: list[Entry], before: list[Entry]) -> list[Entry]:
    """Keep the time of a row whose fields are what they were, so that an apply that changes nothing is none."""
    known = {(entry.identity, json.dumps(entry.fields, sort_keys=True)): entry.time for entry in before}
    if len(entries) != len(before):
        return entries
    times = [known.get((entry.identity, json.dumps(entry.fields, sort_keys=True))) for entry in entries]
    if None in times:
        return entries
    return [replace(entry, time=time) for entry, time in zip(entries, times, strict=True) if time is not None]


def conflict_error(found: list[tuple[Entry, Fields]]) -> ApiError:
    """Return the 409 that lists who owns the fields in dispute.

    Source: managedfields/internal/conflict.go.
    """
    listed = [(_manager(entry), fieldsets.shown(path)) for entry, fields in found for path in fieldsets.paths(fields)]
    causes = tuple(Cause("FieldManagerConflict", path, f"conflict with {manager}") for manager, path in listed)
    if len(listed) == 1:
        manager, path = listed[0]
        message = f"Apply failed with 1 conflict: conflict with {manager}: {path}"
    else:
        lines = []
        for manager in sorted({manager for manager, _ in listed}):
            lines.append(f"conflicts with {manager}:")
            lines += [f"- {path}" for owner, path in listed if owner == manager]
        message = f"Apply failed with {len(listed)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", message, causes=causes)


def _manager(entry: Entry) -> str:
    text = json.dumps(entry.manager, ensure_ascii=False)
    if entry.subresource:
        text += f" with subresource {json.dumps(entry.subresource)}"
    return f"{text} using {entry.version}" if entry.operation == "Update" else text


def _not_last_applied(conflicts: Conflicts, live: Object, at: FieldType) -> list[tuple[Entry, Fields]]:
    """Return the conflicts over fields that ``kubectl apply`` on the client's side did not set.

    Source: managedfields/internal/lastappliedmanager.go.
    """
    allowed = _last_applied_fields(live, at)
    left = [(entry, fieldsets.difference(fields, allowed)) for entry, fields in conflicts.found]
    return [(entry, fields) for entry, fields in left if fields]


def _last_applied_fields(live: Object, at: FieldType) -> Fields:
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        applied = json.loads(text or "")
    except ValueError:
        return {}
    if not isinstance(applied, dict) or applied.get("apiVersion") != live.get("apiVersion"):
        return {}
    differs = fieldsets.compare(applied, live, at)
    return fieldsets.difference(fieldsets.difference(fieldsets.of(applied, at), differs.changed), differs.removed)


def _refresh_last_applied(new: Object, live: Object, config: Object) -> None:
    """Keep the annotation of client-side apply in step, so that a learner may go back to it.

    Source: managedfields/internal/lastappliedupdater.go.
    """
    if LAST_APPLIED not in (live["metadata"].get("annotations") or {}):
        return
    annotations: Mapping[str, str] = (config.get("metadata") or {}).get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    applied = {**config, "metadata": {**config["metadata"], "annotations": kept}}
    text = json.dumps(applied, separators=(",", ":"), ensure_ascii=False, sort_keys=True) + "\n"
    new["metadata"] = {**new["metadata"], "annotations": {**new["metadata"].get("annotations", {}), LAST_APPLIED: text}}
