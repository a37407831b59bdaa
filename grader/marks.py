"""A student's marks, read from the gradebook and the graded notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook

from grader import notebooks, report
from grader.course import Course
from grader.report import CheckMark


@dataclass(frozen=True)
class TaskMark:
    """The mark of one task.

    Attributes:
        name: the cell's ``grade_id``.
        points: earned so far; None if a teacher has yet to mark it.
        max_points: the most there is.
        checks: how each check went, in order; none if a teacher marks it.
    """

    name: str
    points: float | None
    max_points: float
    checks: tuple[CheckMark, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why points were lost, a sentence each."""
        return tuple(f"{check.claim}: {check.reason}" for check in self.checks if check.outcome != "passed")


@dataclass(frozen=True)
class StudentMarks:
    """A student's marks for an assignment.

    Attributes:
        student: who.
        tasks: the marks, in the notebook's order; none if it could not be graded.
        fault: why it could not be graded; empty if it was.
    """

    student: str
    tasks: tuple[TaskMark, ...] = ()
    fault: str = ""

    @property
    def points(self) -> float:
        """The points so far."""
        return sum(task.points or 0.0 for task in self.tasks)


def read(gradebook: Gradebook, course: Course, assignment: str, student: str) -> StudentMarks:
    """Read a student's marks after autograding."""
    notebook = notebooks.read(course.graded(assignment, student))
    graded = [cell for cell in notebook.cells if notebooks.about(cell).get("grade")]
    found = gradebook.find_submission_notebook(assignment, assignment, student)
    grades = {grade.name: grade for grade in found.grades}
    return StudentMarks(student, tuple(_mark(cell, grades) for cell in graded))


def _mark(cell: NotebookNode, grades: dict[str, object]) -> TaskMark:
    name = cell.metadata["nbgrader"]["grade_id"]
    grade = grades[name]
    points = getattr(grade, "manual_score", None)
    points = getattr(grade, "auto_score", None) if points is None else points
    return TaskMark(name, points, float(getattr(grade, "max_score", 0.0)), tuple(_checks(cell)))


def _checks(cell: NotebookNode) -> Iterator[CheckMark]:
    for output in cell.get("outputs", ()):
        if output.output_type == "stream" and output.name == "stdout":
            yield from report.checks(output.text)
