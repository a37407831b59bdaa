"""Where a packet goes, before any policy."""

from podwalk.types import HopKind, Outcome
from tests.unit.network.worlds import World, endpoint


def test_pods_reach_each_other_by_address(world: World) -> None:
    a, b = world.pod("a"), world.pod("b", node="worker2")
    verdict = world.route(a, b["status"]["podIP"], 80)
    assert verdict.outcome is Outcome.DELIVERED
    assert verdict.target == world.peer(b)
    assert (verdict.port, verdict.source_ip) == (80, a["status"]["podIP"])


def test_a_service_leads_to_its_endpoint_at_the_target_port(world: World) -> None:
    a, b = world.pod("a"), world.pod("b", node="worker2")
    world.service("web")
    world.slice("web", [endpoint(b)])
    verdict = world.route(a, "10.96.0.100", 80)
    assert verdict.target == world.peer(b)
    assert verdict.port == 8080
    assert [hop.kind for hop in verdict.hops] == [
        HopKind.POD,
        HopKind.SERVICE,
        HopKind.ENDPOINT,
        HopKind.EGRESS,
        HopKind.INGRESS,
        HopKind.POD,
    ]


def test_a_service_without_endpoints_refuses(world: World) -> None:
    a = world.pod("a")
    world.service("web", selector={"app": "web"})
    verdict = world.route(a, "10.96.0.100", 80)
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.hops[-1].field == "spec.selector"


def test_a_service_whose_endpoints_are_not_ready_refuses(world: World) -> None:
    a, b = world.pod("a"), world.pod("b")
    world.service("web")
    world.slice("web", [endpoint(b, ready=False, serving=False)])
    verdict = world.route(a, "10.96.0.100", 80)
    assert verdict.outcome is Outcome.REFUSED
    assert "has 1 endpoint, and none is ready" in verdict.hops[-1].detail


def test_endpoints_are_counted_in_words(world: World) -> None:
    a, b, c = (world.pod(name) for name in "abc")
    world.service("web")
    world.slice("web", [endpoint(b)])
    assert "knows 1 endpoint for it" in world.route(a, "10.96.0.100", 80).hops[1].detail
    world.slice("web", [endpoint(b), endpoint(c)])
    assert "knows 2 endpoints for it" in world.route(a, "10.96.0.100", 80).hops[1].detail


def test_a_port_that_the_service_does_not_have_times_out(world: World) -> None:
    a = world.pod("a")
    world.service("web")
    verdict = world.route(a, "10.96.0.100", 81)
    assert verdict.outcome is Outcome.TIMED_OUT
    assert "80/TCP" in verdict.hops[-1].detail


def test_addresses_that_nobody_has(world: World) -> None:
    a = world.pod("a")
    assert world.route(a, "10.244.9.9", 80).outcome is Outcome.TIMED_OUT
    assert world.route(a, "10.96.200.200", 80).outcome is Outcome.TIMED_OUT
    assert world.route(a, "172.18.0.99", 80).outcome is Outcome.UNREACHABLE


def test_an_address_outside_is_delivered_with_the_nodes_address(world: World) -> None:
    verdict = world.route(world.pod("a"), "203.0.113.7", 443)
    assert verdict.delivered
    assert verdict.target is not None
    assert verdict.target.ip == "203.0.113.7"
    assert verdict.source_ip == "172.18.0.3"


def test_a_pod_reaches_itself_without_leaving(world: World) -> None:
    a = world.pod("a")
    for ip in (a["status"]["podIP"], "127.0.0.1"):
        assert world.route(a, ip, 80).target == world.peer(a)


def test_a_finished_pods_address_is_nobodys(world: World) -> None:
    a, b = world.pod("a"), world.pod("b")
    world.put("pods", {**b, "status": {**b["status"], "phase": "Succeeded"}})
    assert world.route(a, b["status"]["podIP"], 80).outcome is Outcome.TIMED_OUT
