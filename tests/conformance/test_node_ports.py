"""A NodePort called from a Pod: who answers, and which address the server sees, at each node and by each policy."""

from __future__ import annotations

import pytest

from podwalk.facade import Cluster
from tests.conformance.world import AGNHOST, CALLER

pytestmark = pytest.mark.detail

SERVER, OWN, NEITHER = "the server's node", "the caller's own node", "a node of neither"

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: everywhere}
spec: {type: NodePort, selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: here}
spec:
  type: NodePort
  externalTrafficPolicy: Local
  selector: {app: server}
  ports: [{port: 80, targetPort: 8080}]
"""


@pytest.fixture
def nodes(cluster: Cluster) -> dict[str, str]:
    """The server on one node, the caller on another; the addresses of theirs, and of a node of neither."""
    names = [node["metadata"]["name"] for node in cluster.get("nodes")]
    third = next(name for name in names if name.endswith("control-plane"))
    first, second, *_ = (name for name in names if name != third)
    caller = CALLER.format(name="caller", node=second, host="false")
    cluster.apply("---".join([AGNHOST.format(node=first), caller, SERVICES]))
    for pod in ("server", "caller"):
        cluster.wait(f"pod/{pod}", "condition=Ready", timeout_s=120)
    roles = zip((SERVER, OWN, NEITHER), (first, second, third), strict=True)
    return {role: cluster.get("nodes", name).object["status"]["addresses"][0]["address"] for role, name in roles}


def seen(cluster: Cluster, service: str, ip: str) -> str:
    """Return the address that the server sees: a real node opens a NodePort a moment after it was created."""
    port = cluster.get("svc", service).object["spec"]["ports"][0]["nodePort"]
    return cluster.exec("caller", f"curl -s -m 2 http://{ip}:{port}/clientip", until="succeeds").stdout.rpartition(":")[
        0
    ]


def test_each_node_puts_its_own_address_in_place_of_the_callers(cluster: Cluster, nodes: dict[str, str]) -> None:
    for ip in nodes.values():
        assert seen(cluster, "everywhere", ip) == ip


def test_policy_local_keeps_the_callers_address_where_an_answer_comes_back(
    cluster: Cluster, nodes: dict[str, str]
) -> None:
    own = cluster.get("pods", "caller").object["status"]["podIP"]
    assert seen(cluster, "here", nodes[SERVER]) == own
    assert seen(cluster, "here", nodes[OWN]) == own


def test_answer_is_lost_where_it_does_not_come_back_through_the_node(cluster: Cluster, nodes: dict[str, str]) -> None:
    seen(cluster, "here", nodes[SERVER])
    port = cluster.get("svc", "here").object["spec"]["ports"][0]["nodePort"]
    url = f"http://{nodes[NEITHER]}:{port}/clientip"
    # Until that node's kube-proxy has followed, it refuses.
    cluster.exec("caller", f"curl -sS -m 2 {url} 2>&1 | grep -q 'timed out'", until="succeeds")
    walk = cluster.walk("caller", url, probe=True)
    assert walk.reason is not None
    assert walk.reason.field == "spec.externalTrafficPolicy"
    assert walk.observation is not None
    assert walk.observation.agrees, str(walk)


def test_kube_proxy_tells_load_balancers_which_node_has_an_endpoint(cluster: Cluster, nodes: dict[str, str]) -> None:
    ports = [{"port": 80, "targetPort": 8080}]
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": {"app": "server"}, "ports": ports}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "balanced"}, "spec": spec})
    port = cluster.get("svc", "balanced").object["spec"]["healthCheckNodePort"]

    def ask(node: str, status: int) -> str:
        curl = f"curl -si -m 2 http://{nodes[node]}:{port}/healthz | tr -d '\\r'"
        return cluster.exec("caller", f"{curl} | grep -A 99 ' {status} '", until="succeeds").stdout

    assert f'"namespace": "{cluster.namespace}"' in ask(SERVER, 200)
    assert '"localEndpoints": 1' in ask(SERVER, 200)
    assert "X-Load-Balancing-Endpoint-Weight: 0" in ask(NEITHER, 503)
    whole = f"curl -s -m 2 http://{nodes[OWN]}:10256/healthz"
    assert '"nodeEligible":true,"healthy":true' in cluster.exec("caller", whole).stdout
    cluster.delete("svc/balanced")
    gone = f"curl -sS -m 2 http://{nodes[SERVER]}:{port}"
    assert "Couldn't connect" in cluster.exec("caller", gone, until="fails").stdout
