"""The commands of ``python -m grader``."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from grader import marks, notebooks, sample, table
from grader.course import Course, CourseError
from podwalk.errors import PodwalkError

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "notebooks" / "source"
SAMPLE_COURSE = ROOT / "_build" / "sample-class"


@click.group()
def main() -> None:
    """Grade what the clusters of a class do."""


@main.command("sample")
@click.option("--folder", type=click.Path(path_type=Path), default=SAMPLE_COURSE, help="Where the course is made.")
@click.option("--backend", default="in-process", help="The cluster of each submission, as in PODWALK_BACKEND.")
@click.option("--unsandboxed", is_flag=True, help="Run submissions with all your rights.")
def sample_class(folder: Path, backend: str, unsandboxed: bool) -> None:
    """Release an assignment to a sample class of five, autograde it with nbgrader and print the marks."""
    console, started = Console(), time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    course = Course(folder)
    course.api.config.IsolatedExecute.update({"backend": backend, "sandboxed": not unsandboxed})
    assignment = course.add(SOURCE / sample.ASSIGNMENT)
    release = notebooks.read(course.release(assignment))
    students = sample.students(SOURCE / assignment / f"{assignment}.ipynb")
    for student, answers in students.items():
        course.submit(student, assignment, sample.submission(release, answers))
    graded = []
    for student in track(students, description="Grading", console=console, transient=True):
        graded.append(_grade(course, assignment, student))
        console.print(f"graded {student}", highlight=False)
    table.show(console, assignment, graded)
    course.feedback(assignment)
    took = time.monotonic() - started
    console.print(f"{len(students)} submissions graded in {took:.0f} s; the course is in {folder}", highlight=False)
    if any(student.fault for student in graded):
        raise PodwalkError("some submissions could not be graded; the lines above say why")


def _grade(course: Course, assignment: str, student: str) -> marks.StudentMarks:
    try:
        course.autograde(assignment, student)
    except CourseError as error:
        return marks.StudentMarks(student, fault=str(error).splitlines()[-1])
    return marks.read(course, assignment, student)
