"""What students get to see: neither solutions nor hidden tests, in no assignment."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from grader import notebooks, sample
from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, Outcome, released

ROOT = Path(__file__).resolve().parents[2]
MEANINGLESS = 12
"""Characters of a line so short that it tells nothing."""

ASSIGNMENTS = sorted(path.name for path in (ROOT / "notebooks" / "source").iterdir() if path.is_dir())


@pytest.fixture(scope="module", params=ASSIGNMENTS)
def assignment(request: pytest.FixtureRequest, course: Course, judge: Judge) -> Assignment:
    return released(course, judge, ROOT / "notebooks" / "source" / request.param)


def _source(assignment: Assignment) -> list[str]:
    path = ROOT / "notebooks" / "source" / assignment.name / f"{assignment.name}.ipynb"
    return [cell.source for cell in notebooks.read(path).cells]


def _between(text: str, begin: str, end: str) -> list[str]:
    return [part.partition(end)[0] for part in text.split(begin)[1:]]


def _secret_lines(assignment: Assignment) -> set[str]:
    texts = _source(assignment)
    parts = [part for text in texts for part in _between(text, "### BEGIN SOLUTION", "### END SOLUTION")]
    parts += [part for text in texts for part in _between(text, "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")]
    shown = "\n".join(line for text in texts for line in _visible(text))
    lines = {line.strip() for part in parts for line in part.splitlines() if len(line.strip()) > MEANINGLESS}
    return {line for line in lines if line not in shown}


def _visible(text: str) -> list[str]:
    lines, hidden = [], False
    for line in text.splitlines():
        hidden = hidden or "### BEGIN" in line
        if not hidden:
            lines.append(line)
        hidden = hidden and "### END" not in line
    return lines


def test_the_students_version_holds_no_solution_and_no_hidden_test(assignment: Assignment) -> None:
    secrets, text = _secret_lines(assignment), notebooks.text(assignment.release)
    assert secrets
    assert [line for line in secrets if line in text] == []
    assert "BEGIN SOLUTION" not in text
    assert "HIDDEN TESTS" not in text


def test_the_points_of_a_task_are_those_of_its_cell_and_of_its_checks(assignment: Assignment) -> None:
    path = ROOT / "notebooks" / "source" / assignment.name / f"{assignment.name}.ipynb"
    for cell in notebooks.read(path).cells:
        about = notebooks.about(cell)
        if about.get("grade") and not about.get("solution"):
            assert f"points={about['points']}" in cell.source.splitlines()[0]
            assert cell.source.rstrip().endswith("task.report()")
            assert _weights(cell.source) == about["points"], about["grade_id"]
            shown = "\n".join(_visible(cell.source))
            assert _weights(shown) > 0, f"{about['grade_id']}: a learner who runs it would see that it is incomplete"


def test_the_addons_that_an_assignment_asks_for_are_named_in_its_metadata(assignment: Assignment) -> None:
    """Who grades on a real cluster sees to them first: a submission may not install anything there."""
    asked = set(re.findall(r'cluster\.addon\("([a-z-]+)"\)', "\n".join(_source(assignment))))
    if "incidents.begin(" in "\n".join(_source(assignment)):
        asked.add("ingress")
    assert set(assignment.course.scope(assignment.name).addons) == asked


def _weights(source: str) -> float:
    """Add up the weights of the checks of a test cell, each as often as its loop runs."""
    return sum(map(_weight, ast.parse(source).body))


def _weight(statement: ast.stmt) -> float:
    if isinstance(statement, ast.For):
        return len(ast.literal_eval(statement.iter)) * sum(map(_weight, statement.body))
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    checks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "check"]
    given = [next((word.value for word in call.keywords if word.arg == "points"), None) for call in checks]
    return sum(1.0 if node is None else float(ast.literal_eval(node)) for node in given)


def _mark(assignment: Assignment, answers: Mapping[str, str]) -> Outcome:
    seeded = assignment.course.scope(assignment.name).seeded
    return assignment.mark(answers, **({"seed": 7} if seeded else {}))


def test_the_reference_answers_earn_all_points(assignment: Assignment) -> None:
    outcome = _mark(assignment, assignment.solutions)
    most = {cell.name: cell.points for cell in assignment.trusted if cell.grade and not cell.solution}
    assert outcome.points == most, outcome.reasons


def test_an_untouched_notebook_earns_nothing_and_says_why(assignment: Assignment) -> None:
    outcome = _mark(assignment, {})
    assert outcome.total == 0, outcome.points
    assert all(outcome.reasons.values())


def test_feedback_shows_reasons_and_no_hidden_test(services: Assignment) -> None:
    services.course.submit("eve", services.name, sample.submission(services.release, {}))
    services.course.autograde(services.name, "eve")
    services.course.feedback(services.name)
    page = (services.course.folder / "feedback" / "eve" / services.name / f"{services.name}.html").read_text()
    assert "is there" in page
    assert "not found" in page
    assert "HIDDEN TESTS" not in page
    assert "cluster_ip" not in page
    assert "Traceback (most recent call" not in page
