"""The assignment `dns`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released

FULL = {"members": 4.0, "port": 2.0, "alias": 2.0, "search": 3.0, "questions": 3.0, "mend": 2.0}


@pytest.fixture(scope="module")
def dns(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "dns")


def test_the_reference_answers_earn_all_points(dns: Assignment) -> None:
    outcome = dns.mark(dns.solutions)
    assert outcome.points == FULL, outcome.reasons


def test_other_kinds_of_right_answers_earn_all_points(dns: Assignment) -> None:
    own = dns.solutions["search-answer"].replace(
        "  dnsConfig:\n    searches:\n    - shop.svc.cluster.local\n",
        "  dnsPolicy: None\n  dnsConfig:\n    nameservers: [10.96.0.10]\n"
        "    searches: [shop.svc.cluster.local, svc.cluster.local]\n    options: [{name: ndots, value: '2'}]\n",
    )
    assert dns.mark(dns.solutions | {"search-answer": own}).points == FULL


def test_an_untouched_notebook_earns_nothing(dns: Assignment) -> None:
    assert dns.mark({}).total == 0


MISTAKES = {
    "no serviceName": (
        "members-answer",
        "  serviceName: db\n",
        "",
        {"members": 2.0, "search": 1.0, "questions": 2.0, "mend": 0.0},
    ),
    "the port has no name": ("members-answer", "  - name: postgres\n    port", "  - port", {"port": 0.0}),
    "an alias of something else": ("alias-answer", "example.com", "example.org", {"alias": 1.0}),
    "as many dots as by default": ("questions-answer", 'value: "2"', 'value: "5"', {"questions": 2.0}),
    "the node's DNS": (
        "questions-answer",
        "spec:\n  dnsConfig",
        "spec:\n  dnsPolicy: Default\n  dnsConfig",
        {"questions": 2.0},
    ),
    "the same wrong server again": (
        "mend-answer",
        "spec:\n  containers",
        "spec:\n  dnsPolicy: None\n  dnsConfig: {nameservers: [10.96.0.11]}\n  containers",
        {"mend": 0.0},
    ),
    "no search list": (
        "mend-answer",
        "spec:\n  containers",
        "spec:\n  dnsPolicy: None\n  dnsConfig: {nameservers: [10.96.0.10]}\n  containers",
        {"mend": 0.0},
    ),
    "the wrong search domain": ("search-answer", "- shop.svc", "- shop", {"search": 1.0}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_plausible_mistake_costs_its_own_points_only(dns: Assignment, mistake: str) -> None:
    cell, right, wrong, expected = MISTAKES[mistake]
    assert right in dns.solutions[cell], "the mistake must change something"
    outcome = dns.mark(dns.solutions | {cell: dns.solutions[cell].replace(right, wrong)})
    assert outcome.points == {**FULL, **expected}, outcome.reasons
