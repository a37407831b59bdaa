"""A class at once: the marks are nbgrader's, none is lost or doubled, and a fault of ours is nobody's zero."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from grader import classroom, export, notebooks, sample
from grader.classroom import Graded, Settings, Submission
from grader.course import Course
from grader.isolation.bench import Judge
from grader.marks import StudentMarks
from tests.grader.conftest import Assignment, needs_bubblewrap, released

SETTINGS = Settings()
pytestmark = needs_bubblewrap


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory, judge: Judge, root: Path) -> Assignment:
    course = Course(tmp_path_factory.mktemp("class"))
    made = released(course, judge, root / "notebooks" / "source" / "services")
    wrong = made.solutions | {"service-answer": made.solutions["service-answer"].replace("8080", "80")}
    for student, answers in {"ada": made.solutions, "bob": wrong}.items():
        course.submit(student, made.name, sample.submission(made.release, answers))
    (course.folder / "submitted" / "cy" / made.name).mkdir(parents=True)
    (course.folder / "submitted" / "cy" / made.name / f"{made.name}.ipynb").write_text("{not a notebook")
    return made


@pytest.fixture
def grade(assignment: Assignment, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grade with this process's judge, and tell who was run."""
    ran: list[str] = []
    mark = classroom.mark

    def noting(submission: Submission) -> Graded:
        ran.append(submission.student)
        return mark(submission)

    monkeypatch.setattr(classroom, "judge", lambda: judge)
    monkeypatch.setattr(classroom, "mark", noting)
    return ran


def _grade(assignment: Assignment, force: bool = False) -> dict[str, StudentMarks]:
    with ThreadPoolExecutor(1) as executor:
        found = classroom.grade(assignment.course, assignment.name, executor, settings=SETTINGS, force=force)
        return {student.student: student for student in found}


def _scores(assignment: Assignment, student: str) -> dict[str, tuple[float | None, bool]]:
    with Gradebook(assignment.course.api.coursedir.db_url) as gradebook:
        found = gradebook.find_submission_notebook(assignment.name, assignment.name, student)
        return {grade.name: (grade.auto_score, bool(grade.needs_manual_grade)) for grade in found.grades}


def test_a_class_is_graded_resumed_and_regraded(assignment: Assignment, grade: list[str]) -> None:
    ran = grade
    marks = _grade(assignment)
    assert marks["ada"].points == 13
    assert marks["bob"].points == 11
    assert "not a notebook" in marks["cy"].fault

    ran.clear()
    again = _grade(assignment)
    assert ran == ["cy"], "what has been graded is not graded again"
    assert again["bob"] == marks["bob"]

    # Killed after the marks were written and before the notebook was: graded again, to the same marks.
    assignment.course.graded(assignment.name, "bob").unlink()
    ran.clear()
    with Gradebook(assignment.course.api.coursedir.db_url) as gradebook:
        found = gradebook.find_submission_notebook(assignment.name, assignment.name, "bob")
        next(entry for entry in found.grades if entry.name == "why").manual_score = 2
        gradebook.db.commit()
    resumed = _grade(assignment)
    assert sorted(ran) == ["bob", "cy"]
    assert resumed["bob"].points == 13, "a teacher's mark stays"


def test_the_marks_are_those_of_plain_nbgrader_autograde(assignment: Assignment, grade: list[str]) -> None:
    assignment.course.submit("dan", assignment.name, sample.submission(assignment.release, {}))
    _grade(assignment, force=True)
    ours = _scores(assignment, "dan")
    assignment.course.autograde(assignment.name, "dan")
    assert _scores(assignment, "dan") == ours
    theirs = notebooks.read(assignment.course.graded(assignment.name, "dan"))
    assert [output.get("text", "") for cell in theirs.cells for output in cell.get("outputs", ())]


def test_a_fault_of_ours_writes_no_mark(assignment: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Graded("eve", fault="the cluster did not start")
    monkeypatch.setattr(classroom, "mark", lambda submission: fault)
    assignment.course.submit("eve", assignment.name, sample.submission(assignment.release, {}))
    marks = _grade(assignment)["eve"]
    assert marks.fault
    assert not marks.tasks
    assert not assignment.course.graded(assignment.name, "eve").exists()
    with Gradebook(assignment.course.api.coursedir.db_url) as gradebook:
        assert "eve" not in {student.id for student in gradebook.students}


def test_results_are_written_for_other_programs(tmp_path: Path) -> None:
    marks = [StudentMarks("eve", fault="the cluster did not start")]
    export.write(tmp_path, marks)
    assert json.loads((tmp_path / "prairielearn" / "eve.json").read_text())["gradable"] is False
    assert "score" not in json.loads((tmp_path / "gradescope" / "eve.json").read_text())
    assert "eve,,0,the cluster did not start" in (tmp_path / "marks.csv").read_text()
