"""Patches of the three kinds, and their refusals."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.api import patch, schema
from podwalk.api.registry import RESOURCES
from podwalk.errors import ApiError
from podwalk.types import Object
from tests.unit.api.calls import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Caller,
    deployment,
)

POD = schema.root(RESOURCES["pods"])
DEPLOYMENT = schema.root(RESOURCES["deployments.apps"])


def merged(target: Object, change: Object) -> Any:
    return patch.strategic(target, change, POD)


def test_a_merge_patch_replaces_lists_and_removes_nulls(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}})
    answer = call("PATCH", f"{CONFIG_MAPS}/c", {"data": {"a": None, "c": "3"}}, content_type=MERGE)
    assert answer.body["data"] == {"b": "2", "c": "3"}


def test_a_strategic_merge_finds_list_items_by_their_key() -> None:
    target = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}
    change = {"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "3"}]}}
    assert merged(target, change)["spec"]["containers"] == [
        {"name": "a", "image": "1"},
        {"name": "b", "image": "2"},
        {"name": "c", "image": "3"},
    ]


def test_a_strategic_merge_replaces_lists_without_a_key() -> None:
    target = {"spec": {"containers": [{"name": "a", "args": ["x", "y"]}]}}
    change = {"spec": {"containers": [{"name": "a", "args": ["z"]}]}}
    assert merged(target, change)["spec"]["containers"][0]["args"] == ["z"]


def test_directives_delete_and_replace() -> None:
    target = {"spec": {"containers": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "1"}}}
    delete = {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}
    assert merged(target, delete)["spec"]["containers"] == [{"name": "b"}]
    replace = {
        "spec": {"containers": [{"name": "c"}, {"$patch": "replace"}], "nodeSelector": {"$patch": "replace", "y": "2"}}
    }
    assert merged(target, replace)["spec"] == {"containers": [{"name": "c"}], "nodeSelector": {"y": "2"}}


def test_retained_keys_drop_the_others() -> None:
    target = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    change = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patch.strategic(target, change, DEPLOYMENT)["spec"]["strategy"] == {"type": "Recreate"}


def test_values_are_taken_out_of_a_set() -> None:
    target = {"metadata": {"finalizers": ["a", "b", "c"]}}
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"], "finalizers": ["d"]}}
    assert sorted(merged(target, change)["metadata"]["finalizers"]) == ["a", "c", "d"]


def test_the_order_of_a_merged_list_can_be_set() -> None:
    target = {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}}
    change = {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}, {"name": "b"}]}}
    assert [one["name"] for one in merged(target, change)["spec"]["containers"]] == ["c", "a", "b"]


def test_an_item_without_its_merge_key_is_refused() -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        merged({"spec": {"containers": []}}, {"spec": {"containers": [{"image": "x"}]}})


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"$setElementOrder/containers": "x"}, "expected a []interface {}, but received a string"),
        ({"$setElementOrder/containers": {}}, "expected a []interface {}, but received a map[string]interface {}"),
        ({"$setElementOrder/containers": [{"nam": "b"}]}, "map: map[nam:b] does not contain declared merge key: name"),
        (
            {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a", "image": "x"}]},
            "The order in patch list:\n[map[image:x name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
        ),
        ({"containers": ["x"]}, "list element types are not identical: [[map[name:a]] [x]]"),
        ({"containers": [{"name": "a", "$patch": "no"}]}, "unknown patch type: no in map: map[$patch:no name:a]"),
        ({"containers": [{"$patch": "no"}]}, "unknown patch type: no in map: map[$patch:no]"),
        ({"containers": [{"$patch": "delete"}]}, "map: map[$patch:delete] does not contain declared merge key: name"),
        ({"containers": [{"name": "a", "$patch": "merge"}]}, "merging lists cannot yet be specified in the patch"),
        ({"$patch": "merge"}, "unknown patch type: merge in map: map[$patch:merge]"),
        ({"$patch": 1}, "unknown patch type: %!s(int64=1) in map: map[$patch:1]"),
        ({"$patch": True}, "unknown patch type: %!s(bool=true) in map: map[$patch:true]"),
        ({"$patch": None}, "unknown patch type: %!s(<nil>) in map: map[$patch:<nil>]"),
        (
            {"$patch": {"a": 1.5, "b": [None, "x"]}},
            "unknown patch type: map[a:%!s(float64=1.5) b:[<nil> x]] in map: map[$patch:map[a:1.5 b:[<nil> x]]]",
        ),
        (
            {"$deleteFromPrimitiveList/containers": ["x"]},
            "list element types are not identical: [[map[name:a]] [x]]",
        ),
        ({"$retainKeys": "x"}, "invalid patch format of retainKeys"),
        ({"$retainKeys": ["containers"], "nodeName": "n"}, "invalid patch format of retainKeys"),
    ],
)
def test_a_directive_that_makes_no_sense_is_refused_in_a_real_clusters_words(patch: Object, words: str) -> None:
    """A real cluster has the same words for each, with 500 for most: a mistake of the client's is 400 here."""
    with pytest.raises(ApiError) as refused:
        merged({"spec": {"containers": [{"name": "a"}]}}, {"spec": patch})
    assert (refused.value.code, str(refused.value)) == (400, words)


@pytest.mark.parametrize(
    ("patch", "left"),
    [
        ({"$deleteFromPrimitiveList/finalizers": ["a", "b"]}, {"finalizers": ["c"]}),
        ({"$deleteFromPrimitiveList/finalizers": "a"}, {"finalizers": ["a", "b", "c"]}),
        ({"$deleteFromPrimitiveList/finalizers": None}, {}),
        (
            {"$deleteFromPrimitiveList/ownerReferences": [{"uid": "1"}]},
            {"finalizers": ["a", "b", "c"]},
        ),
    ],
)
def test_a_list_to_delete_from_takes_what_it_names_from_a_list_of_scalars(patch: Object, left: Object) -> None:
    assert merged({"metadata": {"finalizers": ["a", "b", "c"]}}, {"metadata": patch}) == {"metadata": left}


def test_a_list_of_objects_is_merged_where_a_list_of_scalars_would_be_deleted_from() -> None:
    patch = {"spec": {"$deleteFromPrimitiveList/containers": [{"name": "a", "image": "x"}]}}
    assert merged({"spec": {"containers": [{"name": "a"}]}}, patch) == {
        "spec": {"containers": [{"name": "a", "image": "x"}]}
    }


def test_a_directive_about_a_list_that_is_not_there_is_passed_over() -> None:
    assert merged({"metadata": {}}, {"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}}) == {"metadata": {}}
    order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "image": "x"}]}
    assert merged({"spec": {}}, {"spec": order}) == {"spec": {"containers": [{"name": "a", "image": "x"}]}}


@pytest.mark.parametrize(
    ("content_type", "body", "status", "message"),
    [
        ("text/plain", b"{}", 415, "415: Unsupported Media Type"),
        (MERGE, b"{", 400, "invalid JSON patch"),
        (STRATEGIC, b'{"data":{"a":"2"}', 400, "invalid JSON patch"),
        (
            JSON_PATCH,
            b"{}",
            400,
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
        ),
        (
            JSON_PATCH,
            b'[{"op":"remove","path":"/x"}]',
            422,
            "the server rejected our request due to an error in our request",
        ),
        (
            JSON_PATCH,
            b'[{"op":"test","path":"/data/a","value":"2"}]',
            422,
            "the server rejected our request due to an error in our request",
        ),
        (
            JSON_PATCH,
            b'[{"op":"tes","path":"/data/a","value":"1"}]',
            422,
            "the server rejected our request due to an error in our request",
        ),
        (STRATEGIC, b"[]", 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ],
)
def test_a_patch_that_cannot_be_carried_out_is_refused(
    call: Caller, content_type: str, body: bytes, status: int, message: str
) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    answer = call("PATCH", f"{CONFIG_MAPS}/c", body, content_type=content_type)
    assert (answer.status, answer.message) == (status, message)


def test_a_json_patch_is_carried_out_in_order(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "move", "from": "/data/a", "path": "/data/b"},
        {"op": "add", "path": "/metadata/labels", "value": {"x": "y"}},
    ]
    body = call("PATCH", f"{CONFIG_MAPS}/c", operations, content_type=JSON_PATCH).body
    assert body["data"] == {"b": "1"}
    assert body["metadata"]["labels"] == {"x": "y"}


def test_a_patch_that_changes_nothing_keeps_the_revision(call: Caller) -> None:
    made = call.created(DEPLOYMENTS, deployment())
    change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:1.29"}]}}}}
    again = call("PATCH", f"{DEPLOYMENTS}/shop", change, content_type=STRATEGIC).body
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_patch_may_name_the_revision_it_is_for(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}})
    answer = call("PATCH", f"{CONFIG_MAPS}/c", {"metadata": {"resourceVersion": "1"}}, content_type=MERGE)
    assert answer.status == 409


def test_a_patched_object_is_typed_again(call: Caller) -> None:
    call.created(CONFIG_MAPS, {"metadata": {"name": "c"}})
    answer = call("PATCH", f"{CONFIG_MAPS}/c", {"data": {"a": 1}}, content_type=MERGE)
    assert answer.status == 422
    assert answer.message.startswith(' "" is invalid: patch: Invalid value: "{')
    assert answer.message.endswith(": json: cannot unmarshal number into Go struct field ConfigMap.data of type string")


def test_a_patch_of_what_is_not_there_is_not_found(call: Caller) -> None:
    assert call("PATCH", f"{CONFIG_MAPS}/c", {}, content_type=MERGE).message == 'configmaps "c" not found'


def test_a_new_item_of_a_merged_list_goes_before_those_that_the_patch_does_not_name() -> None:
    target = {"secrets": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
    change: Object = {"secrets": [{"name": "new"}, {"name": "c", "namespace": "n"}]}
    found = patch.strategic(target, change, schema.root(RESOURCES["serviceaccounts"]))["secrets"]
    assert [entry["name"] for entry in found] == ["new", "a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": {"replicas": "two"}}, 'map[spec:map[replicas:two]]": unrecognized type: int32'),
        ({"spec": {"replicas": True}}, 'map[spec:map[replicas:true]]": unrecognized type: int32'),
        ({"spec": {"replicas": 1.5}}, 'map[spec:map[replicas:1.5]]": cannot convert float64 to int32'),
        ({"spec": "x"}, 'map[spec:x]": cannot restore struct from: string'),
        ({"spec": {"template": "x"}}, 'map[spec:map[template:x]]": cannot restore struct from: string'),
        ({"metadata": {"labels": ["x"]}}, 'map[metadata:map[labels:[x]]]": cannot restore map from slice'),
        ({"metadata": {"labels": {"a": 1}}}, 'map[metadata:map[labels:map[a:1]]]": cannot convert int64 to string'),
        ({"metadata": {"finalizers": "x"}}, 'map[metadata:map[finalizers:x]]": cannot restore slice from string'),
        (
            {"spec": {"template": {"spec": {"containers": {"name": "x"}}}}},
            'map[spec:map[template:map[spec:map[containers:map[name:x]]]]]": cannot restore slice from map',
        ),
    ],
)
def test_a_wrong_type_in_a_strategic_merge_is_told_as_on_a_real_cluster(
    call: Caller, change: Object, said: str
) -> None:
    call.created(DEPLOYMENTS, deployment())
    answer = call("PATCH", f"{DEPLOYMENTS}/shop", change, content_type=STRATEGIC)
    assert (answer.status, answer.message) == (422, f' "" is invalid: patch: Invalid value: "{said}')
