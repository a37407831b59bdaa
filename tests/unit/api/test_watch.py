"""Watches: where they begin, what they tell, and how they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podwalk.api import watch as watching
from podwalk.api.server import Api
from podwalk.store import Store
from podwalk.types import Request, Stream
from tests.unit.api.calls import CONFIG_MAPS, TABLE, Caller


def open_watch(call: Caller, path: str = CONFIG_MAPS, *, accept: str = "", **query: Any) -> Stream:
    answer = call("GET", path, accept=accept, watch="true", **query)
    assert answer.status == 200, answer.body
    stream = answer.response.stream
    assert stream is not None
    return stream


def events(stream: Stream) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.take().splitlines()]


def seen(stream: Stream) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events(stream)]


def make(call: Caller, name: str, **labels: str) -> dict[str, Any]:
    return call.created(CONFIG_MAPS, {"metadata": {"name": name, "labels": labels}})


@pytest.mark.parametrize("version", ["", "0"])
def test_a_watch_without_a_revision_begins_with_what_is_there(call: Caller, version: str) -> None:
    make(call, "a")
    stream = open_watch(call, resourceVersion=version)
    assert seen(stream) == [("ADDED", "a")]
    make(call, "b")
    call("DELETE", f"{CONFIG_MAPS}/a")
    assert seen(stream) == [("ADDED", "b"), ("DELETED", "a")]


def test_a_watch_from_a_revision_tells_what_came_after(call: Caller) -> None:
    first = make(call, "a")
    make(call, "b")
    stream = open_watch(call, resourceVersion=first["metadata"]["resourceVersion"])
    assert seen(stream) == [("ADDED", "b")]


def test_a_deleted_object_carries_the_revision_of_its_deletion(call: Caller) -> None:
    made = make(call, "a")
    stream = open_watch(call, resourceVersion=made["metadata"]["resourceVersion"])
    call("DELETE", f"{CONFIG_MAPS}/a")
    (event,) = events(stream)
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


def test_an_object_that_leaves_the_selection_is_deleted_to_the_client(call: Caller) -> None:
    made = make(call, "a", team="red")
    stream = open_watch(call, resourceVersion=made["metadata"]["resourceVersion"], labelSelector="team=red")
    for team in ("blue", "red"):
        body = {"metadata": {"labels": {"team": team}}}
        call("PATCH", f"{CONFIG_MAPS}/a", body, content_type="application/merge-patch+json")
    gone, back = events(stream)
    assert (gone["type"], gone["object"]["metadata"]["labels"]) == ("DELETED", {"team": "red"})
    assert (back["type"], back["object"]["metadata"]["labels"]) == ("ADDED", {"team": "red"})


def test_a_watch_is_limited_to_its_namespace_and_name(call: Caller) -> None:
    call.created("/api/v1/namespaces", {"metadata": {"name": "other"}})
    stream = open_watch(call, fieldSelector="metadata.name=a")
    call.created("/api/v1/namespaces/other/configmaps", {"metadata": {"name": "a"}})
    make(call, "b")
    make(call, "a")
    assert seen(stream) == [("ADDED", "a")]


def test_a_list_as_a_stream_ends_with_its_bookmark(call: Caller, api: Api) -> None:
    make(call, "a")
    query: dict[str, Any] = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    added, bookmark = events(open_watch(call, **query))
    assert added["type"] == "ADDED"
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["kind"] == "ConfigMap"
    assert bookmark["object"]["metadata"] == {
        "resourceVersion": str(api.objects.store.revision),
        "annotations": {watching.INITIAL_EVENTS_END: "true"},
    }


def test_initial_events_need_the_right_match(call: Caller) -> None:
    answer = call("GET", CONFIG_MAPS, watch="true", sendInitialEvents="true")
    assert answer.status == 422
    assert "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" in answer.message


def test_bookmarks_come_every_minute_to_those_who_asked(call: Caller, api: Api) -> None:
    asked, plain = open_watch(call, allowWatchBookmarks="true"), open_watch(call)
    api.simulation.advance(api.simulation.now + watching.BOOKMARK_PERIOD_S)
    assert [event["type"] for event in events(asked)] == ["BOOKMARK"]
    assert events(plain) == []


def test_a_watch_ends_after_its_timeout(call: Caller, api: Api) -> None:
    stream = open_watch(call, timeoutSeconds="5")
    ends = []
    for seconds in (4.9, 0.2):
        api.simulation.advance(api.simulation.now + seconds)
        ends.append(stream.closed)
    assert ends == [False, True]
    assert api.watches.count() == 0


def test_a_watch_that_nobody_reads_is_forgotten(call: Caller, api: Api) -> None:
    open_watch(call).cancel()
    assert api.watches.count() == 0


def test_a_revision_that_is_no_longer_kept_is_expired(call: Caller, api: Api) -> None:
    store = Store()
    store.restore([], 500)
    caller = Caller(Api(store, api.simulation, api.options))
    stream = open_watch(caller, "/api/v1/namespaces", resourceVersion="3")
    (event,) = events(stream)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert event["object"]["message"] == "too old resource version: 3 (500)"
    assert stream.closed


def test_a_revision_that_is_none_is_refused_as_on_kind(call: Caller) -> None:
    answer = call("GET", CONFIG_MAPS, watch="true", resourceVersion="x")
    assert answer.status == 500
    assert answer.message == 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'


def test_only_the_first_table_of_a_watch_names_its_columns(call: Caller) -> None:
    make(call, "a")
    make(call, "b")
    first, second = events(open_watch(call, accept=TABLE))
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"] == ["b", 0, "0s"]


def test_the_old_path_of_a_watch_still_works(call: Caller) -> None:
    make(call, "a")
    response = call.api.handle(Request("GET", "/api/v1/watch/namespaces/default/configmaps"))
    assert response.stream is not None
    assert seen(response.stream) == [("ADDED", "a")]


def test_a_thousand_watches_of_one_resource_each_see_a_write(call: Caller) -> None:
    streams = [open_watch(call) for _ in range(1000)]
    make(call, "a")
    assert all(seen(stream) == [("ADDED", "a")] for stream in streams)
