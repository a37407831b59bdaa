"""A ClusterNetworkPolicy is applied, refused where it is wrong, and decides before and after the NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError

SERVER = """
apiVersion: v1
kind: Pod
metadata: {name: db, labels: {app: db}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: server
    image: hashicorp/http-echo:1.0
    args: [-listen=:8080, -text=rows]
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: shell, image: "busybox:1.36", command: [sleep, infinity]}
"""
OPEN = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
"""


def policy(namespace: str, tier: str, action: str) -> str:
    return f"""
apiVersion: policy.networking.k8s.io/v1beta1
kind: ClusterNetworkPolicy
metadata: {{name: test}}
spec:
  tier: {tier}
  priority: 10
  subject:
    namespaces: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
  ingress:
  - name: from-web
    action: {action}
    from:
    - pods: {{namespaceSelector: {{}}, podSelector: {{matchLabels: {{app: web}}}}}}
    protocols:
    - tcp: {{destinationPort: {{range: {{start: 8000, end: 8999}}}}}}
"""


@pytest.fixture
def tiers(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster that has the kind, with a server and a caller."""
    if cluster.backend not in ("embedded", "in-process"):
        pytest.skip("this cluster's CNI plugin does not evaluate ClusterNetworkPolicy")
    cluster.addon("cluster-network-policy")
    cluster.apply(SERVER)
    for name in ("db", "web"):
        cluster.wait(f"pod/{name}", "condition=Ready")
    yield cluster
    cluster.delete("cnp/test")


def calls(cluster: Cluster) -> bool:
    address = cluster.get("pods", "db").object["status"]["podIP"]
    answered = cluster.exec("web", f"wget -qO- -T 1 http://{address}:8080").ok
    verdict = cluster.walk("web", f"http://{address}:8080").verdict
    assert verdict is not None
    assert verdict.delivered == answered, "the walk says what the call does"
    return answered


def test_the_tiers_decide_before_and_after_the_networkpolicies(tiers: Cluster) -> None:
    assert calls(tiers)
    tiers.apply(policy(tiers.namespace, "Admin", "Deny"))
    assert not calls(tiers)
    tiers.apply(OPEN)
    assert not calls(tiers), "a NetworkPolicy cannot open what the Admin tier denies"
    tiers.apply(policy(tiers.namespace, "Baseline", "Deny"))
    assert calls(tiers), "a NetworkPolicy overrides the Baseline tier"
    tiers.delete("networkpolicy/open")
    assert not calls(tiers)


MISTAKES = {
    "tier: Admin": "tier: Emergency",
    "action: Deny": "action: Reject",
    "priority: 10": "priority: 1001",
    "range: {start: 8000, end: 8999}": "range: {start: 8999, end: 8000}",
    "    from:\n    - pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}": "    from: []",
    "tcp: {destinationPort": "quic: {destinationPort",
}


@pytest.mark.parametrize("right", MISTAKES)
def test_a_mistake_is_refused(tiers: Cluster, right: str) -> None:
    manifest = policy(tiers.namespace, "Admin", "Deny")
    assert right in manifest
    with pytest.raises(LearnerError):
        tiers.apply(manifest.replace(right, MISTAKES[right]))


def test_it_is_listed_with_its_tier_and_priority(tiers: Cluster) -> None:
    tiers.apply(policy(tiers.namespace, "Admin", "Deny"))
    listing = tiers.get("cnp")
    assert listing.header[:3] == ("NAME", "TIER", "PRIORITY")
    assert listing.rows[0][:3] == ("test", "Admin", "10")
