"""Marks for other programs: CSV for a spreadsheet, ``results.json`` for Gradescope and for PrairieLearn.

Source: gradescope-autograders.readthedocs.io, "Autograder Specifications", "Output format"; PrairieLearn's
docs/externalGrading.md, "Grading results". Both read on 2026-11-27.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.marks import StudentMarks, TaskMark

MAX_OUTPUT = 20_000
"""Characters of a task's reasons: PrairieLearn takes no file larger than 1 MB."""


def write(folder: Path, marks: Sequence[StudentMarks]) -> None:
    """Write ``marks.csv``, and for each student ``gradescope/STUDENT.json`` and ``prairielearn/STUDENT.json``."""
    for name in ("gradescope", "prairielearn"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_csv(folder / "marks.csv", marks)
    for student in marks:
        for name, make in (("gradescope", gradescope), ("prairielearn", prairielearn)):
            (folder / name / f"{student.student}.json").write_text(
                json.dumps(make(student), indent=2), encoding="utf-8"
            )


def write_csv(path: Path, marks: Sequence[StudentMarks]) -> None:
    """Write a row a student: the points of each task (empty if to be marked by hand), the total, why not gradable."""
    tasks = next((student.tasks for student in marks if student.tasks), ())
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", *(task.name for task in tasks), "points", "max_points", "not_gradable"])
        for student in marks:
            points = [task.points for task in student.tasks] or [None] * len(tasks)
            total = "" if student.fault else student.points
            writer.writerow([student.student, *points, total, sum(t.max_points for t in tasks), student.fault])


def gradescope(student: StudentMarks) -> dict[str, Any]:
    """Return Gradescope's results; a fault has no score, so that it is seen as an autograder error."""
    if student.fault:
        return {"output": f"not gradable: {student.fault}", "visibility": "visible"}
    tests = [
        {"name": task.name, "score": task.points, "max_score": task.max_points, "output": _text(task)}
        for task in student.tasks
        if task.points is not None
    ]
    return {"score": student.points, "tests": tests, "visibility": "visible"}


def prairielearn(student: StudentMarks) -> dict[str, Any]:
    """Return PrairieLearn's results, of the tasks that are marked by machine.

    A fault is "invalid, not gradable": it costs no points, and no attempt.
    """
    if student.fault:
        return {"gradable": False, "format_errors": [f"not gradable: {student.fault}"]}
    marked = [task for task in student.tasks if task.points is not None]
    most = sum(task.max_points for task in marked)
    tests = [
        {"name": task.name, "points": task.points, "max_points": task.max_points, "output": _text(task)}
        for task in marked
    ]
    return {"gradable": True, "score": student.points / most if most else 0.0, "tests": tests}


def _text(task: TaskMark) -> str:
    return "\n".join(task.reasons)[:MAX_OUTPUT]
