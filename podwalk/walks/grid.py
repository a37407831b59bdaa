"""A matrix of who reaches whom as a picture and as text.

An open cell is a full square with a tick, a closed one an empty square with the sides that close it: E for the egress
policies of the source, I for the ingress policies of the target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from podwalk.walks.drawing import BAD, DETAIL, GOOD, LABEL, MONO, SMALL, Drawing, Style, add, figure, folded, tick
from podwalk.walks.reachability import Cell, Door, Group, Reachability

CELL, GAP = 30, 5
STEP = CELL + GAP
NAME = Style(12.5, 0.64, "600")
PORT = Style(10, 0.61, opacity="0.75", family=MONO)
SIDES = Style(11, 0.61, "700", family=MONO)
WALKS = 36
"""Up to so many cells their walks are shown below the picture; a larger table has the reasons in a sentence each."""

Paint = Callable[[Drawing, Cell, float, float], None]
Sign = tuple[Callable[[Drawing, float, float], None], str]
"""What draws a sign, and what it means."""


def render(matrix: Reachability) -> str:
    """Return the matrix as HTML: the picture and, folded away, the reason of each cell."""
    drawing = Drawing(_title(matrix), description=str(matrix))
    anchor = f"reach-{drawing.number}"
    links = {cell.key: f"{anchor}-{number}" for number, cell in enumerate(matrix) if not cell.itself}
    svg = draw(matrix, drawing, paint_cell, LEGEND, links)
    return figure(svg, name="matrix", width=max(560, drawing.width)) + reasons(matrix, links)


def picture(matrix: Reachability) -> str:
    """Return the picture alone, as the text of an ``svg`` element."""
    return draw(matrix, Drawing(_title(matrix), description=str(matrix)), paint_cell, LEGEND, {})


def draw(
    matrix: Reachability,
    drawing: Drawing,
    paint: Paint,
    legend: Sequence[Sign],
    links: Mapping[tuple[str, str, int, str], str],
    title: str = "",
) -> str:
    """Draw the table, each cell by ``paint``, as a link where ``links`` has one; then the legend."""
    several = len(matrix.namespaces) > 1
    widths = (max(NAME.measure(group.title), PORT.measure(group.namespace)) for group in matrix.sources)
    left = 18 + max(widths)
    below = [_below(door, several) for door in matrix.targets]
    titles = zip(matrix.targets, below, strict=True)
    heights = (max(NAME.measure(door.group.title), PORT.measure(line)) for door, line in titles)
    head = 12 + max(heights, default=0)
    drawing.width = max(400, left + len(matrix.targets) * STEP + 20)
    top = 44 + head
    drawing.write(title or _title(matrix), Style(14, 0.57, "600"), 8, 18, right=drawing.width)
    drawing.write("FROM EACH ROW TO EACH COLUMN", LABEL, 8, 34)
    for column, door in enumerate(matrix.targets):
        x = left + column * STEP + CELL / 2
        drawing.write(door.group.title, NAME, x - 1, top - 8, turn=-90)
        drawing.write(below[column], PORT, x + 12, top - 8, turn=-90)
    for number, row in enumerate(matrix.rows):
        y, group = top + number * STEP, matrix.sources[number]
        drawing.write(group.title, NAME, left - 8, y + CELL / 2 + (-1 if several else 4), anchor="end")
        if several:
            drawing.write(group.namespace, PORT, left - 8, y + CELL / 2 + 11, anchor="end")
        for column, cell in enumerate(row):
            _link(drawing, cell, links, paint, left + column * STEP, y)
    bottom = top + len(matrix.rows) * STEP + 12
    return drawing.finish(_legend(drawing, legend, _notes(matrix), bottom), fluid=drawing.width <= 400)


def _title(matrix: Reachability) -> str:
    return f"Who reaches whom in {listed(matrix.namespaces)}"


def listed(names: Sequence[str]) -> str:
    """Write names as a sentence lists them: ``edge, red and blue``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _row_title(group: Group, several: bool) -> str:
    return f"{group.namespace}/{group.title}" if several else group.title


def _below(door: Door, several: bool) -> str:
    """Return the second line of a column's title."""
    return f"{door.port_title} {door.group.namespace}" if several else door.port_title


def _link(
    drawing: Drawing, cell: Cell, links: Mapping[tuple[str, str, int, str], str], paint: Paint, x: float, y: float
) -> None:
    """Draw a cell inside a link to its reason."""
    whole, target = drawing.svg, links.get(cell.key)
    if target:
        # JupyterLab rewrites each ``href``, and fails at that of a link in SVG; it passes over the older name.
        drawing.svg = add(whole, "a", **{"xlink:href": f"#{target}", "style": "color:inherit;text-decoration:none"})
    try:
        add(drawing.svg, "title").text = f"{cell}: {say(cell)}"
        paint(drawing, cell, x, y)
    finally:
        drawing.svg = whole


def say(cell: Cell) -> str:
    """Say in a few words what a cell says."""
    words = {
        "yes": "allowed",
        "self": "a Pod and itself, which no policy stops",
        "E": "denied by the egress policies of the source",
        "I": "denied by the ingress policies of the target",
        "E I": "denied on both sides",
    }
    return words[cell.mark]


def paint_cell(drawing: Drawing, cell: Cell, x: float, y: float) -> None:
    """Draw an open, a closed or an own cell."""
    if cell.itself:
        own(drawing, x, y)
    elif cell.allowed:
        opened(drawing, x, y)
    else:
        closed(drawing, x, y, cell.mark)


def opened(drawing: Drawing, x: float, y: float) -> None:
    """Draw a full square with a tick."""
    drawing.box(x, y, CELL, CELL, fill=GOOD, stroke=GOOD, rx=6)
    tick(drawing.svg, x + CELL / 2, y + CELL / 2)


def closed(drawing: Drawing, x: float, y: float, sides: str) -> None:
    """Draw an empty square with letters."""
    drawing.box(x + 1, y + 1, CELL - 2, CELL - 2, stroke=BAD, rx=6, fill="transparent")
    drawing.write(sides.replace(" ", ""), SIDES, x + CELL / 2, y + CELL / 2 + 4, anchor="middle")


def own(drawing: Drawing, x: float, y: float) -> None:
    """Draw a dot."""
    drawing.box(x, y, CELL, CELL, stroke="none", fill="transparent")
    drawing.add("circle", cx=x + CELL / 2, cy=y + CELL / 2, r=3, fill="currentColor", opacity="0.4")


LEGEND: tuple[Sign, ...] = (
    (opened, "allowed"),
    (lambda drawing, x, y: closed(drawing, x, y, "E"), "denied by egress policies of the source"),
    (lambda drawing, x, y: closed(drawing, x, y, "I"), "denied by ingress policies of the target"),
)


def _legend(drawing: Drawing, legend: Sequence[Sign], notes: list[str], y: float) -> float:
    """Draw what the signs mean, at two thirds of their size, and the notes."""
    whole = drawing.svg
    for sign, words in legend:
        drawing.svg = add(whole, "g", transform=f"translate(8 {y:.1f}) scale(.62)")
        sign(drawing, 0, 0)
        drawing.svg = whole
        drawing.write(words, DETAIL, 36, y + 14)
        y += 25
    for note in notes:
        y = drawing.write(note, SMALL, 8, y + 14, right=min(drawing.width, 560)) - 8
    return y + 12


def _notes(matrix: Reachability) -> list[str]:
    silent = matrix.portless
    if not silent or not matrix.targets:
        return [] if matrix.targets else ["No Pod offers a port."]
    listed = ", ".join(group.name for group in silent[:6]) + (", …" if len(silent) > 6 else "")
    return [f"Without a port of their own, so in no column: {listed}."]


def reasons(matrix: Reachability, links: Mapping[tuple[str, str, int, str], str]) -> str:
    """Return what the policies say about each cell, with its walk where the table is small; folded away."""
    cells = [cell for cell in matrix if not cell.itself]
    entries = []
    for cell in cells:
        said = " ".join(escape(hop.detail) for hop in matrix.why(cell))
        head = f"<summary><strong>{escape(str(cell))}</strong>: {escape(say(cell))}</summary>"
        shown = matrix.walk(cell)._repr_html_() if len(cells) <= WALKS else f"<p>{said}</p>"
        # A browser that follows a link unfolds what the target is in, so the target is inside.
        inside = f'<div id="{links[cell.key]}">{shown}</div>'
        entries.append(f'<details style="margin:.2em 0 .2em 1em">{head}{inside}</details>')
    return folded("Why? Each cell and its packet walk", "".join(entries)) if entries else ""


def text(matrix: Reachability) -> str:
    """Return the matrix as a table of plain text."""
    several = len(matrix.namespaces) > 1
    head = ["FROM", *(f"{_row_title(door.group, several)}:{door.port}/{door.protocol}" for door in matrix.targets)]
    lines = [head, *([_row_title(row[0].source, several), *(cell.mark for cell in row)] for row in matrix.rows if row)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rows = ["   ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*rows, "", "E: denied by egress policies of the source, I: by ingress policies of the target"])
