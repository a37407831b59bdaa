"""The assignment `services`: what right answers, other right answers, none, and plausible mistakes earn."""

from __future__ import annotations

import pytest

from grader import sample
from tests.grader.conftest import Assignment, one_quick

FULL = {"backend": 3.0, "service": 4.0, "affinity": 3.0, "headless": 3.0}


def test_the_reference_answers_earn_all_points(services: Assignment) -> None:
    assert services.mark(services.solutions).points == FULL


def test_other_kinds_of_right_answers_earn_all_points(services: Assignment) -> None:
    assert services.mark({**services.solutions, **sample.OTHER_WAY}).points == FULL


def test_an_untouched_notebook_earns_nothing_and_is_told_what_is_missing(services: Assignment) -> None:
    outcome = services.mark({})
    assert outcome.total == 0
    assert 'deployments.apps "backend" not found' in outcome.reasons["backend"][0]


MISTAKES = {
    "two Pods instead of three": (("backend-answer", "replicas: 3", "replicas: 2"), {"backend": 2.0, "service": 3.67}),
    "the Pods do not say who they are": (
        ("backend-answer", "-text=$(POD_NAME)", "-text=hello"),
        {"backend": 1.0, "service": 1.33 + 1, "affinity": 3.0},
    ),
    "targetPort is the Service's own port": (
        ("service-answer", "targetPort: 8080", "targetPort: 80"),
        {"service": 2.0},
    ),
    "the selector is misspelt": (("service-answer", "app: backend", "app: backnd"), {"service": 1.0}),
    "another port": (("service-answer", "port: 80\n", "port: 8080\n"), {"service": 2.0}),
    "no affinity": (("affinity-answer", "  sessionAffinity: ClientIP\n", ""), {"affinity": 1.0}),
    "an address of its own after all": (("headless-answer", "  clusterIP: None\n", ""), {"headless": 1.0}),
}


@pytest.mark.parametrize("mistake", one_quick(MISTAKES))
def test_a_plausible_mistake_costs_its_own_points_only(services: Assignment, mistake: str) -> None:
    (cell, right, wrong), expected = MISTAKES[mistake]
    assert right in services.solutions[cell], "the mistake must change something"
    answers = services.solutions | {cell: services.solutions[cell].replace(right, wrong)}
    assert services.mark(answers).points == {**FULL, **expected}


def test_a_wrong_port_is_named_in_the_reason(services: Assignment) -> None:
    answers = services.solutions | {"service-answer": services.solutions["service-answer"].replace("8080", "81")}
    assert any("refused" in reason for reason in services.mark(answers).reasons["service"])
