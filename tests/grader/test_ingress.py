"""The assignment `ingress`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released
from tests.grader.references.ingress import FULL


@pytest.fixture(scope="module")
def ingress(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "ingress")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(ingress: Assignment) -> None:
    outcome = ingress.mark(ingress.solutions)
    assert outcome.points == FULL, outcome.reasons


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing_and_is_told_what_is_missing(ingress: Assignment) -> None:
    outcome = ingress.mark({})
    assert outcome.total == 0
    assert "answered with 404" in outcome.reasons["hosts"][0]
    assert "there is no HTTPRoute" in outcome.reasons["gateway"][0]
