"""The assignment `capstone`: a shop that must behave as specified, whatever it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, one_quick, released

FULL = {"tiers": 4.0, "names": 6.0, "health": 3.0, "door": 6.0, "policies": 8.0}


@pytest.fixture(scope="module")
def capstone(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "capstone")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(capstone: Assignment) -> None:
    assert capstone.mark(capstone.solutions).points == FULL


TWO_INGRESSES = """
def ingress(name, path, service):
    backend = {"service": {"name": service, "port": {"number": 80}}}
    rule = {"host": "shop.capstone.example",
            "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    tls = [{"hosts": ["shop.capstone.example"], "secretName": "shop-tls"}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": "capstone"},
            "spec": {"ingressClassName": "nginx", "tls": tls, "rules": [rule]}}

cluster.apply([ingress("web", "/", "web"), ingress("orders", "/orders", "orders")])
"""

ONE_POLICY_A_TIER = """
def pods(app):
    return {"podSelector": {"matchLabels": {"app": app}}}

def policy(app, callers, called):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": app or "all", "namespace": "capstone"},
            "spec": {"podSelector": {"matchLabels": {"app": app}} if app else {}, "policyTypes": ["Ingress", "Egress"],
                     "ingress": [{"from": callers}] if callers else [], "egress": called}}

door = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
        for name in ("ingress-nginx", "ingress", "traefik")]
dns = [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}]
payments = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "capstone-partner"}}}
cluster.apply([
    policy("", [], dns),
    policy("web", door, [{"to": [pods("orders")]}]),
    policy("orders", [pods("web"), *door], [{"to": [pods("stock"), payments]}]),
    policy("stock", [pods("orders")], []),
])
"""


@pytest.mark.slow
def test_other_kinds_of_right_answers_earn_all_points(capstone: Assignment) -> None:
    other = {"door-answer": TWO_INGRESSES, "policies-answer": ONE_POLICY_A_TIER}
    assert capstone.mark({**capstone.solutions, **other}).points == FULL


OWN_ENDPOINTS = """
target = cluster.get("service/payments", namespace="capstone-partner").object["spec"]["clusterIP"]
cluster.delete("service/payments")
cluster.wait("pods", "condition=Ready", namespace="capstone-partner", selector="app=payments")
pod = next(iter(cluster.get("pods", namespace="capstone-partner", selector="app=payments")))
cluster.apply([
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "payments", "namespace": "capstone"},
     "spec": {"ports": [{"name": "pay", "port": 8080}]}},
    {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
     "metadata": {"name": "payments-1", "namespace": "capstone", "labels": {"kubernetes.io/service-name": "payments"}},
     "ports": [{"name": "pay", "port": 8080}], "endpoints": [{"addresses": [pod["status"]["podIP"]]}]},
])
"""


@pytest.mark.slow
def test_a_service_without_a_selector_does_for_payments(capstone: Assignment) -> None:
    answer = capstone.solutions["names-answer"] + OWN_ENDPOINTS
    assert capstone.mark({**capstone.solutions, "names-answer": answer}).points == FULL


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing(capstone: Assignment) -> None:
    assert capstone.mark({}).total == 0


PROBE = """        readinessProbe:
          httpGet:
            path: /health
            port: http
          periodSeconds: 2
          failureThreshold: 1
"""
ORDERS = "    - podSelector:\n        matchLabels:\n          app: orders\n"
STOCK_DOOR = f"{ORDERS}    ports:\n    - port: stock"
MISTAKES = {
    "one Pod too few": (("tiers-answer", "replicas: 3", "replicas: 2"), {"tiers": 3.67}),
    "no probes": (("tiers-answer", PROBE, ""), {"health": 0.0}),
    "the wrong kind of probe": (("tiers-answer", "readinessProbe", "livenessProbe"), {"health": 2.0}),
    "no affinity": (("names-answer", "  sessionAffinity: ClientIP\n", ""), {"names": 5.0}),
    "an address for the stock": (("names-answer", "  clusterIP: None\n", ""), {"names": 5.0}),
    "a partner misspelt": (("names-answer", "payments.capstone-partner", "payment.capstone-partner"), {"names": 5.0}),
    "no TLS": (
        ("door-answer", "  tls:\n  - hosts: [shop.capstone.example]\n    secretName: shop-tls\n", ""),
        {"door": 4.0},
    ),
    "a certificate that is not there": (("door-answer", "secretName: shop-tls", "secretName: none"), {"door": 5.0}),
    "a path that must be exact": (
        ("door-answer", "path: /orders\n        pathType: Prefix", "path: /orders\n        pathType: Exact"),
        {"door": 4.0},
    ),
    "the door shut by the policies": (
        ("policies-answer", "kubernetes.io/metadata.name\n          operator", "name\n          operator"),
        {"door": 2.0},
    ),
    "DNS over UDP only": (("policies-answer", "    - port: 53\n      protocol: TCP\n", ""), {"policies": 7.0}),
    "a door of the stock's for every namespace": (
        ("policies-answer", STOCK_DOOR, STOCK_DOOR.replace(ORDERS, "    - namespaceSelector: {}\n")),
        {"policies": 7.81},
    ),
}


@pytest.mark.parametrize("mistake", one_quick(MISTAKES))
def test_a_plausible_mistake_costs_what_it_should(capstone: Assignment, mistake: str) -> None:
    (cell, right, wrong), expected = MISTAKES[mistake]
    assert right in capstone.solutions[cell], "the mistake must change something"
    answers = capstone.solutions | {cell: capstone.solutions[cell].replace(right, wrong)}
    assert capstone.mark(answers).points == {**FULL, **expected}
