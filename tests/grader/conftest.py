"""One judge and one course for all tests of grading: starting them takes seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook

from grader import notebooks, report, sample
from grader.conversion import execution, restoration, saved
from grader.conversion.restoration import Trusted
from grader.conversion.saved import NONE, Saved
from grader.course import Course
from grader.isolation import sandbox
from grader.isolation.bench import Judge
from grader.isolation.job import Marked

SANDBOXED = sandbox.works()
needs_bubblewrap = pytest.mark.skipif(not SANDBOXED, reason="bubblewrap does not work here")


@dataclass(frozen=True)
class Outcome:
    """What a submission earned, and what was printed about it."""

    points: Mapping[str, float]
    reasons: Mapping[str, list[str]]
    marked: Marked

    @property
    def total(self) -> float:
        return sum(self.points.values())


@dataclass(frozen=True)
class Assignment:
    """An assignment in a course, and a judge to mark submissions of it."""

    course: Course
    name: str
    release: NotebookNode
    trusted: list[Trusted]
    solutions: dict[str, str]
    judge: Judge

    def mark(self, answers: Mapping[str, str], **settings: Any) -> Outcome:
        """Mark the student's version with these answers."""
        return self.mark_notebook(notebooks.parse(sample.submission(self.release, answers)), **settings)

    def mark_notebook(self, notebook: NotebookNode, kept: Saved = NONE, **settings: Any) -> Outcome:
        """Mark a notebook as it stands."""
        scope = self.course.scope(self.name)
        notebook.cells = saved.insert(restoration.restore(notebook.cells, self.trusted), kept, scope)
        answers, tests = execution.split(notebook)
        marked = self.judge.mark(
            execution.make_job(answers, tests, scope=scope, saved=kept, **({"sandboxed": SANDBOXED} | settings))
        )
        names = [notebooks.about(cell)["grade_id"] for cell in tests]
        last = [outputs[-1]["data"]["text/plain"] for outputs in marked.tests]
        printed = [outputs[0]["text"] for outputs in marked.tests]
        points = {name: float(value) for name, value in zip(names, last, strict=True)}
        reasons = {name: report.reasons(text) for name, text in zip(names, printed, strict=True)}
        return Outcome(points, reasons, marked)


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """A judge's process."""
    made = Judge()
    yield made
    made.close()


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course's folder without assignments; nbgrader runs submissions in a sandbox where there is one."""
    made = Course(tmp_path_factory.mktemp("course"))
    made.api.config.IsolatedExecute.sandboxed = SANDBOXED
    return made


@pytest.fixture(scope="session")
def services(course: Course, judge: Judge, root: Path) -> Assignment:
    """The assignment `services`, released."""
    return released(course, judge, root / "notebooks" / "source" / "services")


def released(course: Course, judge: Judge, source: Path) -> Assignment:
    """Release an assignment into a course."""
    name = course.add(source)
    release = notebooks.read(course.release(name))
    with Gradebook(course.api.coursedir.db_url) as gradebook:
        trusted = restoration.read(gradebook, name, name)
    solutions = sample.solutions(notebooks.read(source / f"{name}.ipynb"))
    return Assignment(course, name, release, trusted, solutions, judge)
