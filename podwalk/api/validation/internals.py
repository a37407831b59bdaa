"""Values as the API server holds them in memory, for the messages that print them so.

The difference of two PodSpecs is the one that learners meet.

Source: ``json.Marshal`` of the internal types, and k8s.io/apimachinery/pkg/util/diff.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from podwalk.types import Object


@dataclass(frozen=True)
class Member:
    """A field of an internal structure.

    Attributes:
        name: in Go.
        key: in the API's JSON.
        structure: of the field's value or items; empty for a leaf.
        many: whether it is a list of structures.
        pointer: whether it is null when absent.
        zero: what it is when absent, in JSON, if it is no pointer.
    """

    name: str
    key: str
    structure: str = ""
    many: bool = False
    pointer: bool = False
    zero: str = "null"


def internal(structure: str, value: Object) -> Object:
    """Return a value in the form in which the API server would print it."""
    return {member.name: _member(member, value.get(member.key)) for member in _layout(structure)}


def difference(structure: str, old: Object, new: Object) -> str:
    """Return the unified difference of two values, as the API server prints it."""
    before, after = (_lines(internal(structure, value)) for value in (old, new))
    return "".join(list(difflib.unified_diff(before, after, n=3))[2:])


def _lines(value: Object) -> list[str]:
    return [f"{line}\n" for line in json.dumps(value, indent=1, ensure_ascii=False).split("\n")]


def _member(member: Member, value: Any) -> Any:
    if member.structure:
        if member.many:
            return [internal(member.structure, item) for item in value] if value else None
        if value is None and member.pointer:
            return None
        return internal(member.structure, value or {})
    return json.loads(member.zero) if value is None else _leaf(value)


def _leaf(value: Any) -> Any:
    """Sort the keys of maps; what is empty is null, as after a round of storage."""
    if isinstance(value, dict):
        return {key: value[key] for key in sorted(value)} or None
    return None if value == [] else value


@cache
def _layout(structure: str) -> tuple[Member, ...]:
    return tuple(_members(structure))


def _members(structure: str) -> Iterator[Member]:
    for word in _rows()[structure]:
        if word.startswith("@"):
            yield from _layout(word[1:])
            continue
        field, _, form = word.partition(":")
        name, _, key = field.partition("=")
        key = key or name[0].lower() + name[1:]
        many, pointer = form.startswith("[]"), form.startswith("*")
        bare = form.removeprefix("[]").removeprefix("*")
        if bare in _rows():
            yield Member(name, key, bare, many, pointer)
        else:
            yield Member(name, key, zero=form or "null")


@cache
def _rows() -> Mapping[str, tuple[str, ...]]:
    text = resources.files("podwalk.api.validation").joinpath("internals.txt").read_text(encoding="utf-8")
    rows: dict[str, tuple[str, ...]] = {}
    structure = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        words = tuple(line.split())
        if not line.startswith(" "):
            structure, words = words[0], words[1:]
        rows[structure] = rows.get(structure, ()) + words
    return rows
