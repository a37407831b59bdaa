"""A walk as a picture: a line with a stop for each decision, in SVG whose text can be selected.

It is drawn 400 units wide, so that it reads well on a telephone and grows with the page. A stop that failed differs
from the others by its shape and its words as well as its colour.
"""

from __future__ import annotations

from html import escape

import yaml

from podwalk.types import Hop, HopKind, Outcome
from podwalk.walks.controllers import answer
from podwalk.walks.drawing import (
    BAD,
    DETAIL,
    FIELD,
    GOOD,
    LABEL,
    MONO,
    TITLE,
    WIDTH,
    Drawing,
    Style,
    cross,
    figure,
    folded,
    tick,
    wrap,
)
from podwalk.walks.walk import Walk

__all__ = ["ENDINGS", "KINDS", "WIDTH", "draw", "ending", "named", "render", "wrap"]

RAIL_X = 20
TEXT_X = 44

KINDS = {
    HopKind.NAME: "Name",
    HopKind.DNS: "DNS",
    HopKind.ENVIRONMENT: "Environment",
    HopKind.INGRESS_CONTROLLER: "Ingress controller",
    HopKind.SERVICE: "Service",
    HopKind.ENDPOINT: "Endpoint",
    HopKind.NODE: "Node",
    HopKind.EGRESS: "Egress policies",
    HopKind.INGRESS: "Ingress policies",
    HopKind.POD: "Pod",
    HopKind.CONTAINER: "Container",
    HopKind.OUTSIDE: "Outside",
}

ENDINGS = {
    Outcome.DELIVERED: "It gets through.",
    Outcome.REFUSED: "Connection refused: the client is told at once.",
    Outcome.TIMED_OUT: "No answer: the client waits until its time is up.",
    Outcome.UNRESOLVED: "The name was not resolved: no connection is tried.",
    Outcome.UNREACHABLE: "No route to host.",
}

ENDING = Style(13, 0.57, "600")


def render(walk: Walk) -> str:
    """Return the walk as HTML: a figure with the picture and, folded away, what would let the request through."""
    shown = figure(draw(walk), name="walk")
    if not walk.remedies:
        return shown
    text = escape(yaml.safe_dump_all(walk.remedies, sort_keys=False))
    return shown + folded(walk.remedy, f"<pre>{text}</pre>")


def named(hop: Hop) -> str:
    """Name a stop by its kind and its title, without saying the same word twice."""
    kind = KINDS[hop.kind]
    return hop.title if hop.title.startswith(kind) else f"{kind}: {hop.title}"


def ending(walk: Walk) -> str:
    """Say in a sentence how a walk ends."""
    if walk.status:
        return f"The Ingress controller answers {answer(walk.status)} itself."
    return ENDINGS[walk.outcome]


def draw(walk: Walk) -> str:
    """Return the picture as the text of an ``svg`` element."""
    title = f"{walk.origin} to {walk.target.text}: {walk.outcome.value}"
    drawing = Drawing(title)
    y = _heading(drawing, walk)
    stops: list[tuple[float, Hop]] = []
    for hop in walk.hops:
        stops.append((y + 12, hop))
        y = _stop_text(drawing, hop, y)
    _rail(drawing, [(place, hop.ok) for place, hop in stops], y + 14)
    for place, hop in stops:
        _mark(drawing, place, ok=hop.ok)
    return drawing.finish(_observed(drawing, walk, _ending(drawing, walk, y + 14)))


def _heading(drawing: Drawing, walk: Walk) -> float:
    code = Style(13, 0.61, family=MONO)
    y = drawing.write(walk.origin, TITLE, 8, 18)
    y = drawing.write(f"→ {walk.target.text}", code, 8, y + 2)
    if walk.target.header:
        y = drawing.write(f"  Host: {walk.target.header}", code, 8, y)
    return y + 12


def _stop_text(drawing: Drawing, hop: Hop, y: float) -> float:
    top = drawing.write(KINDS[hop.kind].upper() + ("" if hop.ok else " · STOPPED HERE"), LABEL, TEXT_X, y + 8)
    top = drawing.write(hop.title, TITLE, TEXT_X, top + 4)
    top = drawing.write(hop.detail, DETAIL, TEXT_X, top)
    if hop.field and hop.objects:
        top = drawing.write(f"{hop.objects[0]}: {hop.field}", FIELD, TEXT_X, top)
    return top + 8


def _rail(drawing: Drawing, stops: list[tuple[float, bool]], end: float) -> None:
    """Draw the line: whole as far as the packet got, dashed after that."""
    broken = next((place for place, ok in stops if not ok), None)
    if not stops:
        return
    drawing.line(f"M{RAIL_X} {stops[0][0]:.1f} V{broken if broken is not None else end:.1f}")
    if broken is not None:
        drawing.line(f"M{RAIL_X} {broken:.1f} V{end:.1f}", dashed=True)


def _mark(drawing: Drawing, y: float, *, ok: bool) -> None:
    """Draw a stop: a round one with a tick, or an eight-sided one with a cross."""
    if ok:
        drawing.add("circle", cx=RAIL_X, cy=f"{y:.1f}", r=9, fill=GOOD)
        tick(drawing.svg, RAIL_X, y)
        return
    a, b = 11, 4.6
    corners = [(-b, -a), (b, -a), (a, -b), (a, b), (b, a), (-b, a), (-a, b), (-a, -b)]
    points = " ".join(f"{RAIL_X + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    drawing.add("polygon", points=points, fill=BAD)
    cross(drawing.svg, RAIL_X, y)


def _ending(drawing: Drawing, walk: Walk, y: float) -> float:
    mark = "✓" if walk.delivered else "✗"
    bottom = drawing.write(f"{mark}  {ending(walk)}", ENDING, 14, y + 20) - ENDING.leading + 11
    drawing.box(1, y, WIDTH - 2, bottom - y, stroke=GOOD if walk.delivered else BAD, stroke_width=2)
    return bottom + 2


def _observed(drawing: Drawing, walk: Walk, y: float) -> float:
    """Write what a real connection came to, below the prediction; where the two differ, in a frame of its own."""
    if walk.observation is None:
        return y
    mark = "=" if walk.observation.agrees else "≠"
    style = DETAIL if walk.observation.agrees else ENDING
    bottom = drawing.write(f"{mark}  {walk.observation}", style, 14, y + 22) - style.leading + 11
    if not walk.observation.agrees:
        drawing.box(1, y + 4, WIDTH - 2, bottom - y - 4, stroke=BAD, stroke_width=2, stroke_dasharray="6 4")
    return bottom + 2
