"""Comparisons as pictures: the matrix with what changed set off, by a sign and a frame as well as by colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape

from podwalk.walks import grid
from podwalk.walks.comparison import Assessment, Comparison
from podwalk.walks.drawing import BAD, GOOD, Drawing, Style, figure, folded, tick
from podwalk.walks.grid import CELL
from podwalk.walks.reachability import Cell, Reachability

SIGN = Style(17, 0.6, "700")
Painted = Callable[[Drawing, float, float], None]


def full(mark: str, colour: str) -> Painted:
    """Return what draws a full square with a mark and a frame: a flow that is open now."""

    def paint(drawing: Drawing, x: float, y: float) -> None:
        drawing.box(x, y, CELL, CELL, fill=colour, stroke="currentColor", stroke_width=2, rx=6)
        drawing.write(mark, replace(SIGN, fill="#fff"), x + CELL / 2, y + CELL / 2 + 6, anchor="middle")

    return paint


def hollow(mark: str, colour: str) -> Painted:
    """Return what draws an empty square with a mark and a thick frame: a flow that is closed now."""

    def paint(drawing: Drawing, x: float, y: float) -> None:
        drawing.box(x + 1.5, y + 1.5, CELL - 3, CELL - 3, stroke=colour, stroke_width=3.5, rx=6, fill="transparent")
        drawing.write(mark, SIGN, x + CELL / 2, y + CELL / 2 + 6, anchor="middle")

    return paint


OPENED, CLOSED = full("+", GOOD), hollow("−", BAD)
TOO_OPEN, TOO_CLOSED = full("!", BAD), hollow("?", BAD)


def render(found: Comparison) -> str:
    """Return a comparison as HTML."""
    matrix, drawing = found.after, Drawing("What changed", description=str(found))
    anchor = f"change-{drawing.number}"
    changed = [*found.opened, *found.closed]
    links = {cell.key: f"{anchor}-{number}" for number, cell in enumerate(changed)}
    svg = grid.draw(
        matrix,
        drawing,
        lambda *where: _changed(found, *where),
        _legend(found),
        links,
        _title("What changed", found.after),
    )
    entries = [
        f'<p id="{links[cell.key]}"><strong>{escape(str(cell))}</strong>: {"opened" if cell.allowed else "closed"}. '
        f"{escape(' '.join(hop.detail for hop in matrix.why(cell)))}</p>"
        for cell in changed
    ]
    what = "Why? Each change" if entries else ""
    shown = folded(what, "".join(entries)) if entries else "<p>Nothing changed.</p>"
    return figure(svg, name="matrix", width=max(560, drawing.width)) + shown


def _title(words: str, matrix: Reachability) -> str:
    return f"{words}: {grid.listed(matrix.namespaces)}"


def _changed(found: Comparison, drawing: Drawing, cell: Cell, x: float, y: float) -> None:
    if cell in found.opened:
        OPENED(drawing, x, y)
    elif cell in found.closed:
        CLOSED(drawing, x, y)
    else:
        _same(drawing, cell, x, y)


def _same(drawing: Drawing, cell: Cell, x: float, y: float) -> None:
    """Draw what did not change in thin grey: a tick, or nothing."""
    (_tick if cell.allowed and not cell.itself else _empty)(drawing, x, y)
    if cell.itself:
        drawing.add("circle", cx=x + CELL / 2, cy=y + CELL / 2, r=3, fill="currentColor", opacity="0.35")


def _legend(found: Comparison) -> tuple[grid.Sign, ...]:
    signs: list[grid.Sign] = [(OPENED, f"opened ({len(found.opened)})")] if found.opened else []
    signs += [(CLOSED, f"closed ({len(found.closed)})")] if found.closed else []
    return (*signs, (_tick, "allowed before and after"), (_empty, "denied before and after"))


def _tick(drawing: Drawing, x: float, y: float) -> None:
    _empty(drawing, x, y)
    tick(drawing.svg, x + CELL / 2, y + CELL / 2, "currentColor", "0.5")


def _empty(drawing: Drawing, x: float, y: float) -> None:
    drawing.box(x + 1, y + 1, CELL - 2, CELL - 2, stroke_width=1, opacity="0.3", rx=6, fill="transparent")


def render_assessment(found: Assessment) -> str:
    """Return an assessment as HTML: the matrix, a sentence for each flow, and the walk of a counter-example."""
    matrix, drawing = found.matrix, Drawing("As meant, or not", description=str(found))
    links: dict[tuple[str, str, int, str], str] = {}
    svg = grid.draw(
        matrix,
        drawing,
        lambda *where: _judged(found, *where),
        ASSESSMENT_LEGEND,
        links,
        _title("As meant, or not", matrix),
    )
    lines = "".join(f"<li>{escape(line)}</li>" for line in str(found).splitlines())
    listed = f'<ul style="max-width:560px;font-size:.9em;overflow-wrap:anywhere">{lines}</ul>'
    shown = figure(svg, name="matrix", width=max(560, drawing.width)) + listed
    walk = found.counterexample
    return shown if walk is None else shown + folded("A counter-example, hop by hop", walk._repr_html_())


def _judged(found: Assessment, drawing: Drawing, cell: Cell, x: float, y: float) -> None:
    if cell in found.too_open:
        TOO_OPEN(drawing, x, y)
    elif cell in found.too_closed:
        TOO_CLOSED(drawing, x, y)
    else:
        _same(drawing, cell, x, y)


ASSESSMENT_LEGEND: tuple[grid.Sign, ...] = (
    (TOO_OPEN, "gets through, and should not"),
    (TOO_CLOSED, "should get through, and does not"),
    (_tick, "allowed, as meant"),
    (_empty, "denied, as meant"),
)
