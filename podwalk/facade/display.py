"""Results as a notebook shows them: kubectl's text everywhere, and a table in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STATES = {
    "good": {"Running", "Active", "Bound", "Ready", "True", "Complete", "Available", "created", "Normal"},
    "busy": {"Pending", "ContainerCreating", "Terminating", "PodInitializing", "configured", "<pending>"},
    "bad": {"Error", "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "Failed", "Unknown", "OOMKilled"}
    | {"Warning", "deleted"},
}
"""The words that get a colour; the word itself always stays, so that colour says nothing alone."""

CSS = (
    "table.podwalk{border-collapse:collapse;font-family:var(--jp-code-font-family,ui-monospace,monospace);"
    "font-size:13px;margin:.2em 0}"
    "table.podwalk th,table.podwalk td{text-align:left!important;padding:.25em 1.2em .25em 0;white-space:nowrap;border:0}"
    "table.podwalk th{font-weight:600;opacity:.7;letter-spacing:.02em;border-bottom:1px solid rgba(128,128,128,.4)}"
    "table.podwalk tr{background:none!important}"
    ".podwalk-scroll{overflow-x:auto}"
    ".podwalk-good{color:#1a7f37}.podwalk-busy{color:#8a6000}.podwalk-bad{color:#c4312b}"
    "[data-jp-theme-light=false] .podwalk-good,[data-theme=dark] .podwalk-good{color:#57d37a}"
    "[data-jp-theme-light=false] .podwalk-busy,[data-theme=dark] .podwalk-busy{color:#e3b341}"
    "[data-jp-theme-light=false] .podwalk-bad,[data-theme=dark] .podwalk-bad{color:#ff8b84}"
)


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
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    label = f' aria-label="{escape(caption, quote=True)}"' if caption else ""
    return (
        f'<style>{CSS}</style><div class="podwalk-scroll" tabindex="0">'
        f'<table class="podwalk"{label}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    for state, words in STATES.items():
        if text in words:
            return f'<span class="podwalk-{state}">{escape(text)}</span>'
    return escape(text)
