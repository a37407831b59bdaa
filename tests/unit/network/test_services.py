"""Services in full: their entries, their endpoints, and the source the server sees."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.network import announcing, environment, health_check
from podwalk.types import HopKind, Object, Outcome
from tests.unit.network.worlds import World, endpoint

SERVICE = "10.96.0.100"
OUTSIDE = "203.0.113.5"
CHI_SQUARED_3_DF_999 = 16.27
"""The 99.9th percentile for three degrees of freedom."""


def reached(world: World, source: Object | str, ip: str = SERVICE, port: int = 80, times: int = 60) -> set[str]:
    """Return the names of the Pods that many connections reach."""
    verdicts = [world.route(source, ip, port) for _ in range(times)]
    return {verdict.target.pod.name for verdict in verdicts if verdict.target and verdict.target.pod}


def test_the_choice_is_uniform(world: World) -> None:
    a = world.pod("a")
    world.service("web")
    world.slice("web", [endpoint(world.pod(f"w{index}")) for index in range(4)])
    total = 4000
    counts = Counter(str(world.route(a, SERVICE, 80).target) for _ in range(total))
    assert len(counts) == 4
    assert sum((count - total / 4) ** 2 / (total / 4) for count in counts.values()) < CHI_SQUARED_3_DF_999


def test_the_choice_repeats_with_the_seed() -> None:
    def choices() -> list[str]:
        world = World()
        a = world.pod("a")
        world.service("web")
        world.slice("web", [endpoint(world.pod(f"w{index}")) for index in range(4)])
        return [str(world.route(a, SERVICE, 80).target) for _ in range(20)]

    assert choices() == choices()


def test_ports_are_told_apart_by_name_number_and_protocol(world: World) -> None:
    a, b = world.pod("a"), world.pod("b")
    ports: list[Object] = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        {"name": "http", "port": 80, "protocol": "TCP"},
    ]
    world.service("dns", ports=ports)
    targets = [{**port, "port": 1000 + index} for index, port in enumerate(ports)]
    world.slice("dns", [endpoint(b)], ports=targets)
    assert world.route(a, SERVICE, 53, "UDP").port == 1000
    assert world.route(a, SERVICE, 53, "TCP").port == 1001
    assert world.route(a, SERVICE, 80, "TCP").port == 1002
    assert world.route(a, SERVICE, 80, "UDP").outcome is Outcome.TIMED_OUT
    assert world.route(a, SERVICE, 53, "SCTP").outcome is Outcome.TIMED_OUT


def test_endpoints_of_several_slices_count_once(world: World) -> None:
    a, b, c = world.pod("a"), world.pod("b"), world.pod("c")
    world.service("web")
    world.slice("web", [endpoint(b)], name="web-1")
    world.slice("web", [endpoint(b), endpoint(c)], name="web-2")
    assert reached(world, a) == {"b", "c"}
    hop = next(hop for hop in world.route(a, SERVICE, 80).hops if hop.kind is HopKind.SERVICE)
    assert len(hop.data["endpoints"]) == 2


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, {"first", "second"}),
        ({"ready": False, "serving": False}, {}, {"second"}),
        ({"ready": False, "serving": True, "terminating": True}, {}, {"second"}),
        (
            {"ready": False, "serving": True, "terminating": True},
            {"ready": False, "serving": False, "terminating": True},
            {"first"},
        ),
        ({"ready": True, "serving": False, "terminating": False}, {"ready": False}, {"first"}),
    ],
    ids=["both ready", "one not ready", "one leaving", "all leaving, one serves", "publishNotReadyAddresses"],
)
def test_readiness_and_termination(
    world: World, first: dict[str, bool], second: dict[str, bool], expected: set[str]
) -> None:
    a = world.pod("a")
    world.service("web")
    world.slice("web", [endpoint(world.pod("first"), **first), endpoint(world.pod("second"), **second)])
    assert reached(world, a) == expected


def test_a_slice_that_says_nothing_of_conditions_is_ready(world: World) -> None:
    a, b = world.pod("a"), world.pod("b")
    world.service("web")
    world.slice("web", [{"addresses": [b["status"]["podIP"]]}])
    assert reached(world, a) == {"b"}


def test_a_service_may_send_outside(world: World) -> None:
    a = world.pod("a")
    world.service("db", ports=[{"port": 5432}])
    world.slice("db", [{"addresses": ["198.51.100.9"]}], ports=[{"port": 15432, "protocol": "TCP", "name": ""}])
    verdict = world.route(a, SERVICE, 5432)
    assert verdict.delivered
    assert verdict.target is not None
    assert (verdict.target.ip, verdict.port) == ("198.51.100.9", 15432)


def sticky(world: World, timeout_s: int = 100) -> tuple[Object, list[Object]]:
    pods = [world.pod(f"w{index}") for index in range(8)]
    config = {"clientIP": {"timeoutSeconds": timeout_s}}
    world.service("web", sessionAffinity="ClientIP", sessionAffinityConfig=config)
    world.slice("web", [endpoint(pod) for pod in pods])
    return world.pod("a"), pods


def test_session_affinity_keeps_a_client_while_it_comes_back_in_time(world: World) -> None:
    a, _ = sticky(world)
    targets = {str(world.route(a, SERVICE, 80, now_s=moment).target) for moment in range(0, 1000, 90)}
    assert len(targets) == 1


def test_session_affinity_ends_after_its_time_out(world: World) -> None:
    a, _ = sticky(world)
    targets = {str(world.route(a, SERVICE, 80, now_s=moment).target) for moment in range(0, 10000, 101)}
    assert len(targets) > 1


def test_session_affinity_is_each_clients_own(world: World) -> None:
    sticky(world)
    clients = [world.pod(f"client{index}") for index in range(30)]
    assert len({str(world.route(client, SERVICE, 80).target) for client in clients}) > 1


def test_session_affinity_lets_go_of_an_endpoint_that_left(world: World) -> None:
    a, pods = sticky(world)
    first = world.route(a, SERVICE, 80).target
    world.slice("web", [endpoint(pod) for pod in pods if world.peer(pod) != first])
    assert world.route(a, SERVICE, 80).target != first


def local(world: World, **spec: Any) -> tuple[Object, Object]:
    """Make a Service with an endpoint on each worker."""
    here, there = world.pod("here", node="worker"), world.pod("there", node="worker2")
    ports = [{"port": 80, "targetPort": 8080, "nodePort": 30080}]
    world.service("web", **({"type": "NodePort", "ports": ports} | spec))
    world.slice("web", [endpoint(here), endpoint(there)])
    return here, there


def test_internal_traffic_policy_local_stays_on_the_node(world: World) -> None:
    local(world, internalTrafficPolicy="Local")
    assert reached(world, world.pod("a", node="worker")) == {"here"}
    assert reached(world, world.pod("b", node="worker2")) == {"there"}
    verdict = world.route(world.pod("c", node="control"), SERVICE, 80)
    assert verdict.outcome is Outcome.TIMED_OUT
    assert verdict.hops[-1].field == "spec.internalTrafficPolicy"


def test_a_node_port_is_open_on_every_node_and_hides_the_client(world: World) -> None:
    local(world)
    for node, ip in (("control", "172.18.0.2"), ("worker", "172.18.0.3")):
        assert reached(world, OUTSIDE, ip, 30080) == {"here", "there"}, node
        assert world.route(OUTSIDE, ip, 30080).source_ip == ip


def test_external_traffic_policy_local_keeps_the_client_and_drops_elsewhere(world: World) -> None:
    local(world, externalTrafficPolicy="Local")
    assert reached(world, OUTSIDE, "172.18.0.3", 30080) == {"here"}
    assert world.route(OUTSIDE, "172.18.0.3", 30080).source_ip == OUTSIDE
    verdict = world.route(OUTSIDE, "172.18.0.2", 30080)
    assert verdict.outcome is Outcome.TIMED_OUT
    assert verdict.hops[-1].field == "spec.externalTrafficPolicy"
    assert reached(world, world.pod("a", node="control"), "172.18.0.2", 30080) == {"here", "there"}


def test_answer_that_does_not_come_back_through_the_node_port_of_another_node_is_lost(world: World) -> None:
    local(world, externalTrafficPolicy="Local")
    a = world.pod("a", node="control")
    ends = [world.route(a, "172.18.0.3", 30080) for _ in range(40)]
    assert {verdict.target.pod.name for verdict in ends if verdict.target and verdict.target.pod} == {"here"}
    lost = next(verdict for verdict in ends if not verdict.delivered)
    assert (lost.outcome, lost.hops[-1].field) == (Outcome.TIMED_OUT, "spec.externalTrafficPolicy")
    assert all(verdict.source_ip == a["status"]["podIP"] for verdict in ends if verdict.delivered)


def test_an_external_ip_works_from_inside_and_from_outside(world: World) -> None:
    local(world, type="ClusterIP", externalIPs=["192.0.2.20"], ports=[{"port": 80}])
    assert reached(world, world.pod("a"), "192.0.2.20") == {"here", "there"}
    assert reached(world, OUTSIDE, "192.0.2.20") == {"here", "there"}


def test_an_external_ip_may_be_a_nodes_own(world: World) -> None:
    local(world, type="ClusterIP", externalIPs=["172.18.0.2"], ports=[{"port": 80}])
    for source in (world.pod("a"), OUTSIDE):
        assert reached(world, source, "172.18.0.2") == {"here", "there"}


def test_nobody_answers_for_an_external_ip_of_the_nodes_network(world: World) -> None:
    local(world, type="ClusterIP", externalIPs=["172.18.200.1"], ports=[{"port": 80}])
    assert reached(world, world.pod("a"), "172.18.200.1") == {"here", "there"}
    lost = world.route(OUTSIDE, "172.18.200.1", 80)
    assert (lost.outcome, lost.hops[-1].ok) == (Outcome.UNREACHABLE, False)
    assert "no host has it" in lost.hops[-1].detail


def balanced(world: World, mode: str = "VIP", **spec: Any) -> None:
    local(world, **({"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30080}]} | spec))
    service = world.store.get("services", "default", "web")
    assert service is not None
    ingress = [{"ip": "192.0.2.10", "ipMode": mode}]
    world.put("services", {**service, "status": {"loadBalancer": {"ingress": ingress}}})


def test_a_pending_load_balancer_has_no_address(world: World) -> None:
    local(world, type="LoadBalancer")
    assert world.route(OUTSIDE, "192.0.2.10", 80).outcome is Outcome.TIMED_OUT


def test_a_load_balancer_reaches_every_endpoint(world: World) -> None:
    balanced(world)
    assert reached(world, OUTSIDE, "192.0.2.10") == {"here", "there"}
    assert world.route(OUTSIDE, "192.0.2.10", 81).outcome is Outcome.TIMED_OUT


def test_a_load_balancer_with_policy_local_uses_healthy_nodes_and_keeps_the_client(world: World) -> None:
    balanced(world, externalTrafficPolicy="Local")
    verdicts = [world.route(OUTSIDE, "192.0.2.10", 80) for _ in range(40)]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.DELIVERED}
    assert {verdict.source_ip for verdict in verdicts} == {OUTSIDE}
    assert len({str(verdict.target) for verdict in verdicts}) == 2


@pytest.mark.parametrize(
    ("ip", "node"),
    [
        ("172.18.255.200", "rig-worker"),
        ("172.18.255.201", "rig-worker2"),
        ("172.18.255.202", "rig-worker"),
        ("172.18.255.203", "rig-worker"),
        ("172.18.255.204", "rig-worker2"),
    ],
)
def test_metallb_answers_on_the_node_that_it_answered_on_on_kind(world: World, ip: str, node: str) -> None:
    excluded = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
    others = dict.fromkeys((node["metadata"]["name"] for node in world.store.list("nodes")), excluded)
    nodes: dict[str, Object] = {**others, "rig-control-plane": excluded, "rig-worker": {}, "rig-worker2": {}}
    for name, labels in nodes.items():
        world.put("nodes", {"metadata": {"name": name, "labels": labels}})
    service = world.service("web", type="LoadBalancer")
    assert announcing.announcer(world.store, service, ip) == ""
    world.slice("web", [endpoint(world.pod("a"))])
    assert announcing.announcer(world.store, service, ip) == node


def test_one_node_at_a_time_answers_for_an_address_of_metallb(world: World) -> None:
    balanced(world)
    service = world.store.get("services", "default", "web")
    assert service is not None
    assert len({world.route(OUTSIDE, "192.0.2.10", 80).source_ip for _ in range(40)}) > 1
    annotations = {"metallb.io/ip-allocated-from-pool": "pool"}
    world.put("services", {**service, "metadata": {**service["metadata"], "annotations": annotations}})
    assert len({world.route(OUTSIDE, "192.0.2.10", 80).source_ip for _ in range(40)}) == 1


def test_an_address_of_metallb_without_endpoints_has_no_node_that_answers(world: World) -> None:
    vip, annotations = "172.18.255.200", {"metallb.io/ip-allocated-from-pool": "pool"}
    service = world.service("web", type="LoadBalancer")
    service["metadata"]["annotations"] = annotations
    world.put("services", {**service, "status": {"loadBalancer": {"ingress": [{"ip": vip}]}}})
    a, node = world.pod("a"), world.pod("n", host=True)
    lost = world.route(OUTSIDE, vip, 80)
    assert (lost.outcome, lost.hops[-1].kind) == (Outcome.UNREACHABLE, HopKind.SERVICE)
    assert world.route(a, vip, 80).outcome is Outcome.REFUSED
    let_go = world.route(node, vip, 80)
    assert let_go.outcome is Outcome.UNREACHABLE
    assert "not the node's own packets" in let_go.hops[-2].detail
    world.slice("web", [endpoint(world.pod("here"))])
    for source in (OUTSIDE, a, node):
        assert world.route(source, vip, 80).delivered
        assert world.route(source, vip, 99).outcome is Outcome.UNREACHABLE


def test_source_ranges_keep_others_out_of_the_load_balancers_address_only(world: World) -> None:
    balanced(world, loadBalancerSourceRanges=["198.51.100.0/24"])
    verdict = world.route(OUTSIDE, "192.0.2.10", 80)
    assert verdict.outcome is Outcome.TIMED_OUT
    assert verdict.hops[-1].field == "spec.loadBalancerSourceRanges"
    assert world.route("198.51.100.7", "192.0.2.10", 80).delivered
    assert world.route(OUTSIDE, "172.18.0.3", 30080).delivered


def test_a_load_balancer_in_proxy_mode_is_a_client_of_its_own(world: World) -> None:
    balanced(world, "Proxy", externalTrafficPolicy="Local")
    for source in (OUTSIDE, world.pod("a")):
        verdict = world.route(source, "192.0.2.10", 80)
        assert verdict.delivered
        assert verdict.source_ip == "192.0.2.10"


def zoned(world: World, **hints: Any) -> None:
    pods = [world.pod("here", node="worker"), world.pod("there", node="worker2")]
    world.service("web")
    found = [endpoint(pod) for pod in pods]
    for pod, one, zone in zip(pods, found, ("a", "b"), strict=True):
        if hints.get("zones"):
            one["hints"] = {"forZones": [{"name": zone}]}
        if hints.get("nodes"):
            one.setdefault("hints", {})["forNodes"] = [{"name": pod["spec"]["nodeName"]}]
    if hints.get("incomplete"):
        del found[0]["hints"]
    world.slice("web", found)


def test_hints_keep_traffic_in_its_zone(world: World) -> None:
    zoned(world, zones=True)
    assert reached(world, world.pod("a", node="worker")) == {"here"}
    assert reached(world, world.pod("b", node="worker2")) == {"there"}
    assert reached(world, world.pod("c", node="control")) == {"here", "there"}


def test_hints_keep_traffic_on_its_node(world: World) -> None:
    zoned(world, zones=True, nodes=True)
    assert reached(world, world.pod("a", node="worker2")) == {"there"}
    assert reached(world, world.pod("c", node="control")) == {"here", "there"}


def test_hints_that_some_endpoint_lacks_are_ignored(world: World) -> None:
    zoned(world, zones=True, incomplete=True)
    assert reached(world, world.pod("a", node="worker2")) == {"here", "there"}


def test_an_external_name_and_a_headless_service_have_no_address_to_reach(world: World) -> None:
    a = world.pod("a")
    world.put("services", {"metadata": {"name": "x", "namespace": "default"}, "spec": {"type": "ExternalName"}})
    world.service("h", "None")
    assert world.route(a, "10.96.0.200", 80).outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize("name", ["other", ""])
def test_a_service_that_another_proxy_serves_is_left_alone_and_that_is_said(world: World, name: str) -> None:
    a, b = world.pod("a"), world.pod("b")
    service = world.service("web")
    labels = {"service.kubernetes.io/service-proxy-name": name}
    world.put("services", {**service, "metadata": {**service["metadata"], "labels": labels}})
    world.slice("web", [endpoint(b)])
    verdict = world.route(a, SERVICE, 80)
    assert verdict.outcome is Outcome.TIMED_OUT
    assert (verdict.hops[-1].title, verdict.hops[-1].field) == ("Service default/web", "metadata.labels")


def test_a_slice_that_is_marked_headless_is_none_of_kube_proxys(world: World) -> None:
    a, b = world.pod("a"), world.pod("b")
    world.service("web")
    made = world.slice("web", [endpoint(b)])
    labels = {**made["metadata"]["labels"], "service.kubernetes.io/headless": ""}
    world.put("endpointslices.discovery.k8s.io", {**made, "metadata": {**made["metadata"], "labels": labels}})
    assert world.route(a, SERVICE, 80).outcome is Outcome.REFUSED


def test_a_client_outside_has_no_way_to_cluster_addresses(world: World) -> None:
    _, there = local(world)
    for ip in (SERVICE, there["status"]["podIP"]):
        verdict = world.route(OUTSIDE, ip, 80)
        assert verdict.outcome is Outcome.TIMED_OUT
        assert "inside the cluster only" in verdict.hops[-1].detail


def test_the_health_check_port_says_whether_a_node_has_an_endpoint(world: World) -> None:
    balanced(world, externalTrafficPolicy="Local", healthCheckNodePort=31000)
    good, bad = health_check(world.store, "worker", 31000), health_check(world.store, "control", 31000)
    assert good is not None
    assert bad is not None
    assert (good.status, bad.status) == (200, 503)
    assert '"localEndpoints": 1,' in good.body
    assert good.headers["X-Load-Balancing-Endpoint-Weight"] == "1"
    assert health_check(world.store, "worker", 31001) is None


def test_the_health_checks_body_is_as_long_as_the_real_one(world: World) -> None:
    service = {"metadata": {"namespace": "podwalk-rules", "name": "balanced-local"}, "spec": {}}
    world.put(
        "services", {**service, "spec": {"healthCheckNodePort": 32711, "externalTrafficPolicy": "Local", "ports": []}}
    )
    found = health_check(world.store, "worker", 32711)
    assert found is not None
    assert len(found.body) == 131


VARIABLES = """
BALANCED_LOCAL_PORT=tcp://10.96.250.30:80
BALANCED_LOCAL_PORT_80_TCP=tcp://10.96.250.30:80
BALANCED_LOCAL_PORT_80_TCP_ADDR=10.96.250.30
BALANCED_LOCAL_PORT_80_TCP_PORT=80
BALANCED_LOCAL_PORT_80_TCP_PROTO=tcp
BALANCED_LOCAL_SERVICE_HOST=10.96.250.30
BALANCED_LOCAL_SERVICE_PORT=80
BALANCED_LOCAL_SERVICE_PORT_WEB=80
DNS_PORT=udp://10.96.250.12:53
DNS_PORT_53_TCP=tcp://10.96.250.12:53
DNS_PORT_53_TCP_ADDR=10.96.250.12
DNS_PORT_53_TCP_PORT=53
DNS_PORT_53_TCP_PROTO=tcp
DNS_PORT_53_UDP=udp://10.96.250.12:53
DNS_PORT_53_UDP_ADDR=10.96.250.12
DNS_PORT_53_UDP_PORT=53
DNS_PORT_53_UDP_PROTO=udp
DNS_SERVICE_HOST=10.96.250.12
DNS_SERVICE_PORT=53
DNS_SERVICE_PORT_DNS=53
DNS_SERVICE_PORT_DNS_TCP=53
KUBERNETES_PORT=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
KUBERNETES_PORT_443_TCP_PORT=443
KUBERNETES_PORT_443_TCP_PROTO=tcp
KUBERNETES_SERVICE_HOST=10.96.0.1
KUBERNETES_SERVICE_PORT=443
KUBERNETES_SERVICE_PORT_HTTPS=443
"""


def test_the_environment_is_that_of_a_real_container(world: World) -> None:
    manifests = yaml.safe_load_all((Path(__file__).parent / "data" / "services.yaml").read_text(encoding="utf-8"))
    for manifest in manifests:
        if manifest["kind"] == "Service" and manifest["metadata"]["name"] in ("balanced-local", "dns", "headless"):
            world.put("services", manifest)
    world.service("kubernetes", "10.96.0.1", ports=[{"name": "https", "port": 443, "protocol": "TCP"}])
    world.service("elsewhere", "10.96.0.77")
    pod = world.pod("a", namespace="podwalk-rules")
    found = environment(world.store, pod)
    assert sorted(f"{key}={value}" for key, value in found.items()) == VARIABLES.split()
    unlinked = environment(world.store, {**pod, "spec": {**pod["spec"], "enableServiceLinks": False}})
    assert {key.split("_")[0] for key in unlinked} == {"KUBERNETES"}
