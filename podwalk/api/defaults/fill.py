"""Filling in one field of an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podwalk.types import Object


def fill(obj: Object, name: str, value: Any) -> None:
    """Set a field that is absent, null or empty text."""
    if obj.get(name) in (None, ""):
        obj[name] = value


def fill_absent(obj: Object, name: str, value: Any) -> None:
    """Set a field that is absent or null: a pointer in Go, whose empty text stays, to be refused later."""
    if obj.get(name) is None:
        obj[name] = value


def fill_int(obj: Object, name: str, value: int) -> None:
    """Set a number that is absent, null or zero: those that are no pointers in Go."""
    if not obj.get(name):
        obj[name] = value


def child(obj: Object, name: str) -> Object:
    """Return a structure that is always there, making it if it is not."""
    value = obj.get(name)
    if not isinstance(value, dict):
        value = obj[name] = {}
    return value


def items(obj: Object, name: str) -> Iterator[Object]:
    """Return the structures of a list that may be absent."""
    return (item for item in obj.get(name) or () if isinstance(item, dict))
