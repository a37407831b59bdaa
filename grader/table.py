"""Marks in a terminal: a table of students and tasks, and below it why points were lost."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from grader.marks import StudentMarks, TaskMark
from grader.report import number


def show(console: Console, assignment: str, marks: Sequence[StudentMarks]) -> None:
    """Print the marks of a class."""
    tasks = next((student.tasks for student in marks if student.tasks), ())
    table = Table(title=f"Marks for {assignment}", title_justify="left")
    table.add_column("student")
    for task in tasks:
        table.add_column(f"{task.name}\n/ {number(task.max_points)}", justify="right")
    table.add_column(f"total\n/ {number(sum(task.max_points for task in tasks))}", justify="right")
    for student in marks:
        table.add_row(student.student, *_row(student, len(tasks)))
    console.print(table)
    for student in marks:
        _show_reasons(console, student)


def _row(student: StudentMarks, columns: int) -> list[str]:
    if student.fault:
        return ["not gradable", *[""] * columns]
    waiting = any(task.points is None for task in student.tasks)
    return [*map(_points, student.tasks), number(round(student.points, 2)) + (" …" if waiting else "")]


def _points(task: TaskMark) -> str:
    return "to mark" if task.points is None else number(task.points)


def _show_reasons(console: Console, student: StudentMarks) -> None:
    if student.fault:
        console.print(
            f"{student.student}: not gradable: {student.fault}", markup=False, highlight=False, soft_wrap=True
        )
    for task in student.tasks:
        for reason in task.reasons:
            console.print(f"{student.student}, {task.name}: {reason}", markup=False, highlight=False, soft_wrap=True)
