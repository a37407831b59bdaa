"""The assignment `capstone`: a shop that must behave as specified, whatever it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released
from tests.grader.references.capstone import FULL


@pytest.fixture(scope="module")
def capstone(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "capstone")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(capstone: Assignment) -> None:
    assert capstone.mark(capstone.solutions).points == FULL


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing(capstone: Assignment) -> None:
    assert capstone.mark({}).total == 0
