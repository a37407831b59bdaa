"""The assignment `incident`: each student's differs, any mend counts, and one that opens too much costs points."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from podwalk.incidents import draw
from tests.grader.conftest import Assignment, released
from tests.grader.references.incident import BY_CLASS, BY_NAME, BY_OTHER_LABEL, FULL, SEED


@pytest.fixture(scope="module")
def incident(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "incident")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 190_000_000_000])
def test_the_reference_answers_earn_all_points_whatever_the_seed(incident: Assignment, seed: int) -> None:
    assert incident.mark(incident.solutions, seed=seed).points == FULL


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing(incident: Assignment) -> None:
    assert incident.mark({}, seed=3).total == 0


def test_the_seed_of_these_tests_has_the_faults_they_mend() -> None:
    assert [fault.name for fault in draw(SEED).faults] == ["service-port", "ingress-class", "namespace-label"]


def answers(*cells: str) -> dict[str, str]:
    return {f"ticket-{number}-answer": cell for number, cell in enumerate(cells, 1)}


@pytest.mark.slow
def test_one_ticket_earns_its_points_and_its_part_of_what_must_stay_shut(incident: Assignment) -> None:
    marks = incident.mark(answers("", BY_CLASS, ""), seed=SEED)
    assert marks.points == {"ticket-1": 0.0, "ticket-2": 3.0, "ticket-3": 0.0, "contained": 1.0}
    assert "2 of 3 tickets are still open" in marks.reasons["contained"][0]


NO_POLICIES = """
for name in cluster.get("networkpolicies").names:
    cluster.delete(f"networkpolicy/{name}")
"""


def test_deleting_the_policies_settles_tickets_and_loses_what_they_were_for(incident: Assignment) -> None:
    marks = incident.mark(answers(NO_POLICIES, BY_CLASS), seed=SEED)
    assert marks.points == {**FULL, "contained": 0.0}
    assert "allowed but should not be: " in marks.reasons["contained"][0]


FOR_EVERYBODY = BY_NAME.replace("cluster.apply(", 'del policy["spec"]["ingress"][0]["from"]\ncluster.apply(')


@pytest.mark.slow
def test_a_rule_for_everybody_is_shown_whom_it_lets_in(incident: Assignment) -> None:
    marks = incident.mark(answers(FOR_EVERYBODY, BY_CLASS, BY_OTHER_LABEL), seed=SEED)
    assert marks.points == {**FULL, "contained": 2.75}
    assert "a Pod in namespace incident-office → baskets.incident:8080" in marks.reasons["contained"][0]


@pytest.mark.slow
def test_a_mend_that_breaks_something_else_costs_its_part(incident: Assignment) -> None:
    careless = BY_CLASS + 'cluster.delete("service/barn")'
    marks = incident.mark(answers(BY_NAME, careless, BY_OTHER_LABEL), seed=SEED)
    assert marks.points == {**FULL, "contained": 2.0}


@pytest.mark.slow
def test_the_settled_tickets_of_another_students_incident_earn_nothing(incident: Assignment) -> None:
    foreign = """
import podwalk.incidents
from grader import incidents as desks

desk.close()
desks.begin(cluster, 3)
cluster.apply(podwalk.incidents.draw(3, 0).objects)
"""
    assert incident.mark(answers(foreign), seed=SEED).total == 0
