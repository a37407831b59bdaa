"""Small pieces of text that several tables print."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from podwalk.api.trees import dig
from podwalk.types import Object

NONE, UNSET = "<none>", "<unset>"


def field(*path: str, absent: Any = "") -> Callable[[Object, datetime], Any]:
    """Return a cell that shows a field as it is."""

    def cell(obj: Object, _now: datetime) -> Any:
        value = dig(obj, *path)
        return absent if value is None else value

    return cell


def number(*path: str) -> Callable[[Object, datetime], int]:
    """Return a cell that shows a count; 0 where it is not set."""
    return lambda obj, _now: int(dig(obj, *path) or 0)


def labels(pairs: Mapping[str, str] | None) -> str:
    """Return labels as ``a=b,c=d``."""
    return ",".join(f"{key}={value}" for key, value in sorted((pairs or {}).items())) or NONE


def selector(label_selector: Object | None) -> str:
    """Return a LabelSelector as one line.

    Source: ``metav1.FormatLabelSelector``.
    """
    if label_selector is None:
        return NONE
    clauses = [(key, f"{key}={value}") for key, value in (label_selector.get("matchLabels") or {}).items()]
    for one in label_selector.get("matchExpressions") or ():
        key, values = one["key"], ",".join(sorted(one.get("values") or ()))
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        clauses.append((key, forms.get(one["operator"], "<error>")))
    return ",".join(text for _, text in sorted(clauses, key=lambda clause: clause[0])) or NONE


def containers(pod_spec: Object | None, key: str) -> str:
    """Return a field of all containers, with commas between."""
    return ",".join(str(one.get(key, "")) for one in (pod_spec or {}).get("containers") or ())


def some(texts: Sequence[str], count: int, *, limit: int = 3) -> str:
    """Return the first few of a list, and how many more there are."""
    shown = ",".join(texts[:limit])
    return f"{shown} + {count - limit} more..." if count > limit else shown
