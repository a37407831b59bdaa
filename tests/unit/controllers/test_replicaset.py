from __future__ import annotations

from tests.unit.controllers.conftest import Bench, template


def _replica_set(replicas: int = 2, **spec: object) -> dict[str, object]:
    body = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template(), **spec}
    return {"metadata": {"name": "web"}, "spec": body}


def test_it_makes_up_for_a_deleted_pod(bench: Bench) -> None:
    bench.create("replicasets.apps", _replica_set())
    bench.run_all()
    bench.objects.delete("pods", "shop", bench.list("pods")[0]["metadata"]["name"])
    bench.settle()
    assert bench.get("replicasets.apps", "web")["status"] == {
        "replicas": 2,
        "fullyLabeledReplicas": 2,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 1,
    }


def test_it_adopts_a_matching_pod_without_an_owner(bench: Bench) -> None:
    bench.create("pods", {"metadata": {"name": "lone", "labels": {"app": "web"}}, "spec": template()["spec"]})
    bench.create("replicasets.apps", _replica_set())
    assert len(bench.list("pods")) == 2
    assert bench.get("pods", "lone")["metadata"]["ownerReferences"][0]["name"] == "web"


def test_it_deletes_a_pod_that_is_made_to_match_when_there_are_enough(bench: Bench) -> None:
    bench.create("replicasets.apps", _replica_set())
    bench.run_all()
    bench.create("pods", {"metadata": {"name": "late", "labels": {"app": "web"}}, "spec": template()["spec"]})
    assert (
        bench.objects.get("pods", "shop", "late") is None
        or "deletionTimestamp" in bench.get("pods", "late")["metadata"]
    )


def test_it_releases_a_pod_whose_label_is_taken_away_and_replaces_it(bench: Bench) -> None:
    bench.create("replicasets.apps", _replica_set())
    name = bench.list("pods")[0]["metadata"]["name"]
    bench.modify("pods", name, lambda pod: pod["metadata"]["labels"].update(app="debug"))
    assert "ownerReferences" not in bench.get("pods", name)["metadata"]
    assert len(bench.list("pods", app="web")) == 2


def test_scaling_down_takes_the_pod_that_is_not_ready_first(bench: Bench) -> None:
    bench.create("replicasets.apps", _replica_set(3))
    bench.run_all()
    victim = bench.list("pods")[1]["metadata"]["name"]
    bench.run(victim, ready=False)
    bench.scale("replicasets.apps", "web", 2)
    assert "deletionTimestamp" in bench.get("pods", victim)["metadata"]
    assert ("SuccessfulDelete", f"Deleted pod: {victim}") in bench.events("web")


def test_the_deletion_cost_decides_among_ready_pods(bench: Bench) -> None:
    bench.create("replicasets.apps", _replica_set(3))
    bench.run_all()
    victim = bench.list("pods")[2]["metadata"]["name"]
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-10"}
    bench.modify("pods", victim, lambda pod: pod["metadata"].update(annotations=cost))
    bench.scale("replicasets.apps", "web", 2)
    assert "deletionTimestamp" in bench.get("pods", victim)["metadata"]


def test_a_ready_pod_counts_as_available_only_after_min_ready_seconds(bench: Bench) -> None:
    bench.create("replicasets.apps", _replica_set(1, minReadySeconds=10))
    bench.run_all()
    assert "availableReplicas" not in bench.get("replicasets.apps", "web")["status"]
    bench.simulation.advance(bench.simulation.now + 10)
    assert bench.get("replicasets.apps", "web")["status"]["availableReplicas"] == 1


def test_pods_that_may_not_be_made_are_reported_as_a_condition(bench: Bench) -> None:
    body = _replica_set(1)
    body["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"  # type: ignore[index]  # a literal
    bench.create("replicasets.apps", body)
    (found,) = bench.get("replicasets.apps", "web")["status"]["conditions"]
    assert (found["type"], found["reason"]) == ("ReplicaFailure", "FailedCreate")
    assert 'serviceaccount "nobody" not found' in found["message"]
    assert bench.events("web")[0][0] == "FailedCreate"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": "shop"}}
    bench.create("serviceaccounts", account)
    bench.simulation.advance(bench.simulation.now + 60)
    assert len(bench.list("pods")) == 1
    assert "conditions" not in bench.get("replicasets.apps", "web")["status"]
