"""Hints by the zones' CPU, held to k8s.io/endpointslice/topologycache; what kind does is in the conformance tests."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.controllers.endpoints.topology import Allocation, NoHintsError, allocate, shares
from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, template

SLICES = "endpointslices.discovery.k8s.io"
UNABLE = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
ZONE = "topology.kubernetes.io/zone"


def node(zone: str, cpu: str = "2", *, ready: bool = True, role: str = "worker") -> Object:
    return {
        "metadata": {"labels": {**({ZONE: zone} if zone else {}), f"node-role.kubernetes.io/{role}": ""}},
        "status": {"allocatable": {"cpu": cpu}, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("a"), node("b"), node("b", "4000m")], {"a": 0.25, "b": 0.75}),
        ([node("a"), node("b"), node("a", role="control-plane")], {"a": 0.5, "b": 0.5}),
        ([node("a"), node("b"), node("c", ready=False)], {"a": 0.5, "b": 0.5}),
        ([node("a"), node("b"), node("")], {}),
        ([node("a"), node("b", "0")], {}),
        ([node("a"), node("a")], {}),
    ],
)
def test_a_zone_counts_by_the_cpu_of_its_ready_workers(nodes: list[Object], expected: dict[str, float]) -> None:
    assert shares(nodes) == expected


def test_each_zone_gets_its_share_within_a_fifth() -> None:
    assert allocate({"a": 0.5, "b": 0.5}, 7) == {"a": Allocation(3, 4, 3.5), "b": Allocation(3, 4, 3.5)}
    assert allocate({"a": 0.25, "b": 0.75}, 8) == {"a": Allocation(2, 3, 2.0), "b": Allocation(5, 6, 6.0)}


@pytest.mark.parametrize(
    ("ratios", "count", "message"),
    [
        ({}, 9, "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"),
        ({"a": 0.5, "b": 0.5}, 1, "Insufficient number of endpoints (1 endpoints, 2 zones)"),
        (
            {"a": 0.5, "b": 0.5},
            3,
            f"{UNABLE} (3 endpoints, 2 zones)",
        ),
    ],
)
def test_there_are_no_hints_where_shares_cannot_be_kept(ratios: dict[str, float], count: int, message: str) -> None:
    with pytest.raises(NoHintsError) as caught:
        allocate(ratios, count)
    assert str(caught.value) == message


def hinted(bench: Bench) -> list[list[str]]:
    """Return the zones that each endpoint is hinted for, by the slices' order."""
    endpoints = [one for entry in bench.list(SLICES) for one in entry["endpoints"]]
    return [[zone["name"] for zone in (one.get("hints") or {}).get("forZones") or ()] for one in endpoints]


@pytest.fixture
def auto(bench: Bench) -> Bench:
    """A Service with three Pods in zone-a and one in zone-b."""
    for number in range(4):
        spec: dict[str, Any] = {**template()["spec"], "nodeName": "lab-worker2" if number == 3 else "lab-worker"}
        bench.create("pods", {"metadata": {"name": f"p{number}", "labels": {"app": "web"}}, "spec": spec})
        bench.run(f"p{number}")
    annotations = {"service.kubernetes.io/topology-mode": "Auto"}
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    bench.create("services", {"metadata": {"name": "web", "annotations": annotations}, "spec": spec})
    return bench


def test_an_endpoint_of_the_fuller_zone_is_lent_and_stays_so(auto: Bench) -> None:
    assert sorted(hinted(auto)) == [["zone-a"], ["zone-a"], ["zone-b"], ["zone-b"]]
    before = auto.list(SLICES)[0]["metadata"]["resourceVersion"]
    auto.modify("services", "web", lambda latest: latest["metadata"].update(labels={}))
    assert auto.list(SLICES)[0]["metadata"]["resourceVersion"] == before
    assert [reason for reason, _ in auto.events("web")] == ["TopologyAwareHintsEnabled"]


def test_a_node_that_changes_the_shares_takes_the_hints_away(auto: Bench) -> None:
    def grow(latest: Object) -> None:
        latest["status"]["allocatable"]["cpu"] = "640"

    auto.objects.modify("nodes", "", "lab-worker2", grow, subresource="status")
    auto.settle()
    assert hinted(auto) == [[]] * 4
    assert auto.events("web")[-1][1] == f"{UNABLE} (4 endpoints, 2 zones), addressType: IPv4"
