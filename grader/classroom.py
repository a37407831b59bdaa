"""A class at once: submissions marked in parallel, marks written to nbgrader's gradebook as they come.

What can be done in parallel (running submissions, checking clusters) is a function of plain values, handed to any
``concurrent.futures`` executor: processes here, or a Dask cluster's. The gradebook is written by this process alone, in
the way of nbgrader's own preprocessors.

A submission's graded notebook is written last, after its marks; it holds a digest of what was graded. So a run that was
killed goes on where it stopped: whatever has a notebook with the right digest is done, and anything else is graded
again.
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties, LimitOutput, SaveAutoGrades

from grader import marks, notebooks, seeds
from grader.conversion import execution, restoration, saved
from grader.conversion.execution import IsolatedExecute
from grader.conversion.restoration import Trusted
from grader.conversion.saved import NONE, Saved
from grader.course import Course, CourseError
from grader.finding import NotGradableError
from grader.isolation import bench
from grader.isolation.job import FRESH
from grader.marks import StudentMarks
from grader.scope import NOTHING, Scope

MAX_NOTEBOOK_BYTES = 50_000_000
MAX_NOTE_BYTES = 10_000

DIGEST = "podwalk"
"""The key of the graded notebook's metadata that holds the digest."""


@dataclass(frozen=True)
class Settings:
    """How submissions are run; see :class:`grader.isolation.job.Job`.

    Attributes:
        backend: which cluster.
        sandboxed: whether submissions run in a sandbox.
        scope: of the assignment.
        limits: of time, memory and processes, where they are not the usual ones.
    """

    backend: str = FRESH
    sandboxed: bool = True
    scope: Scope = NOTHING
    limits: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, course: Course, backend: str, *, sandboxed: bool) -> Settings:
        """Return the settings of a course, whose configuration may limit what a submission takes."""
        made = IsolatedExecute(config=course.api.config)
        made.backend = backend
        return cls(backend, sandboxed, limits=made.limits)


@dataclass(frozen=True)
class Submission:
    """A submission to be marked.

    Attributes:
        student: whose it is.
        text: the notebook's file.
        trusted: the assignment's cells.
        settings: how it is run.
        saved: what the student kept with `podwalk save`.
        seed: of the student's variant; None if there is one for all.
    """

    student: str
    text: str
    trusted: tuple[Trusted, ...]
    settings: Settings
    saved: Saved = NONE
    seed: int | None = None

    @property
    def digest(self) -> str:
        """What was graded: the submission and its variant, and the tests it was graded with."""
        return hashlib.sha256(repr((self.text, self.saved, self.seed, self.trusted)).encode()).hexdigest()


@dataclass(frozen=True)
class Graded:
    """A submission that has been run.

    Attributes:
        student: whose it is.
        text: the notebook with its outputs; empty if it could not be graded.
        fault: why not.
    """

    student: str
    text: str = ""
    fault: str = ""


def mark(submission: Submission) -> Graded:
    """Run and check one submission; this is what runs in parallel, and it raises nothing."""
    try:
        notebook = notebooks.parse(submission.text)
    except Exception as error:  # noqa: BLE001  a file that cannot be read may break its reader in any way
        return Graded(submission.student, fault=f"the submission is not a notebook: {error}"[:300])
    notebook.cells = restoration.restore(notebook.cells, list(submission.trusted))
    settings = submission.settings
    notebook.cells = saved.insert(notebook.cells, submission.saved, settings.scope)
    answers, tests = execution.split(notebook)
    job = execution.make_job(
        answers,
        tests,
        scope=settings.scope,
        backend=settings.backend,
        sandboxed=settings.sandboxed,
        seed=submission.seed,
        saved=submission.saved,
        **settings.limits,
    )
    try:
        execution.fill(answers, tests, bench.mark(job))
    except NotGradableError as error:
        return Graded(submission.student, fault=str(error))
    notebook.metadata = notebooks.node({"kernelspec": execution.KERNEL, DIGEST: {"digest": submission.digest}})
    return Graded(submission.student, notebooks.text(notebook))


def students(course: Course, assignment: str) -> list[str]:
    """Return who has submitted."""
    return sorted(path.parent.name for path in course.folder.glob(f"submitted/*/{assignment}"))


def examples(course: Course, assignment: str, settings: Settings, number: int) -> list[Submission]:
    """Return the first submissions of a class, to be marked without writing anything: they warm an executor up."""
    with Gradebook(course.api.coursedir.db_url) as gradebook:
        trusted = _trusted(gradebook, assignment)
    found = [_read(course, assignment, student, trusted, settings) for student in students(course, assignment)[:number]]
    return [submission for submission in found if isinstance(submission, Submission)]


def grade(
    course: Course,
    assignment: str,
    executor: Executor,
    *,
    settings: Settings,
    force: bool = False,
    begun: Callable[[int], None] = lambda number: None,
) -> Iterator[StudentMarks]:
    """Grade everybody who has not been graded, and yield the marks of the whole class as they are known.

    Args:
        course: the course.
        assignment: its name.
        executor: runs :func:`mark`.
        settings: how submissions are run.
        force: whether to grade again what has been graded; manual marks stay.
        begun: is told how many students there are.

    Raises:
        CourseError: when the assignment has not been generated.
    """
    with Gradebook(course.api.coursedir.db_url) as gradebook:
        trusted = _trusted(gradebook, assignment)
        settings = replace(settings, scope=course.scope(assignment))
        names = students(course, assignment)
        begun(len(names))
        waiting = {}
        for student in names:
            submission = _read(course, assignment, student, trusted, settings)
            if isinstance(submission, StudentMarks):
                yield submission
            elif not force and _digest(course.graded(assignment, student)) == submission.digest:
                yield marks.read(gradebook, course, assignment, student)
            else:
                waiting[executor.submit(mark, submission)] = student
        for future in as_completed(waiting):
            yield _finish(gradebook, course, assignment, waiting[future], future)


def _finish(
    gradebook: Gradebook, course: Course, assignment: str, student: str, future: Future[Graded]
) -> StudentMarks:
    """Write what came of a submission; whatever goes wrong with one is told of that one."""
    try:
        graded = future.result()
    except Exception as error:  # noqa: BLE001  an executor has its own errors for a process or machine that went
        return StudentMarks(student, fault=f"a grading process ended: {type(error).__name__}: {error}"[:300])
    if graded.fault:
        return StudentMarks(student, fault=graded.fault)
    try:
        with warnings.catch_warnings():
            # SQLAlchemy's, about how nbgrader uses it.
            warnings.simplefilter("ignore")
            save(gradebook, course, assignment, graded)
        return marks.read(gradebook, course, assignment, student)
    except Exception as error:  # noqa: BLE001  one student's marks that cannot be written must not keep back the others'
        gradebook.db.rollback()
        return StudentMarks(student, fault=f"the marks could not be written: {type(error).__name__}: {error}"[:300])


def save(gradebook: Gradebook, course: Course, assignment: str, graded: Graded) -> None:
    """Write a student's marks to the gradebook, then the graded notebook; doing it twice changes nothing."""
    student, notebook = graded.student, notebooks.parse(graded.text)
    place = course.graded(assignment, student)
    source = place.parent.parent.parent.parent / "submitted" / student / assignment
    gradebook.update_or_create_student(student)
    timestamp = course.api.coursedir.get_existing_timestamp(str(source))
    extra = {"timestamp": timestamp} if timestamp else {}
    submission = gradebook.update_or_create_submission(assignment, student, **extra)
    resources = {
        "nbgrader": {
            "student": student,
            "assignment": assignment,
            "notebook": assignment,
            "db_url": course.api.coursedir.db_url,
        }
    }
    notebook, _ = LimitOutput(config=course.api.config).preprocess(notebook, resources)
    _save_scores(gradebook, notebook, resources)
    if submission.total_seconds_late > 0:
        AssignLatePenalties(config=course.api.config).preprocess(notebook, resources)
    place.parent.mkdir(parents=True, exist_ok=True)
    _pass_on(source, place.parent)
    _write(place, notebooks.text(notebook))


def _save_scores(gradebook: Gradebook, notebook: NotebookNode, resources: dict[str, Any]) -> None:
    """Let nbgrader's preprocessor do a cell each, in the one session that we have."""
    about = resources["nbgrader"]
    saver = SaveAutoGrades()
    saver.gradebook = gradebook
    saver.student_id, saver.assignment_id, saver.notebook_id = about["student"], about["assignment"], about["notebook"]
    for number, cell in enumerate(notebook.cells):
        saver.preprocess_cell(cell, resources, number)


def _read(
    course: Course, assignment: str, student: str, trusted: Sequence[Trusted], settings: Settings
) -> Submission | StudentMarks:
    path = course.folder / "submitted" / student / assignment / f"{assignment}.ipynb"
    try:
        text = saved.read_own(path, MAX_NOTEBOOK_BYTES)
        kept = saved.read(path.parent, assignment)
        seed = seeds.seed_of(course.folder, student, assignment) if settings.scope.seeded else None
        return Submission(student, text, tuple(trusted), settings, kept, seed)
    except NotGradableError as error:
        return StudentMarks(student, fault=str(error))
    except (OSError, UnicodeDecodeError) as error:
        return StudentMarks(student, fault=f"the submission cannot be read: {error}")


def _trusted(gradebook: Gradebook, assignment: str) -> list[Trusted]:
    try:
        return restoration.read(gradebook, assignment, assignment)
    except Exception as error:
        raise CourseError(
            f"{assignment} is not in the gradebook: run nbgrader generate_assignment {assignment}"
        ) from error


def _pass_on(source: Path, place: Path) -> None:
    """Copy what nbgrader wrote beside a submission: when it was made, and the secret by which feedback finds it."""
    for name in ("timestamp.txt", "submission_secret.txt"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            _write(place / name, saved.read_own(source / name, MAX_NOTE_BYTES))


def _digest(path: Path) -> str:
    try:
        return str(notebooks.read(path).metadata[DIGEST]["digest"])
    except (OSError, ValueError, KeyError, TypeError, nbformat.reader.NotJSONError):
        return ""


def _write(path: Path, text: str) -> None:
    """Write a file in one step: it is there whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
