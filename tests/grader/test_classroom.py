"""A class at once: the marks are nbgrader's, none is lost or doubled, and a fault of ours is nobody's zero."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from nbgrader.api import Gradebook
from rich.console import Console

from grader import classroom, export, notebooks, page, sample, table
from grader.classroom import Graded, Settings, Submission
from grader.course import Course, CourseError
from grader.isolation import bench
from grader.isolation.bench import Judge
from grader.isolation.job import Job
from grader.marks import StudentMarks, TaskMark
from grader.report import CheckMark
from tests.grader.conftest import SANDBOXED, Assignment, needs_bubblewrap, released

SETTINGS = Settings()
# Its judge runs in a thread here, and catch_warnings is not made for threads: SQLAlchemy's complaint about nbgrader.
pytestmark = [needs_bubblewrap, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


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

    monkeypatch.setattr(bench, "judge", lambda: judge)
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


def test_a_courses_own_configuration_is_read_and_a_broken_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'networks'\nc.IsolatedExecute.timeout_s = 33\n"
    )
    course = Course(tmp_path)
    assert course.api.coursedir.course_id == "networks"
    assert Settings.of(course, "in-process", sandboxed=True).limits["timeout_s"] == 33
    assert Settings.of(course, "kind", sandboxed=True).limits["cell_timeout_s"] == 180
    (tmp_path / "nbgrader_config.py").write_text("c = get_confg()")
    with pytest.raises(CourseError, match="get_confg"):
        Course(tmp_path)


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


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "", "null", '{"cells": 3}', '{"cells": [{"cell_type": 3}], "nbformat": 4, "metadata": []}']
)
def test_a_file_that_breaks_its_reader_is_reported_and_stops_nobody(text: str) -> None:
    graded = classroom.mark(Submission("mal", text, (), SETTINGS))
    assert "not a notebook" in graded.fault


def test_half_a_character_in_a_submission_can_be_written() -> None:
    cell: dict[str, object] = {
        "cell_type": "code",
        "source": "x = '\ud800'",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    notebook = notebooks.parse(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    assert "x = '?'" in notebooks.text(notebook)


def test_marks_that_cannot_be_written_keep_back_nobody_elses(
    assignment: Assignment, grade: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = classroom._write

    def refuses(path: Path, text: str) -> None:
        if "bob" in path.parts:
            raise OSError("no space left")
        write(path, text)

    monkeypatch.setattr(classroom, "_write", refuses)
    marks = _grade(assignment, force=True)
    assert "no space left" in marks["bob"].fault
    assert marks["ada"].points == 13
    monkeypatch.undo()
    assert not marks["ada"].fault


def test_a_judge_that_was_killed_is_replaced() -> None:
    first = bench.judge()
    os.kill(first._process.pid, signal.SIGKILL)
    first._process.wait()
    marked = bench.mark(Job(("print('again')",), (), sandboxed=SANDBOXED))
    assert marked.answers[0][0]["text"] == "again\n"
    assert bench.judge() is not first
    bench.judge().close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_is_killed_goes_on_without_losing_or_doubling_a_mark(
    tmp_path: Path, judge: Judge, root: Path
) -> None:
    course = Course(tmp_path)
    made = released(course, judge, root / "notebooks" / "source" / "services")
    students = [f"student-{number}" for number in range(6)]
    for student in students:
        course.submit(student, made.name, sample.submission(made.release, made.solutions))
    command = [sys.executable, "-W", "ignore", "-m", "grader", "autograde", made.name, "--course", str(tmp_path)]
    command += ["--workers", "1"] if SANDBOXED else ["--workers", "1", "--unsandboxed"]

    def done() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.glob("autograded/*/*/*.ipynb")}

    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(done()) < 2:
        assert process.poll() is None, "it ended before it was killed"
    process.kill()
    process.wait()
    before = done()
    assert 2 <= len(before) < len(students)

    finished = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    after = done()
    assert len(after) == len(students)
    assert {path: after[path] for path in before} == before, "what was graded was not graded again"
    with Gradebook(course.api.coursedir.db_url) as gradebook:
        assert sorted(student.id for student in gradebook.students) == students
        for student in students:
            found = gradebook.find_submission_notebook(made.name, made.name, student)
            assert [grade.auto_score for grade in found.grades if grade.auto_score is not None] == [3, 4, 3, 3]


MARKS = [
    StudentMarks("eve", fault="the cluster did not start"),
    StudentMarks(
        "fay",
        (
            TaskMark("one", 1.5, 3.0, (CheckMark("it runs", "passed"), CheckMark("it answers", "missed", "no answer"))),
            TaskMark("two", 2.0, 2.0, (CheckMark("it sticks", "passed"),)),
            TaskMark("why", None, 3.0),
        ),
    ),
]

# What Gradescope ("Autograder Specifications", "Output format") and PrairieLearn (docs/externalGrading.md, "Grading
# results") say of their files, read on 2026-11-27. Other names are refused, to catch a misspelt one.
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
GRADESCOPE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"}, "execution_time": {"type": "number"}, "output": {"type": "string"},
        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "visibility": VISIBILITY, "stdout_visibility": VISIBILITY, "extra_data": {"type": "object"},
        "leaderboard": {"type": "array"},
        "tests": {"type": "array", "items": {
            "type": "object", "additionalProperties": False,
            "properties": {
                "score": {"type": "number"}, "max_score": {"type": "number"}, "status": {"enum": ["passed", "failed"]},
                "name": {"type": "string"}, "name_format": {"type": "string"}, "number": {"type": "string"},
                "output": {"type": "string"}, "output_format": {"type": "string"},
                "tags": {"type": "array", "items": {"type": "string"}}, "visibility": VISIBILITY,
                "extra_data": {"type": "object"},
            },
        }},
    },
    # The score of each test may stand for the whole; who says neither has failed, and is told why.
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"minItems": 1, "items": {"required": ["score"]}}}},
        {"required": ["output"], "not": {"required": ["tests"]}},
    ],
}  # fmt: skip
PRAIRIELEARN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["gradable"],
    "properties": {
        "gradable": {"type": "boolean"}, "score": {"type": "number", "minimum": 0, "maximum": 1},
        "message": {"type": "string"}, "output": {"type": "string"}, "images": {"type": "array"},
        "format_errors": {"type": ["string", "array"]},
        "tests": {"type": "array", "items": {
            "type": "object", "additionalProperties": False,
            "properties": {
                "name": {"type": "string"}, "description": {"type": "string"}, "points": {"type": "number"},
                "max_points": {"type": "number"}, "message": {"type": "string"}, "output": {"type": "string"},
                "images": {"type": "array"},
            },
        }},
    },
    "if": {"properties": {"gradable": {"const": True}}}, "then": {"required": ["score"]},
}  # fmt: skip
GRADESCOPES_EXAMPLE = {
    "score": 44.0, "execution_time": 136, "output": "Text relevant to the entire submission",
    "visibility": "after_due_date", "stdout_visibility": "visible", "extra_data": {},
    "tests": [{
        "score": 2.0, "max_score": 2.0, "name": "Your name here", "number": "1.1", "output": "Giant multiline string",
        "tags": ["tag1", "tag2", "tag3"], "visibility": "visible", "extra_data": {},
    }],
    "leaderboard": [{"name": "Accuracy", "value": 0.926}, {"name": "Time", "value": 15.1, "order": "asc"}],
}  # fmt: skip
PRAIRIELEARNS_EXAMPLE = {
    "gradable": True, "score": 0.25, "message": "Tests completed successfully.", "output": "Running tests...",
    "images": [{"label": "First Image", "url": "data:image/png;base64,..."}],
    "tests": [{
        "name": "Test 1", "description": "Tests that a thing does a thing.", "points": 1, "max_points": 1,
        "message": "No errors!", "output": "Running test...",
    }],
}  # fmt: skip


def test_the_documents_own_examples_have_the_form_that_ours_are_held_to() -> None:
    jsonschema.validate(GRADESCOPES_EXAMPLE, GRADESCOPE)
    jsonschema.validate(PRAIRIELEARNS_EXAMPLE, PRAIRIELEARN)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"tests": [{"name": "one", "points": 2}]}, GRADESCOPE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"gradable": True, "score": 25}, PRAIRIELEARN)


@pytest.mark.parametrize(("place", "schema"), [("gradescope", GRADESCOPE), ("prairielearn", PRAIRIELEARN)])
def test_results_for_other_programs_have_their_documented_form(
    tmp_path: Path, place: str, schema: dict[str, object]
) -> None:
    export.write(tmp_path, MARKS)
    for student in MARKS:
        jsonschema.validate(json.loads((tmp_path / place / f"{student.student}.json").read_text()), schema)


def test_a_fault_is_no_score_in_any_form(tmp_path: Path) -> None:
    export.write(tmp_path, MARKS)
    eve, fay = (json.loads((tmp_path / "prairielearn" / f"{name}.json").read_text()) for name in ("eve", "fay"))
    assert eve == {"gradable": False, "format_errors": ["not gradable: the cluster did not start"]}
    assert fay["score"] == 0.7, "of what a machine marks"
    eve, fay = (json.loads((tmp_path / "gradescope" / f"{name}.json").read_text()) for name in ("eve", "fay"))
    assert "score" not in eve
    assert "tests" not in eve
    assert fay["score"] == sum(test["score"] for test in fay["tests"]) == 3.5
    rows = (tmp_path / "marks.csv").read_text().splitlines()
    assert rows[0] == "student,one,two,why,points,max_points,not_gradable"
    assert rows[1] == "eve,,,,,8.0,the cluster did not start"
    assert rows[2] == "fay,1.5,2.0,,3.5,8.0,"


def test_the_page_shows_which_checks_fail_most_and_who_could_not_be_marked(tmp_path: Path) -> None:
    counts = page.count(MARKS)
    assert next((found.claim, found.missed, found.asked) for found in counts) == ("it answers", 1, 1)
    gus = StudentMarks("gus", (*MARKS[1].tasks[:2], TaskMark("why", 3.0, 3.0)))
    page.write(tmp_path / "report.html", "services <1>", [*MARKS, gus])
    text = (tmp_path / "report.html").read_text()
    assert "<svg" in text
    assert "eve: not gradable" in text
    assert "one: it answers: no answer" in text
    assert "services &lt;1&gt;" in text
    row = re.search(r"<tr><td>why</td>(.*?)</tr>", text)
    assert row is not None
    cells = re.findall(r">([^<>]*)</td>", row[1])
    assert cells == ["", "3", "1", "1"], "no mean while one is to be marked"


def _shown(marks: list[StudentMarks]) -> list[str]:
    out = io.StringIO()
    table.show(Console(file=out, width=200), "services", marks)
    return out.getvalue().splitlines()


def test_a_small_class_reads_why_in_the_terminal_and_a_large_one_what_fails_most() -> None:
    eve, fay = MARKS
    assert "fay, one: it answers: no answer" in _shown(MARKS)
    class_of_many = [eve, *(replace(fay, student=f"fay-{number}") for number in range(table.FEW))]
    said = _shown(class_of_many)
    assert "30 of 30 lost points for one: it answers" in said
    assert "eve: not gradable: the cluster did not start" in said
    assert not [line for line in said if "no answer" in line]
