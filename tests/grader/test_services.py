"""The assignment `services`: what right answers, other right answers, none, and plausible mistakes earn."""

from __future__ import annotations

from tests.grader.conftest import Assignment
from tests.grader.references.services import FULL


def test_the_reference_answers_earn_all_points(services: Assignment) -> None:
    assert services.mark(services.solutions).points == FULL


def test_an_untouched_notebook_earns_nothing_and_is_told_what_is_missing(services: Assignment) -> None:
    outcome = services.mark({})
    assert outcome.total == 0
    assert 'deployments.apps "backend" not found' in outcome.reasons["backend"][0]


def test_a_wrong_port_is_named_in_the_reason(services: Assignment) -> None:
    answers = services.solutions | {"service-answer": services.solutions["service-answer"].replace("8080", "81")}
    assert any("refused" in reason for reason in services.mark(answers).reasons["service"])
