"""Sets of field paths, in the very form in which ``managedFields`` writes them (``FieldsV1``).

A set is a tree of dicts: ``f:NAME`` a field, ``k:{…}`` an item of a list by its keys, ``v:…`` an item by its value. An
empty node is a path of the
set; a node with children is one too if it holds ``.``. The trees are never changed: every function returns a new one
that shares what stays.

Source: sigs.k8s.io/structured-merge-diff, fieldpath and typed (``compare.go``, ``tofieldset.go``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from podwalk.api.schema import FieldType

Fields = dict[str, Any]
_SELF = "."
_ABSENT: Any = object()
_RAW = FieldType("raw")
_KEY_DEFAULTS = {"protocol": "TCP"}
"""The defaults of keys of ``map`` lists, which an applied configuration may leave out."""


def is_member(node: Fields) -> bool:
    """Say whether a node's own path is in the set."""
    return not node or _SELF in node


def union(one: Fields, other: Fields) -> Fields:
    """Return the paths of either set."""
    if not one or one is other:
        return other
    result = one
    for key, node in other.items():
        mine = one.get(key, _ABSENT)
        both = node if mine is _ABSENT else _union_node(mine, node)
        if both is not mine:
            if result is one:
                result = dict(one)
            result[key] = both
    return one if result is one else sort(result)


def _union_node(one: Fields, other: Fields) -> Fields:
    if one == other:
        return one
    member = is_member(one) or is_member(other)
    return _node(member, union(_children(one), _children(other)))


def difference(one: Fields, other: Fields) -> Fields:
    """Return the paths of the first set that the second lacks; the very set if it lacks them all."""
    if not other or not one:
        return one
    result, same = {}, True
    for key, node in one.items():
        against = other.get(key, _ABSENT)
        kept = node if against is _ABSENT else _node_difference(node, against)
        if kept is not None:
            result[key] = kept
        same = same and kept is node
    return one if same else result


def _node_difference(node: Fields, against: Fields) -> Fields | None:
    member = is_member(node)
    stays = member and not is_member(against)
    children = _children(node)
    left = difference(children, _children(against))
    if left is children and stays == member and (stays or left):
        return node
    return _node(stays, left) if stays or left else None


def intersection(one: Fields, other: Fields) -> Fields:
    """Return the paths of both sets."""
    result = {}
    for key, node in one.items():
        against = other.get(key, _ABSENT)
        if against is _ABSENT:
            continue
        member = is_member(node) and is_member(against)
        children = intersection(_children(node), _children(against))
        if member or children:
            result[key] = _node(member, children)
    return result


def without(fields: Fields, path: tuple[str, ...]) -> Fields:
    """Return a set less a path and everything below it."""
    node = fields.get(path[0], _ABSENT)
    if node is _ABSENT:
        return fields
    rest = {key: value for key, value in fields.items() if key != path[0]}
    if len(path) == 1:
        return rest
    children = without(_children(node), path[1:])
    if children or is_member(node):
        rest[path[0]] = _node(is_member(node), children)
    return {key: rest[key] for key in fields if key in rest}


def paths(fields: Fields, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of a set, parents before children."""
    for key, node in fields.items():
        if key == _SELF:
            continue
        path = (*prefix, key)
        if is_member(node):
            yield path
        yield from paths(node, path)


def shown(path: tuple[str, ...]) -> str:
    """Return a path as messages print it: ``.spec.containers[name="c"].image``."""
    text = ""
    for step in path:
        kind, value = step[:2], step[2:]
        if kind == "f:":
            text += f".{value}"
        elif kind == "k:":
            keys = json.loads(value)
            inner = ",".join(f"{key}={json.dumps(keys[key])}" for key in sorted(keys))
            text += f"[{inner}]"
        else:
            text += f"[={value}]"
    return text


def _children(node: Fields) -> Fields:
    return {key: value for key, value in node.items() if key != _SELF} if _SELF in node else node


def _node(member: bool, children: Fields) -> Fields:
    if not member or not children:
        return children
    return {_SELF: {}, **children}


def sort(fields: Fields) -> Fields:
    """Return a node with its keys in the order of ``FieldsV1``."""
    return {key: fields[key] for key in sorted(fields, key=_rank)} if len(fields) > 1 else fields


@lru_cache(maxsize=16_384)
def _rank(key: str) -> tuple[str, tuple[tuple[int, Any], ...] | str]:
    if not key.startswith("k:"):
        return key[:2], key
    values = json.loads(key[2:])
    ranked = (
        (0, value) if isinstance(value, bool | int | float) else (1, str(value)) for _, value in sorted(values.items())
    )
    return "k:", tuple(ranked)


@dataclass(frozen=True)
class Comparison:
    """What differs between two objects.

    Attributes:
        removed: paths that only the first has.
        changed: paths that only the second has, or that differ.
    """

    removed: Fields
    changed: Fields


def compare(old: Any, new: Any, at: FieldType) -> Comparison:
    """Compare two objects of a type, cheap where they are the same."""
    removed, changed = _compare(old, new, at)
    return Comparison(_children(removed or {}), _children(changed or {}))


_Nodes = tuple[Fields | None, Fields | None]
_SAME: _Nodes = (None, None)


def _compare(old: Any, new: Any, at: FieldType) -> _Nodes:
    if old is new or (type(old) is type(new) and old == new):
        return _SAME
    if old is _ABSENT:
        return None, everything(new, at)
    if new is _ABSENT:
        return everything(old, at), None
    if not old and not new:
        return None, {}
    if _has_entries(old, at) and _has_entries(new, at):
        return _compare_entries(old or {}, new or {}, at)
    was, now = _items(old, at), _items(new, at)
    if was is None or now is None:
        return None, {}
    return _compare_items(was, now, at.item or _RAW)


def _has_entries(value: Any, at: FieldType) -> bool:
    """Say whether a value is a structure or a map whose entries have owners each, or is not there."""
    return value is None or (
        isinstance(value, dict) and at.map_type != "atomic" and at.kind in ("struct", "map", "raw")
    )


def _items(value: Any, at: FieldType) -> Mapping[str, Any] | None:
    if value is None:
        return {}
    if not isinstance(value, list) or at.list_type == "atomic":
        return None
    named: dict[str, Any] = {}
    for item in value:
        key = item_key(item, at)
        if key is None or key in named:
            return None
        named[key] = item
    return named


def item_key(item: Any, at: FieldType) -> str | None:
    """Return the step that names an item of a ``map`` or ``set`` list; None if it has no key."""
    if at.list_type == "set":
        return f"v:{json.dumps(item, separators=(',', ':'), ensure_ascii=False, sort_keys=True)}"
    if not isinstance(item, dict):
        return None
    keys = {}
    for name in sorted(at.list_map_keys):
        value = item.get(name, _KEY_DEFAULTS.get(name))
        if value is not None:
            keys[name] = value
    if not keys:
        return None
    return f"k:{json.dumps(keys, separators=(',', ':'), ensure_ascii=False)}"


def _compare_entries(old: Mapping[str, Any], new: Mapping[str, Any], at: FieldType) -> _Nodes:
    removed: Fields = {}
    changed: Fields = {}
    fields, item = at.fields if at.kind == "struct" else {}, at.item or _RAW
    for name, was in old.items():
        now = new.get(name, _ABSENT)
        if now is not was:
            _note(f"f:{name}", _compare(was, now, fields.get(name, item)), removed, changed)
    for name, now in new.items():
        if name not in old:
            changed[f"f:{name}"] = everything(now, fields.get(name, item))
    return _in_order(removed) or None, _in_order(changed) or None


def _compare_items(old: Mapping[str, Any], new: Mapping[str, Any], item: FieldType) -> _Nodes:
    removed: Fields = {}
    changed: Fields = {}
    for key in (*old, *(key for key in new if key not in old)):
        _note(key, _compare(old.get(key, _ABSENT), new.get(key, _ABSENT), item), removed, changed)
    return sort(removed) or None, sort(changed) or None


def _note(key: str, nodes: _Nodes, removed: Fields, changed: Fields) -> None:
    gone, come = nodes
    if gone is not None:
        removed[key] = gone
    if come is not None:
        changed[key] = come


def _in_order(fields: Fields) -> Fields:
    """Sort a node of fields alone, whose order is that of their names."""
    return dict(sorted(fields.items())) if len(fields) > 1 else fields


def everything(value: Any, at: FieldType) -> Fields:
    """Return the node of a value that was not there before: its own path and all below it."""
    if not value:
        return {}
    if isinstance(value, dict):
        if not _has_entries(value, at):
            return {}
        fields, item = at.fields if at.kind == "struct" else {}, at.item or _RAW
        return {_SELF: {}} | {f"f:{name}": everything(value[name], fields.get(name, item)) for name in sorted(value)}
    items = _items(value, at)
    if not items:
        return {}
    item = at.item or _RAW
    return {_SELF: {}, **sort({key: everything(part, item) for key, part in items.items()})}


def child_type(at: FieldType, key: str) -> FieldType:
    """Return the type below a step."""
    if at.kind == "struct" and key.startswith("f:"):
        return at.fields.get(key[2:], _RAW)
    return at.item or _RAW


def _parts(value: Any, at: FieldType) -> Mapping[str, Any] | None:
    if not value or not isinstance(value, dict | list):
        return None
    if isinstance(value, dict):
        return {f"f:{key}": entry for key, entry in value.items()} if _has_entries(value, at) else None
    return _items(value, at)


def of(value: Any, at: FieldType) -> Fields:
    """Return the paths of an applied configuration: its leaves, and the items of its lists.

    Source: ``toFieldSetWalker``.
    """
    return _children(_of(value, at))


def _of(value: Any, at: FieldType) -> Fields:
    parts = _parts(value, at)
    if not parts:
        return {}
    result: Fields = {}
    for key, part in parts.items():
        below = child_type(at, key)
        node = _of(part, below)
        if node and not is_member(node) and (key[0] != "f" or at.kind in ("map", "raw")):
            node = {_SELF: {}, **node}
        result[key] = node
    return sort(result)
