"""Lists: selection, pages and revisions."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.api.server import Api
from podwalk.store import Store
from tests.unit.api.calls import CONFIG_MAPS, TABLE, Caller


def make(call: Caller, *names: str) -> None:
    for name in names:
        call.created(CONFIG_MAPS, {"metadata": {"name": name, "labels": {"first": name[0]}}})


def names(body: dict[str, object]) -> list[str]:
    items = body["items"]
    assert isinstance(items, list)
    return [item["metadata"]["name"] for item in items]


def test_a_list_is_sorted_and_its_items_leave_out_their_type(call: Caller) -> None:
    make(call, "b", "a")
    body = call("GET", CONFIG_MAPS).body
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert names(body) == ["a", "b"]
    assert all("kind" not in item for item in body["items"])


def test_a_selector_leaves_out_the_rest(call: Caller) -> None:
    make(call, "ab", "ac", "b")
    assert names(call("GET", CONFIG_MAPS, labelSelector="first=a").body) == ["ab", "ac"]
    assert names(call("GET", CONFIG_MAPS, labelSelector="first!=a").body) == ["b"]
    assert names(call("GET", "/api/v1/configmaps", fieldSelector="metadata.name=ac").body) == ["ac"]


def test_pages_follow_each_other_at_one_revision(call: Caller) -> None:
    make(call, "a", "b", "c", "d", "e")
    first = call("GET", CONFIG_MAPS, limit="2").body
    assert names(first) == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    call("DELETE", f"{CONFIG_MAPS}/d")
    make(call, "bb")
    second = call("GET", CONFIG_MAPS, limit="2", **{"continue": first["metadata"]["continue"]}).body
    assert names(second) == ["c", "d"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    third = call("GET", CONFIG_MAPS, limit="2", **{"continue": second["metadata"]["continue"]}).body
    assert names(third) == ["e"]
    assert "continue" not in third["metadata"]


def test_a_negative_limit_is_none(call: Caller) -> None:
    make(call, "a", "b")
    body = call("GET", CONFIG_MAPS, limit="-3").body
    assert names(body) == ["a", "b"]
    assert "continue" not in body["metadata"]


def test_a_page_of_a_selection_does_not_count_the_rest(call: Caller) -> None:
    make(call, "aa", "ab", "ac")
    metadata = call("GET", CONFIG_MAPS, limit="1", labelSelector="first=a").body["metadata"]
    assert "continue" in metadata
    assert "remainingItemCount" not in metadata


def test_a_page_that_is_too_old_is_expired(api: Api, call: Caller) -> None:
    make(call, "a", "b")
    token = call("GET", CONFIG_MAPS, limit="1").body["metadata"]["continue"]
    store = Store()
    store.restore([], 5000)
    answer = Caller(Api(store, api.simulation, api.options))("GET", CONFIG_MAPS, **{"continue": token})
    assert (answer.status, answer.body["reason"]) == (410, "Expired")
    assert answer.message.startswith("The provided continue parameter is too old")


def test_an_exact_revision_shows_the_past(call: Caller, api: Api) -> None:
    make(call, "a")
    before = str(api.objects.store.revision)
    make(call, "b")
    call("DELETE", f"{CONFIG_MAPS}/a")
    past = call("GET", CONFIG_MAPS, resourceVersion=before, resourceVersionMatch="Exact").body
    assert names(past) == ["a"]
    assert past["metadata"]["resourceVersion"] == before
    assert names(call("GET", CONFIG_MAPS, resourceVersion=before).body) == ["b"]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"limit": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ({"continue": "abc"}, 400, None),
        (
            {"resourceVersion": "abc"},
            400,
            (
                'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": '
                "invalid syntax"
            ),
        ),
        (
            {"resourceVersionMatch": "foo"},
            422,
            (
                'ListOptions.meta.k8s.io "" is invalid: [resourceVersionMatch: Forbidden: resourceVersionMatch is '
                "forbidden unless resourceVersion is provided, resourceVersionMatch: "
                'Unsupported value: "foo": supported values: "Exact", "NotOlderThan", ""]'
            ),
        ),
    ],
)
def test_bad_options_are_refused(call: Caller, query: dict[str, Any], status: int, message: str | None) -> None:
    answer = call("GET", CONFIG_MAPS, **query)
    assert answer.status == status
    assert message is None or answer.message == message


def test_a_revision_to_come_asks_the_client_to_wait(call: Caller, api: Api) -> None:
    answer = call("GET", CONFIG_MAPS, resourceVersion="99999999")
    assert answer.status == 504
    assert answer.message == (f"Timeout: Too large resource version: 99999999, current: {api.objects.store.revision}")
    assert answer.headers["retry-after"] == "1"


def test_metadata_alone_can_be_had(call: Caller) -> None:
    make(call, "a")
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    body = call("GET", CONFIG_MAPS, accept=accept).body
    assert body["kind"] == "PartialObjectMetadataList"
    assert set(body["items"][0]) == {"kind", "apiVersion", "metadata"}


def test_a_table_can_carry_whole_objects(call: Caller) -> None:
    make(call, "a")
    whole = call("GET", CONFIG_MAPS, accept=TABLE, includeObject="Object").body["rows"][0]["object"]
    assert whole["kind"] == "ConfigMap"
    none = call("GET", CONFIG_MAPS, accept=TABLE, includeObject="None").body["rows"][0]["object"]
    assert none is None


def test_what_the_client_cannot_read_is_not_acceptable(call: Caller) -> None:
    answer = call("GET", CONFIG_MAPS, accept="text/plain")
    assert (answer.status, answer.body["reason"]) == (406, "NotAcceptable")
    assert answer.message.startswith("406: Not Acceptable\n\nAvailable representations: application/json")


def test_the_first_acceptable_form_is_taken(call: Caller) -> None:
    accept = f"image/png,{TABLE},application/json"
    assert call("GET", CONFIG_MAPS, accept=accept).body["kind"] == "Table"


def test_all_that_are_selected_are_deleted_at_once(call: Caller) -> None:
    make(call, "aa", "ab", "b")
    assert names(call("DELETE", CONFIG_MAPS, labelSelector="first=a").body) == ["aa", "ab"]
    assert names(call("GET", CONFIG_MAPS).body) == ["b"]
