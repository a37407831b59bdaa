from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, deployment


def pod(name: str = "client", **spec: Any) -> Object:
    labels = spec.pop("labels", {})
    container = {"name": "c", "image": "busybox", "resources": {"requests": spec.pop("requests", {})}}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [container], **spec}}


def message(bench: Bench, name: str = "client") -> str:
    conditions = bench.get("pods", name)["status"]["conditions"]
    found = next(entry for entry in conditions if entry["type"] == "PodScheduled")
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    assert bench.events(name)[-1] == ("FailedScheduling", found["message"])
    return str(found["message"])


def test_a_pod_is_bound_to_a_worker_with_the_event_and_zone_that_kind_gives(bench: Bench) -> None:
    bench.create("pods", pod())
    found = bench.get("pods", "client")
    node = found["spec"]["nodeName"]
    assert node in ("lab-worker", "lab-worker2")
    zone = {"lab-worker": "zone-a", "lab-worker2": "zone-b"}[node]
    assert found["metadata"]["labels"]["topology.kubernetes.io/zone"] == zone
    assert bench.events("client") == [("Scheduled", f"Successfully assigned shop/client to {node}")]


def test_replicas_are_spread_over_the_workers(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=6))
    assert Counter(entry["spec"]["nodeName"] for entry in bench.list("pods")) == {"lab-worker": 3, "lab-worker2": 3}


def test_a_pod_with_a_gate_says_so_and_waits_until_it_is_gone(bench: Bench) -> None:
    bench.create("pods", pod(schedulingGates=[{"name": "example.com/wait"}]))
    (condition,) = bench.get("pods", "client")["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "SchedulingGated")
    assert condition["message"] == "Scheduling is blocked due to non-empty scheduling gates"
    assert bench.events("client") == []
    bench.modify("pods", "client", lambda found: found["spec"].pop("schedulingGates"))
    assert bench.get("pods", "client")["spec"]["nodeName"]


# The sentences were seen on kind.
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"nodeSelector": {"a": "b"}},
            (
                "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node "
                "affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
            ),
        ),
        (
            {"requests": {"cpu": "70", "memory": "100Gi"}},
            (
                "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu, 2 Insufficient "
                "memory. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
            ),
        ),
        (
            {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
            (
                '0/3 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/3 nodes are available: '
                "3 Preemption is not helpful for scheduling."
            ),
        ),
    ],
)
def test_a_pod_that_fits_nowhere_says_why_in_kinds_words(bench: Bench, spec: dict[str, Any], expected: str) -> None:
    bench.create("pods", pod(**spec))
    assert message(bench) == expected


def test_a_node_filled_by_other_pods_is_said_to_have_no_victims(bench: Bench) -> None:
    for number in (1, 2):
        bench.create("pods", pod(f"big-{number}", requests={"cpu": "6"}))
    bench.create("pods", pod(requests={"cpu": "6"}))
    assert message(bench).endswith(
        "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, "
        "2 No preemption victims found for incoming pod."
    )


def test_an_unschedulable_pod_is_tried_again_when_another_goes(bench: Bench) -> None:
    for number in (1, 2):
        bench.create("pods", pod(f"big-{number}", requests={"cpu": "6"}))
    bench.create("pods", pod(requests={"cpu": "6"}))
    bench.objects.delete("pods", "shop", "big-1", grace_s=0)
    bench.simulation.advance(bench.simulation.now + 2)
    assert bench.get("pods", "client")["spec"]["nodeName"]


def test_a_label_put_on_a_node_lets_a_waiting_pod_in(bench: Bench) -> None:
    bench.create("pods", pod(nodeSelector={"disk": "ssd"}))
    bench.modify("nodes", "lab-worker2", lambda node: node["metadata"]["labels"].update(disk="ssd"), namespace="")
    bench.simulation.advance(bench.simulation.now + 2)
    assert bench.get("pods", "client")["spec"]["nodeName"] == "lab-worker2"


def test_a_cordoned_node_takes_no_pod(bench: Bench) -> None:
    bench.modify("nodes", "lab-worker", lambda node: node["spec"].update(unschedulable=True), namespace="")
    for number in range(4):
        bench.create("pods", pod(f"p{number}"))
    assert {entry["spec"]["nodeName"] for entry in bench.list("pods")} == {"lab-worker2"}


def test_a_toleration_opens_the_control_plane(bench: Bench) -> None:
    tolerations = [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]
    selector = {"node-role.kubernetes.io/control-plane": ""}
    bench.create("pods", pod(tolerations=tolerations, nodeSelector=selector))
    assert bench.get("pods", "client")["spec"]["nodeName"] == "lab-control-plane"


def _anti_affinity(**labels: str) -> Object:
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_required_anti_affinity_keeps_replicas_apart_and_says_so(bench: Bench) -> None:
    for number in range(3):
        bench.create("pods", pod(f"p{number}", labels={"app": "a"}, affinity=_anti_affinity(app="a")))
    nodes = [bench.get("pods", f"p{number}")["spec"].get("nodeName") for number in range(3)]
    assert set(nodes[:2]) == {"lab-worker", "lab-worker2"}
    assert nodes[2] is None
    assert "2 node(s) didn't match pod anti-affinity rules" in message(bench, "p2")


def test_a_pod_without_terms_respects_the_anti_affinity_of_those_there(bench: Bench) -> None:
    for number in range(2):
        affinity = _anti_affinity(app="a") if number == 0 else {}
        bench.create("pods", pod(f"p{number}", labels={"app": "a"}, affinity=affinity))
    assert bench.get("pods", "p0")["spec"]["nodeName"] != bench.get("pods", "p1")["spec"]["nodeName"]


def test_pod_affinity_brings_pods_together(bench: Bench) -> None:
    bench.create("pods", pod("cache", labels={"app": "cache"}))
    term = {"labelSelector": {"matchLabels": {"app": "cache"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    for number in range(4):
        bench.create("pods", pod(f"p{number}", affinity=affinity))
    home = bench.get("pods", "cache")["spec"]["nodeName"]
    assert {bench.get("pods", f"p{number}")["spec"]["nodeName"] for number in range(4)} == {home}


def test_a_hard_spread_constraint_holds_zones_level(bench: Bench) -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "a"}},
    }
    bench.modify("nodes", "lab-worker2", lambda node: node["spec"].update(unschedulable=True), namespace="")
    for number in range(2):
        bench.create("pods", pod(f"p{number}", labels={"app": "a"}, topologySpreadConstraints=[constraint]))
    assert "1 node(s) didn't match pod topology spread constraints" in message(bench, "p1")


def test_two_pods_do_not_share_a_host_port(bench: Bench) -> None:
    for number in range(3):
        body = pod(f"p{number}")
        body["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
        bench.create("pods", body)
    assert "2 node(s) didn't have free ports for the requested pod ports" in message(bench, "p2")


def test_a_pod_with_another_schedulers_name_is_left_alone(bench: Bench) -> None:
    bench.create("pods", pod(schedulerName="mine"))
    assert "nodeName" not in bench.get("pods", "client")["spec"]
    assert bench.events("client") == []


def test_its_events_are_of_the_newer_form_and_repeat_as_a_series(bench: Bench) -> None:
    bench.create("pods", pod(nodeSelector={"disk": "ssd"}))
    bench.simulation.advance(bench.simulation.now + 301)
    bench.simulation.advance(bench.simulation.now + 301)
    found = [entry for entry in bench.list("events") if entry["reason"] == "FailedScheduling"]
    for event in found:
        assert event["action"] == "Scheduling"
        assert event["reportingComponent"] == "default-scheduler"
        assert event["reportingInstance"] == "default-scheduler-lab-control-plane"
        assert (event["source"], event["firstTimestamp"], event["lastTimestamp"]) == ({}, None, None)
    assert [event.get("series", {}).get("count") for event in found] == [None, 2]
