from __future__ import annotations

from typing import Any

import pytest

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, deployment, template

SLICES = "endpointslices.discovery.k8s.io"


def service(name: str = "web", **spec: Any) -> Object:
    body = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}], **spec}
    labels = {"team": "shop"}
    return {"metadata": {"name": name, "labels": labels}, "spec": body}


def slices(bench: Bench, name: str = "web") -> list[Object]:
    return bench.list(SLICES, **{"kubernetes.io/service-name": name})


@pytest.fixture
def web(bench: Bench) -> Bench:
    bench.create("deployments.apps", deployment(replicas=3))
    bench.run_all()
    return bench


def test_a_slice_names_every_ready_pod_with_the_fields_that_kind_writes(web: Bench) -> None:
    web.create("services", service())
    (found,) = slices(web)
    owner = web.get("services", "web")
    assert found["metadata"]["generateName"] == "web-"
    assert found["metadata"]["labels"] == {
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": "web",
        "team": "shop",
    }
    assert found["metadata"]["annotations"] == {
        "endpoints.kubernetes.io/last-change-trigger-time": owner["metadata"]["creationTimestamp"]
    }
    assert found["metadata"]["ownerReferences"][0]["kind"] == "Service"
    assert found["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    by_name = {entry["targetRef"]["name"]: entry for entry in found["endpoints"]}
    for pod in web.list("pods"):
        zone = {"lab-worker": "zone-a", "lab-worker2": "zone-b"}[pod["spec"]["nodeName"]]
        assert by_name[pod["metadata"]["name"]] == {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {
                "kind": "Pod",
                "namespace": "shop",
                "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"],
            },
            "zone": zone,
        }


def test_a_service_that_selects_nothing_has_one_empty_slice(bench: Bench) -> None:
    bench.create("services", service(selector={"app": "none"}))
    (found,) = slices(bench)
    assert (found["endpoints"], found["ports"]) == (None, None)
    assert "subsets" not in bench.get("endpoints", "web")


def test_a_terminating_pod_serves_on_but_is_not_ready(web: Bench) -> None:
    web.create("services", service())
    name = web.list("pods")[0]["metadata"]["name"]
    web.objects.delete("pods", "shop", name)
    web.settle()
    endpoint = next(entry for entry in slices(web)[0]["endpoints"] if entry["targetRef"]["name"] == name)
    assert endpoint["conditions"] == {"ready": False, "serving": True, "terminating": True}
    subset = web.get("endpoints", "web")["subsets"][0]
    assert name not in [address["targetRef"]["name"] for address in subset["addresses"]]


def test_a_pod_that_fails_its_probe_is_named_as_not_ready(web: Bench) -> None:
    web.create("services", service())
    name = web.list("pods")[0]["metadata"]["name"]
    web.run(name, ready=False)
    endpoint = next(entry for entry in slices(web)[0]["endpoints"] if entry["targetRef"]["name"] == name)
    assert endpoint["conditions"] == {"ready": False, "serving": False, "terminating": False}
    (subset,) = web.get("endpoints", "web")["subsets"]
    assert [address["targetRef"]["name"] for address in subset["notReadyAddresses"]] == [name]


def test_publish_not_ready_addresses_calls_every_pod_ready(web: Bench) -> None:
    web.create("services", service(publishNotReadyAddresses=True))
    name = web.list("pods")[0]["metadata"]["name"]
    web.run(name, ready=False)
    conditions = [entry["conditions"] for entry in slices(web)[0]["endpoints"]]
    assert all(entry["ready"] for entry in conditions)
    assert [entry["serving"] for entry in conditions].count(False) == 1


def test_a_named_target_port_may_be_another_number_in_each_pod(bench: Bench) -> None:
    for number, port in ((1, 8001), (2, 8002)):
        container = {"name": "c", "image": "nginx", "ports": [{"name": "web", "containerPort": port}]}
        bench.create(
            "pods", {"metadata": {"name": f"p{number}", "labels": {"app": "web"}}, "spec": {"containers": [container]}}
        )
        bench.run(f"p{number}")
    bench.create("services", service(ports=[{"port": 80, "targetPort": "web"}]))
    found = {entry["ports"][0]["port"]: entry["endpoints"][0]["targetRef"]["name"] for entry in slices(bench)}
    assert found == {8001: "p1", 8002: "p2"}
    ports = [subset["ports"] for subset in bench.get("endpoints", "web")["subsets"]]
    assert ports == [[{"port": 8001, "protocol": "TCP"}], [{"port": 8002, "protocol": "TCP"}]]


def test_a_headless_service_gives_its_pods_their_host_names_and_its_slices_the_mark(bench: Bench) -> None:
    spec = {**template()["spec"], "hostname": "one", "subdomain": "web"}
    bench.create("pods", {"metadata": {"name": "p", "labels": {"app": "web"}}, "spec": spec})
    bench.run("p")
    bench.create("services", service(clusterIP="None", ports=[]))
    (found,) = slices(bench)
    assert found["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert found["ports"] is None
    assert found["endpoints"][0]["hostname"] == "one"


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("PreferSameZone", {"forZones": [{"name": "zone-a"}]}),
        ("PreferSameNode", {"forZones": [{"name": "zone-a"}], "forNodes": [{"name": "lab-worker"}]}),
    ],
)
def test_traffic_distribution_becomes_hints(bench: Bench, wish: str, expected: Object) -> None:
    spec = {**template()["spec"], "nodeName": "lab-worker"}
    bench.create("pods", {"metadata": {"name": "p", "labels": {"app": "web"}}, "spec": spec})
    bench.run("p")
    bench.create("services", service(trafficDistribution=wish))
    assert slices(bench)[0]["endpoints"][0]["hints"] == expected


def test_a_slice_holds_a_hundred_endpoints_and_a_change_touches_one_slice(bench: Bench) -> None:
    for node in ("lab-worker", "lab-worker2"):
        bench.objects.modify(
            "nodes", "", node, lambda entry: entry["status"]["allocatable"].update(pods="500"), subresource="status"
        )
    bench.create("deployments.apps", deployment(replicas=250))
    for pod in bench.list("pods"):
        bench._run(pod["metadata"]["name"], "shop")
    bench.create("services", service())
    assert sorted(len(entry["endpoints"]) for entry in slices(bench)) == [50, 100, 100]
    before = {entry["metadata"]["name"]: entry["metadata"]["resourceVersion"] for entry in slices(bench)}
    bench.run(bench.list("pods")[7]["metadata"]["name"], ready=False)
    after = {entry["metadata"]["name"]: entry["metadata"]["resourceVersion"] for entry in slices(bench)}
    assert sum(before[name] != after[name] for name in before) == 1


def test_handwritten_endpoints_are_mirrored_into_a_slice(bench: Bench) -> None:
    bench.create("services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 80}]}})
    subset = {"addresses": [{"ip": "10.1.2.3"}], "notReadyAddresses": [{"ip": "10.1.2.5"}], "ports": [{"port": 80}]}
    bench.create("endpoints", {"metadata": {"name": "db", "labels": {"a": "b"}}, "subsets": [subset]})
    (found,) = slices(bench, "db")
    assert found["metadata"]["labels"] == {
        "a": "b",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        "kubernetes.io/service-name": "db",
    }
    assert [(entry["addresses"], entry["conditions"]) for entry in found["endpoints"]] == [
        (["10.1.2.3"], {"ready": True}),
        (["10.1.2.5"], {"ready": False}),
    ]


def test_handwritten_slices_are_left_alone(bench: Bench) -> None:
    bench.create("services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 80}]}})
    mine: Object = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4"}
    mine["metadata"] = {"name": "db-1", "labels": {"kubernetes.io/service-name": "db"}}
    mine |= {"endpoints": [{"addresses": ["10.9.9.9"]}], "ports": [{"port": 5432}]}
    bench.create(SLICES, mine)
    assert [entry["metadata"]["name"] for entry in slices(bench, "db")] == ["db-1"]


def test_endpoints_go_with_their_service(web: Bench) -> None:
    web.create("services", service())
    web.objects.delete("services", "shop", "web")
    web.settle()
    assert web.objects.get("endpoints", "shop", "web") is None
    assert slices(web) == []
