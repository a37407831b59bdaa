"""Sets of field paths, in the very form in which ``managedFields`` writes them (``FieldsV1``).

A set is a tree of dicts: ``f:NAME`` a field, ``k:{…}`` an item of a list by its keys, ``v:…`` an item by its value. An
empty node is a path of the
set; a node with children is one too if it holds ``.``. The trees are never changed: every function returns a new one
that shares what stays.

Source: sigs.k8s.io/structured-merge-diff, fieldpath and typed (``compare.go``, ``tofieldset.go``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
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
    if not other:
        return one
    result = dict(one)
    for key, node in other.items():
        mine = result.get(key, _ABSENT)
        result[key] = node if mine is _ABSENT else _union_node(mine, node)
    return sort(result)


def _union_node(one: Fields, other: Fields) -> Fields:
    if one == other:
        return one
    member = is_member(one) or is_member(other)
    return _node(member, union(_children(one), _children(other)))


def difference(one: Fields, other: Fields) -> Fields:
    """Return the paths of the first set that the second lacks."""
    if not other or not one:
        return one
    result = {}
    for key, node in one.items():
        against = other.get(key, _ABSENT)
        if against is _ABSENT:
            result[key] = node
            continue
        member = is_member(node) and not is_member(against)
        children = difference(_children(node), _children(against))
        if member or children:
            result[key] = _node(member, children)
    return result


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
    if old is new or (old == new and type(old) is type(new)):
        return _SAME
    if old is _ABSENT:
        return None, everything(new, at)
    if new is _ABSENT:
        return everything(old, at), None
    pick = _granular(old, new, at)
    if pick is None:
        return None, {}
    return _compare_children(pick(old, at), pick(new, at), at)


def _granular(old: Any, new: Any, at: FieldType) -> Callable[[Any, FieldType], Mapping[str, Any] | None] | None:
    """Return what takes the value apart, or None if it is compared whole."""
    if not old and not new:
        return None
    for take_apart in (_entries, _items):
        if all(value is None or take_apart(value, at) is not None for value in (old, new)):
            return take_apart
    return None


def _entries(value: Any, at: FieldType) -> Mapping[str, Any] | None:
    if value is None:
        return {}
    if not isinstance(value, dict) or at.map_type == "atomic" or at.kind not in ("struct", "map", "raw"):
        return None
    return {f"f:{key}": entry for key, entry in value.items()}


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


def _compare_children(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, at: FieldType) -> _Nodes:
    removed: Fields = {}
    changed: Fields = {}
    old, new = old or {}, new or {}
    for key in (*old, *(key for key in new if key not in old)):
        gone, come = _compare(old.get(key, _ABSENT), new.get(key, _ABSENT), child_type(at, key))
        if gone is not None:
            removed[key] = gone
        if come is not None:
            changed[key] = come
    return sort(removed) or None, sort(changed) or None


def child_type(at: FieldType, key: str) -> FieldType:
    """Return the type below a step."""
    if at.kind == "struct" and key.startswith("f:"):
        return at.fields.get(key[2:], _RAW)
    return at.item or _RAW


def everything(value: Any, at: FieldType) -> Fields:
    """Return the node of a value that was not there before: its own path and all below it."""
    parts = _parts(value, at)
    if not parts:
        return {}
    return {_SELF: {}, **sort({key: everything(part, child_type(at, key)) for key, part in parts.items()})}


def _parts(value: Any, at: FieldType) -> Mapping[str, Any] | None:
    if not value or not isinstance(value, dict | list):
        return None
    return _entries(value, at) if isinstance(value, dict) else _items(value, at)


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
