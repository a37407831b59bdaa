"""Objects, revisions and indexes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from podwalk import store as stores
from podwalk.store import Expired, Store
from podwalk.types import Change, Object


def pod(name: str, *, namespace: str = "shop", ip: str = "", **labels: str) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"metadata": metadata, "status": {"podIPs": [{"ip": ip}] if ip else []}}


def names(found: Sequence[Object]) -> list[str]:
    return [obj["metadata"]["name"] for obj in found]


def test_each_write_has_the_next_revision() -> None:
    store = Store()
    first = store.put("pods", pod("a"))["metadata"]["resourceVersion"]
    second = store.put("pods", pod("a"))["metadata"]["resourceVersion"]
    gone = store.remove("pods", "shop", "a")["metadata"]["resourceVersion"]
    assert [int(second) - int(first), int(gone) - int(second)] == [1, 1]


def test_lists_are_in_order_and_by_all_labels() -> None:
    store = Store()
    for name, tier in (("b", "web"), ("c", "db"), ("a", "web")):
        store.put("pods", pod(name, app="shop", tier=tier))
    store.put("pods", pod("z", namespace="other", app="shop", tier="web"))
    assert names(store.list("pods", "shop")) == ["a", "b", "c"]
    assert names(store.list("pods", labels={"app": "shop", "tier": "web"})) == ["z", "a", "b"]
    assert names(store.list("pods", "shop", {"tier": "none"})) == []


def test_label_that_is_taken_off_is_not_found_any_more() -> None:
    store = Store()
    store.put("pods", pod("a", app="old"))
    store.put("pods", pod("a", app="new"))
    assert names(store.list("pods", labels={"app": "old"})) == []
    assert names(store.list("pods", labels={"app": "new"})) == ["a"]


def test_index_follows_the_object() -> None:
    store = Store()
    store.put("pods", pod("a", ip="10.244.1.2"))
    assert names(store.lookup("pod-ip", "10.244.1.2")) == ["a"]
    store.put("pods", pod("a", ip="10.244.1.3"))
    assert names(store.lookup("pod-ip", "10.244.1.2")) == []
    store.remove("pods", "shop", "a")
    assert names(store.lookup("pod-ip", "10.244.1.3")) == []


def test_subscriber_sees_every_write_in_order_until_it_leaves() -> None:
    store, seen = Store(), list[Change]()
    leave = store.subscribe(seen.append)
    store.put("pods", pod("a"))
    store.put("pods", pod("a"))
    store.remove("pods", "shop", "a")
    leave()
    store.put("pods", pod("b"))
    assert [change.type for change in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert seen[1].old is seen[0].object


def test_changes_since_a_revision() -> None:
    store = Store()
    store.put("pods", pod("a"))
    revision = store.revision
    store.put("pods", pod("b"))
    assert [change.object["metadata"]["name"] for change in store.since(revision)] == ["b"]
    assert list(store.since(store.revision)) == []


def test_revision_before_the_log_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOG_LENGTH", 3)
    store = Store()
    for index in range(10):
        store.put("pods", pod(f"p{index}"))
    with pytest.raises(Expired):
        store.since(2)
    assert len(store.since(store.revision - 2)) == 2


def test_restored_store_does_not_reach_back() -> None:
    store = Store()
    store.restore([("pods", {**pod("a"), "metadata": {**pod("a")["metadata"], "resourceVersion": "7"}})], 9)
    assert store.revision == 9
    with pytest.raises(Expired):
        store.since(5)
