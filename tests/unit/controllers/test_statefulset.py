from __future__ import annotations

from typing import Any

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, template


def stateful_set(replicas: int = 3, **spec: Any) -> Object:
    body = {
        "replicas": replicas,
        "serviceName": "web",
        "selector": {"matchLabels": {"app": "web"}},
        "template": template(),
    }
    return {"metadata": {"name": "web"}, "spec": {**body, **spec}}


def names(bench: Bench) -> list[str]:
    return [pod["metadata"]["name"] for pod in bench.list("pods")]


def set_image(bench: Bench, image: str) -> None:
    def change(obj: Object) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = image

    bench.modify("statefulsets.apps", "web", change)


def images(bench: Bench) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in bench.list("pods")]


def test_each_pod_waits_for_the_one_before_it(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set())
    assert names(bench) == ["web-0"]
    bench.run("web-0", ready=False)
    assert names(bench) == ["web-0"]
    bench.run("web-0")
    assert names(bench) == ["web-0", "web-1"]
    bench.run_all()
    assert names(bench) == ["web-0", "web-1", "web-2"]
    assert bench.events("web")[0] == ("SuccessfulCreate", "Create Pod web-0 in StatefulSet web successful")


def test_a_pod_has_the_identity_that_kind_gives(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set(1))
    pod = bench.get("pods", "web-0")
    revision = bench.get("statefulsets.apps", "web")["status"]["updateRevision"]
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("web-0", "web")
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if "topology" not in key}
    assert labels == {
        "app": "web",
        "apps.kubernetes.io/pod-index": "0",
        "controller-revision-hash": revision,
        "statefulset.kubernetes.io/pod-name": "web-0",
    }


def test_a_finished_set_reports_what_kind_reports(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set(2))
    bench.run_all()
    status = bench.get("statefulsets.apps", "web")["status"]
    revision = status["currentRevision"]
    assert status == {
        "availableReplicas": 2,
        "collisionCount": 0,
        "currentReplicas": 2,
        "currentRevision": revision,
        "observedGeneration": 1,
        "readyReplicas": 2,
        "replicas": 2,
        "updateRevision": revision,
        "updatedReplicas": 2,
    }


def test_scaling_down_takes_the_highest_number_first_one_at_a_time(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set())
    bench.run_all()
    bench.scale("statefulsets.apps", "web", 1)
    going = [pod["metadata"]["name"] for pod in bench.list("pods") if "deletionTimestamp" in pod["metadata"]]
    assert going == ["web-2"]
    bench.run_all()
    assert names(bench) == ["web-0"]
    assert ("SuccessfulDelete", "Delete Pod web-2 in StatefulSet web successful") in bench.events("web")


def test_parallel_makes_all_at_once(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set(podManagementPolicy="Parallel"))
    assert names(bench) == ["web-0", "web-1", "web-2"]


def test_a_rolling_update_goes_from_the_highest_down(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set())
    bench.run_all()
    set_image(bench, "nginx:2")
    going = [pod["metadata"]["name"] for pod in bench.list("pods") if "deletionTimestamp" in pod["metadata"]]
    assert going == ["web-2"]
    bench.run_all()
    assert images(bench) == ["nginx:2"] * 3
    status = bench.get("statefulsets.apps", "web")["status"]
    assert status["currentRevision"] == status["updateRevision"]
    assert len(bench.list("controllerrevisions.apps")) == 2


def test_a_partition_holds_the_lower_numbers_back(bench: Bench) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    bench.create("statefulsets.apps", stateful_set(updateStrategy=strategy))
    bench.run_all()
    set_image(bench, "nginx:2")
    bench.run_all()
    assert images(bench) == ["nginx", "nginx", "nginx:2"]
    bench.objects.delete("pods", "shop", "web-0", grace_s=0)
    bench.run_all()
    assert images(bench) == ["nginx", "nginx", "nginx:2"]


def test_on_delete_waits_for_somebody_to_delete_the_pod(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set(2, updateStrategy={"type": "OnDelete"}))
    bench.run_all()
    set_image(bench, "nginx:2")
    bench.run_all()
    assert images(bench) == ["nginx", "nginx"]
    bench.objects.delete("pods", "shop", "web-0", grace_s=0)
    bench.run_all()
    assert images(bench) == ["nginx:2", "nginx"]


def test_going_back_uses_the_old_revision_again(bench: Bench) -> None:
    bench.create("statefulsets.apps", stateful_set(1))
    bench.run_all()
    first = bench.get("statefulsets.apps", "web")["status"]["currentRevision"]
    for image in ("nginx:2", "nginx"):
        set_image(bench, image)
        bench.run_all()
    assert bench.get("statefulsets.apps", "web")["status"]["currentRevision"] == first
    assert bench.get("controllerrevisions.apps", first)["revision"] == 3


def test_claims_are_made_and_wait_for_a_provisioner(bench: Bench) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard"}
    claim = {"metadata": {"name": "data"}, "spec": {**spec, "resources": {"requests": {"storage": "1Gi"}}}}
    bench.create("statefulsets.apps", stateful_set(2, volumeClaimTemplates=[claim]))
    assert names(bench) == ["web-0"]
    pod = bench.get("pods", "web-0")
    assert pod["spec"]["volumes"][0] == {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}
    assert "nodeName" not in pod["spec"]
    assert [reason for reason, _ in bench.events("data-web-0")] == ["WaitForFirstConsumer", "ExternalProvisioning"]


def test_it_adopts_only_a_pod_whose_name_could_be_its_member(bench: Bench) -> None:
    for name in ("visitor", "other-web-1", "web-x", "web-1"):
        bench.create("pods", {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": template()["spec"]})
    bench.create("statefulsets.apps", stateful_set(2))
    bench.run_all()
    assert {pod["metadata"]["name"] for pod in bench.list("pods") if "ownerReferences" in pod["metadata"]} == {
        "web-0",
        "web-1",
    }
