"""How custom resources are printed: the columns of their definitions.

Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from podwalk.api.tables.column import NAME, Column, since
from podwalk.types import Object

_DEFAULT = ({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},)


def columns(printed: Sequence[Object] | None) -> tuple[Column, ...]:
    """Return the columns of a version of a custom resource.

    Args:
        printed: its ``additionalPrinterColumns``; None for the age alone.
    """
    return (NAME, *(_column(one) for one in (printed or _DEFAULT)))


def _column(printed: Object) -> Column:
    kind = printed.get("type", "string")
    cell = _cell(printed.get("jsonPath", ""), kind)
    return Column(printed.get("name", ""), cell, printed.get("priority", 0), kind, printed.get("format", ""))


def _cell(path: str, kind: str) -> Callable[[Object, datetime], Any]:
    # Few clusters have kinds of their own, and each would start later for the library.
    import jsonpath

    compiled = jsonpath.compile("$" + path.strip("{}"))

    def cell(obj: Object, now: datetime) -> Any:
        found = compiled.findall(obj)
        return _value(found[0], kind, now) if found else None

    return cell


def _value(value: Any, kind: str, now: datetime) -> Any:
    if kind == "date":
        return since(value, now) if isinstance(value, str) else None
    if kind == "integer":
        return int(value) if isinstance(value, int | float) else None
    if kind == "string" and not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return value
