"""JSON trees: copying and reading them."""

from __future__ import annotations

from typing import Any

from podwalk.types import Object


def clone(value: Any) -> Any:
    """Copy a JSON value, all the way down; several times faster than :func:`copy.deepcopy`, which handles cycles."""
    kind = type(value)
    if kind is dict:
        return {key: clone(item) if type(item) in (dict, list) else item for key, item in value.items()}
    if kind is list:
        return [clone(item) if type(item) in (dict, list) else item for item in value]
    return value


def dig(obj: Any, *path: str) -> Any:
    """Return what is at a path of keys, or None where it ends early."""
    for name in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(name)
    return obj


def name_of(obj: Object) -> str:
    """Return ``metadata.name``, or nothing if there is none yet."""
    name = (obj.get("metadata") or {}).get("name")
    return name if isinstance(name, str) else ""


def drop(obj: Object, key: str, value: Any) -> None:
    """Set a key, or take it out if the value is None."""
    if value is None:
        obj.pop(key, None)
    else:
        obj[key] = value
