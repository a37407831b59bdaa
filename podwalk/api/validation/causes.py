"""The causes of an ``Invalid`` answer, in the words of the API.

Source: k8s.io/apimachinery/pkg/util/validation/field, ``Error.ErrorBody``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from podwalk.errors import Cause

Causes = Iterator[Cause]

IMMUTABLE = "field is immutable"
NOT_NEGATIVE = "must be greater than or equal to 0"


def render(value: Any) -> str:
    """Render a value as messages quote it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def ordered(value: Any) -> Any:
    """Sort the keys of maps, at every depth, as Go prints them."""
    if not isinstance(value, dict):
        return value
    return {key: ordered(value[key]) for key in sorted(value)}


def required(path: str, detail: str = "") -> Cause:
    """Say that a value is missing."""
    return Cause("FieldValueRequired", path, _join("Required value", detail))


def invalid(path: str, value: Any, detail: str) -> Cause:
    """Say that a value is wrong."""
    return Cause("FieldValueInvalid", path, _join(f"Invalid value: {render(value)}", detail))


def not_supported(path: str, value: Any, allowed: Iterable[str]) -> Cause:
    """Say that a value is none of those allowed."""
    values = ", ".join(render(one) for one in allowed)
    return Cause("FieldValueNotSupported", path, f"Unsupported value: {render(value)}: supported values: {values}")


def forbidden(path: str, detail: str) -> Cause:
    """Say that a value may not be there."""
    return Cause("FieldValueForbidden", path, _join("Forbidden", detail))


def duplicate(path: str, value: Any) -> Cause:
    """Say that a value is there twice."""
    return Cause("FieldValueDuplicate", path, f"Duplicate value: {render(value)}")


def not_found(path: str, value: Any) -> Cause:
    """Say that what a value names is not there."""
    return Cause("FieldValueNotFound", path, f"Not found: {render(value)}")


def too_long(path: str, limit: int) -> Cause:
    """Say that a text is longer than a number of bytes."""
    return Cause("FieldValueTooLong", path, f"Too long: may not be more than {limit} bytes")


def too_many(path: str, count: int, limit: int) -> Cause:
    """Say that a list is longer than a number of items."""
    unit = "item" if limit == 1 else "items"
    return Cause("FieldValueTooMany", path, f"Too many: {count}: must have at most {limit} {unit}")


def each(path: str, value: Any, problems: Sequence[str]) -> Causes:
    """Make one cause of each problem of a value."""
    return (invalid(path, value, problem) for problem in problems)


def immutable(path: str, new: Any, old: Any) -> Causes:
    """Say that a value may not change."""
    if new != old:
        yield invalid(path, new, IMMUTABLE)


def not_negative(path: str, value: Any) -> Causes:
    """Say that a number may not be negative."""
    if value is not None and value < 0:
        yield invalid(path, value, NOT_NEGATIVE)


def positive(path: str, value: Any) -> Causes:
    """Say that a number must be greater than zero."""
    if value is None or value <= 0:
        yield invalid(path, value or 0, "must be greater than zero")


def one_of(path: str, value: Any, allowed: Iterable[str], *, detail: str = "") -> Causes:
    """Say that a value is missing, or none of those allowed."""
    if value in (None, ""):
        yield required(path, detail)
    elif value not in allowed:
        yield not_supported(path, value, allowed)


def _join(head: str, detail: str) -> str:
    return f"{head}: {detail}" if detail else head


class Late(Cause):
    """A cause found by the rules that the API generates from its types, which it lists after those written by hand."""


def late(cause: Cause) -> Cause:
    """Mark a cause that comes after the others."""
    return Late(cause.reason, cause.field, cause.message)
