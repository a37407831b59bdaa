"""What the pictures share: text that is set and wrapped, lines and marks, in SVG that follows the page's own ink.

Colours come from the page (``currentColor``), so that light and dark need no second picture; what is good or bad
differs by its shape and its words as well.
"""

from __future__ import annotations

import textwrap
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html import escape
from itertools import count

WIDTH = 400
"""The units a picture is wide that must read well on a telephone."""

GOOD, BAD, ACCENT = "#2f9e5f", "#d64541", "#4a7dea"
SANS = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"

_numbers = count(1)


@dataclass(frozen=True)
class Style:
    """A way of setting text: its size, the mean width of a letter as a part of it, and attributes."""

    size: float
    width: float = 0.54
    weight: str = "400"
    opacity: str = "1"
    family: str = SANS
    fill: str = "currentColor"

    def columns(self, width: float) -> int:
        """Return how many letters fit into a width."""
        return max(1, int(width / (self.size * self.width)))

    def measure(self, text: str) -> float:
        """Return about how wide a text is."""
        return len(text) * self.size * self.width

    @property
    def leading(self) -> float:
        """The distance of two lines."""
        return self.size * 1.38


LABEL = Style(10, 0.62, "600", "0.62")
TITLE = Style(14, 0.57, "600")
DETAIL = Style(12.5)
SMALL = Style(11, 0.55, opacity="0.75")
FIELD = Style(10.5, 0.61, opacity="0.8", family=MONO)


class Drawing:
    """An ``svg`` element that grows.

    Args:
        title: what the picture is about, for those who cannot see it.
        width: of the picture, in units.
        description: the whole in words, for those who cannot see it.
    """

    def __init__(self, title: str, width: float = WIDTH, description: str = "") -> None:
        self.width = width
        self.number = next(_numbers)
        name = f"podwalk-{self.number}"
        labels = f"{name} {name}-text" if description else name
        attributes = {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-labelledby": labels}
        self.svg = ET.Element("svg", attributes)
        ET.SubElement(self.svg, "title", {"id": name}).text = title
        if description:
            ET.SubElement(self.svg, "desc", {"id": f"{name}-text"}).text = description

    def add(self, tag: str, **attributes: str | float) -> ET.Element:
        """Draw an element; underscores in the names of attributes stand for dashes."""
        return add(self.svg, tag, **attributes)

    def write(
        self, text: str, style: Style, x: float, y: float, *, right: float = 0, anchor: str = "start", turn: int = 0
    ) -> float:
        """Write text, its first baseline at ``y``, wrapped at ``right``; returns the baseline of what follows.

        Args:
            text: the text.
            style: how it is set.
            x: where it begins, or where ``anchor`` says.
            y: the first baseline.
            right: where it must end; by default near the picture's edge.
            anchor: ``start``, ``middle`` or ``end``.
            turn: degrees by which it is turned around its first point; it is not wrapped then.
        """
        element = self.add(
            "text",
            font_size=f"{style.size:g}",
            font_weight=style.weight,
            fill=style.fill,
            opacity=style.opacity,
            font_family=style.family,
        )
        if anchor != "start":
            element.set("text-anchor", anchor)
        if turn:
            element.set("transform", f"rotate({turn} {x:g} {y:g})")
        room = (right or self.width - 8) - x
        lines = [text] if turn or anchor != "start" else wrap(text, style.columns(room))
        for line in lines:
            ET.SubElement(element, "tspan", {"x": f"{x:g}", "y": f"{y:.1f}"}).text = line
            y += style.leading
        return y

    def line(self, points: str, *, dashed: bool = False, opacity: float = 0.35, colour: str = "currentColor") -> None:
        """Draw a path."""
        more = {"stroke_dasharray": "2 5"} if dashed else {}
        self.add("path", d=points, fill="none", stroke=colour, stroke_width=2, opacity=f"{opacity:g}", **more)

    def box(self, x: float, y: float, width: float, height: float, **attributes: str | float) -> ET.Element:
        """Draw a rectangle with round corners."""
        drawn: dict[str, str | float] = {"fill": "none", "stroke": "currentColor", "stroke_width": 1.5, "rx": 8}
        place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
        return self.add("rect", **{**drawn, **place, **attributes})

    def finish(self, height: float, *, fluid: bool = True) -> str:
        """Return the text of the element.

        Args:
            height: of the picture, in units.
            fluid: whether it grows and shrinks with the page; otherwise a unit is a pixel.
        """
        self.svg.set("viewBox", f"0 0 {self.width:g} {height:.0f}")
        self.svg.set("width", "100%" if fluid else f"{self.width:g}")
        shape = "" if fluid else "max-width:none;height:auto;"
        self.svg.set("style", f"font-family:{SANS};color:inherit;display:block;{shape}")
        if self.svg.find(".//a") is not None:
            # What is in an image is hidden from screen readers, and a link must not be.
            self.svg.set("role", "group")
            self.svg.set("xmlns:xlink", "http://www.w3.org/1999/xlink")
        return ET.tostring(self.svg, encoding="unicode")


def add(parent: ET.Element, tag: str, **attributes: str | float) -> ET.Element:
    """Draw an element inside another; underscores in the names of attributes stand for dashes."""
    return ET.SubElement(parent, tag, {name.replace("_", "-"): str(value) for name, value in attributes.items()})


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


def figure(svg: str, *, name: str, width: float = 560) -> str:
    """Return a picture as a figure of HTML that may be scrolled sideways but never is wider than the page."""
    style = f"margin:0;max-width:{width:g}px;overflow-x:auto"
    return f'<figure class="podwalk-{name}" style="{style}">{svg}</figure>'


def folded(summary: str, html: str) -> str:
    """Return HTML that is folded away under a line."""
    return f'<details style="padding-left:.3em"><summary>{escape(summary)}</summary>{html}</details>'


def tick(parent: ET.Element, x: float, y: float, colour: str = "#fff", opacity: str = "1") -> None:
    """Draw a tick."""
    _stroke(parent, f"M{x - 4:.1f} {y:.1f} l3 3.4 l5.4 -6.6", colour, opacity)


def cross(parent: ET.Element, x: float, y: float, colour: str = "#fff") -> None:
    """Draw a cross."""
    _stroke(parent, f"M{x - 4:.1f} {y - 4:.1f} l8 8 m0 -8 l-8 8", colour)


def _stroke(parent: ET.Element, path: str, colour: str, opacity: str = "1") -> None:
    ends = {"stroke_linecap": "round", "stroke_linejoin": "round", "opacity": opacity}
    add(parent, "path", d=path, stroke=colour, stroke_width=2, fill="none", **ends)
