"""Create, get, update and their refusals, in the words that kind prints."""

from __future__ import annotations

import pytest

from podwalk.types import Object
from tests.unit.api.calls import CONFIG_MAPS, DEPLOYMENTS, PODS, Caller, deployment, pod


def config_map(name: str = "settings", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_a_created_object_has_an_identity_and_a_revision(call: Caller) -> None:
    made = call.created(CONFIG_MAPS, config_map(a="1"))
    metadata = made["metadata"]
    assert metadata["namespace"] == "default"
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert call("GET", f"{CONFIG_MAPS}/settings").body == made
    assert list(made)[:3] == ["kind", "apiVersion", "metadata"]


def test_a_type_may_be_left_out_of_the_body(call: Caller) -> None:
    made = call.created(CONFIG_MAPS, {"metadata": {"name": "bare"}})
    assert (made["apiVersion"], made["kind"]) == ("v1", "ConfigMap")


def test_a_generated_name_keeps_its_stem_and_differs_each_time(call: Caller) -> None:
    body = {"metadata": {"generateName": "job-"}}
    names = {call.created(CONFIG_MAPS, body)["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", f"{PODS}/nope", None, 404, 'pods "nope" not found'),
        ("GET", "/api/v1/foos", None, 404, "the server could not find the requested resource"),
        ("GET", "/apis/apps/v9/deployments", None, 404, "the server could not find the requested resource"),
        ("PUT", CONFIG_MAPS, {}, 405, "the server does not allow this method on the requested resource"),
        ("POST", f"{CONFIG_MAPS}/x", {}, 405, "the server does not allow this method on the requested resource"),
        ("POST", f"{CONFIG_MAPS[:-18]}nonsuch/configmaps", config_map(), 404, 'namespaces "nonsuch" not found'),
        (
            "POST",
            CONFIG_MAPS,
            {"metadata": {"name": "x", "namespace": "other"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "POST",
            CONFIG_MAPS,
            {"metadata": {}},
            422,
            'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
        ),
        (
            "POST",
            PODS,
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}},
            400,
            (
                'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown '
                "conversion"
            ),
        ),
        (
            "PUT",
            f"{CONFIG_MAPS}/abc",
            config_map(),
            400,
            "the name of the object (settings) does not match the name on the URL (abc)",
        ),
        (
            "PUT",
            f"{CONFIG_MAPS}/abc",
            {},
            400,
            "the name of the object (abc based on URL) was undeterminable: name must be provided",
        ),
        ("PUT", f"{CONFIG_MAPS}/settings", config_map(), 404, 'configmaps "settings" not found'),
    ],
)
def test_a_mistake_is_answered_as_on_kind(
    call: Caller, method: str, path: str, body: Object | None, status: int, message: str
) -> None:
    answer = call(method, path, body)
    assert (answer.status, answer.message) == (status, message)
    assert answer.body["kind"] == "Status"
    assert answer.body["code"] == status


def test_a_name_that_is_taken_is_a_conflict(call: Caller) -> None:
    call.created(CONFIG_MAPS, config_map())
    answer = call("POST", CONFIG_MAPS, config_map())
    assert answer.status == 409
    assert answer.message == 'configmaps "settings" already exists'
    assert answer.body["reason"] == "AlreadyExists"
    assert answer.body["details"] == {"name": "settings", "kind": "configmaps"}


def test_bad_query_parameters_are_listed_in_one_status(call: Caller) -> None:
    answer = call("POST", CONFIG_MAPS, config_map(), dryRun="x", fieldValidation="foo")
    assert answer.message == (
        'CreateOptions.meta.k8s.io "" is invalid: [dryRun: Unsupported value: ["x"]: supported values: "All", '
        "fieldValidation: "
        'Unsupported value: "foo": supported values: "", "Ignore", "Strict", "Warn"]'
    )


def test_a_stale_update_is_a_conflict(call: Caller) -> None:
    made = call.created(CONFIG_MAPS, config_map(a="1"))
    path = f"{CONFIG_MAPS}/settings"
    newer = call("PUT", path, {**made, "data": {"a": "2"}})
    assert newer.status == 200
    answer = call("PUT", path, {**made, "data": {"a": "3"}})
    assert answer.status == 409
    assert answer.message == (
        'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your '
        "changes to "
        "the latest version and try again"
    )


def test_an_update_without_a_version_replaces_what_is_there(call: Caller) -> None:
    call.created(CONFIG_MAPS, config_map(a="1"))
    body = config_map(b="2")
    assert call("PUT", f"{CONFIG_MAPS}/settings", body).body["data"] == {"b": "2"}


def test_a_lease_may_not_be_updated_without_a_version(call: Caller) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    body = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}}
    call.created(path, body)
    answer = call("PUT", f"{path}/l", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "b"}})
    assert answer.message == (
        'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified '
        "for an update"
    )


def test_a_write_that_changes_nothing_is_none(call: Caller) -> None:
    made = call.created(DEPLOYMENTS, deployment())
    again = call("PUT", f"{DEPLOYMENTS}/shop", deployment())
    assert again.body["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_dry_run_answers_without_storing(call: Caller) -> None:
    answer = call("POST", PODS, pod(), dryRun="All")
    assert answer.status == 201
    assert answer.body["spec"]["serviceAccountName"] == "default"
    assert call("GET", f"{PODS}/web").status == 404


def test_generation_counts_changes_of_the_specification(call: Caller) -> None:
    made = call.created(DEPLOYMENTS, deployment())
    path = f"{DEPLOYMENTS}/shop"
    assert made["metadata"]["generation"] == 1
    labelled = call("PUT", path, {**made, "metadata": {**made["metadata"], "labels": {"a": "b"}}}).body
    assert labelled["metadata"]["generation"] == 1
    scaled = call("PUT", path, {**labelled, "spec": {**labelled["spec"], "replicas": 3}}).body
    assert scaled["metadata"]["generation"] == 2


def test_status_is_written_through_its_own_path_only(call: Caller) -> None:
    made = call.created(DEPLOYMENTS, {**deployment(), "status": {"replicas": 9}})
    assert made["status"] == {}
    path = f"{DEPLOYMENTS}/shop"
    through_main = call("PUT", path, {**made, "status": {"replicas": 9}}).body
    assert through_main["status"] == {}
    changed = {**made, "status": {"replicas": 2}, "spec": {**made["spec"], "replicas": 7}}
    through_status = call("PUT", f"{path}/status", changed).body
    assert through_status["status"] == {"replicas": 2}
    assert through_status["spec"]["replicas"] == 1
    assert through_status["metadata"]["generation"] == 1


def test_unknown_fields_are_warned_of_or_refused(call: Caller) -> None:
    body = {**config_map(), "colour": "red"}
    warned = call("POST", CONFIG_MAPS, body, fieldValidation="Warn", dryRun="All")
    assert warned.headers["warning"] == '299 - "unknown field \\"colour\\""'
    strict = call("POST", CONFIG_MAPS, body, fieldValidation="Strict", dryRun="All")
    assert strict.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "colour"'
    )
    refused = call("POST", CONFIG_MAPS, {**body, "metadata": {"name": "A"}}, dryRun="All")
    assert (refused.status, refused.headers["warning"]) == (422, '299 - "unknown field \\"colour\\""')
    ignored = call("POST", CONFIG_MAPS, body, fieldValidation="Ignore", dryRun="All")
    assert "warning" not in ignored.headers


def test_a_yaml_body_is_read(call: Caller) -> None:
    answer = call(
        "POST", CONFIG_MAPS, b"metadata: {name: dated}\ndata: {at: 2026-01-01}\n", content_type="application/yaml"
    )
    assert answer.body["data"] == {"at": "2026-01-01"}


def test_a_lease_is_created_by_an_update_where_none_is(call: Caller) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l"
    assert call("PUT", path, {"metadata": {"name": "l"}, "spec": {}}).status == 201
    assert call("GET", path).status == 200


def test_both_kinds_of_event_are_the_same_objects(call: Caller) -> None:
    core = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web"},
        "reason": "Pulled",
        "message": "done",
        "type": "Normal",
        "count": 2,
    }
    call.created("/api/v1/namespaces/default/events", core)
    newer = call("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e").body
    assert newer["apiVersion"] == "events.k8s.io/v1"
    assert newer["note"] == "done"
    assert newer["regarding"]["name"] == "web"
    assert newer["deprecatedCount"] == 2
    listed = call("GET", "/apis/events.k8s.io/v1/events", fieldSelector="regarding.name=web").body
    assert [item["note"] for item in listed["items"]] == ["done"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/nothing", "/apis/nothing", "/apis/nothing/v1/widgets", "/apis/nothing/v1/widgets/a"]
)
def test_what_no_group_serves_is_not_found_in_plain_text(call: Caller, method: str, path: str) -> None:
    answer = call(method, path, {})
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/apis/apps/v9", "/apis/apps/v9/deployments", "/api/v9", "/api/v9/pods", "/version/x"]
)
def test_what_a_served_group_lacks_is_not_found_with_a_status(call: Caller, path: str) -> None:
    answer = call("GET", path)
    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.message == "the server could not find the requested resource"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_objects_of_all_namespaces_are_only_read(call: Caller, method: str) -> None:
    """A deletion of everything in every namespace at once is no request that a real cluster takes."""
    call.created("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "kept"}})
    answer = call(method, "/api/v1/configmaps", {})
    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")
    assert call("GET", "/api/v1/namespaces/default/configmaps/kept").status == 200


def test_json_for_a_person_is_indented_and_ends_with_its_brace(call: Caller) -> None:
    assert call("GET", "/api/v1/nodes", agent="curl/8").response.body.endswith(b"\n}")
    assert call("GET", "/api/v1/nodes").response.body.endswith(b"}\n")
