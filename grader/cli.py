"""The commands of ``python -m grader``."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import click
from nbgrader.api import Gradebook
from rich.console import Console
from rich.progress import Progress, track

from grader import classroom, executors, export, marks, notebooks, page, sample, seeds, table
from grader.course import Course, CourseError
from grader.isolation import bench, sandbox
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
    if not unsandboxed and not sandbox.works():
        # These five are ours; a class's submissions are refused without a sandbox.
        console.print("bubblewrap does not work here: the sample's own submissions run without a sandbox")
        unsandboxed = True
    shutil.rmtree(folder, ignore_errors=True)
    bench.judge()
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


@main.command("autograde")
@click.argument("assignment")
@click.option("--course", "folder", type=click.Path(path_type=Path, exists=True), default=Path(), help="The course.")
@click.option("--workers", type=click.IntRange(1), default=None, help="How many at once; by default one a core.")
@click.option("--backend", default="in-process", help="The cluster of each submission, as in PODWALK_BACKEND.")
@click.option("--kind", is_flag=True, help="Grade on the course's kind cluster, one submission at a time.")
@click.option("--scheduler", default="", help="The address of a Dask scheduler, whose workers then grade.")
@click.option("--force", is_flag=True, help="Grade again what has been graded; manual marks stay.")
@click.option("--feedback", is_flag=True, help="Make HTML feedback, too.")
@click.option("--unsandboxed", is_flag=True, help="Run submissions with all your rights.")
def autograde(
    assignment: str,
    folder: Path,
    workers: int | None,
    backend: str,
    kind: bool,
    scheduler: str,
    force: bool,
    feedback: bool,
    unsandboxed: bool,
) -> None:
    """Grade everybody who submitted ASSIGNMENT, as nbgrader autograde does, but a class at once."""
    console, course = Console(), Course(folder)
    settings = classroom.Settings.of(course, "kind" if kind else backend, sandboxed=not unsandboxed)
    workers = workers or (os.cpu_count() or 1 if settings.backend == "in-process" else 1)
    graded: list[marks.StudentMarks] = []
    with executors.executor(workers, scheduler) as executor, Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Grading", total=None)
        found = classroom.grade(
            course, assignment, executor, settings=settings, force=force,
            begun=lambda number: progress.update(bar, total=number),
        )  # fmt: skip
        for student in found:
            graded.append(student)
            progress.advance(bar)
    graded.sort(key=lambda student: student.student)
    table.show(console, assignment, graded)
    results = course.folder / "results" / assignment
    export.write(results, graded)
    page.write(results / "report.html", assignment, graded)
    console.print(
        f"marks.csv, report.html and results for Gradescope and PrairieLearn are in {results}", soft_wrap=True
    )
    if feedback:
        course.feedback(assignment)
    faults = sum(bool(student.fault) for student in graded)
    if faults:
        raise PodwalkError(f"{faults} of {len(graded)} submissions could not be graded: run again, or see why above")


@main.command("seeds")
@click.argument("students", nargs=-1)
@click.option("--course", "folder", type=click.Path(path_type=Path, exists=True), default=Path(), help="The course.")
def write_seeds(students: tuple[str, ...], folder: Path) -> None:
    """Write each student's key, from which the variants of their assignments follow.

    STUDENTS are ids as nbgrader has them; by default everybody in its database. The course's secret is made the first
    time. Give each student the one file in seeds/STUDENT, and nobody the secret.
    """
    course = Course(folder)
    if not students:
        with Gradebook(course.api.coursedir.db_url) as gradebook:
            students = tuple(sorted(student.id for student in gradebook.students))
    if not students:
        raise PodwalkError("there are no students: name them, or add them with nbgrader db student add")
    for path in seeds.write(course.folder, students):
        click.echo(path)


def _grade(course: Course, assignment: str, student: str) -> marks.StudentMarks:
    try:
        course.autograde(assignment, student)
    except CourseError as error:
        return marks.StudentMarks(student, fault=_cause(str(error)))
    with Gradebook(course.api.coursedir.db_url) as gradebook:
        return marks.read(gradebook, course, assignment, student)


def _cause(log: str) -> str:
    """Return the line of nbgrader's log that names the exception, rather than the last, which says to look above."""
    lines = [line.strip() for line in log.splitlines()]
    return next((line for line in reversed(lines) if "Error: " in line), lines[-1])
