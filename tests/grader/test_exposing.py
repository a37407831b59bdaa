"""The assignment `exposing`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, one_quick, released

FULL = {"doors": 3.0, "outside": 4.0, "elsewhere": 3.0, "ready": 4.0}


@pytest.fixture(scope="module")
def exposing(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "exposing")


def test_the_reference_answers_earn_all_points(exposing: Assignment) -> None:
    outcome = exposing.mark(exposing.solutions)
    assert outcome.points == FULL, outcome.reasons


def test_other_kinds_of_right_answers_earn_all_points(exposing: Assignment) -> None:
    right = exposing.solutions
    answers = {
        # Numbers instead of names, and one port more than was asked for.
        "doors-answer": right["doors-answer"].replace(
            "targetPort: http", "targetPort: 8080\n  - name: more\n    port: 81\n    targetPort: http"
        ),
        "outside-answer": right["outside-answer"].replace(
            "type: LoadBalancer", "type: LoadBalancer\n  sessionAffinity: ClientIP"
        ),
        # The Service has a selector that fits nobody, and the slice is by hand all the same.
        "elsewhere-answer": right["elsewhere-answer"].replace("spec:\n", "spec:\n  selector:\n    app: none-yet\n", 1),
        # The probe asks in the container instead of over HTTP.
        "ready-answer": right["ready-answer"].replace(
            "httpGet:\n            path: /open\n            port: 80",
            "exec:\n            command: [sh, -c, curl -fs localhost/open]",
        ),
    }
    assert all(right[name] != text for name, text in answers.items())
    outcome = exposing.mark(answers)
    assert outcome.points == FULL, outcome.reasons


def test_an_untouched_notebook_earns_nothing(exposing: Assignment) -> None:
    assert exposing.mark({}).total == 0


MISTAKES = {
    "the ports are crossed": ("doors-answer", "targetPort: http", "targetPort: 9090", {"doors": 2.0}),
    "the second port leads to itself": ("doors-answer", "targetPort: 9090", "targetPort: 9000", {"doors": 2.0}),
    "the selector fits nobody": ("doors-answer", "app: backend", "app: backends", {"doors": 0.0}),
    "a NodePort, and no request for more": ("outside-answer", "type: LoadBalancer", "type: NodePort", {"outside": 3.0}),
    "whatever node port comes": ("outside-answer", "    nodePort: 30123\n", "", {"outside": 2.0}),
    "the slice belongs to nobody": (
        "elsewhere-answer",
        "service-name: catalogue",
        "service-name: catalog",
        {"elsewhere": 1.0},
    ),
    "the port's name differs": (
        "elsewhere-answer",
        "- name: http\n  protocol",
        "- name: web\n  protocol",
        {"elsewhere": 1.0},
    ),
    "the Service's port in the slice": ("elsewhere-answer", "port: 8080", "port: 8000", {"elsewhere": 1.0}),
    "no probe": (
        "ready-answer",
        """        readinessProbe:
          httpGet:
            path: /open
            port: 80
          periodSeconds: 3
          failureThreshold: 1
""",
        "",
        {"ready": 1.0},
    ),
    "a probe of another page": ("ready-answer", "path: /open", "path: /", {"ready": 1.0}),
    "it is never asked again": ("ready-answer", "readinessProbe", "startupProbe", {"ready": 2.0}),
}


@pytest.mark.parametrize("mistake", one_quick(MISTAKES))
def test_a_plausible_mistake_costs_its_own_points_only(exposing: Assignment, mistake: str) -> None:
    cell, right, wrong, expected = MISTAKES[mistake]
    assert right in exposing.solutions[cell], "the mistake must change something"
    outcome = exposing.mark(exposing.solutions | {cell: exposing.solutions[cell].replace(right, wrong)})
    assert outcome.points == {**FULL, **expected}, outcome.reasons
