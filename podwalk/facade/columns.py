"""The columns that a reader asks for: ``-o custom-columns=NAME:.metadata.name,IMAGES:.spec.containers[*].image``.

Source: kubernetes.io/docs/reference/kubectl/#custom-columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podwalk.facade.errors import LearnerError
from podwalk.facade.jsonpath import select
from podwalk.facade.listing import Listing

PREFIX = "custom-columns="


def custom(found: Listing, form: str) -> Listing:
    """Return a listing with other columns.

    Args:
        found: the objects.
        form: ``custom-columns=HEADER:PATH,…``; a path may stand in braces, and need not begin with a dot.

    Raises:
        LearnerError: when a column has no header or no path, or a path is not understood.
    """
    columns = [_column(text) for text in form.removeprefix(PREFIX).strip("'\"").split(",")]
    rows = tuple(tuple(_cell(select(obj, path)) for _, path in columns) for obj in found)
    return Listing(found.objects, tuple(header for header, _ in columns), rows, found.empty)


def _column(text: str) -> tuple[str, str]:
    header, _, path = text.partition(":")
    path = path.strip("{}")
    if not header or not path:
        raise LearnerError(
            f'kubectl: "{text}" is no column', hint="-o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName"
        )
    return header, path if path.startswith((".", "[")) else f".{path}"


def _cell(values: Sequence[Any]) -> str:
    return ",".join(map(_printed, values)) or "<none>"


def _printed(value: Any) -> str:
    """Print a value as Go does, which kubectl leaves it to."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_printed(part)}' for key, part in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_printed, value))}]"
    if value is None:
        return "<none>"
    return str(value).lower() if isinstance(value, bool) else str(value)
