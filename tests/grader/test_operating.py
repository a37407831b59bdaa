"""The assignment `operating`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released
from tests.grader.references.operating import FULL


@pytest.fixture(scope="module")
def operating(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "operating")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(operating: Assignment) -> None:
    assert operating.mark(operating.solutions).points == FULL


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing(operating: Assignment) -> None:
    outcome = operating.mark({})
    assert outcome.total == 0
    assert 'jobs.batch "communication" not found' in outcome.reasons["watch"][0]
