"""The reference answers of all assignments: what they earn, and that there are enough of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from grader import notebooks
from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, Outcome, released
from tests.grader.references import (
    Reference,
    capstone,
    dns,
    exposing,
    incident,
    ingress,
    networking_lab,
    operating,
    policies,
    services,
)

SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "source"
REFERENCES: dict[str, Reference] = {
    "capstone": capstone.REFERENCE,
    "dns": dns.REFERENCE,
    "exposing": exposing.REFERENCE,
    "incident": incident.REFERENCE,
    "ingress": ingress.REFERENCE,
    "networking-lab": networking_lab.REFERENCE,
    "operating": operating.REFERENCE,
    "policies": policies.REFERENCE,
    "services": services.REFERENCE,
}
ONE_IN_MAKE_TEST = ("services", "dns")
"""The assignments of which one mistake is tried in `make test`: marking a submission takes seconds."""

Mark = Callable[..., Outcome]


@pytest.fixture(scope="module")
def release(course: Course, judge: Judge) -> Callable[[str], Assignment]:
    return cache(lambda name: released(course, judge, SOURCE / name))


@pytest.fixture(scope="module")
def mark(release: Callable[[str], Assignment]) -> Mark:
    """Mark an answer of an assignment, each once: a way's by its name, mistakes' by theirs, the solutions by none."""

    def marked(name: str, *which: str) -> Outcome:
        reference, assignment = REFERENCES[name], release(name)
        answers = assignment.solutions
        if set(which) & set(reference.ways):
            answers = reference.way(answers, *which)
        else:
            answers = reference.mistake(answers, *which)
        return assignment.mark(answers, **({} if reference.seed is None else {"seed": reference.seed}))

    return cache(marked)


def _rows(table: str) -> list[object]:
    rows: list[object] = []
    for name, reference in REFERENCES.items():
        for number, which in enumerate(getattr(reference, table)):
            quick = table == "mistakes" and name in ONE_IN_MAKE_TEST and number == 0
            rows.append(pytest.param(name, which, marks=() if quick else pytest.mark.slow, id=f"{name}: {which}"))
    return rows


@pytest.mark.parametrize(("name", "way"), _rows("ways"))
def test_another_right_way_earns_all_points(mark: Mark, name: str, way: str) -> None:
    outcome = mark(name, way)
    assert outcome.points == REFERENCES[name].full, outcome.reasons


@pytest.mark.parametrize(("name", "mistake"), _rows("mistakes"))
def test_a_plausible_mistake_costs_what_it_should(mark: Mark, name: str, mistake: str) -> None:
    outcome, reference = mark(name, mistake), REFERENCES[name]
    assert outcome.points == reference.marks(mistake), outcome.reasons


TOGETHER = {
    f"{name}-{number}": (name, mistakes)
    for name, reference in REFERENCES.items()
    for number, mistakes in enumerate(reference.together(), 1)
}
"""Submissions that make every mistake of every assignment: there is no time for each by itself on a real cluster."""


@pytest.mark.slow
@pytest.mark.parametrize("which", [which for which, (_, mistakes) in TOGETHER.items() if len(mistakes) > 1])
def test_mistakes_of_different_tasks_cost_together_what_each_costs(mark: Mark, which: str) -> None:
    name, mistakes = TOGETHER[which]
    outcome = mark(name, *mistakes)
    assert outcome.points == REFERENCES[name].marks(*mistakes), (mistakes, outcome.reasons)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", REFERENCES)
def test_each_check_fails_for_a_mistake_that_it_is_there_to_find(mark: Mark, name: str) -> None:
    claims = set(_claims(mark(name)))
    for mistake in REFERENCES[name].mistakes:
        claims -= _failed(mark(name, mistake))
    assert not claims, "no mistake among the reference answers makes these fail"


def _claims(outcome: Outcome) -> list[str]:
    return [line[2:] for line in _lines(outcome) if line.startswith("✓ ")]


def _failed(outcome: Outcome) -> set[str]:
    return {line[2:] for line in _lines(outcome) if line.startswith(("✗ ", "◐ "))}


def _lines(outcome: Outcome) -> list[str]:
    return [line for outputs in outcome.marked.tests for line in str(outputs[0]["text"]).splitlines()]


def _tasks(name: str) -> dict[str, float]:
    """Return the tasks of a source notebook that are marked by machine, with their points."""
    found = [notebooks.about(cell) for cell in notebooks.read(SOURCE / name / f"{name}.ipynb").cells]
    return {about["grade_id"]: about["points"] for about in found if about.get("grade") and not about.get("solution")}


@pytest.mark.parametrize("name", REFERENCES)
def test_every_mistake_is_made_in_one_of_the_submissions_that_make_several(name: str) -> None:
    reference = REFERENCES[name]
    made = [mistake for group in reference.together() for mistake in group]
    assert sorted(made) == sorted(reference.mistakes)
    for group in reference.together():
        lost = [reference.mistakes[mistake][3] for mistake in group]
        assert len(set().union(*lost)) == sum(map(len, lost)), f"two of {group} cost the same task something"


def test_every_assignment_has_reference_answers() -> None:
    assert set(REFERENCES) == {path.name for path in SOURCE.iterdir() if path.is_dir()}


@pytest.mark.parametrize("name", REFERENCES)
def test_every_task_has_two_other_right_ways_and_a_mistake(name: str) -> None:
    reference = REFERENCES[name]
    assert dict(reference.full) == _tasks(name)
    for task in reference.full:
        cells = set(reference.cells(task))
        assert sum(bool(cells & set(way)) for way in reference.ways.values()) >= 2, task
        assert any(
            expected.get(task, full) < full
            for *_, expected in reference.mistakes.values()
            for full in (reference.full[task],)
        ), f"no mistake costs {task} anything"
