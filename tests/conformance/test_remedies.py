"""What a walk offers as the smallest change is accepted by the API, and lets the request through: for each clause."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.facade import Cluster

pytestmark = pytest.mark.detail

INGRESS = {"podSelector": {"matchLabels": {"app": "backend"}}, "policyTypes": ["Ingress"]}
NOBODY = {"matchLabels": {"app": "nobody"}}
CLIENT = {"podSelector": {"matchLabels": {"app": "client"}}}
BACKEND = {"podSelector": {"matchLabels": {"app": "backend"}}}
EVERYBODY: dict[str, Any] = {"namespaceSelector": {}}

CLAUSES: dict[str, tuple[dict[str, Any], str]] = {
    "a label of the Pod": ({**INGRESS, "ingress": [{"from": [{"podSelector": NOBODY}]}]}, "podSelector"),
    "a label of the namespace": (
        {**INGRESS, "ingress": [{"from": [{"namespaceSelector": NOBODY}]}]},
        "namespaceSelector",
    ),
    "a port": ({**INGRESS, "ingress": [{"from": [CLIENT], "ports": [{"port": 9999}]}]}, "ports"),
    "a protocol": ({**INGRESS, "ingress": [{"ports": [{"port": 8080, "protocol": "UDP"}]}]}, "ports"),
    "a name of a port": ({**INGRESS, "ingress": [{"ports": [{"port": "metrics"}]}]}, "ports"),
    "a block": ({**INGRESS, "ingress": [{"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]}, "ipBlock"),
    "an exception of a block": (
        {**INGRESS, "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16"]}}]}]},
        "ipBlock",
    ),
    "egress": (
        {
            "podSelector": {"matchLabels": {"app": "client"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [EVERYBODY], "ports": [{"port": 53, "protocol": "UDP"}]}],
        },
        "ports",
    ),
    "DNS": (
        {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"], "egress": [{"to": [BACKEND]}]},
        "podSelector",
    ),
}


@pytest.mark.parametrize("clause", CLAUSES)
def test_remedy_of_each_clause_lets_the_request_through(shop: Cluster, clause: str) -> None:
    spec, field = CLAUSES[clause]
    meta = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "strict"}}
    shop.apply({**meta, "spec": spec})
    denied = shop.walk("client", "http://backend", probe=True)
    assert not denied.delivered
    assert denied.reason is not None
    assert field in str(denied.reason.data), "the clause that failed is named"
    assert denied.observation is not None
    assert denied.observation.agrees, str(denied)
    shop.apply(list(denied.remedies))
    allowed = shop.walk("client", "http://backend", probe=True)
    assert allowed.delivered
    assert allowed.observation is not None
    assert (allowed.observation.agrees, allowed.observation.answer) == (True, "HTTP 200 OK"), str(allowed)
