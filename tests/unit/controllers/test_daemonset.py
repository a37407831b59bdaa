from __future__ import annotations

import json
from typing import Any

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, template


def daemon_set(**spec: Any) -> Object:
    return {
        "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template(), **spec},
    }


def nodes(bench: Bench) -> list[str]:
    return sorted(pod["spec"].get("nodeName", "") for pod in bench.list("pods"))


def test_every_node_that_is_not_tainted_gets_one_pod(bench: Bench) -> None:
    bench.create("daemonsets.apps", daemon_set())
    bench.run_all()
    assert nodes(bench) == ["lab-worker", "lab-worker2"]
    assert bench.get("daemonsets.apps", "agent")["status"] == {
        "currentNumberScheduled": 2,
        "desiredNumberScheduled": 2,
        "numberAvailable": 2,
        "numberMisscheduled": 0,
        "numberReady": 2,
        "observedGeneration": 1,
        "updatedNumberScheduled": 2,
    }


def test_kube_proxy_runs_on_all_three(bench: Bench) -> None:
    found = bench.list("pods", "kube-system", **{"k8s-app": "kube-proxy"})
    assert len({pod["spec"]["nodeName"] for pod in found}) == 3


def test_a_cordon_does_not_take_the_pod_away_and_a_taint_that_evicts_does(bench: Bench) -> None:
    bench.create("daemonsets.apps", daemon_set())
    bench.run_all()
    bench.modify("nodes", "lab-worker", lambda node: node["spec"].update(unschedulable=True), namespace="")
    bench.run_all()
    assert nodes(bench) == ["lab-worker", "lab-worker2"]
    taint = {"key": "broken", "effect": "NoExecute"}
    bench.modify("nodes", "lab-worker", lambda node: node["spec"].update(taints=[taint]), namespace="")
    bench.run_all()
    assert nodes(bench) == ["lab-worker2"]


def test_a_new_node_gets_its_pod(bench: Bench) -> None:
    bench.create("daemonsets.apps", daemon_set())
    body = dict(bench.get("nodes", "lab-worker", ""))
    body = {"metadata": {"name": "lab-worker3", "labels": {}}, "spec": {}, "status": body["status"]}
    bench.create("nodes", {"apiVersion": "v1", "kind": "Node", **body})
    assert "lab-worker3" in nodes(bench)


def test_an_update_replaces_one_pod_at_a_time(bench: Bench) -> None:
    bench.create("daemonsets.apps", daemon_set())
    bench.run_all()

    def change(obj: Object) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"

    bench.modify("daemonsets.apps", "agent", change)
    assert sum("deletionTimestamp" in pod["metadata"] for pod in bench.list("pods")) == 1
    bench.run_all()
    assert {pod["spec"]["containers"][0]["image"] for pod in bench.list("pods")} == {"nginx:2"}
    assert len(bench.list("controllerrevisions.apps")) == 2


def test_a_failed_pod_is_replaced_with_an_event(bench: Bench) -> None:
    bench.create("daemonsets.apps", daemon_set())
    bench.run_all()
    victim = bench.list("pods")[0]["metadata"]["name"]
    bench.finish(victim, "Failed")
    node = bench.events("agent")
    assert any(reason == "FailedDaemonPod" and f"shop/{victim}" in message for reason, message in node)
    bench.run_all()
    assert nodes(bench) == ["lab-worker", "lab-worker2"]


def test_a_revision_keeps_the_template_in_the_order_in_which_clients_compare_it(bench: Bench) -> None:
    bench.create("daemonsets.apps", daemon_set())
    bench.run_all()
    [revision] = bench.list("controllerrevisions.apps")
    assert json.dumps(revision["data"]) == json.dumps(revision["data"], sort_keys=True)
    [entry] = revision["metadata"]["managedFields"]
    assert entry["fieldsV1"]["f:data"] == {}


def test_an_annotation_counts_the_templates(bench: Bench) -> None:
    bench.create("daemonsets.apps", daemon_set())

    def change(obj: Object) -> None:
        obj["metadata"]["annotations"] = {"note": "kept"}
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"

    bench.modify("daemonsets.apps", "agent", change)
    annotations = bench.get("daemonsets.apps", "agent")["metadata"]["annotations"]
    assert annotations == {"note": "kept", "deprecated.daemonset.template.generation": "2"}
