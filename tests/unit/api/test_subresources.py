"""Scale, binding, eviction, ephemeral containers, tokens and reviews."""

from __future__ import annotations

import pytest

from podwalk.api.server import Api
from podwalk.types import Object
from tests.unit.api.calls import APPLY, DEPLOYMENTS, MERGE, PODS, STRATEGIC, Answer, Caller, deployment, pod

REVIEWS = "/apis/authorization.k8s.io/v1"
TOKENS = "/api/v1/namespaces/default/serviceaccounts/default/token"


def bind(call: Caller, name: str = "web", node: str = "n1") -> Answer:
    body = {"metadata": {"name": name}, "target": {"apiVersion": "v1", "kind": "Node", "name": node}}
    return call("POST", f"{PODS}/{name}/binding", body)


def test_a_workload_is_scaled_by_its_scale(call: Caller) -> None:
    call.created(DEPLOYMENTS, deployment())
    scale = call("GET", f"{DEPLOYMENTS}/shop/scale").body
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"], scale["status"]) == ({"replicas": 1}, {"replicas": 0, "selector": "app=shop"})
    answer = call("PUT", f"{DEPLOYMENTS}/shop/scale", {**scale, "spec": {"replicas": 5}}, fieldManager="scaler")
    assert answer.body["spec"] == {"replicas": 5}
    stored = call("GET", f"{DEPLOYMENTS}/shop").body
    assert (stored["spec"]["replicas"], stored["metadata"]["generation"]) == (5, 2)
    entry = next(one for one in stored["metadata"]["managedFields"] if one["manager"] == "scaler")
    assert (entry["subresource"], entry["fieldsV1"]) == ("scale", {"f:spec": {"f:replicas": {}}})


def apply_scale(call: Caller, replicas: object, *, name: str = "shop", **query: str) -> Answer:
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": name},
        "spec": {"replicas": replicas},
    }
    return call("PATCH", f"{DEPLOYMENTS}/{name}/scale", scale, content_type=APPLY, **query)


def test_a_scale_is_applied_on_the_servers_side(call: Caller) -> None:
    call.created(DEPLOYMENTS, deployment())
    call("PATCH", f"{DEPLOYMENTS}/shop/scale", {"spec": {"replicas": 2}}, content_type=MERGE, fieldManager="kubectl")
    refused = apply_scale(call, 3, fieldManager="me")
    owner = 'conflict with "kubectl" with subresource "scale" using autoscaling/v1'
    assert (refused.status, refused.message) == (409, f"Apply failed with 1 conflict: {owner}: .spec.replicas")
    assert refused.body["details"]["causes"][0] == {
        "reason": "FieldManagerConflict",
        "message": owner,
        "field": ".spec.replicas",
    }
    forced = apply_scale(call, 3, fieldManager="me", force="true")
    assert (forced.status, forced.body["kind"], forced.body["spec"]) == (200, "Scale", {"replicas": 3})
    stored = call("GET", f"{DEPLOYMENTS}/shop").body
    assert stored["spec"]["replicas"] == 3
    owners = {one["manager"]: one for one in stored["metadata"]["managedFields"]}
    assert "kubectl" not in owners
    assert owners["me"] == {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
        "manager": "me",
        "operation": "Apply",
        "subresource": "scale",
    }
    again = apply_scale(call, 2, fieldManager="other")
    assert again.message == 'Apply failed with 1 conflict: conflict with "me" with subresource "scale": .spec.replicas'


def test_an_applied_scale_that_is_none_is_refused(call: Caller) -> None:
    call.created(DEPLOYMENTS, deployment())
    head = "failed to create typed patch object (/shop; autoscaling/v1, Kind=Scale): .spec.replicas: "
    wrong = apply_scale(call, "x", fieldManager="me")
    assert (wrong.status, wrong.message) == (500, head + "expected numeric (int or float), got string")
    nowhere = apply_scale(call, 1, name="nope", fieldManager="me")
    assert (nowhere.status, nowhere.message) == (404, 'deployments.apps "nope" not found')
    nobody = apply_scale(call, 1)
    assert (nobody.status, nobody.body["details"]["causes"][0]["field"]) == (422, "fieldManager")
    other = call("PATCH", f"{DEPLOYMENTS}/shop/scale", deployment(), content_type=APPLY, fieldManager="me")
    assert (other.status, other.message) == (400, "invalid object type: apps/v1, Kind=Deployment")


def test_a_stale_or_negative_scale_is_refused(call: Caller) -> None:
    call.created(DEPLOYMENTS, deployment())
    path = f"{DEPLOYMENTS}/shop/scale"
    scale = call("GET", path).body
    call("PATCH", path, {"spec": {"replicas": 2}}, content_type=MERGE)
    assert call("PUT", path, {**scale, "spec": {"replicas": 3}}).status == 409
    answer = call("PATCH", path, {"spec": {"replicas": -1}}, content_type=MERGE)
    assert answer.message == (
        'Scale.autoscaling "shop" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    )


def test_a_bound_pod_has_its_node_and_its_condition(call: Caller) -> None:
    call.created(PODS, pod())
    assert bind(call).status == 201
    bound = call("GET", f"{PODS}/web").body
    assert bound["spec"]["nodeName"] == "n1"
    assert [(one["type"], one["status"]) for one in bound["status"]["conditions"]] == [("PodScheduled", "True")]
    assert bound["metadata"]["generation"] == 1
    again = bind(call, node="n2")
    assert again.status == 409
    assert again.message.endswith('pod web is already assigned to node "n1"')


def test_a_bound_pod_carries_the_zone_of_its_node(call: Caller, api: Api) -> None:
    labels = {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "other": "x"}
    api.objects.create("nodes", {"metadata": {"name": "n1", "labels": labels}, "spec": {}})
    call.created(PODS, pod())
    bind(call)
    found = call("GET", f"{PODS}/web").body["metadata"]["labels"]
    assert found == {"app": "web", "topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1"}


def test_a_binding_may_be_posted_to_the_namespace(call: Caller) -> None:
    call.created(PODS, pod())
    body = {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n1"}}
    assert call("POST", "/api/v1/namespaces/default/bindings", body).status == 201
    assert call("GET", f"{PODS}/web").body["spec"]["nodeName"] == "n1"


def test_an_eviction_deletes(call: Caller) -> None:
    call.created(PODS, pod())
    assert call("POST", f"{PODS}/web/eviction", {"metadata": {"name": "web"}}).status == 201
    assert call("GET", f"{PODS}/web").status == 404


def test_an_eviction_respects_a_budget(call: Caller) -> None:
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    call.created(budgets, {"metadata": {"name": "keep"}, "spec": spec})
    call.created(PODS, pod())
    answer = call("POST", f"{PODS}/web/eviction", {"metadata": {"name": "web"}})
    assert (answer.status, answer.body["reason"]) == (429, "TooManyRequests")
    assert answer.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert call("GET", f"{PODS}/web").status == 200


def test_an_ephemeral_container_is_added_through_its_path(call: Caller) -> None:
    call.created(PODS, pod())
    change = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}], "nodeName": "n9"}}
    body = call("PATCH", f"{PODS}/web/ephemeralcontainers", change, content_type=STRATEGIC).body
    assert [one["name"] for one in body["spec"]["ephemeralContainers"]] == ["debug"]
    assert "nodeName" not in body["spec"]
    assert body["metadata"]["generation"] == 2


def test_a_resize_is_refused_clearly(call: Caller) -> None:
    call.created(PODS, pod())
    answer = call("PATCH", f"{PODS}/web/resize", {"spec": {}}, content_type=STRATEGIC)
    assert answer.status == 403
    assert "is not simulated by this cluster" in answer.message


def test_a_token_is_known_to_its_cluster_alone(call: Caller, api: Api) -> None:
    answer = call("POST", TOKENS, {"spec": {"expirationSeconds": 600}})
    assert answer.status == 201
    token = answer.body["status"]["token"]
    assert len(token.split(".")) == 3

    def review(text: str) -> Object:
        body = {"spec": {"token": text}}
        result: Object = call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body).body["status"]
        return result

    assert review(token)["user"]["username"] == "system:serviceaccount:default:default"
    assert "authenticated" not in review(token[:-2])
    assert "authenticated" not in review("nonsense")
    api.simulation.advance(api.simulation.now + 601)
    assert "authenticated" not in review(token)


def test_a_token_for_a_minute_is_refused(call: Caller) -> None:
    assert call("POST", TOKENS, {"spec": {"expirationSeconds": 60}}).message == (
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: may not '
        "specify a "
        "duration less than 10 minutes"
    )


def test_the_client_is_the_administrator(call: Caller) -> None:
    user = call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}).body["status"]["userInfo"]
    assert user == {"username": "kubernetes-admin", "groups": ["kubeadm:cluster-admins", "system:authenticated"]}
    allowed = call("POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": {"verb": "get"}}})
    assert allowed.body["status"]["allowed"] is True


@pytest.mark.parametrize(
    ("verb", "resource", "namespace", "allowed"),
    [("get", "pods", "default", True), ("delete", "pods", "default", False), ("get", "pods", "other", False)],
)
def test_rights_of_others_follow_the_stored_roles(
    call: Caller, verb: str, resource: str, namespace: str, allowed: bool
) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    call.created(f"{rbac}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    call.created(f"{rbac}/rolebindings", {"metadata": {"name": "readers"}, "subjects": [subject], "roleRef": ref})
    attributes = {"verb": verb, "resource": resource, "namespace": namespace}
    spec = {"user": "system:serviceaccount:default:default", "resourceAttributes": attributes}
    status = call("POST", f"{REVIEWS}/subjectaccessreviews", {"spec": spec}).body["status"]
    assert status["allowed"] is allowed
    if allowed:
        assert status["reason"] == (
            'RBAC: allowed by RoleBinding "default/readers" of Role "reader" to ServiceAccount "default/default"'
        )


def test_an_eviction_is_told_to_the_pod_before_it_goes(call: Caller) -> None:
    call.created(PODS, {**pod(), "metadata": {"name": "web", "finalizers": ["example.com/look"]}})
    assert call("POST", f"{PODS}/web/eviction", {"metadata": {"name": "web"}}).status == 201
    conditions = call("GET", f"{PODS}/web").body["status"]["conditions"]
    [entry] = [one for one in conditions if one["type"] == "DisruptionTarget"]
    assert (entry["reason"], entry["message"]) == ("EvictionByEvictionAPI", "Eviction API: evicting")


def test_nobody_owns_what_a_binding_sets(call: Caller) -> None:
    call.created(PODS, pod())
    before = call("GET", f"{PODS}/web").body["metadata"]["managedFields"]
    bind(call)
    assert call("GET", f"{PODS}/web").body["metadata"]["managedFields"] == before
