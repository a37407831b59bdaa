from __future__ import annotations

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, deployment


def _progressing(bench: Bench) -> tuple[str, str, str]:
    conditions = bench.get("deployments.apps", "web")["status"]["conditions"]
    found = next(entry for entry in conditions if entry["type"] == "Progressing")
    return found["status"], found["reason"], found["message"]


def set_image(bench: Bench, image: str) -> None:
    def change(obj: Object) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = image

    bench.modify("deployments.apps", "web", change)


def test_a_new_deployment_makes_one_replica_set_with_its_revision_and_sizes(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=3))
    (replica_set,) = bench.list("replicasets.apps")
    suffix = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{suffix}"
    assert replica_set["metadata"]["annotations"] == {
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
        "deployment.kubernetes.io/revision": "1",
    }
    assert len(bench.list("pods")) == 3
    assert bench.events("web") == [("ScalingReplicaSet", f"Scaled up replica set web-{suffix} from 0 to 3")]


def test_a_finished_rollout_reports_what_kind_reports(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=3))
    bench.run_all()
    found = bench.get("deployments.apps", "web")
    name = bench.list("replicasets.apps")[0]["metadata"]["name"]
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    conditions = found["status"].pop("conditions")
    assert found["status"] == {
        "observedGeneration": 1,
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "terminatingReplicas": 0,
    }
    assert [(entry["type"], entry["reason"], entry["message"]) for entry in conditions] == [
        ("Available", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        ("Progressing", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'),
    ]


def test_a_rolling_update_takes_the_steps_that_surge_and_unavailability_allow(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=6))
    bench.run_all()
    old = bench.list("replicasets.apps")[0]["metadata"]["name"]
    set_image(bench, "nginx:2")
    new = next(
        entry["metadata"]["name"] for entry in bench.list("replicasets.apps") if entry["metadata"]["name"] != old
    )
    # Seen on kind with six replicas: two more at once, then one old Pod goes.
    assert [message for _, message in bench.events("web")][1:3] == [
        f"Scaled up replica set {new} from 0 to 2",
        f"Scaled down replica set {old} from 6 to 5",
    ]
    least = 5
    while bench.get("replicasets.apps", old)["spec"]["replicas"]:
        fresh = [pod for pod in bench.list("pods") if pod["status"].get("phase", "Pending") == "Pending"]
        bench.run(fresh[0]["metadata"]["name"])
        for pod in bench.list("pods"):
            if "deletionTimestamp" in pod["metadata"]:
                bench.objects.delete("pods", "shop", pod["metadata"]["name"], grace_s=0)
        bench.settle()
        ready = [pod for pod in bench.list("pods") if pod["status"].get("phase") == "Running"]
        assert len(ready) >= least
        assert len(bench.list("pods")) <= 8
    bench.run_all()
    assert _progressing(bench)[1] == "NewReplicaSetAvailable"


def test_going_back_to_an_old_template_gives_its_replica_set_the_next_revision(bench: Bench) -> None:
    def image(name: str) -> None:
        set_image(bench, name)
        bench.run_all()

    bench.create("deployments.apps", deployment(replicas=2))
    bench.run_all()
    first = bench.list("replicasets.apps")[0]["metadata"]["name"]
    image("nginx:2")
    image("nginx")
    annotations = bench.get("replicasets.apps", first)["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"
    assert annotations["deployment.kubernetes.io/revision-history"] == "1"
    assert len(bench.list("replicasets.apps")) == 2


def test_a_rollout_that_gets_nowhere_is_called_stuck_after_the_deadline(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=1, progressDeadlineSeconds=10))
    name = bench.list("replicasets.apps")[0]["metadata"]["name"]
    assert _progressing(bench)[1] in ("NewReplicaSetCreated", "ReplicaSetUpdated")
    bench.simulation.advance(bench.simulation.now + 11)
    assert _progressing(bench) == (
        "False",
        "ProgressDeadlineExceeded",
        f'ReplicaSet "{name}" has timed out progressing.',
    )


def test_a_paused_deployment_is_scaled_but_not_rolled(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=2))
    bench.run_all()
    bench.modify("deployments.apps", "web", lambda obj: obj["spec"].update(paused=True))
    assert _progressing(bench) == ("Unknown", "DeploymentPaused", "Deployment is paused")
    set_image(bench, "x")
    bench.scale("deployments.apps", "web", 4)
    assert len(bench.list("replicasets.apps")) == 1
    assert len(bench.list("pods")) == 4
    bench.modify("deployments.apps", "web", lambda obj: obj["spec"].pop("paused"))
    assert len(bench.list("replicasets.apps")) == 2


def test_scaling_in_the_middle_of_a_rollout_keeps_the_proportion(bench: Bench) -> None:
    bench.create(
        "deployments.apps", deployment(replicas=10, strategy={"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    )
    bench.run_all()
    set_image(bench, "x")
    sizes = sorted(entry["spec"]["replicas"] for entry in bench.list("replicasets.apps"))
    assert sizes == [5, 8]
    # The example of the Kubernetes documentation: from 10 to 15, the old get three more and the new get two.
    bench.scale("deployments.apps", "web", 15)
    assert sorted(entry["spec"]["replicas"] for entry in bench.list("replicasets.apps")) == [7, 11]


def test_recreate_waits_until_every_old_pod_is_gone(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=2, strategy={"type": "Recreate"}))
    bench.run_all()
    set_image(bench, "x")
    assert len(bench.list("replicasets.apps")) == 1
    assert all("deletionTimestamp" in pod["metadata"] for pod in bench.list("pods"))
    bench.run_all()
    images = {pod["spec"]["containers"][0]["image"] for pod in bench.list("pods")}
    assert images == {"x"}
    assert _progressing(bench)[1] == "NewReplicaSetAvailable"


def test_old_replica_sets_beyond_the_history_limit_are_deleted(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=1, revisionHistoryLimit=1))
    bench.run_all()
    for image in ("a", "b", "c"):
        set_image(bench, image)
        bench.run_all()
    assert len(bench.list("replicasets.apps")) == 2
