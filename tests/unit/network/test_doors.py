"""Which addresses and ports of a cluster a client outside can come in by."""

from __future__ import annotations

import pytest

from podwalk.network import route
from podwalk.network.doors import Way, doors, refuses
from podwalk.types import Flow, Outcome, Peer
from tests.unit.network.worlds import World, endpoint

OUTSIDE = "172.18.0.1"
NODE_IPS = {"172.18.0.2", "172.18.0.3", "172.18.0.4"}


@pytest.fixture
def world() -> World:
    return World()


def test_a_cluster_ip_a_headless_service_and_a_pod_are_no_way_in(world: World) -> None:
    world.pod("a", ports=[{"containerPort": 80}])
    world.service("web")
    world.service("headless", "None")
    assert doors(world.store) == []


def test_a_node_port_is_open_on_every_node_for_its_protocol(world: World) -> None:
    world.service("dns", type="NodePort", ports=[{"name": "udp", "port": 53, "protocol": "UDP", "nodePort": 30053}])
    found = doors(world.store)
    assert {(door.ip, door.port, door.protocol, door.way) for door in found} == {
        (ip, 30053, "UDP", Way.NODE_PORT) for ip in NODE_IPS
    }
    assert {door.node for door in found} == {"control", "worker", "worker2"}


def test_a_load_balancer_and_external_ips_are_open_at_the_services_port(world: World) -> None:
    service = world.service("web", type="LoadBalancer", externalIPs=["192.0.2.20"], ports=[{"port": 80}])
    assert [door.way for door in doors(world.store)] == [Way.EXTERNAL_IP], "pending"
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}, {"ip": "2001:db8::1"}]}}
    world.put("services", {**service, "status": status})
    assert [(door.ip, door.port) for door in doors(world.store)] == [("192.0.2.10", 80), ("192.0.2.20", 80)]


def test_a_host_port_is_open_on_its_pods_node_only(world: World) -> None:
    world.pod("edge", ports=[{"containerPort": 8080, "hostPort": 80}], node="worker2")
    (door,) = doors(world.store)
    assert (door.ip, door.port, door.node, door.owner.name) == ("172.18.0.4", 80, "worker2", "edge")


def test_what_has_no_endpoint_refuses_and_what_is_gone_too(world: World) -> None:
    world.service("web", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    door = doors(world.store)[0]
    assert refuses(world.store, door)
    world.slice("web", [endpoint(world.pod("a"), ready=False, serving=False)])
    assert refuses(world.store, door)
    world.slice("web", [endpoint(world.pod("b"))])
    assert not refuses(world.store, door)
    world.store.remove("services", "default", "web")
    assert refuses(world.store, door)


def test_only_a_client_with_a_route_reaches_a_cluster_ip_by_the_node_of_the_route(world: World) -> None:
    pod = world.pod("a")
    world.service("web")
    world.slice("web", [endpoint(pod)])
    assert world.route(OUTSIDE, "10.96.0.100", 80).outcome is Outcome.TIMED_OUT
    flow = Flow(Peer(OUTSIDE), "10.96.0.100", 80, via="control")
    verdict = route(world.store, flow, options=world.options, random=world.random)
    assert verdict.delivered
    assert verdict.source_ip == "172.18.0.2", "the node stands in for a client that is no Pod"
