"""The assignment `networking-lab`: eleven steps, marked when all of them are done, under the policies of the tenth."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released
from tests.grader.references.networking_lab import FULL


@pytest.fixture(scope="module")
def lab(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "networking-lab")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(lab: Assignment) -> None:
    assert lab.mark(lab.solutions).points == FULL


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing(lab: Assignment) -> None:
    assert lab.mark({}).total == 0
