"""A class's results as a page: which checks fail most, as a picture; the marks of each task; each student's reasons."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure

from grader.marks import StudentMarks
from grader.report import number

MOST_CHECKS = 20
CHARACTERS = 72
MISSED, PARTLY = "#c2410c", "#fbbf24"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid #e5e7eb; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
ul { margin: .2rem 0; padding-left: 1.2rem; } .lead { color: #4b5563; } svg { max-width: 100%; height: auto; }
summary { cursor: pointer; padding: .3rem 0; }
"""


@dataclass(frozen=True)
class CheckCount:
    """How a class did on one check.

    Attributes:
        task: the task's name.
        claim: what had to hold.
        missed: how many earned nothing for it.
        partly: how many earned a part.
        asked: how many were asked.
    """

    task: str
    claim: str
    missed: int
    partly: int
    asked: int


def count(marks: Sequence[StudentMarks]) -> list[CheckCount]:
    """Count how each check went, those that fail most first; who could not be graded is not counted."""
    asked, missed, partly = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for student in marks:
        for task in student.tasks:
            for check in task.checks:
                entry = (task.name, check.claim)
                asked[entry] += 1
                missed[entry] += check.outcome == "missed"
                partly[entry] += check.outcome == "partly"
    counts = [CheckCount(*entry, missed[entry], partly[entry], total) for entry, total in asked.items()]
    return sorted(counts, key=lambda found: (-(found.missed + found.partly) / found.asked, -found.missed))


def picture(counts: Sequence[CheckCount]) -> str:
    """Draw which checks the class fails most, as SVG."""
    shown = [found for found in counts if found.missed or found.partly][:MOST_CHECKS][::-1]
    figure = Figure(figsize=(11, 1.2 + 0.38 * len(shown)), layout="constrained")
    axes = figure.subplots()
    names = [f"{found.task}: {found.claim}" for found in shown]
    labels = [name if len(name) <= CHARACTERS else name[: CHARACTERS - 1] + "…" for name in names]
    # Two checks of a task may claim the same.
    places = range(len(shown))
    missed = [100 * found.missed / found.asked for found in shown]
    partly = [100 * found.partly / found.asked for found in shown]
    axes.barh(places, missed, color=MISSED, label="no points")
    axes.barh(places, partly, left=missed, color=PARTLY, label="a part")
    axes.set_yticks(places, labels)
    axes.set_xlim(0, 100)
    axes.set_xlabel("percent of the class")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.legend(frameon=False, loc="lower right")
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def write(path: Path, assignment: str, marks: Sequence[StudentMarks]) -> None:
    """Write the page."""
    counts = count(marks)
    title = f"{assignment}: what a class of {len(marks)} did"
    faults = [student for student in marks if student.fault]
    failing = any(found.missed or found.partly for found in counts)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{len(marks) - len(faults)} marked, {len(faults)} not gradable.</p>',
        "<h2>Checks that fail most</h2>",
        picture(counts) if failing else "<p>Every check passes for everybody.</p>",
        "<h2>Tasks</h2>",
        _tasks(marks),
        "<h2>Students</h2>",
        *(_student(student) for student in marks),
    ]
    body = "\n".join(parts)
    path.write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n",
        encoding="utf-8",
    )


def _tasks(marks: Sequence[StudentMarks]) -> str:
    points: dict[str, list[float]] = {}
    most: dict[str, float] = {}
    waiting = Counter[str]()
    for student in marks:
        for task in student.tasks:
            most[task.name] = task.max_points
            points.setdefault(task.name, []).extend([] if task.points is None else [task.points])
            waiting[task.name] += task.points is None
    rows = "".join(
        # A mean of the few that are marked would mislead.
        f'<tr><td>{escape(name)}</td><td class="number">{"" if waiting[name] else number(round(mean(found), 2))}</td>'
        f'<td class="number">{number(most[name])}</td>'
        f'<td class="number">{sum(value >= most[name] for value in found)}</td>'
        f'<td class="number">{waiting[name] or ""}</td></tr>'
        for name, found in points.items()
    )
    head = "".join(f'<th class="number">{word}</th>' for word in ("mean points", "of", "with all of them", "to mark"))
    return f"<table><tr><th>task</th>{head}</tr>{rows}</table>"


def _student(student: StudentMarks) -> str:
    name = escape(student.student)
    if student.fault:
        return f"<details><summary>{name}: not gradable</summary><p>{escape(student.fault)}</p></details>"
    total = number(sum(task.max_points for task in student.tasks))
    reasons = "".join(
        f"<li>{escape(task.name)}: {escape(reason)}</li>" for task in student.tasks for reason in task.reasons
    )
    head = f"{name}: {number(round(student.points, 2))} of {total}"
    return f"<details><summary>{head}</summary><ul>{reasons or '<li>nothing lost</li>'}</ul></details>"
