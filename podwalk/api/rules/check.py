"""Whether an object keeps to its rules: each where it stands, in the API server's words.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podwalk.errors import Cause
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.api.rules.tree import Node, Rule

ABSENT = object()
"""No old value: the object is new, or this part of it is, or it cannot be told which part it was."""


@dataclass(frozen=True)
class _Place:
    """A value, its predecessor, and where it stands."""

    value: Any
    old: Any
    path: str

    def below(self, step: str, value: Any, old: Any) -> _Place:
        joined = f"{self.path}{step}" if step.startswith("[") or not self.path else f"{self.path}.{step}"
        return _Place(value, old, joined)

    @property
    def field(self) -> str:
        """The path as a cause names it."""
        return self.path or "<nil>"


def visible(obj: Object) -> Object:
    """Return what the rules at the root may read of an object: of its metadata, the names alone."""
    metadata = {key: obj["metadata"][key] for key in ("name", "generateName") if obj["metadata"].get(key)}
    return {**obj, "metadata": metadata}


def check(node: Node, value: Any, old: Any = ABSENT) -> list[Cause]:
    """Return what breaks the rules of a schema.

    Args:
        node: the rules.
        value: the whole object as JSON.
        old: the object before, if there was one.
    """
    return list(_check(node, _Place(value, old, "")))


def _check(node: Node, place: _Place) -> Iterator[Cause]:
    unchanged = place.old is not ABSENT and place.old == place.value
    for rule in node.rules:
        if (unchanged and not rule.program.about_change) or place.value is None:
            continue  # what was stored already may stay as it is
        if rule.program.about_change and place.old is ABSENT and not rule.optional_old:
            continue
        yield from _break(rule, node, place)
    yield from _check_below(node, place)


def _check_below(node: Node, place: _Place) -> Iterator[Cause]:
    if isinstance(place.value, dict):
        for name, part in place.value.items():
            if node.extra and name not in (node.schema.get("properties") or {}):
                yield from _check(node.extra, place.below(f"[{name}]", part, _member(place.old, name)))
        for name, below in node.properties.items():
            if name in place.value:
                yield from _check(below, place.below(name, place.value[name], _member(place.old, name)))
    elif isinstance(place.value, list) and node.items:
        for index, item in enumerate(place.value):
            yield from _check(node.items, place.below(f"[{index}]", item, _same_item(node, place.old, item)))


def _member(old: Any, name: str) -> Any:
    return old.get(name, ABSENT) if isinstance(old, dict) else ABSENT


def _same_item(node: Node, old: Any, item: Any) -> Any:
    """Return the item of the old list that has the same keys; only lists that are maps tell."""
    keys = node.schema.get("x-kubernetes-list-map-keys")
    if not (keys and isinstance(old, list) and isinstance(item, dict)):
        return ABSENT
    return next((one for one in old if all(one.get(key) == item.get(key) for key in keys)), ABSENT)


def _break(rule: Rule, node: Node, place: _Place) -> Iterator[Cause]:
    """Yield a cause if a rule does not hold for a value."""
    from podwalk.api.rules.program import RuleError

    variables = _variables(rule, node.schema, place)
    default = rule.message or f"failed rule: {rule.program.text.strip()}"
    try:
        if rule.program.evaluate(variables):
            return
    except RuleError as error:
        about = rule.message or rule.program.text.strip()
        kind = node.schema.get("type", "")
        yield Cause("FieldValueInvalid", place.field, f'Invalid value: "{kind}": {error} evaluating rule: {about}')
        return
    message = _message(rule, variables) or default
    where = place.field if not rule.field_path else f"{place.path}{rule.field_path}".lstrip(".")
    yield Cause(rule.reason, where, _words(rule.reason, place.value, message))


def _variables(rule: Rule, schema: Mapping[str, Any], place: _Place) -> dict[str, Any]:
    from podwalk.api.rules.functions import Optional
    from podwalk.api.rules.values import convert

    variables = {"self": convert(place.value, schema)}
    old = None if place.old is ABSENT else convert(place.old, schema)
    if rule.program.about_change:
        variables["oldSelf"] = Optional(old) if rule.optional_old else old
    return variables


def _message(rule: Rule, variables: Mapping[str, Any]) -> str:
    from podwalk.api.rules.program import RuleError

    if rule.message_expression is None:
        return ""
    try:
        said = str(rule.message_expression.evaluate(variables)).strip()
    except RuleError:
        return ""
    return "" if "\n" in said else said


def _words(reason: str, value: Any, message: str) -> str:
    shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if reason == "FieldValueForbidden":
        return f"Forbidden: {message}"
    if reason == "FieldValueRequired":
        return f"Required value: {message}"
    if reason == "FieldValueDuplicate":
        return f"Duplicate value: {shown}"
    return f"Invalid value: {message}" if isinstance(value, dict | list) else f"Invalid value: {shown}: {message}"
