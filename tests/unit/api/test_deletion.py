"""Deletion: at once, with grace, after finalizers, under conditions."""

from __future__ import annotations

from typing import Any

from podwalk.api.server import Api
from podwalk.types import Object
from tests.unit.api.calls import CONFIG_MAPS, DEPLOYMENTS, MERGE, PODS, Caller, deployment, pod


def running(call: Caller, **spec: Any) -> Object:
    """Return a Pod that has a node."""
    call.created(PODS, pod(**spec))
    target = {"apiVersion": "v1", "kind": "Node", "name": "n1"}
    assert call("POST", f"{PODS}/web/binding", {"metadata": {"name": "web"}, "target": target}).status == 201
    body: Object = call("GET", f"{PODS}/web").body
    return body


def test_a_deleted_object_is_answered_with_success(call: Caller) -> None:
    made = call.created(CONFIG_MAPS, {"metadata": {"name": "c"}})
    answer = call("DELETE", f"{CONFIG_MAPS}/c")
    assert answer.body["status"] == "Success"
    assert answer.body["details"] == {"name": "c", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert call("DELETE", f"{CONFIG_MAPS}/c").status == 404


def test_an_object_with_a_finalizer_waits_for_it(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c", "finalizers": ["example.com/wait"]}})
    metadata = call("DELETE", f"{CONFIG_MAPS}/c").body["metadata"]
    assert metadata["deletionTimestamp"]
    assert metadata["deletionGracePeriodSeconds"] == 0
    again = call("DELETE", f"{CONFIG_MAPS}/c").body["metadata"]
    assert again["resourceVersion"] == metadata["resourceVersion"]
    call("PATCH", f"{CONFIG_MAPS}/c", {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert call("GET", f"{CONFIG_MAPS}/c").status == 404


def test_a_running_pod_is_given_its_grace(call: Caller, api: Api) -> None:
    running(call)
    metadata = call("DELETE", f"{PODS}/web").body["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 30
    assert metadata["deletionTimestamp"] == api.simulation.timestamp(api.simulation.now + 30)
    assert metadata["generation"] == 2
    shorter = call("DELETE", f"{PODS}/web", gracePeriodSeconds="5").body["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 5
    longer = call("DELETE", f"{PODS}/web", gracePeriodSeconds="60").body["metadata"]
    assert longer["deletionGracePeriodSeconds"] == 5
    api.objects.delete("pods", "default", "web", grace_s=0)
    assert call("GET", f"{PODS}/web").status == 404


def test_a_pod_without_a_node_goes_at_once(call: Caller) -> None:
    call.created(PODS, pod())
    assert call("DELETE", f"{PODS}/web").body["kind"] == "Pod"
    assert call("GET", f"{PODS}/web").status == 404


def test_a_finished_pod_goes_at_once(call: Caller) -> None:
    running(call)
    call("PATCH", f"{PODS}/web/status", {"status": {"phase": "Succeeded"}}, content_type=MERGE)
    call("DELETE", f"{PODS}/web")
    assert call("GET", f"{PODS}/web").status == 404


def test_preconditions_are_kept(call: Caller) -> None:
    made = call.created(CONFIG_MAPS, {"metadata": {"name": "c"}})
    uid = made["metadata"]["uid"]
    answer = call("DELETE", f"{CONFIG_MAPS}/c", {"preconditions": {"uid": "x"}})
    assert answer.status == 409
    head = 'Operation cannot be fulfilled on ConfigMap "c":'
    assert answer.message == (
        f"{head} the UID in the precondition (x) does not match the UID in record ({uid}). "
        "The object might have been deleted and then recreated"
    )
    assert answer.body["details"] == {"name": "c", "kind": "ConfigMap"}
    answer = call("DELETE", f"{CONFIG_MAPS}/c", {"preconditions": {"resourceVersion": "1"}})
    assert answer.status == 409
    assert answer.message == (
        f"{head} the ResourceVersion in the precondition (1) does not match the ResourceVersion in record "
        f"({made['metadata']['resourceVersion']}). The object might have been modified"
    )
    call.created("/api/v1/namespaces", {"metadata": {"name": "n"}})
    whole = call("DELETE", "/api/v1/namespaces/n", {"preconditions": {"uid": "x"}})
    assert 'namespaces "n": Precondition failed: UID in precondition: x, UID in object meta:' in whole.message
    assert call("DELETE", f"{CONFIG_MAPS}/c", {"preconditions": {"uid": uid}}).status == 200


def test_propagation_is_left_to_the_garbage_collector_as_a_finalizer(call: Caller) -> None:
    for name, policy, finalizer in (("a", "Foreground", "foregroundDeletion"), ("b", "Orphan", "orphan")):
        call.created(DEPLOYMENTS, deployment(name))
        body = call("DELETE", f"{DEPLOYMENTS}/{name}", {"propagationPolicy": policy}).body
        assert body["metadata"]["finalizers"] == [finalizer]
    call.created(DEPLOYMENTS, deployment("c"))
    assert call("DELETE", f"{DEPLOYMENTS}/c", {"propagationPolicy": "Background"}).body["status"] == "Success"


def test_an_unknown_policy_is_refused(call: Caller) -> None:
    answer = call("DELETE", f"{DEPLOYMENTS}/x", {"propagationPolicy": "Foo"})
    assert answer.message == (
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Foo": supported values: '
        '"Foreground", '
        '"Background", "Orphan", "nil"'
    )


def test_a_job_keeps_its_pods_unless_told_otherwise(call: Caller) -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    call.created(jobs, {"metadata": {"name": "j"}, "spec": {"template": template}})
    answer = call("DELETE", f"{jobs}/j")
    assert answer.body["metadata"]["finalizers"] == ["orphan"]
    assert "child pods are preserved by default when jobs are deleted" in answer.headers["warning"]


def test_a_namespace_terminates_until_it_is_finalized(call: Caller) -> None:
    path = "/api/v1/namespaces/old"
    call.created("/api/v1/namespaces", {"metadata": {"name": "old"}})
    going = call("DELETE", path).body
    assert going["status"]["phase"] == "Terminating"
    assert going["spec"]["finalizers"] == ["kubernetes"]
    call("PUT", f"{path}/finalize", {**going, "spec": {}})
    assert call("GET", path).status == 404


def test_the_clusters_own_namespaces_stay(call: Caller) -> None:
    answer = call("DELETE", "/api/v1/namespaces/default")
    assert (answer.status, answer.message) == (
        403,
        'namespaces "default" is forbidden: this namespace may not be deleted',
    )


def test_a_dry_run_deletes_nothing(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}})
    assert call("DELETE", f"{CONFIG_MAPS}/c", dryRun="All").status == 200
    assert call("GET", f"{CONFIG_MAPS}/c").status == 200


def test_deleting_what_is_not_there_is_nothing_to_a_controller(api: Api) -> None:
    revision = api.objects.store.revision
    api.objects.delete("pods", "default", "nope")
    assert api.objects.store.revision == revision
