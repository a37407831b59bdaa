"""A walk as a picture: a line with a stop for each decision, in SVG whose text can be selected.

It is drawn 400 units wide, so that it reads well on a telephone and grows with the page. Colours come from the page
(``currentColor``), so that light and dark need no second picture; a stop that failed differs by its shape and its words
as well.
"""

from __future__ import annotations

import textwrap
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html import escape
from itertools import count

import yaml

from podwalk.types import Hop, HopKind, Outcome
from podwalk.walks.walk import Walk

WIDTH = 400
RAIL_X = 20
TEXT_X = 44
GOOD, BAD = "#2f9e5f", "#d64541"
SANS = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"

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

_numbers = count(1)


@dataclass(frozen=True)
class Style:
    """A way of setting text: its size, the mean width of a letter as a part of it, and attributes."""

    size: float
    width: float = 0.54
    weight: str = "400"
    opacity: str = "1"
    family: str = SANS

    def columns_from(self, x: float) -> int:
        """Return how many letters fit between ``x`` and the right edge."""
        return int((WIDTH - x - 8) / (self.size * self.width))

    @property
    def leading(self) -> float:
        """The distance of two lines."""
        return self.size * 1.38


LABEL = Style(10, 0.62, "600", "0.62")
TITLE = Style(14, 0.57, "600")
DETAIL = Style(12.5)
ENDING = Style(13, 0.57, "600")
FIELD = Style(10.5, 0.61, opacity="0.8", family=MONO)


def render(walk: Walk) -> str:
    """Return the walk as HTML: a figure with the picture and, folded away, what would let the request through."""
    figure = f'<figure class="podwalk-walk" style="margin:0;max-width:560px">{draw(walk)}</figure>'
    if not walk.remedies:
        return figure
    text = escape(yaml.safe_dump_all(walk.remedies, sort_keys=False))
    summary = "What would let exactly this request through"
    return f"{figure}<details><summary>{summary}</summary><pre>{text}</pre></details>"


def draw(walk: Walk) -> str:
    """Return the picture as the text of an ``svg`` element."""
    number = next(_numbers)
    title = f"{walk.source.namespace}/{walk.source.name} to {walk.target.text}: {walk.outcome.value}"
    svg = ET.Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-labelledby": f"walk-{number}", "width": "100%"},
    )
    ET.SubElement(svg, "title", {"id": f"walk-{number}"}).text = title
    y = _heading(svg, walk)
    stops: list[tuple[float, Hop]] = []
    for hop in walk.hops:
        stops.append((y + 12, hop))
        y = _stop_text(svg, hop, y)
    _rail(svg, [(place, hop.ok) for place, hop in stops], y + 14, delivered=walk.delivered)
    for place, hop in stops:
        _mark(svg, place, ok=hop.ok)
    y = _ending(svg, walk, y + 14)
    svg.set("viewBox", f"0 0 {WIDTH} {y:.0f}")
    svg.set("style", f"font-family:{SANS};color:inherit;display:block")
    return ET.tostring(svg, encoding="unicode")


def _heading(svg: ET.Element, walk: Walk) -> float:
    y = _write(svg, f"{walk.source.namespace}/{walk.source.name}", TITLE, 8, 18)
    return _write(svg, f"→ {walk.target.text}", Style(13, 0.61, family=MONO), 8, y + 2) + 12


def _stop_text(svg: ET.Element, hop: Hop, y: float) -> float:
    top = _write(svg, KINDS[hop.kind].upper() + ("" if hop.ok else " · STOPPED HERE"), LABEL, TEXT_X, y + 8)
    top = _write(svg, hop.title, TITLE, TEXT_X, top + 4)
    top = _write(svg, hop.detail, DETAIL, TEXT_X, top)
    if hop.field and hop.objects:
        top = _write(svg, f"{hop.objects[0]}: {hop.field}", FIELD, TEXT_X, top)
    return top + 8


def _write(svg: ET.Element, text: str, style: Style, x: float, y: float) -> float:
    """Write text, wrapped at the right edge, its first baseline at ``y``; returns the baseline of what follows."""
    element = ET.SubElement(
        svg,
        "text",
        {
            "font-size": f"{style.size:g}",
            "font-weight": style.weight,
            "fill": "currentColor",
            "opacity": style.opacity,
            "font-family": style.family,
        },
    )
    for line in wrap(text, style.columns_from(x)):
        ET.SubElement(element, "tspan", {"x": f"{x:g}", "y": f"{y:.1f}"}).text = line
        y += style.leading
    return y


def wrap(text: str, columns: int) -> list[str]:
    """Break text into lines, a name that is too long at its dots and slashes."""
    lines: list[str] = []
    for line in textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False) or [""]:
        while len(line) > columns:
            cut = max(line.rfind(mark, 0, columns) for mark in "./-") + 1 or columns
            lines.append(line[:cut])
            line = line[cut:]
        lines.append(line)
    return lines


def _rail(svg: ET.Element, stops: list[tuple[float, bool]], end: float, *, delivered: bool) -> None:
    """Draw the line: whole as far as the packet got, dashed after that."""
    broken = next((place for place, ok in stops if not ok), None)
    if not stops:
        return
    _line(svg, stops[0][0], broken if broken is not None else end)
    if broken is not None:
        _line(svg, broken, end, dashed=True)


def _line(svg: ET.Element, top: float, bottom: float, *, dashed: bool = False) -> None:
    attributes = {"x1": f"{RAIL_X}", "x2": f"{RAIL_X}", "y1": f"{top:.1f}", "y2": f"{bottom:.1f}"}
    attributes |= {"stroke": "currentColor", "stroke-width": "2", "opacity": "0.35"}
    ET.SubElement(svg, "line", attributes | ({"stroke-dasharray": "2 5"} if dashed else {}))


def _mark(svg: ET.Element, y: float, *, ok: bool) -> None:
    """Draw a stop: a round one with a tick, or an eight-sided one with a cross."""
    if ok:
        ET.SubElement(svg, "circle", {"cx": f"{RAIL_X}", "cy": f"{y:.1f}", "r": "9", "fill": GOOD})
        path = f"M{RAIL_X - 4} {y:.1f} l3 3.4 l5.4 -6.6"
    else:
        a, b = 11, 4.6
        corners = [(-b, -a), (b, -a), (a, -b), (a, b), (b, a), (-b, a), (-a, b), (-a, -b)]
        points = " ".join(f"{RAIL_X + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
        ET.SubElement(svg, "polygon", {"points": points, "fill": BAD})
        path = f"M{RAIL_X - 4} {y - 4:.1f} l8 8 m0 -8 l-8 8"
    stroke = {
        "stroke": "#fff",
        "stroke-width": "2",
        "fill": "none",
        "stroke-linecap": "round",
        "stroke-linejoin": "round",
    }
    ET.SubElement(svg, "path", {"d": path, **stroke})


def _ending(svg: ET.Element, walk: Walk, y: float) -> float:
    box = ET.SubElement(svg, "rect")
    mark = "✓" if walk.delivered else "✗"
    bottom = _write(svg, f"{mark}  {ENDINGS[walk.outcome]}", ENDING, 14, y + 20) - ENDING.leading + 11
    colour = GOOD if walk.delivered else BAD
    place = {"x": "1", "y": f"{y:.1f}", "width": f"{WIDTH - 2}", "height": f"{bottom - y:.1f}", "rx": "8"}
    box.attrib.update(place | {"fill": "none", "stroke": colour, "stroke-width": "2"})
    return bottom + 2
