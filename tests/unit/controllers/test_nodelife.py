from __future__ import annotations

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, template


def taints(bench: Bench, name: str = "lab-worker") -> list[tuple[str, str]]:
    return [(entry["key"], entry["effect"]) for entry in bench.get("nodes", name, "")["spec"].get("taints") or ()]


def lose(bench: Bench, name: str, status: str) -> None:
    def change(node: Object) -> None:
        node["status"]["conditions"] = [
            {**entry, "status": status} if entry["type"] == "Ready" else entry for entry in node["status"]["conditions"]
        ]

    bench.objects.modify("nodes", "", name, change, subresource="status")
    bench.settle()


def place(bench: Bench, name: str, node: str) -> None:
    spec = {**template()["spec"], "nodeName": node}
    bench.create("pods", {"metadata": {"name": name}, "spec": spec})
    bench.run(name)


def test_a_cordon_taints_the_node_and_an_uncordon_takes_it_away(bench: Bench) -> None:
    bench.modify("nodes", "lab-worker", lambda node: node["spec"].update(unschedulable=True), namespace="")
    assert taints(bench) == [("node.kubernetes.io/unschedulable", "NoSchedule")]
    bench.modify("nodes", "lab-worker", lambda node: node["spec"].pop("unschedulable"), namespace="")
    assert taints(bench) == []


def test_a_lost_nodes_pods_are_not_ready_at_once_and_go_after_five_minutes(bench: Bench) -> None:
    place(bench, "p", "lab-worker")
    lose(bench, "lab-worker", "Unknown")
    assert taints(bench) == [
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoSchedule"),
    ]
    ready = next(entry for entry in bench.get("pods", "p")["status"]["conditions"] if entry["type"] == "Ready")
    assert ready["status"] == "False"
    bench.simulation.advance(bench.simulation.now + 299)
    assert "deletionTimestamp" not in bench.get("pods", "p")["metadata"]
    bench.simulation.advance(bench.simulation.now + 1)
    assert "deletionTimestamp" in bench.get("pods", "p")["metadata"]
    assert ("TaintManagerEviction", "Marking for deletion Pod shop/p") in bench.events("p")


def test_a_node_that_comes_back_keeps_its_pods(bench: Bench) -> None:
    place(bench, "p", "lab-worker")
    lose(bench, "lab-worker", "False")
    lose(bench, "lab-worker", "True")
    bench.simulation.advance(bench.simulation.now + 400)
    assert taints(bench) == []
    assert "deletionTimestamp" not in bench.get("pods", "p")["metadata"]


def test_a_deleted_nodes_pods_are_removed_after_the_quarantine(bench: Bench) -> None:
    place(bench, "p", "lab-worker2")
    bench.objects.delete("nodes", "", "lab-worker2")
    bench.settle()
    bench.simulation.advance(bench.simulation.now + 39)
    assert bench.objects.get("pods", "shop", "p") is not None
    bench.simulation.advance(bench.simulation.now + 1)
    assert bench.objects.get("pods", "shop", "p") is None


def test_an_event_is_gone_an_hour_after_it_was_last_seen(bench: Bench) -> None:
    place(bench, "p", "lab-worker2")
    bench.create("pods", {"metadata": {"name": "q"}, "spec": {**template()["spec"], "nodeSelector": {"a": "b"}}})
    assert bench.events("q")
    bench.objects.delete("pods", "shop", "q")
    bench.simulation.advance(bench.simulation.now + 3599)
    assert bench.events("q")
    bench.simulation.advance(bench.simulation.now + 1)
    assert bench.events("q") == []


def test_a_service_cidr_is_ready_and_stays_while_an_address_of_it_is_in_use(bench: Bench) -> None:
    resource = "servicecidrs.networking.k8s.io"
    bench.create(resource, {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.97.0.0/24"]}})
    made = bench.get(resource, "more", "")
    assert made["metadata"]["finalizers"] == ["networking.k8s.io/service-cidr-finalizer"]
    assert made["status"]["conditions"][0]["status"] == "True"
    body = {"clusterIP": "10.97.0.9", "ports": [{"port": 80}]}
    bench.create("services", {"metadata": {"name": "web"}, "spec": body})
    bench.objects.delete(resource, "", "more")
    bench.settle()
    (condition,) = bench.get(resource, "more", "")["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Terminating")
    bench.objects.delete("services", "shop", "web")
    bench.settle()
    assert bench.objects.get(resource, "", "more") is None
