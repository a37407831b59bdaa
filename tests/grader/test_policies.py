"""The assignment `policies`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released
from tests.grader.references.policies import FULL


@pytest.fixture(scope="module")
def policies(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "policies")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(policies: Assignment) -> None:
    assert policies.mark(policies.solutions).points == FULL


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing_for_what_is_open_anyway(policies: Assignment) -> None:
    assert policies.mark({}).total == 0


@pytest.mark.slow
def test_keeping_everybody_out_earns_nothing(policies: Assignment) -> None:
    source = policies.solutions["tiers-answer"]
    deny = source[: source.index("---")] + '""")'
    assert policies.mark({"tiers-answer": deny}).total == 0


def test_a_flow_too_many_is_shown(policies: Assignment) -> None:
    wrong = policies.solutions["metrics-answer"].replace("      podSelector:", "    - podSelector:")
    outcome = policies.mark(policies.solutions | {"metrics-answer": wrong})
    assert 1 < outcome.points["metrics"] < 4
    assert "allowed but should not be: a Pod with app=" in outcome.reasons["metrics"][0]


@pytest.mark.slow
def test_forgetting_dns_costs_the_names_and_not_the_seal(policies: Assignment) -> None:
    source = policies.solutions["egress-answer"]
    wrong = source[: source.index("  egress:")] + '""")'
    assert policies.mark(policies.solutions | {"egress-answer": wrong}).points["egress"] == 2.0


@pytest.mark.slow
def test_dns_over_udp_only_costs_its_share(policies: Assignment) -> None:
    wrong = policies.solutions["egress-answer"].replace("    - port: 53\n      protocol: TCP\n", "")
    assert policies.mark(policies.solutions | {"egress-answer": wrong}).points["egress"] == 3.0
