"""Whether a configuration to be applied has the types of its kind.

Source: sigs.k8s.io/structured-merge-diff/typed/validate.go, managedfields/internal/structuredmerge.go.
"""

from __future__ import annotations

import json
from typing import Any

from podwalk.api.fieldsets import item_key
from podwalk.api.registry import Resource, Subresource
from podwalk.api.schema import FieldType
from podwalk.errors import ApiError
from podwalk.types import Object

_STRINGS = ("string", "bytes", "time")


def check(config: Object, at: FieldType, resource: Resource | Subresource) -> None:
    """Refuse a configuration with unknown fields or values of the wrong type.

    Raises:
        ApiError: 500 without a reason, as upstream.
    """
    problems: list[str] = []
    _walk(config, at, "", problems)
    if not problems:
        return
    metadata = config.get("metadata") or {}
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    subject = f"{name}; {resource.group}/{resource.version}, Kind={resource.kind}"
    errors = problems[0] if len(problems) == 1 else "errors:\n" + "".join(f"  {problem}\n" for problem in problems)
    raise ApiError(500, "", f"failed to create typed patch object ({subject}): {errors}")


def _walk(value: Any, at: FieldType, path: str, problems: list[str]) -> None:
    if value is None or at.kind == "raw" or at.kind == "schema":
        return
    if at.kind in ("struct", "map"):
        _walk_map(value, at, path, problems)
    elif at.kind == "list":
        _walk_list(value, at, path, problems)
    elif problem := _scalar_problem(value, at):
        problems.append(f"{path}: {problem}")


def _walk_map(value: Any, at: FieldType, path: str, problems: list[str]) -> None:
    if not isinstance(value, dict):
        problems.append(f"{path}: expected map, got &{{{value}}}")
        return
    for key, part in value.items():
        below = at.item if at.kind == "map" else at.fields.get(key)
        if below is None:
            problems.append(f"{path}.{key}: field not declared in schema")
        else:
            _walk(part, below, f"{path}.{key}", problems)


def _walk_list(value: Any, at: FieldType, path: str, problems: list[str]) -> None:
    if not isinstance(value, list):
        problems.append(f"{path}: expected list, got &{{{value}}}")
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        step = f"[{index}]"
        if at.list_type == "map" and isinstance(item, dict):
            key = item_key(item, at)
            if key is not None and all(name in item or name == "protocol" for name in at.list_map_keys):
                keys = json.loads(key[2:])
                step = "[" + ",".join(f"{name}={json.dumps(keys[name])}" for name in sorted(keys)) + "]"
                if key in seen:
                    problems.append(f"{path}: duplicate entries for key {step}")
                seen.add(key)
        if at.item is not None:
            _walk(item, at.item, f"{path}{step}", problems)


def _scalar_problem(value: Any, at: FieldType) -> str:
    got = {str: "string", bool: "boolean", list: "list", dict: "map"}.get(type(value), "number")
    if at.kind in _STRINGS:
        return "" if isinstance(value, str) else f"expected string, got &value.valueUnstructured{{Value:{_go(value)}}}"
    if at.kind in ("integer", "number"):
        return "" if got == "number" else f"expected numeric (int or float), got {got}"
    if at.kind == "boolean":
        return "" if got == "boolean" else f"expected boolean, got &value.valueUnstructured{{Value:{_go(value)}}}"
    return "" if got in ("string", "number") else f"expected string or number, got {got}"


def _go(value: Any) -> str:
    return json.dumps(value)
