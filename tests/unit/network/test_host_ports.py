"""``hostPort``: the address each server saw on a real cluster (kind's v1.37, the plugin portmap)."""

from __future__ import annotations

import pytest

from podwalk.types import HopKind, Object, Outcome
from tests.unit.network.worlds import World, endpoint

OUTSIDE = "203.0.113.5"


@pytest.fixture
def served(world: World) -> Object:
    return world.pod("hp", {"app": "hp"}, node="worker", ports=[{"containerPort": 8080, "hostPort": 8088}])


@pytest.mark.parametrize(
    ("source", "ip", "seen"),
    [
        ("near", "172.18.0.3", "near"),
        ("far", "172.18.0.3", "far"),
        ("hp", "172.18.0.3", "172.18.0.3"),
        ("worker", "172.18.0.3", "172.18.0.3"),
        ("worker", "127.0.0.1", "172.18.0.3"),
        ("worker2", "172.18.0.3", "172.18.0.4"),
        (OUTSIDE, "172.18.0.3", OUTSIDE),
    ],
)
def test_the_server_sees_what_it_saw_on_kind(world: World, served: Object, source: str, ip: str, seen: str) -> None:
    pods = {"hp": served, "near": world.pod("near", node="worker"), "far": world.pod("far", node="worker2")}
    sender: dict[str, Object | str] = dict(pods)
    verdict = world.route(sender.get(source, source), ip, 8088)
    assert verdict.target == world.peer(served)
    assert verdict.port == 8080
    assert verdict.source_ip == (pods[seen]["status"]["podIP"] if seen in pods else seen)


def test_the_hop_names_the_pods_field(world: World, served: Object) -> None:
    hop = next(hop for hop in world.route(OUTSIDE, "172.18.0.3", 8088).hops if hop.kind is HopKind.NODE)
    assert hop.field == "spec.containers[0].ports[0].hostPort"


def test_other_nodes_ports_and_protocols_do_not_lead_there(world: World, served: Object) -> None:
    for ip, port, protocol in (("172.18.0.4", 8088, "TCP"), ("172.18.0.3", 8080, "TCP"), ("172.18.0.3", 8088, "UDP")):
        target = world.route(OUTSIDE, ip, port, protocol).target
        assert target is not None
        assert target.pod is None
    assert world.route(served, "127.0.0.1", 8088).target == world.peer(served)


def test_policies_are_judged_at_the_pod(world: World, served: Object) -> None:
    world.policy("p", {"podSelector": {"matchLabels": {"app": "hp"}}, "policyTypes": ["Ingress"]})
    assert world.route(OUTSIDE, "172.18.0.3", 8088).outcome is Outcome.TIMED_OUT


def test_a_node_port_goes_before_a_host_port(world: World) -> None:
    world.pod("hp", node="worker", ports=[{"containerPort": 8080, "hostPort": 30080}])
    other = world.pod("other", node="worker")
    world.service("web", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    world.slice("web", [endpoint(other)])
    assert world.route(OUTSIDE, "172.18.0.3", 30080).target == world.peer(other)
