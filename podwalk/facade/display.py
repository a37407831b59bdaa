"""Results as a notebook shows them: kubectl's text everywhere, and a table in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

STATES = {
    "good": {"Running", "Active", "Bound", "Ready", "True", "Complete", "Available", "created", "Normal"},
    "busy": {"Pending", "ContainerCreating", "Terminating", "PodInitializing", "configured", "replaced", "<pending>"},
    "bad": {"Error", "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "Failed", "Unknown", "OOMKilled"}
    | {"Warning", "deleted"},
}
"""The words that get a colour; the word itself always stays, so that colour says nothing alone."""

LONG = 60
"""A cell of more characters is broken into lines: a message of an event would else be cut off by the page's edge."""

CSS = files(__package__).joinpath("display.css").read_text(encoding="utf-8")


def columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table as kubectl does: columns as wide as their widest cell, three spaces apart."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Return an HTML table; the words of :data:`STATES` are coloured."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    label = f' aria-label="{escape(caption, quote=True)}"' if caption else ""
    return (
        f'<style>{CSS}</style><div class="podwalk-scroll" tabindex="0">'
        f'<table class="podwalk"{label}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    for state, words in STATES.items():
        if text in words:
            return f'<td><span class="podwalk-{state}">{escape(text)}</span></td>'
    long = ' class="podwalk-long"' if len(text) > LONG else ""
    return f"<td{long}>{escape(text)}</td>"
