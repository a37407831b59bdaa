"""The assignment `exposing`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released
from tests.grader.references.exposing import FULL


@pytest.fixture(scope="module")
def exposing(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "exposing")


def test_the_reference_answers_earn_all_points(exposing: Assignment) -> None:
    outcome = exposing.mark(exposing.solutions)
    assert outcome.points == FULL, outcome.reasons


def test_an_untouched_notebook_earns_nothing(exposing: Assignment) -> None:
    assert exposing.mark({}).total == 0
