"""Marks in a terminal: a table of students and tasks, and below it why points were lost.

A large class's reasons would fill many screens; of those, what fails most is told, and the page holds the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from grader.marks import StudentMarks, TaskMark
from grader.page import count
from grader.report import number

FEW = 30
"""Students whose reasons are shown one by one."""
MOST_CHECKS = 5


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
        if student.fault:
            _say(console, f"{student.student}: not gradable: {student.fault}")
        for reason in _reasons(student) if len(marks) <= FEW else ():
            _say(console, reason)
    if len(marks) > FEW:
        for found in count(marks)[:MOST_CHECKS]:
            lost = found.missed + found.partly
            if lost:
                _say(console, f"{lost} of {found.asked} lost points for {found.task}: {found.claim}")


def _row(student: StudentMarks, columns: int) -> list[str]:
    if student.fault:
        return ["not gradable", *[""] * columns]
    waiting = any(task.points is None for task in student.tasks)
    return [*map(_points, student.tasks), number(round(student.points, 2)) + (" …" if waiting else "")]


def _points(task: TaskMark) -> str:
    return "to mark" if task.points is None else number(task.points)


def _reasons(student: StudentMarks) -> Iterator[str]:
    for task in student.tasks:
        for reason in task.reasons:
            yield f"{student.student}, {task.name}: {reason}"


def _say(console: Console, sentence: str) -> None:
    """Print a line as it is: it may hold what a student wrote."""
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
