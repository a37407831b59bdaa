"""What Python's JSON reader forgets and the API quotes: numbers as they were written, and fields that repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Literally(float):
    """A number that is no whole number, as it was written."""

    text: str


class Repeated(dict[str, Any]):
    """An object in which a field occurs more than once; the last one counts."""

    pairs: list[tuple[str, Any]]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    repeated = Repeated(pairs)
    repeated.pairs = pairs
    return repeated


def _number(text: str) -> Literally:
    number = Literally(text)
    number.text = text
    return number


HOOKS: Mapping[str, Any] = {"object_pairs_hook": _object, "parse_float": _number}
"""For ``json.loads``; the values it gives are still dictionaries and floats."""
