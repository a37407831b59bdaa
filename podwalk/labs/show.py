"""What a lab says of itself as Markdown, and what a look showed."""

from __future__ import annotations

from typing import Any

from podwalk.facade import Output
from podwalk.facade.tally import tally
from podwalk.labs.lab import Lab
from podwalk.labs.needs import NEEDS
from podwalk.labs.session import Sight


def head(lab: Lab) -> str:
    """Return the head of a lab as Markdown."""
    return f"**{lab.title}** · {terms(lab)}"


def terms(lab: Lab) -> str:
    """Return a lab's level, time, prerequisites and goals as Markdown."""
    lines = [f"{lab.level.capitalize()} · about {lab.minutes} minutes"]
    if lab.prerequisites:
        lines.append("Before you start: " + "; ".join(lab.prerequisites) + ".")
    if lab.needs:
        titles = ", and ".join(NEEDS[need] for need in lab.needs)
        lines.append(f"Your cluster needs {titles}: the first step sees to it, or says what is missing.")
    if lab.goals:
        lines.append("At the end you can:\n\n" + "\n".join(f"* {goal}" for goal in lab.goals))
    return "\n\n".join(lines)


def result(sight: Sight) -> Any:
    """Return what a look shows: the command's result, or its lines counted."""
    if sight.look.tally and isinstance(sight.result, Output):
        return tally(sight.result.lines)
    return sight.result
