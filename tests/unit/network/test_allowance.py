"""The counterfactual: policies that would let exactly this flow through."""

from __future__ import annotations

from podwalk.network import allowance, allowances
from podwalk.types import Flow, Object
from tests.unit.network.worlds import World, endpoint

DENY_IN = {"podSelector": {}, "policyTypes": ["Ingress"]}
DENY_OUT = {"podSelector": {}, "policyTypes": ["Egress"]}
DENY_ALL = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def apply(world: World, source: Object | str, ip: str, port: int, protocol: str = "TCP") -> int:
    """Add what is advised; returns how many policies that were."""
    flow = Flow(world.peer(source), ip, port, protocol)
    found = allowances(world.store, flow, options=world.options)
    for policy in found:
        world.put("networkpolicies.networking.k8s.io", policy)
    return len(found)


def reach(world: World) -> set[tuple[str, str, int]]:
    """Return every flow between Pods that is delivered."""
    pods = world.store.list("pods")
    return {
        (a["metadata"]["name"], b["metadata"]["name"], port)
        for a in pods
        for b in pods
        for port in (80, 81)
        if a is not b and world.route(a, b["status"]["podIP"], port).delivered
    }


def test_it_allows_exactly_this_flow(world: World) -> None:
    world.namespace("shop")
    a = world.pod("a", {"app": "a", "pod-template-hash": "1"}, namespace="shop")
    b = world.pod("b", {"app": "b"})
    world.pod("c", {"app": "c"})
    world.policy("deny", DENY_ALL)
    world.policy("deny", DENY_ALL, namespace="shop")
    before = reach(world)
    assert apply(world, a, b["status"]["podIP"], 80) == 2
    assert reach(world) - before == {("a", "b", 80)}


def test_it_names_what_outlives_the_pod(world: World) -> None:
    a = world.pod("a-1x-zq5", {"app": "a", "pod-template-hash": "1x"})
    b = world.pod("b", {"app": "b", "topology.kubernetes.io/zone": "z"})
    world.policy("deny", DENY_IN)
    manifest = allowance(world.store, Flow(world.peer(a), b["status"]["podIP"], 80), options=world.options)
    assert manifest is not None
    assert manifest["metadata"]["name"] == "allow-b-from-a-80"
    assert manifest["spec"] == {
        "podSelector": {"matchLabels": {"app": "b"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"podSelector": {"matchLabels": {"app": "a"}}}], "ports": [{"protocol": "TCP", "port": 80}]}
        ],
    }


def test_a_service_needs_its_target_port_and_every_endpoint(world: World) -> None:
    a = world.pod("a", {"app": "a"})
    b, c = world.pod("b", {"app": "web", "version": "1"}), world.pod("c", {"app": "web", "version": "2"})
    world.service("web")
    world.slice("web", [endpoint(b), endpoint(c)])
    world.policy("deny", DENY_OUT)
    manifest = allowance(world.store, Flow(world.peer(a), "10.96.0.100", 80), options=world.options)
    assert manifest is not None
    assert manifest["kind"] == "List"
    assert len(manifest["items"]) == 2
    assert apply(world, a, "10.96.0.100", 80) == 2
    for _ in range(20):
        assert world.route(a, "10.96.0.100", 80).delivered


def test_pods_that_nothing_isolates_stay_so(world: World) -> None:
    a, b = world.pod("a", {"app": "a"}), world.pod("b", {"app": "b"})
    free = world.pod("free", {"app": "b", "free": "yes"})
    only_b = {"matchExpressions": [{"key": "free", "operator": "DoesNotExist"}]}
    world.policy("deny", {"podSelector": only_b, "policyTypes": ["Ingress"]})
    assert apply(world, a, b["status"]["podIP"], 80) == 1
    assert world.route(a, b["status"]["podIP"], 80).delivered
    assert world.route(a, free["status"]["podIP"], 81).delivered


def test_pods_without_labels_are_told_from_those_with(world: World) -> None:
    a, b = world.pod("a"), world.pod("b")
    world.pod("c", {"app": "c"})
    world.policy("deny", DENY_IN)
    before = reach(world)
    apply(world, a, b["status"]["podIP"], 80)
    gained = reach(world) - before
    assert ("a", "b", 80) in gained
    assert all("c" not in flow[:2] for flow in gained)


def test_addresses_outside_and_nodes_are_blocks(world: World) -> None:
    a, b = world.pod("a", {"app": "a"}), world.pod("b", {"app": "b"}, node="worker2")
    world.policy("deny", DENY_ALL)
    assert apply(world, a, "203.0.113.7", 443) == 1
    assert world.route(a, "203.0.113.7", 443).delivered
    assert not world.route(a, "203.0.113.8", 443).delivered
    assert apply(world, "worker", b["status"]["podIP"], 80) == 1
    assert world.route("worker", b["status"]["podIP"], 80).delivered


def test_a_flow_that_no_policy_stops_needs_nothing(world: World) -> None:
    a, b = world.pod("a"), world.pod("b")
    assert allowance(world.store, Flow(world.peer(a), b["status"]["podIP"], 80), options=world.options) is None
    assert allowance(world.store, Flow(world.peer(a), "10.96.9.9", 80), options=world.options) is None
