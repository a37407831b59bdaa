"""Cluster IPs and node ports: chosen, refused, kept and given back."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.api.server import Api
from podwalk.simulation import Simulation
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object
from tests.unit.api.calls import MERGE, SERVICES, Answer, Caller

ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"


def service(name: str = "s", **spec: Any) -> Object:
    ports = spec.pop("ports", [{"port": 80}])
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports, **spec}}


def change(call: Caller, **spec: Any) -> Answer:
    return call("PATCH", f"{SERVICES}/s", {"spec": spec}, content_type=MERGE)


def test_an_address_is_chosen_and_has_an_object(call: Caller) -> None:
    spec = call.created(SERVICES, service())["spec"]
    assert spec["clusterIP"].startswith("10.96.")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    address = call("GET", f"{ADDRESSES}/{spec['clusterIP']}").body
    assert address["spec"]["parentRef"] == {"resource": "services", "namespace": "default", "name": "s"}
    assert address["metadata"]["labels"]["ipaddress.kubernetes.io/managed-by"] == "ipallocator.k8s.io"


def test_an_address_is_given_back_with_the_service(call: Caller) -> None:
    ip = call.created(SERVICES, service())["spec"]["clusterIP"]
    assert call("DELETE", f"{SERVICES}/s").body["kind"] == "Service"
    assert call("GET", f"{ADDRESSES}/{ip}").status == 404


def test_a_refused_service_takes_nothing(call: Caller) -> None:
    call.created(SERVICES, service())
    assert call("POST", SERVICES, service()).status == 409
    assert call("POST", SERVICES, service("t"), dryRun="All").status == 201
    assert len(call("GET", ADDRESSES).body["items"]) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"clusterIP": "1.2.3.4"},
            (
                'spec.clusterIPs: Invalid value: ["1.2.3.4"]: failed to allocate IP 1.2.3.4: the provided network '
                "does not match the "
                "current range"
            ),
        ),
        (
            {"clusterIP": "10.96.0.99"},
            (
                'spec.clusterIPs: Invalid value: ["10.96.0.99"]: failed to allocate IP 10.96.0.99: provided IP is '
                "already allocated"
            ),
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
            (
                "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of "
                "valid ports is "
                "30000-32767"
            ),
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30099}]},
            "spec.ports[0].nodePort: Invalid value: 30099: provided port is already allocated",
        ),
        (
            {"ipFamilyPolicy": "RequireDualStack"},
            (
                'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for '
                "dual-stack services"
            ),
        ),
        ({"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        (
            {"clusterIP": "foo"},
            'spec.clusterIPs[0]: Invalid value: "foo": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
    ],
)
def test_what_cannot_be_had_is_refused_as_on_kind(call: Caller, spec: Any, message: str) -> None:
    taken = [{"port": 80, "nodePort": 30099}]
    call.created(SERVICES, service("taken", clusterIP="10.96.0.99", type="NodePort", ports=taken))
    answer = call("POST", SERVICES, service(**spec))
    assert (answer.status, answer.message) == (422, f'Service "s" is invalid: {message}')


def test_protocols_of_one_port_share_a_node_port(call: Caller) -> None:
    ports = [{"name": "a", "port": 53, "protocol": "UDP"}, {"name": "b", "port": 53}, {"name": "c", "port": 54}]
    made = call.created(SERVICES, service(type="NodePort", ports=ports))["spec"]["ports"]
    assert made[0]["nodePort"] == made[1]["nodePort"] != made[2]["nodePort"]
    assert 30000 <= made[2]["nodePort"] <= 32767


def test_the_administrators_range_of_node_ports_is_kept(call: Caller) -> None:
    api = Api(Store(), Simulation(), ClusterOptions(node_port_range=(31000, 31001)))
    api.objects.create("namespaces", {"metadata": {"name": "default"}})
    caller = Caller(api)
    numbers = {
        caller.created(SERVICES, service(name, type="NodePort"))["spec"]["ports"][0]["nodePort"] for name in ("a", "b")
    }
    assert numbers == {31000, 31001}
    full = caller("POST", SERVICES, service("c", type="NodePort"))
    assert "range is full" in full.message


def test_an_update_that_names_no_address_keeps_it(call: Caller) -> None:
    made = call.created(SERVICES, service(type="NodePort"))
    kept = call("PUT", f"{SERVICES}/s", service(type="NodePort")).body["spec"]
    assert kept["clusterIP"] == made["spec"]["clusterIP"]
    assert kept["ports"][0]["nodePort"] == made["spec"]["ports"][0]["nodePort"]


def test_a_change_of_type_takes_and_gives_back(call: Caller) -> None:
    ip = call.created(SERVICES, service())["spec"]["clusterIP"]
    port = change(call, type="NodePort").body["spec"]["ports"][0]["nodePort"]
    assert port
    assert "nodePort" not in change(call, type="ClusterIP").body["spec"]["ports"][0]
    outside = change(call, type="ExternalName", externalName="example.com").body["spec"]
    assert "clusterIP" not in outside
    assert call("GET", f"{ADDRESSES}/{ip}").status == 404
    assert change(call, type="ClusterIP", externalName=None).body["spec"]["clusterIP"]


def test_a_cluster_ip_may_not_change(call: Caller) -> None:
    call.created(SERVICES, service())
    answer = change(call, clusterIP="10.96.99.99")
    assert answer.message == (
        'Service "s" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.99.99"]: may not change once set'
    )


def test_a_local_load_balancer_has_a_health_check_port(call: Caller) -> None:
    spec = call.created(SERVICES, service(type="LoadBalancer", externalTrafficPolicy="Local"))["spec"]
    assert 30000 <= spec["healthCheckNodePort"] <= 32767
    assert "healthCheckNodePort" not in change(call, type="ClusterIP").body["spec"]


def test_a_headless_service_has_no_address(call: Caller) -> None:
    spec = call.created(SERVICES, service(clusterIP="None", selector={"a": "b"}))["spec"]
    assert spec["clusterIPs"] == ["None"]
    assert call("GET", ADDRESSES).body["items"] == []


def test_a_second_range_is_used(call: Caller) -> None:
    cidrs = "/apis/networking.k8s.io/v1/servicecidrs"
    call.created(cidrs, {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.200.0.0/24"]}})
    assert call.created(SERVICES, service())["spec"]["clusterIP"].startswith("10.200.0.")


def test_external_ips_are_deprecated(call: Caller) -> None:
    answer = call("POST", SERVICES, service(externalIPs=["1.2.3.4"]))
    assert answer.headers["warning"] == (
        '299 - "spec.externalIPs is deprecated and may no longer be implemented in some clusters"'
    )
