"""Server-side apply, and who owns which field after every kind of write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwalk.api import fieldsets, schema
from podwalk.api.apply import LAST_APPLIED
from podwalk.api.registry import RESOURCES
from podwalk.types import Object
from tests.unit.api.calls import APPLY, CONFIG_MAPS, DEPLOYMENTS, MERGE, SERVICES, Answer, Caller, deployment

SHOP = f"{DEPLOYMENTS}/shop"


def apply(call: Caller, path: str, body: Object, manager: str = "me", **query: str) -> Answer:
    return call("PATCH", path, body, content_type=APPLY, fieldManager=manager, **query)


def owners(obj: Object) -> dict[tuple[str, str], Any]:
    entries = obj["metadata"].get("managedFields", [])
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in entries}


def test_a_created_object_belongs_to_its_creator(call: Caller) -> None:
    made = call.created(CONFIG_MAPS, {"metadata": {"name": "c", "labels": {"a": "b"}}, "data": {"k": "v"}})
    (entry,) = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("test", "Update", "v1")
    assert entry["fieldsV1"] == {
        "f:data": {".": {}, "f:k": {}},
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
    }


def test_structures_that_are_always_there_belong_to_nobody(call: Caller) -> None:
    fields = owners(call.created(DEPLOYMENTS, deployment()))["test", "Update"]["f:spec"]
    assert "." not in fields["f:template"]
    assert "." not in fields["f:strategy"]
    assert "." in fields["f:strategy"]["f:rollingUpdate"]
    assert fields["f:selector"] == {}
    assert list(fields["f:template"]["f:spec"]["f:containers"]) == ['k:{"name":"main"}']


def test_what_admission_adds_belongs_to_nobody(call: Caller) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    fields = owners(call.created("/api/v1/namespaces/default/pods", body))["test", "Update"]["f:spec"]
    assert not {"f:volumes", "f:tolerations", "f:serviceAccountName", "f:priority"} & set(fields)


def test_a_change_moves_a_field_to_whoever_made_it(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1", "b": "1"}})
    changed = call("PATCH", f"{CONFIG_MAPS}/c", {"data": {"a": "2"}}, content_type=MERGE, fieldManager="other").body
    assert owners(changed) == {
        ("other", "Update"): {"f:data": {"f:a": {}}},
        ("test", "Update"): {"f:data": {".": {}, "f:b": {}}},
    }


def test_a_removed_field_belongs_to_nobody(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    emptied = call("PATCH", f"{CONFIG_MAPS}/c", {"data": None}, content_type=MERGE, fieldManager="other").body
    assert "managedFields" not in emptied["metadata"]


def test_the_status_path_has_an_entry_of_its_own(call: Caller) -> None:
    call.created(DEPLOYMENTS, deployment())
    body = call("PATCH", f"{SHOP}/status", {"status": {"replicas": 1}}, content_type=MERGE, fieldManager="ctl").body
    entry = next(one for one in body["metadata"]["managedFields"] if one["manager"] == "ctl")
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}


def test_managed_fields_are_reset_by_an_empty_entry(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    reset = call("PATCH", f"{CONFIG_MAPS}/c", {"metadata": {"managedFields": [{}]}}, content_type=MERGE).body
    assert "managedFields" not in reset["metadata"]


def test_an_apply_creates_and_owns_what_it_says(call: Caller) -> None:
    answer = apply(call, SHOP, deployment())
    assert answer.status == 201
    fields = owners(answer.body)["me", "Apply"]
    assert fields["f:spec"]["f:template"]["f:spec"] == {
        "f:containers": {'k:{"name":"main"}': {".": {}, "f:image": {}, "f:name": {}}}
    }
    assert "f:strategy" not in fields["f:spec"]


def test_the_same_apply_again_changes_nothing(call: Caller) -> None:
    first = apply(call, SHOP, deployment()).body
    again = apply(call, SHOP, deployment())
    assert again.status == 200
    assert again.body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def with_image(image: str) -> Object:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return body


def test_a_conflict_names_the_field_and_its_owner(call: Caller) -> None:
    apply(call, SHOP, deployment())
    answer = apply(call, SHOP, with_image("nginx:1.28"), "you")
    path = '.spec.template.spec.containers[name="main"].image'
    assert answer.status == 409
    assert answer.message == f'Apply failed with 1 conflict: conflict with "me": {path}'
    assert answer.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "me"', "field": path}
    ]


def test_a_conflict_with_an_update_names_the_version(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1", "b": "1"}})
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "2", "b": "2"}}
    assert apply(call, f"{CONFIG_MAPS}/c", body).message == (
        'Apply failed with 2 conflicts: conflicts with "test" using v1:\n- .data.a\n- .data.b'
    )


def test_force_takes_a_field_over(call: Caller) -> None:
    apply(call, SHOP, deployment())
    taken = apply(call, SHOP, with_image("nginx:1.28"), "you", force="true")
    assert taken.status == 200
    container = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"main"}')
    mine: Any = owners(taken.body)["me", "Apply"]
    for step in container:
        mine = mine[step]
    assert mine == {".": {}, "f:name": {}}


def test_the_same_value_is_shared_without_conflict(call: Caller) -> None:
    apply(call, SHOP, deployment())
    shared = apply(call, SHOP, deployment(), "you")
    assert shared.status == 200
    assert owners(shared.body)["me", "Apply"] == owners(shared.body)["you", "Apply"]


def test_what_is_no_longer_applied_goes(call: Caller) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "labels": {"x": "y"}},
        "data": {"a": "1"},
    }
    path = f"{CONFIG_MAPS}/c"
    apply(call, path, config)
    call("PATCH", path, {"data": {"mine": "1"}}, content_type=MERGE)
    after = apply(call, path, {**config, "metadata": {"name": "c"}, "data": {}}).body
    assert after["data"] == {"mine": "1"}
    assert "labels" not in after["metadata"]


def test_list_items_are_merged_by_key_and_pruned(call: Caller) -> None:
    def service(*ports: int) -> Object:
        listed = [{"port": port, "name": f"p{port}"} for port in ports]
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": listed}}

    apply(call, f"{SERVICES}/s", service(80, 81))
    after = apply(call, f"{SERVICES}/s", service(82, 81)).body
    assert [port["port"] for port in after["spec"]["ports"]] == [82, 81]


def test_client_side_apply_is_taken_over_by_kubectl(call: Caller) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    annotated = {**config, "metadata": {"name": "c", "annotations": {LAST_APPLIED: json.dumps(config)}}}
    call.created(CONFIG_MAPS, annotated, fieldManager="kubectl-client-side-apply")
    changed = {**config, "data": {"a": "2"}}
    assert apply(call, f"{CONFIG_MAPS}/c", changed, "somebody").status == 409
    after = apply(call, f"{CONFIG_MAPS}/c", changed, "kubectl")
    assert after.status == 200
    assert json.loads(after.body["metadata"]["annotations"][LAST_APPLIED])["data"] == {"a": "2"}


def test_a_dry_run_of_an_apply_stores_nothing(call: Caller) -> None:
    assert apply(call, SHOP, deployment(), dryRun="All").status == 201
    assert call("GET", SHOP).status == 404


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"kind": "Deployment"}, 400, "invalid object type: /, Kind=Deployment"),
        ({"apiVersion": "v1", "kind": "Deployment"}, 400, "invalid object type: /v1, Kind=Deployment"),
        ({"apiVersion": "apps/v1", "kind": "StatefulSet"}, 400, "invalid object type: apps/v1, Kind=StatefulSet"),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other"}},
            400,
            "the name of the object (other) does not match the name on the URL (shop)",
        ),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"managedFields": [{}]}},
            400,
            "metadata.managedFields must be nil",
        ),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"foo": 1}},
            500,
            (
                "failed to create typed patch object (/shop; apps/v1, Kind=Deployment): .spec.foo: field not declared "
                "in schema"
            ),
        ),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"replicas": "x"}},
            500,
            (
                "failed to create typed patch object (/shop; apps/v1, Kind=Deployment): .spec.replicas: expected "
                "numeric (int or "
                "float), got string"
            ),
        ),
    ],
)
def test_a_configuration_that_is_none_is_refused(call: Caller, body: Object, status: int, message: str) -> None:
    answer = apply(call, SHOP, body)
    assert (answer.status, answer.message) == (status, message)


def test_an_apply_needs_a_manager(call: Caller) -> None:
    answer = call("PATCH", SHOP, deployment(), content_type=APPLY)
    assert answer.message == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    )


POD = schema.root(RESOURCES["pods"])
_names = st.sampled_from(["a", "b", "c"])
_containers = st.lists(st.fixed_dictionaries({"name": _names, "image": _names}), unique_by=lambda one: one["name"])
_pods = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({"labels": st.dictionaries(_names, _names)}),
        "spec": st.fixed_dictionaries({"containers": _containers, "nodeSelector": st.dictionaries(_names, _names)}),
    }
)


@given(_pods, _pods)
def test_what_two_objects_do_not_share_is_what_their_comparison_says(one: Object, other: Object) -> None:
    compared = fieldsets.compare(one, other, POD)
    back = fieldsets.compare(other, one, POD)
    assert (compared.changed == {} and compared.removed == {}) == (one == other or _same_but_for_order(one, other))
    assert set(fieldsets.paths(compared.removed)) <= set(fieldsets.paths(back.changed))


def _same_but_for_order(one: Object, other: Object) -> bool:
    def key(obj: Object) -> Object:
        containers = sorted(obj["spec"]["containers"], key=lambda container: str(container["name"]))
        return {**obj, "spec": {**obj["spec"], "containers": containers}}

    return key(one) == key(other)


@given(_pods, _pods)
def test_sets_of_fields_obey_the_laws_of_sets(one: Object, other: Object) -> None:
    a, b = fieldsets.of(one, POD), fieldsets.of(other, POD)
    pa, pb = set(fieldsets.paths(a)), set(fieldsets.paths(b))
    assert set(fieldsets.paths(fieldsets.union(a, b))) == pa | pb
    assert set(fieldsets.paths(fieldsets.intersection(a, b))) == pa & pb
    assert set(fieldsets.paths(fieldsets.difference(a, b))) == pa - pb
