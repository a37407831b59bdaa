"""The assignment `policies`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released

FULL = {"tiers": 5.0, "metrics": 4.0, "egress": 4.0}


@pytest.fixture(scope="module")
def policies(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "policies")


def test_the_reference_answers_earn_all_points(policies: Assignment) -> None:
    assert policies.mark(policies.solutions).points == FULL


OTHER_WAY = {
    "tiers-answer": """
def ingress(app, *rules):
    chosen = {"matchExpressions": [{"key": "app", "operator": "In", "values": [app]}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": app, "namespace": "shop"},
            "spec": {"podSelector": chosen, "ingress": list(rules)}}

def pods(app):
    return [{"podSelector": {"matchLabels": {"app": app}}}]

web = [{"port": 8080, "protocol": "TCP"}]
cluster.apply([
    ingress("frontend", {"ports": web}),
    ingress("backend", {"ports": web, "from": pods("frontend")}),
    ingress("database", {"ports": web, "from": pods("backend")}),
])
""",
    "egress-answer": '''
cluster.apply("""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: no-calls
  namespace: shop
spec:
  podSelector: {matchLabels: {app: database}}
  policyTypes: [Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: names
  namespace: shop
spec:
  podSelector: {matchLabels: {app: database}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
""")
''',
}


def test_other_kinds_of_right_answers_earn_all_points(policies: Assignment) -> None:
    assert policies.mark({**policies.solutions, **OTHER_WAY}).points == FULL


def test_an_untouched_notebook_earns_nothing_for_what_is_open_anyway(policies: Assignment) -> None:
    assert policies.mark({}).total == 0


def test_keeping_everybody_out_earns_nothing(policies: Assignment) -> None:
    source = policies.solutions["tiers-answer"]
    deny = source[: source.index("---")] + '""")'
    assert policies.mark({"tiers-answer": deny}).total == 0


def test_a_flow_too_many_is_shown(policies: Assignment) -> None:
    wrong = policies.solutions["metrics-answer"].replace("      podSelector:", "    - podSelector:")
    outcome = policies.mark(policies.solutions | {"metrics-answer": wrong})
    assert 1 < outcome.points["metrics"] < 4
    assert "allowed but should not be: a Pod with app=" in outcome.reasons["metrics"][0]


def test_forgetting_dns_costs_the_names_and_not_the_seal(policies: Assignment) -> None:
    source = policies.solutions["egress-answer"]
    wrong = source[: source.index("  egress:")] + '""")'
    assert policies.mark(policies.solutions | {"egress-answer": wrong}).points["egress"] == 2.0


def test_dns_over_udp_only_costs_its_share(policies: Assignment) -> None:
    wrong = policies.solutions["egress-answer"].replace("    - port: 53\n      protocol: TCP\n", "")
    assert policies.mark(policies.solutions | {"egress-answer": wrong}).points["egress"] == 3.0
