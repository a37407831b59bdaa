"""Copying JSON values, which is several times faster than copying anything."""

from __future__ import annotations

from typing import TypeVar, cast

T = TypeVar("T")


def clone(value: T) -> T:
    """Return a deep copy of a JSON value."""
    if isinstance(value, dict):
        return cast(T, {key: clone(item) for key, item in value.items()})
    if isinstance(value, list):
        return cast(T, [clone(item) for item in value])
    return value


def ordered(value: T) -> T:
    """Return a deep copy of a JSON value whose fields are in alphabetical order, as Go writes a map."""
    if isinstance(value, dict):
        return cast(T, {key: ordered(value[key]) for key in sorted(value)})
    if isinstance(value, list):
        return cast(T, [ordered(item) for item in value])
    return value
