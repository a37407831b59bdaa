"""What the API server says of a strategic merge patch whose values do not fit: it never was JSON to Go's decoder.

Source: k8s.io/apimachinery/pkg/runtime/converter.go, ``fromUnstructured``.
"""

from __future__ import annotations

from typing import Any

from podwalk.api.schema import FieldType

# A bool is an int to Python, so it comes first; numbers may be of a subclass that keeps how they were written.
_KINDS = ((bool, "bool"), (int, "int64"), (float, "float64"), (str, "string"), (list, "slice"), (dict, "map"))
_CONTAINERS = {"struct": (dict, "cannot restore struct from: "), "map": (dict, "cannot restore map from ")}


def problem(value: Any, at: FieldType) -> str:
    """Return why a patched object cannot be restored into its type: the first reason; empty if there is none here.

    Args:
        value: the patched object, or a part of it.
        at: its type.
    """
    if value is None:
        return ""
    if at.kind in ("struct", "map", "list"):
        return _of_container(value, at)
    got = _kind(value)
    if at.kind == "string" and got != "string":
        return f"cannot convert int64 to {at.go}" if got == "int64" else "unrecognized type: string"
    if at.kind == "boolean" and got != "bool":
        return "unrecognized type: bool"
    if at.kind == "integer" and got != "int64":
        return f"cannot convert float64 to {at.go}" if got == "float64" else f"unrecognized type: {at.go}"
    return ""


def _kind(value: Any) -> str:
    return next(name for kind, name in _KINDS if isinstance(value, kind))


def _of_container(value: Any, at: FieldType) -> str:
    wanted, said = _CONTAINERS.get(at.kind, (list, "cannot restore slice from "))
    if not isinstance(value, wanted):
        return said + _kind(value)
    named = value.items() if isinstance(value, dict) else (("", item) for item in value)
    for name, part in named:
        below = at.fields.get(name) if at.kind == "struct" else at.item
        if below is not None and (found := problem(part, below)):
            return found
    return ""
