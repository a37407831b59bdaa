"""A walk hop by hop: a widget in JupyterLab, and the same as a plain list where no kernel answers.

Both come in one result: a front end that shows widgets takes the widget, every other one the list.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from podwalk.types import Hop
from podwalk.walks.knowledge import Knowledge, knowledge
from podwalk.walks.picture import ending, named
from podwalk.walks.walk import Walk

CSS = files(__package__).joinpath("steps.css").read_text(encoding="utf-8")
MODE_VARIABLE = "PODWALK_LAB"
"""``headless`` where a page is built that nobody steps through: there the plain list is the whole result."""

VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Steps:
    """A walk to be stepped through."""

    walk: Walk

    def __str__(self) -> str:
        """Render every stop with what was known there."""
        lines = [f"{self.walk.origin}  →  {self.walk.target.text}"]
        for number, (hop, known) in enumerate(zip(self.walk.hops, knowledge(self.walk), strict=True), 1):
            lines += ["", f"{number}. {'✓' if hop.ok else '✗'} {named(hop)} ({known.component})"]
            lines += [f"   {hop.detail}"] + ([f"   Packet: {known.packet}"] if known.packet else [])
            lines += [f"   {label + ': ' if label else '  '}{text}" for label, text in known.facts]
        return "\n".join([*lines, "", ending(self.walk)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        stops = zip(self.walk.hops, knowledge(self.walk), strict=True)
        items = "".join(f"<li>{_folded(number, hop, known)}</li>" for number, (hop, known) in enumerate(stops, 1))
        return (
            f"<style>{CSS}</style><div class='podwalk-steps'>{_head(self.walk)}<ol>{items}</ol>{_end(self.walk)}</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle = {"text/plain": str(self), "text/html": self._repr_html_()}
        return bundle | view(self.widget) if has_kernel() else bundle

    def widget(self) -> Any:
        """Return the widget: the stops in a list, two buttons, and what was known at the stop that is chosen."""
        from podwalk.walks.stepper import Stepper

        return Stepper(self.walk).box


def has_kernel() -> bool:
    """Whether a front end may show widgets: there is a kernel, and the page is not built for readers without one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return os.environ.get(MODE_VARIABLE) != "headless" and getattr(shell, "kernel", None) is not None


def view(make: Any) -> dict[str, Any]:
    """Return the part of a result that shows a widget."""
    return {key: value for key, value in make()._repr_mimebundle_().items() if key == VIEW}


def panel(number: int, count: int, hop: Hop, known: Knowledge) -> str:
    """Return one stop in full."""
    shut = "" if hop.ok else " podwalk-no-stop"
    return (
        f'<div class="podwalk-stop{shut}" role="status" aria-live="polite">'
        f'<span class="podwalk-who">Stop {number} of {count} · {escape(known.component)}</span>'
        f"{_title(hop)}{_body(hop, known)}</div>"
    )


def _title(hop: Hop) -> str:
    mark = '<span class="podwalk-yes">✓</span>' if hop.ok else '<span class="podwalk-no">✗ stopped here</span>'
    return f"<strong>{escape(named(hop))}</strong> {mark}"


def _body(hop: Hop, known: Knowledge) -> str:
    facts = (("Packet", known.packet), *known.facts) if known.packet else known.facts
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in facts)
    return f"<p>{escape(hop.detail)}</p>" + (f"<dl>{rows}</dl>" if rows else "")


def _folded(number: int, hop: Hop, known: Knowledge) -> str:
    shut = "" if hop.ok else ' class="podwalk-no-stop" open'
    who = f'<span class="podwalk-who">{number} · {escape(known.component)}</span>'
    return f"<details{shut}><summary>{_title(hop)}{who}</summary>{_body(hop, known)}</details>"


def _head(walk: Walk) -> str:
    return f"<p><strong>{escape(walk.origin)}</strong> → <code>{escape(walk.target.text)}</code></p>"


def _end(walk: Walk) -> str:
    mark = "✓" if walk.delivered else "✗"
    return f"<p><strong>{mark} {escape(ending(walk))}</strong></p>"
