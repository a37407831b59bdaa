"""JSON as CEL sees it: the schema says whether a text is a duration, and how a field's name is written.

Source: k8s.io/apiserver/pkg/cel/common/values.go and escaping.go.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from celpy import celtypes as cel

_RESERVED = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
]
_SPECIAL = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def escape(name: str) -> str:
    """Return a field's name as a rule writes it, e.g. ``a__dash__b``."""
    if name in _RESERVED:
        return f"__{name}__"
    for plain, written in _SPECIAL.items():
        name = name.replace(plain, written)
    return name


def convert(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a JSON value as a CEL value.

    Args:
        value: any JSON.
        schema: the structural schema of the value; empty where nothing is known of it.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return cel.BoolType(value)
    if isinstance(value, dict):
        return _convert_object(value, schema)
    if isinstance(value, list):
        return cel.ListType([convert(item, schema.get("items") or {}) for item in value])
    if isinstance(value, str):
        return _convert_text(value, schema.get("format", ""))
    return cel.DoubleType(value) if isinstance(value, float) or schema.get("type") == "number" else cel.IntType(value)


def _convert_object(value: Mapping[str, Any], schema: Mapping[str, Any]) -> cel.MapType:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    below = extra if isinstance(extra, dict) else {}
    is_map = not properties and bool(extra)
    return cel.MapType(
        {
            cel.StringType(name if is_map else escape(name)): convert(part, properties.get(name, below))
            for name, part in value.items()
        }
    )


def _convert_text(value: str, form: str) -> Any:
    if form == "duration":
        return cel.DurationType(value)
    if form == "date-time":
        return cel.TimestampType(value)
    if form == "byte":
        return cel.BytesType(base64.b64decode(value))
    return cel.StringType(value)
