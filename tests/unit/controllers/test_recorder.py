from __future__ import annotations

from podwalk.controllers import Recorder
from tests.unit.controllers.conftest import Bench


def test_an_event_has_the_fields_that_kind_writes(bench: Bench) -> None:
    pod = bench.get("pods", "etcd-lab-control-plane", "kube-system")
    recorder = Recorder(bench.objects, bench.simulation, "kubelet", "lab-worker")
    recorder.event(pod, "Normal", "Started", "Container started")
    (event,) = [entry for entry in bench.list("events", "kube-system") if entry["reason"] == "Started"]
    assert event["source"] == {"component": "kubelet", "host": "lab-worker"}
    assert event["involvedObject"]["uid"] == pod["metadata"]["uid"]
    assert event["count"] == 1
    assert event["firstTimestamp"] == event["lastTimestamp"] == bench.simulation.timestamp()
    stem, _, suffix = event["metadata"]["name"].rpartition(".")
    assert stem == "etcd-lab-control-plane"
    assert int(suffix, 16) >= bench.simulation.epoch.timestamp() * 1_000_000_000


def test_an_equal_event_is_counted_and_keeps_its_first_time(bench: Bench) -> None:
    pod = bench.get("pods", "etcd-lab-control-plane", "kube-system")
    recorder = Recorder(bench.objects, bench.simulation, "kubelet")
    recorder.event(pod, "Warning", "BackOff", "Back-off")
    first = bench.simulation.timestamp()
    bench.simulation.advance(60)
    recorder.event(pod, "Warning", "BackOff", "Back-off")
    (event,) = [entry for entry in bench.list("events", "kube-system") if entry["reason"] == "BackOff"]
    assert (event["count"], event["firstTimestamp"], event["lastTimestamp"]) == (2, first, bench.simulation.timestamp())


def test_many_messages_of_one_reason_are_combined(bench: Bench) -> None:
    pod = bench.get("pods", "etcd-lab-control-plane", "kube-system")
    recorder = Recorder(bench.objects, bench.simulation, "kubelet")
    for number in range(14):
        recorder.event(pod, "Warning", "Unhealthy", f"message {number}")
    found = [entry for entry in bench.list("events", "kube-system") if entry["reason"] == "Unhealthy"]
    combined = [entry for entry in found if entry["message"].startswith("(combined from similar events): ")]
    assert len(found) == 10
    assert [entry["count"] for entry in combined] == [5]


def test_a_flood_about_one_object_is_cut_off_and_refills_slowly(bench: Bench) -> None:
    pod = bench.get("pods", "etcd-lab-control-plane", "kube-system")
    recorder = Recorder(bench.objects, bench.simulation, "kubelet")

    def total() -> int:
        return sum(entry["count"] for entry in bench.list("events", "kube-system") if entry["reason"] == "Same")

    for _ in range(40):
        recorder.event(pod, "Normal", "Same", "again")
    assert total() == 25
    bench.simulation.advance(bench.simulation.now + 300)
    recorder.event(pod, "Normal", "Same", "again")
    recorder.event(pod, "Normal", "Same", "again")
    assert total() == 26
