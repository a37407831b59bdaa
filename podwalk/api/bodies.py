"""The bodies of requests: from bytes to a JSON object, with the words of Go's scanner for what is none.

Source: k8s.io/apimachinery/pkg/runtime/serializer/json, Go's encoding/json (scanner.go).
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from podwalk.api.failures import bad_request
from podwalk.api.literals import HOOKS
from podwalk.errors import ApiError
from podwalk.types import Object

_INTO = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
_SUMMARY_LIMIT = 30


class NotJsonError(ValueError):
    """Bytes that are no JSON, in the words of Go's scanner."""


def parse_json(data: bytes) -> Any:
    """Parse JSON of any kind, keeping what :mod:`podwalk.api.literals` keeps.

    Raises:
        NotJsonError: when it is none.
    """
    try:
        return json.loads(data.decode("utf-8", "replace"), parse_constant=_constant, **HOOKS)
    except json.JSONDecodeError as error:
        raise NotJsonError(_syntax(error)) from error
    except (RecursionError, ValueError) as error:
        raise NotJsonError("exceeded max depth") from error


def parse_object(data: bytes, kind: str) -> Object:
    """Parse the body of a create or an update.

    Args:
        data: JSON.
        kind: what the resource expects, for the message.

    Raises:
        ApiError: 400 for what is no object.
    """
    try:
        value = parse_json(data)
    except NotJsonError as error:
        raise _unrecognized(data, kind, str(error)) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unrecognized(data, kind, f"json: cannot unmarshal {json_kind(value)} into Go value of type {_INTO}")
    if problem := type_problem(value):
        raise _unrecognized(data, kind, problem)
    return value


def type_problem(value: Object) -> str:
    """Return what is wrong with the type that an object says it has; empty if it can be read."""
    for name in ("apiVersion", "kind"):
        if not isinstance(value.get(name, ""), str | None):
            return f"json: cannot unmarshal {json_kind(value[name])} into Go struct field .{name} of type string"
    return ""


def json_kind(value: Any) -> str:
    """Return what Go calls the kind of a JSON value."""
    names = ((type(None), "null"), (bool, "bool"), (int | float, "number"), (str, "string"), (list, "array"))
    return next((name for types, name in names if isinstance(value, types)), "object")


def _unrecognized(data: bytes, kind: str, problem: str) -> ApiError:
    head = (
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: "
    )
    return bad_request(f"{head}{problem} ({_summary(data)})")


def _summary(data: bytes) -> str:
    if not data:
        return "<empty>"
    start = data[:_SUMMARY_LIMIT]
    text = start.decode("utf-8", "replace") if data.startswith(b"{") else start.hex()
    return text if len(data) <= _SUMMARY_LIMIT else f"{text} ..."


def _constant(name: str) -> NoReturn:
    raise json.JSONDecodeError("Expecting value", name, 0)


def _syntax(error: json.JSONDecodeError) -> str:
    text, at = error.doc, error.pos
    if error.msg.startswith("Invalid \\escape"):
        at += 1
    if at >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    character = text[at]
    shown = {"'": r"'\''", '"': "'\"'"}.get(character) or f"'{json.dumps(character, ensure_ascii=False)[1:-1]}'"
    return f"invalid character {shown} {_place(error, text, at)}"


_PLACES = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Extra data", "after top-level value"),
    ("Invalid control", "in string literal"),
    ("Invalid \\escape", "in string escape code"),
)


def _place(error: json.JSONDecodeError, text: str, at: int) -> str:
    if error.msg.startswith("Expecting ','"):
        return "after array element" if _inside_array(text[:at]) else "after object key:value pair"
    return next((place for start, place in _PLACES if error.msg.startswith(start)), "looking for beginning of value")


def _inside_array(text: str) -> bool:
    depth: list[str] = []
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        if bracket in "[{":
            depth.append(bracket)
        elif bracket in "]}" and depth:
            depth.pop()
    return bool(depth) and depth[-1] == "["
