"""What an apply changed, down to the field."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from podwalk.facade import Applied, Changes, display
from podwalk.labs.replacement import REPLACED

QUIET = {"status", "managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"}
"""Fields that the server writes at every change."""

WHY_ANEW = (
    "<p><strong>replaced</strong>: the cluster lets nobody change this in an object that is there. So the one that "
    "this step had made was deleted and made anew, as <code>kubectl replace --force</code> does.</p>"
)


def fields(entry: Applied) -> list[tuple[str, str, str]]:
    """Return the fields that differ: path, before, after."""
    if entry.before is None or entry.change in {"unchanged", "deleted", REPLACED}:
        return []
    return list(_differences(entry.before, entry.object, ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            if key not in QUIET:
                yield from _differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{number}]")
    elif before != after:
        yield path, _short(before), _short(after)


def _short(value: Any) -> str:
    text = "—" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def describe(changes: Changes) -> str:
    """Return the changes as HTML: a line an object, and under it each field that differs."""
    rows = [(entry.label, entry.change) for entry in changes]
    table = display.table(("OBJECT", "CHANGE"), rows, caption="What changed")
    details = "".join(
        f"<li><code>{escape(path)}</code>: {escape(old)} → <strong>{escape(new)}</strong></li>"
        for entry in changes
        for path, old, new in fields(entry)
    )
    anew = WHY_ANEW if any(entry.change == REPLACED for entry in changes) else ""
    return table + (f"<ul>{details}</ul>" if details else "") + anew
