"""NetworkPolicy, clause by clause: a table of our own for what the peers' answers leave out."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.errors import PodwalkError
from podwalk.network import policy
from podwalk.network.policy import ClauseKind, Direction
from podwalk.types import ClusterOptions, HopKind, Object, Outcome
from tests.unit.network.worlds import World, endpoint

WEB = {"app": "web", "tier": "front"}


def ingress(*rules: Any, **more: Any) -> Object:
    return {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": list(rules), **more}


def passes(world: World, spec: Object, *, port: int = 80, protocol: str = "TCP") -> bool:
    """Whether Pod ``front`` of namespace ``shop`` reaches ``back`` of ``default``, which the policy is about."""
    world.namespace("shop", team="blue")
    front = world.pod("front", WEB, namespace="shop")
    ports = [{"containerPort": 80, "name": "http"}, {"containerPort": 53, "name": "dns", "protocol": "UDP"}]
    back = world.pod("back", {"app": "back"}, node="worker2", ports=ports)
    world.policy("p", spec)
    allowed, hops = policy.check(
        world.store, world.peer(front), world.peer(back), port, protocol, options=world.options
    )
    verdict = world.route(front, back["status"]["podIP"], port, protocol)
    assert verdict.delivered == allowed
    assert [hop for hop in verdict.hops if hop.kind in (HopKind.INGRESS, HopKind.EGRESS)] == list(hops)
    return allowed


BLUE = {"matchLabels": {"team": "blue"}}


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ({"namespaceSelector": {}}, True),
        ({"namespaceSelector": BLUE}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "red"}}}, False),
        ({"podSelector": {}}, False),
        ({"podSelector": {"matchLabels": {"app": "web"}}}, False),
        ({"podSelector": {"matchLabels": {"app": "web"}}, "namespaceSelector": {}}, True),
        ({"podSelector": {"matchLabels": {"app": "db"}}, "namespaceSelector": BLUE}, False),
        ({"podSelector": {"matchLabels": {"app": "web", "tier": "back"}}, "namespaceSelector": {}}, False),
        ({"ipBlock": {"cidr": "10.244.0.0/16"}}, True),
        ({"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]}}, False),
        ({"ipBlock": {"cidr": "192.0.2.0/24"}}, False),
        ({}, False),
    ],
)
def test_peers(world: World, peer: Object, expected: bool) -> None:
    assert passes(world, ingress({"from": [peer]})) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "tier", "operator": "In", "values": ["front", "x"]}, True),
        ({"key": "tier", "operator": "NotIn", "values": ["front"]}, False),
        ({"key": "absent", "operator": "NotIn", "values": ["front"]}, True),
        ({"key": "absent", "operator": "In", "values": ["front"]}, False),
        ({"key": "tier", "operator": "Exists"}, True),
        ({"key": "absent", "operator": "Exists"}, False),
        ({"key": "tier", "operator": "DoesNotExist"}, False),
        ({"key": "absent", "operator": "DoesNotExist"}, True),
    ],
)
def test_expressions(world: World, expression: Object, expected: bool) -> None:
    peer = {"namespaceSelector": {}, "podSelector": {"matchExpressions": [expression]}}
    assert passes(world, ingress({"from": [peer]})) == expected
    found = policy.matrix(world.store, port=80, options=world.options)
    front, back = found.pods[1], found.pods[0]
    assert found.allowed(front, back) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"podSelector": {}}, False),
        ({"podSelector": {}, "ingress": []}, False),
        ({"podSelector": {}, "ingress": [{}]}, True),
        ({"podSelector": {}, "ingress": [{"from": []}]}, True),
        ({"podSelector": {}, "ingress": [{"from": None, "ports": None}]}, True),
        ({"podSelector": {}, "policyTypes": [], "ingress": None}, False),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, True),
        ({"podSelector": {}, "policyTypes": ["Egress"], "ingress": []}, True),
        ({"podSelector": {}, "egress": [{}]}, False),
        ({"podSelector": {"matchLabels": {"app": "other"}}}, True),
    ],
)
def test_empty_and_missing_fields(world: World, spec: Object, expected: bool) -> None:
    assert passes(world, spec) == expected


@pytest.mark.parametrize(
    ("ports", "port", "protocol", "expected"),
    [
        ([{"port": 80}], 80, "TCP", True),
        ([{"port": 80}], 81, "TCP", False),
        ([{"port": 80}], 80, "UDP", False),
        ([{"protocol": "UDP"}], 9999, "UDP", True),
        ([{"protocol": "UDP"}], 9999, "TCP", False),
        ([{"port": 53, "protocol": "UDP"}], 53, "TCP", False),
        ([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}], 53, "TCP", True),
        ([{"port": 8000, "endPort": 8010}], 8000, "TCP", True),
        ([{"port": 8000, "endPort": 8010}], 8010, "TCP", True),
        ([{"port": 8000, "endPort": 8010}], 8011, "TCP", False),
        ([{"port": "http"}], 80, "TCP", True),
        ([{"port": "http"}], 81, "TCP", False),
        ([{"port": "dns"}], 53, "TCP", False),
        ([{"port": "dns", "protocol": "UDP"}], 53, "UDP", True),
        ([{"port": "missing"}], 80, "TCP", False),
        ([{"protocol": "SCTP", "port": 80}], 80, "SCTP", True),
        ([], 0, "ICMP", True),
        ([{"port": 80}], 0, "ICMP", False),
    ],
)
def test_ports(world: World, ports: list[Object], port: int, protocol: str, expected: bool) -> None:
    assert passes(world, ingress({"ports": ports}), port=port, protocol=protocol) == expected


def test_peers_of_one_rule_are_alternatives_and_selectors_of_one_peer_are_not(world: World) -> None:
    both = {"namespaceSelector": BLUE, "podSelector": {"matchLabels": {"app": "db"}}}
    either = [{"namespaceSelector": BLUE}, {"podSelector": {"matchLabels": {"app": "db"}}}]
    assert not passes(world, ingress({"from": [both]}))
    assert passes(world, ingress({"from": either}))


def test_named_ports_of_an_egress_rule_are_the_targets(world: World) -> None:
    a, b = world.pod("a"), world.pod("b", ports=[{"containerPort": 9090, "name": "http"}])
    world.policy("p", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": "http"}]}]})
    assert world.route(a, b["status"]["podIP"], 9090).delivered
    assert not world.route(a, b["status"]["podIP"], 80).delivered
    assert not world.route(a, "203.0.113.7", 9090).delivered


def test_egress_through_a_service_is_judged_at_the_pod_and_its_target_port(world: World) -> None:
    a, b = world.pod("a"), world.pod("b", {"app": "b"})
    world.service("web")
    world.slice("web", [endpoint(b)])
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "b"}}}], "ports": [{"port": 80}]}
    world.policy("p", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]})
    assert not world.route(a, "10.96.0.100", 80).delivered
    world.policy("p", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{**rule, "ports": [{"port": 8080}]}]})
    assert world.route(a, "10.96.0.100", 80).delivered


def test_a_denied_flow_times_out_and_its_answer_needs_no_rule(world: World) -> None:
    a, b = world.pod("a", {"app": "a"}), world.pod("b")
    deny_b_egress = {"podSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}
    world.policy("p", {**deny_b_egress, "policyTypes": ["Egress"]})
    assert world.route(a, b["status"]["podIP"], 80).delivered
    assert world.route(b, a["status"]["podIP"], 80).outcome is Outcome.TIMED_OUT


def test_host_network_pods_are_addresses_to_a_policy(world: World) -> None:
    host, pod = world.pod("host", {"app": "host"}, node="worker2", host=True), world.pod("pod", {"app": "pod"})
    world.policy("p", ingress({"from": [{"podSelector": {"matchLabels": {"app": "host"}}}]}))
    assert world.route(pod, host["status"]["podIP"], 80).delivered
    assert not world.route(host, pod["status"]["podIP"], 80).delivered
    world.policy("p", ingress({"from": [{"ipBlock": {"cidr": "172.18.0.4/32"}}]}))
    assert world.route(host, pod["status"]["podIP"], 80).delivered


def test_kubelets_probes_are_never_denied(world: World) -> None:
    pod = world.pod("pod", node="worker")
    world.policy("p", ingress())
    verdict = world.route("worker", pod["status"]["podIP"], 80)
    assert verdict.delivered
    assert "own node worker" in next(hop for hop in verdict.hops if hop.kind is HopKind.INGRESS).detail
    assert not world.route("worker2", pod["status"]["podIP"], 80).delivered


@pytest.mark.parametrize(("cni", "expected"), [("calico", False), ("kindnet", True)])
def test_egress_to_the_own_node_depends_on_the_plugin(cni: str, expected: bool) -> None:
    world = World(ClusterOptions(cni=cni))
    pod = world.pod("pod", node="worker")
    world.policy("p", {"podSelector": {}, "policyTypes": ["Egress"]})
    assert world.route(pod, "172.18.0.3", 10250).delivered == expected
    assert not world.route(pod, "172.18.0.4", 10250).delivered


def test_a_plugin_that_does_not_enforce_says_so() -> None:
    world = World(ClusterOptions(cni="flannel"))
    a, b = world.pod("a"), world.pod("b")
    world.policy("p", ingress())
    verdict = world.route(a, b["status"]["podIP"], 80)
    assert verdict.delivered
    hop = next(hop for hop in verdict.hops if hop.kind is HopKind.INGRESS)
    assert "flannel does not enforce" in hop.detail
    assert [ref.name for ref in hop.objects] == ["p"]


def test_an_unknown_plugin_is_refused() -> None:
    world = World(ClusterOptions(cni="nonesuch"))
    a, b = world.pod("a"), world.pod("b")
    world.policy("p", ingress())
    with pytest.raises(PodwalkError, match="nonesuch"):
        world.route(a, b["status"]["podIP"], 80)


def test_a_denial_names_every_policy_and_the_nearest_clause(world: World) -> None:
    a, b = world.pod("a", {"app": "web"}), world.pod("b", {"app": "db"})
    world.policy("deny", ingress())
    near = {"from": [{"podSelector": {"matchLabels": {"app": "api"}}}], "ports": [{"port": 80}]}
    far = {"from": [{"podSelector": {"matchLabels": {"app": "api"}}}], "ports": [{"port": 81}]}
    world.policy("allow", ingress(far, near))
    found = policy.explain(world.store, world.peer(a), world.peer(b), 80, options=world.options)
    assert not found.allowed
    assert found.egress is not None
    assert not found.egress.isolated
    assert found.ingress is not None
    assert [result.policy.name for result in found.ingress.policies] == ["allow", "deny"]
    decisive = found.ingress.decisive
    assert decisive is not None
    assert decisive.path == "spec.ingress[1].from[0].podSelector.matchLabels"
    assert decisive.clause is not None
    assert (decisive.clause.kind, decisive.clause.wanted) == (ClauseKind.POD, "app=api")
    hop = found.hops()[-1]
    assert not hop.ok
    assert hop.field == decisive.path
    assert "app=web" in hop.detail
    assert [ref.name for ref in hop.objects] == ["allow", "deny"]


def test_an_allowance_is_named_with_the_rule_that_gives_it(world: World) -> None:
    a, b = world.pod("a", {"app": "web"}), world.pod("b")
    world.policy(
        "p", ingress({"ports": [{"port": 81}]}, {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}, {"podSelector": {}}]})
    )
    judgement = policy.judge(
        world.store, Direction.INGRESS, world.peer(a), world.peer(b), 80, "TCP", options=world.options
    )
    assert judgement is not None
    assert judgement.hop().field == "spec.ingress[1].from[1]"


@pytest.mark.parametrize(
    ("peer", "path"),
    [
        ({"podSelector": {"matchLabels": {"app": "web"}}}, "spec.ingress[0].from[0].podSelector"),
        (
            {"namespaceSelector": {"matchLabels": {"team": "red"}}},
            "spec.ingress[0].from[0].namespaceSelector.matchLabels",
        ),
        ({"ipBlock": {"cidr": "192.0.2.0/24"}}, "spec.ingress[0].from[0].ipBlock.cidr"),
        ({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}, "spec.ingress[0].from[0].ipBlock.except[0]"),
    ],
)
def test_the_field_of_the_clause_that_failed(world: World, peer: Object, path: str) -> None:
    assert not passes(world, ingress({"from": [peer]}))
    front = next(iter(world.store.list("pods", "shop")))
    back = next(iter(world.store.list("pods", "default")))
    assert world.route(front, back["status"]["podIP"], 80).hops[-1].field == path
