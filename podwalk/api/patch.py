"""Patches: JSON Patch, merge patch and strategic merge patch, with the API server's refusals.

JSON Patch is the jsonpatch library's. A merge patch is RFC 7396's few lines. The strategic merge patch is Kubernetes'
own: lists are merged by
their keys, and ``$patch``, ``$retainKeys``, ``$deleteFromPrimitiveList`` and ``$setElementOrder`` say what a merge
cannot.

Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go, k8s.io/apimachinery/pkg/util/strategicpatch.
"""

from __future__ import annotations

import json
from typing import Any

import jsonpatch
import jsonpointer

from podwalk.api import failures
from podwalk.api.bodies import NotJsonError, json_kind, parse_json
from podwalk.api.failures import bad_request
from podwalk.api.schema import FieldType
from podwalk.api.trees import clone
from podwalk.errors import ApiError
from podwalk.types import Object

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_MAX_OPERATIONS = 10_000
_OPERATIONS = {"add", "remove", "replace", "move", "copy", "test"}


def apply(patch_type: str, body: bytes, obj: Object, at: FieldType) -> Object:
    """Return a patched copy of an object.

    Args:
        patch_type: the media type of the body.
        body: the patch.
        obj: what is stored; it is not changed.
        at: the schema of the object, for a strategic merge.

    Raises:
        ApiError: 400 for a patch that is none, 422 for one that does not fit the object.
    """
    if patch_type == JSON_PATCH:
        return _json_patch(body, obj)
    try:
        patch = parse_json(body)
    except NotJsonError as error:
        raise bad_request("invalid JSON patch") from error
    if patch is None and patch_type == STRATEGIC_PATCH:
        patch = {}
    if not isinstance(patch, dict):
        raise bad_request(f"json: cannot unmarshal {json_kind(patch)} into Go value of type map[string]interface {{}}")
    if patch_type == MERGE_PATCH:
        return _as_object(merge(clone(obj), patch))
    return _as_object(strategic(clone(obj), patch, at))


def _as_object(value: Any) -> Object:
    if not isinstance(value, dict) or not isinstance(value.get("metadata", {}), dict):
        raise failures.unprocessable()
    return value


def _json_patch(body: bytes, obj: Object) -> Object:
    try:
        operations = parse_json(body)
    except NotJsonError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    if not isinstance(operations, list):
        message = f"json: cannot unmarshal {json_kind(operations)} into Go value of type []handlers.jsonPatchOp"
        raise bad_request(f"error decoding patch: {message}")
    if len(operations) > _MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(operations)}"
        raise ApiError(413, "RequestEntityTooLarge", message)
    for operation in operations:
        if not isinstance(operation, dict):
            message = f"json: cannot unmarshal {json_kind(operation)} into Go value of type handlers.jsonPatchOp"
            raise bad_request(f"error decoding patch: {message}")
        if operation.get("op") not in _OPERATIONS:
            raise failures.unprocessable()
    try:
        return _as_object(jsonpatch.apply_patch(clone(obj), operations))
    except (
        jsonpatch.JsonPatchException,
        jsonpointer.JsonPointerException,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise failures.unprocessable() from error
    except RecursionError as error:
        raise failures.unprocessable() from error


def merge(target: Any, patch: Any) -> Any:
    """Apply a merge patch, changing the target where it can.

    Source: RFC 7396.
    """
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merge(target.get(key), value)
    return target


_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def strategic(target: Any, patch: Object, at: FieldType | None) -> Any:
    """Apply a strategic merge patch to a map, changing the target.

    Args:
        target: the map, or anything else if there is none.
        patch: the patch of that map.
        at: its type; None or ``raw`` where it is not known.

    Raises:
        ApiError: 400 for a directive that does not exist, a list entry without its merge key and the like. A real
            cluster has the same words, but answers some of these faults of the client with 500.
    """
    if _DIRECTIVE in patch:
        directive = patch[_DIRECTIVE]
        if directive == "replace":
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        if directive == "delete":
            return {}
        raise _unknown_directive(patch)
    if not isinstance(target, dict):
        target = {}
    _retain(target, patch)
    for key, value in patch.items():
        if key in (_DIRECTIVE, _RETAIN) or key.startswith(_ORDER):
            continue
        if key.startswith(_DELETE_FROM):
            _delete_listed(target, key.removeprefix(_DELETE_FROM), value, at)
            continue
        field = _field(at, key)
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            replace = field is not None and field.kind == "raw"
            target[key] = merge(target.get(key), value) if replace else strategic(target.get(key), value, field)
        elif isinstance(value, list):
            target[key] = _merge_list(target.get(key), value, field, patch.get(f"{_ORDER}{key}"))
        else:
            target[key] = value
    _order_untouched(target, patch, at)
    return target


def _field(at: FieldType | None, key: str) -> FieldType | None:
    if at is None:
        return None
    if at.kind == "map":
        return at.item
    return at.fields.get(key) if at.kind == "struct" else None


def _retain(target: Object, patch: Object) -> None:
    keys = patch.get(_RETAIN)
    if keys is None:
        return
    sets = [key for key in patch if not key.startswith("$") and patch[key] is not None]
    if not isinstance(keys, list) or any(key not in keys for key in sets):
        raise bad_request("invalid patch format of retainKeys")
    for key in [key for key in target if key not in keys]:
        del target[key]


def _unknown_directive(patch: Object) -> ApiError:
    return bad_request(f"unknown patch type: {_go_string(patch[_DIRECTIVE])} in map: {go_text(patch)}")


def _delete_listed(target: Object, key: str, values: Any, at: FieldType | None) -> None:
    """Take what a ``$deleteFromPrimitiveList`` lists out of the list that it names.

    On anything but a list of scalars it is what a patch without this prefix is, as upstream has it.
    """
    current: Any = target.get(key)
    if values is None:
        target.pop(key, None)
    elif key in target and type(current) is type(values):
        scalars = isinstance(values, list) and not any(isinstance(item, dict) for item in current)
        if not scalars:
            strategic(target, {key: values}, at)
            return
        _check_types(current, values)
        target[key] = [item for item in current if item not in values]


def _check_types(live: list[Any], patch: list[Any]) -> None:
    """Hold the elements of a list and of its patch to one type."""
    if len({type(item) for item in (*live, *patch)}) > 1:
        raise bad_request(f"list element types are not identical: {go_text([live, patch])}")


def _merge_list(target: Any, patch: list[Any], field: FieldType | None, order: Any) -> list[Any]:
    if field is None or "merge" not in field.patch_strategy.split(","):
        return [item for item in patch if not (isinstance(item, dict) and item.keys() == {_DIRECTIVE})]
    live = list(target) if isinstance(target, list) else []
    _check_order(patch, order, field.merge_key)
    _check_types(live, patch)
    if not field.merge_key:
        merged = [*live, *(item for item in patch if item not in live)]
        return _ordered(_ordered(merged, None, patch, live), None, order, live)
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "replace")]
    merged = list(live)
    for item in patch:
        merged = _merge_item(merged, item, field)
    return _ordered(_ordered(merged, field.merge_key, patch, live), field.merge_key, order, live)


def _check_order(patch: list[Any], order: Any, key: str) -> None:
    """Hold the entries of a patch to the order that it gives itself.

    Source: strategicpatch's ``validatePatchWithSetOrderList``.
    """
    if order is None:
        return
    if not isinstance(order, list):
        raise bad_request(f"expected a []interface {{}}, but received a {_go_type(order)}")
    kept = [item for item in patch if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "delete")]
    expected = iter([_named(item, key) for item in order])
    if order and not all(_named(item, key) in expected for item in kept):
        lists = f"The order in patch list:\n{go_text(patch)}\n doesn't match $setElementOrder list:\n{go_text(order)}\n"
        raise bad_request(lists)


def _named(item: Any, key: str) -> Any:
    return _key_of(item, key) if key and isinstance(item, dict) else item


def _key_of(item: Object, key: str) -> Any:
    if key not in item:
        raise bad_request(f"map: {go_text(item)} does not contain declared merge key: {key}")
    return item[key]


def _go_type(value: Any) -> str:
    if isinstance(value, dict):
        return "map[string]interface {}"
    return {bool: "bool", int: "int64", float: "float64"}.get(type(value), "string")


def _merge_item(current: list[Any], item: Object, field: FieldType) -> list[Any]:
    key = field.merge_key
    if item.get(_DIRECTIVE) == "merge":
        raise bad_request("merging lists cannot yet be specified in the patch")
    if item.get(_DIRECTIVE, "delete") != "delete":
        raise _unknown_directive(item)
    _key_of(item, key)
    found = [i for i, one in enumerate(current) if isinstance(one, dict) and one.get(key) == item[key]]
    if item.get(_DIRECTIVE) == "delete":
        return [one for i, one in enumerate(current) if i not in found]
    if not found:
        return [*current, strategic({}, item, field.item)]
    current[found[0]] = strategic(current[found[0]], item, field.item)
    return current


def go_text(value: Any) -> str:
    """Return a JSON value as Go's ``%v`` prints it."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(go_text(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "<nil>" if value is None else str(value)


def _go_string(value: Any) -> str:
    """Return a JSON value as Go's ``%s`` prints it, which names the type of what is no text."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go_inner(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_go_inner, value)) + "]"
    if value is None:
        return "%!s(<nil>)"
    return value if isinstance(value, str) else f"%!s({_go_type(value)}={go_text(value)})"


def _go_inner(value: Any) -> str:
    return "<nil>" if value is None else _go_string(value)


def _ordered(items: list[Any], key: str | None, order: Any, live: list[Any]) -> list[Any]:
    """Put the items that ``order`` names in its order; the others stay before those that they were before.

    Source: strategicpatch's ``normalizeElementOrder`` and ``mergeSortedSlice``.

    Args:
        items: the merged list.
        key: the merge key; None for a list of scalars.
        order: the patch, or its ``$setElementOrder``; anything but a list changes nothing.
        live: the list before the patch.
    """
    if not isinstance(order, list):
        return items

    def identity(item: Any) -> str:
        named = item.get(key) if key and isinstance(item, dict) else item
        return json.dumps(named, sort_keys=True)

    rank = {identity(entry): position for position, entry in enumerate(order)}
    before = {identity(entry): position for position, entry in enumerate(live)}
    named = sorted((item for item in items if identity(item) in rank), key=lambda item: rank[identity(item)])
    others = [item for item in items if identity(item) not in rank]
    result: list[Any] = []
    while named and others:
        # What is new has no place in the live list, and goes first.
        first, second = before.get(identity(others[0])), before.get(identity(named[0]))
        stays_before = first is not None and second is not None and first < second
        result.append((others if stays_before else named).pop(0))
    return [*result, *named, *others]


def _order_untouched(target: Object, patch: Object, at: FieldType | None) -> None:
    """Order a list that the patch names in ``$setElementOrder`` only."""
    for key, order in patch.items():
        name = key.removeprefix(_ORDER)
        if key.startswith(_ORDER) and name not in patch and isinstance(target.get(name), list):
            field = _field(at, name)
            _check_order([], order, field.merge_key if field else "")
            target[name] = _ordered(target[name], (field.merge_key or None) if field else None, order, target[name])
