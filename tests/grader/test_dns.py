"""The assignment `dns`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, one_quick, released

FULL = {"members": 4.0, "port": 2.0, "alias": 2.0, "search": 3.0, "questions": 3.0, "mend": 2.0, "company": 3.0}


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
    one_block = """
corefile = cluster.get("configmap/coredns", namespace="kube-system").object["data"]["Corefile"]
lines = ["forward corp.example 10.96.0.100", "rewrite name suffix .old.example .db.shop.svc.cluster.local answer auto"]
corefile = corefile.replace("    ready\\n", "    ready\\n" + "".join(f"    {line}\\n" for line in lines), 1)
cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"},
               "data": {"Corefile": corefile}})
"""
    outcome = dns.mark(dns.solutions | {"search-answer": own, "company-answer": one_block})
    assert outcome.points == FULL, outcome.reasons


def test_an_untouched_notebook_earns_nothing(dns: Assignment) -> None:
    assert dns.mark({}).total == 0


MISTAKES = {
    "no serviceName": (
        "members-answer",
        "  serviceName: db\n",
        "",
        {"members": 2.0, "search": 1.0, "questions": 2.0, "mend": 0.0, "company": 2.0},
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
    "a list instead of the company's server": (
        "company-answer",
        "forward . 10.96.0.100",
        "hosts {\n        192.0.2.80 intranet.corp.example\n    }",
        {"company": 2.0},
    ),
    "a plugin that is not there": ("company-answer", "forward . 10", "forwards . 10", {"company": 0.0}),
    "an address where nobody answers": (
        "company-answer",
        "forward . 10.96.0.100",
        "forward . 10.96.0.99",
        {"company": 1.0},
    ),
    "no name rewritten": ("company-answer", "db-0.old.example db-0", "db-0.old.test db-0", {"company": 2.0}),
    "the wrong search domain": ("search-answer", "- shop.svc", "- shop", {"search": 1.0}),
}


@pytest.mark.parametrize("mistake", one_quick(MISTAKES))
def test_a_plausible_mistake_costs_its_own_points_only(dns: Assignment, mistake: str) -> None:
    cell, right, wrong, expected = MISTAKES[mistake]
    assert right in dns.solutions[cell], "the mistake must change something"
    outcome = dns.mark(dns.solutions | {cell: dns.solutions[cell].replace(right, wrong)})
    assert outcome.points == {**FULL, **expected}, outcome.reasons
