"""The widgets: a walk hop by hop, and a matrix whose cells open their walks. Keyboard and mouse do the same."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from podwalk.walks.drawing import figure
from podwalk.walks.grid import say
from podwalk.walks.knowledge import knowledge
from podwalk.walks.picture import draw, ending, named
from podwalk.walks.reachability import Cell, Reachability
from podwalk.walks.steps import CSS, panel
from podwalk.walks.walk import Walk


class Stepper:
    """A walk, one stop at a time.

    Attributes:
        box: the widget.
        place: the number of the stop that is shown, from 0.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.known = knowledge(walk)
        self.place = 0
        self.stops = widgets.Select(
            options=[(_line(number, walk), number) for number in range(len(walk.hops))],
            value=0,
            rows=min(8, len(walk.hops)),
            tooltip="The stops of this walk; the arrow keys go from one to the next",
            description="Stops",
        )
        self.back = widgets.Button(description="‹ Previous hop", tooltip="Show the hop before this one")
        self.forth = widgets.Button(description="Next hop ›", tooltip="Show the hop after this one")
        self.shown = widgets.HTML()
        self.stops.observe(lambda change: self.show(change["new"]), names="value")
        self.back.on_click(lambda _: self.show(self.place - 1))
        self.forth.on_click(lambda _: self.show(self.place + 1))
        title = f"<p><strong>{escape(walk.origin)}</strong> → <code>{escape(walk.target.text)}</code></p>"
        buttons = widgets.HBox([self.back, self.forth], layout={"flex_flow": "row wrap"})
        self.box = widgets.VBox([widgets.HTML(f"<style>{CSS}</style>{title}"), self.stops, buttons, self.shown])
        self.box.add_class("podwalk-steps")
        self.show(0)

    def show(self, place: int) -> None:
        """Show a stop; the first and the last have no neighbour on one side."""
        count = len(self.walk.hops)
        self.place = min(max(place, 0), count - 1)
        self.stops.value = self.place
        self.back.disabled = self.place == 0
        self.forth.disabled = self.place == count - 1
        text = panel(self.place + 1, count, self.walk.hops[self.place], self.known[self.place])
        if self.place == count - 1:
            text += f"<p><strong>{escape(ending(self.walk))}</strong></p>"
        self.shown.value = text


def _line(number: int, walk: Walk) -> str:
    hop = walk.hops[number]
    return f"{number + 1}. {'✓' if hop.ok else '✗'} {named(hop)}"


class Explorer:
    """A matrix whose cells are buttons.

    Attributes:
        box: the widget.
        buttons: by cell.
        shown: what the last button opened.
    """

    def __init__(self, matrix: Reachability) -> None:
        self.matrix = matrix
        self.buttons: dict[Cell, Any] = {}
        self.shown = widgets.HTML("<p>Choose a cell: its packet walk opens here.</p>")
        several = len(matrix.namespaces) > 1
        head = [
            widgets.Label("from ↓  to →"),
            *(_label(f"{door.group.name} {door.port_title}") for door in matrix.targets),
        ]
        rows = [
            [_label(group.full_name if several else group.title), *(self._cell(cell) for cell in row)]
            for group, row in zip(matrix.sources, matrix.rows, strict=True)
        ]
        columns = f"minmax(90px, max-content) repeat({len(matrix.targets)}, minmax(44px, 110px))"
        cells = [one for row in (head, *rows) for one in row]
        grid = widgets.GridBox(cells, layout={"grid_template_columns": columns, "overflow": "auto"})
        grid.add_class("podwalk-grid")
        self.box = widgets.VBox([widgets.HTML(f"<style>{CSS}</style>"), grid, self.shown])
        self.box.add_class("podwalk-steps")

    def _cell(self, cell: Cell) -> Any:
        word = {"yes": "✓", "self": "·"}.get(cell.mark, cell.mark)
        made = widgets.Button(
            description=word, tooltip=f"{cell}: {say(cell)}", layout={"width": "auto"}, disabled=cell.itself
        )
        made.add_class(
            "podwalk-open"
            if cell.allowed and not cell.itself
            else "podwalk-shut"
            if not cell.allowed
            else "podwalk-own"
        )
        made.on_click(lambda _: self.open(cell))
        self.buttons[cell] = made
        return made

    def open(self, cell: Cell) -> None:
        """Show the walk of a cell."""
        title = f"<p><strong>{escape(str(cell))}</strong>: {escape(say(cell))}</p>"
        self.shown.value = title + figure(draw(self.matrix.walk(cell)), name="walk")


def _label(text: str) -> Any:
    made = widgets.Label(text)
    made.tooltip = text
    return made
