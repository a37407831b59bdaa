"""The assignment `policies`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, released

FULL = {"tiers": 5.0, "metrics": 4.0, "egress": 4.0, "tenants": 5.0, "outside": 3.0}


@pytest.fixture(scope="module")
def policies(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "policies")


@pytest.mark.slow
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
    "tenants-answer": """
def policy(name, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": {}, **spec}}

for tenant in ("tenant-a", "tenant-b"):
    here = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant}}}]
    ports = [{"port": port, "protocol": "TCP"} for port in range(9000, 9011)]
    cluster.apply([
        policy("nothing", policyTypes=["Ingress", "Egress"]),
        policy("in", policyTypes=["Ingress"], ingress=[{"from": here, "ports": ports}]),
        policy("out", policyTypes=["Egress"], egress=[{"to": here, "ports": ports}]),
        policy("dns", policyTypes=["Egress"],
               egress=[{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}]),
    ], namespace=tenant)
""",
    "outside-answer": """
addresses = [{"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/5", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6",
             "16.0.0.0/4", "32.0.0.0/3", "64.0.0.0/2", "128.0.0.0/1")]
cluster.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
               "metadata": {"name": "updater", "namespace": "tenant-a"},
               "spec": {"podSelector": {"matchLabels": {"role": "updater"}}, "policyTypes": ["Egress"],
                        "egress": [{"to": addresses, "ports": [{"port": 6443}]}]}})
""",
}


@pytest.mark.slow
def test_other_kinds_of_right_answers_earn_all_points(policies: Assignment) -> None:
    assert policies.mark({**policies.solutions, **OTHER_WAY}).points == FULL


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


TENANTS = {
    "one direction only": (
        ("tenants-answer", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]"),
        {"tenants": 4.0, "outside": 0.0},
    ),
    "a single port": (("tenants-answer", "      endPort: 9010\n", ""), {"tenants": 4.25}),
    "all ports": (("tenants-answer", "    ports:\n    - port: 9000\n      endPort: 9010\n", ""), {"tenants": 4.79}),
    "every namespace": (("tenants-answer", "    - podSelector: {}", "    - namespaceSelector: {}"), {"tenants": 2.14}),
    "one tenant only": (("tenants-answer", "namespace: tenant-b", "namespace: tenant-a"), {"tenants": 4.57}),
    "no range excepted": (("outside-answer", "        except: [10.0.0.0/8]\n", ""), {"outside": 2.0}),
    "the Service's address": (
        ("outside-answer", "        cidr: 0.0.0.0/0\n        except: [10.0.0.0/8]", "        cidr: 10.96.0.1/32"),
        {"outside": 0.0},
    ),
    "the Service's port": (("outside-answer", "port: 6443", "port: 443"), {"outside": 0.0}),
    "every Pod": (("outside-answer", "    matchLabels:\n      role: updater", "    matchLabels: {}"), {"outside": 0.0}),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", TENANTS)
def test_a_plausible_mistake_with_tenants_and_ranges_costs_what_it_should(policies: Assignment, mistake: str) -> None:
    (cell, right, wrong), expected = TENANTS[mistake]
    assert right in policies.solutions[cell], "the mistake must change something"
    answers = policies.solutions | {cell: policies.solutions[cell].replace(right, wrong)}
    assert policies.mark(answers).points == {**FULL, **expected}
