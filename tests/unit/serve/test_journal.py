"""What was acknowledged is there after the server was killed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from podwalk.errors import PodwalkError
from podwalk.serve.journal import Journal
from podwalk.store import Store
from podwalk.types import Object


def pod(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels}}


def test_new_journal_has_nothing_to_load(tmp_path: Path) -> None:
    assert Journal(tmp_path / "state.sqlite").load() is None


def test_committed_writes_are_loaded_by_the_next_server(tmp_path: Path) -> None:
    first, store = Journal(tmp_path / "state.sqlite"), Store()
    store.subscribe(first.note)
    store.put("pods", pod("kept", app="web"))
    store.put("pods", pod("gone"))
    store.remove("pods", "shop", "gone")
    first.commit()
    loaded = Journal(tmp_path / "state.sqlite").load()
    assert loaded is not None
    objects, revision = loaded
    assert [(resource, obj["metadata"]["name"]) for resource, obj in objects] == [("pods", "kept")]
    assert revision == store.revision


def test_restored_store_goes_on_from_the_revision_and_finds_by_label(tmp_path: Path) -> None:
    first, store = Journal(tmp_path / "state.sqlite"), Store()
    store.subscribe(first.note)
    store.put("pods", pod("kept", app="web"))
    first.commit()
    loaded = Journal(tmp_path / "state.sqlite").load()
    assert loaded is not None
    restored = Store()
    restored.restore(*loaded)
    assert restored.revision == store.revision
    assert [obj["metadata"]["name"] for obj in restored.list("pods", labels={"app": "web"})] == ["kept"]
    newer = restored.put("pods", pod("newer"))
    assert int(newer["metadata"]["resourceVersion"]) > store.revision


def test_uncommitted_writes_are_not_loaded(tmp_path: Path) -> None:
    first, store = Journal(tmp_path / "state.sqlite"), Store()
    store.subscribe(first.note)
    store.put("pods", pod("answered"))
    first.commit()
    store.put("pods", pod("never-answered"))
    loaded = Journal(tmp_path / "state.sqlite").load()
    assert loaded is not None
    assert [obj["metadata"]["name"] for _, obj in loaded[0]] == ["answered"]


def test_file_that_is_no_database_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database, but long enough to be looked at as one" * 40)
    with pytest.raises(PodwalkError, match=r"state\.sqlite.*podwalk reset"):
        Journal(tmp_path / "state.sqlite")


def test_commit_that_the_disk_refuses_keeps_the_writes_for_the_next_try(tmp_path: Path) -> None:
    journal, store = Journal(tmp_path / "state.sqlite"), Store()
    store.subscribe(journal.note)
    store.put("pods", pod("first"))
    other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    journal._db.execute("PRAGMA busy_timeout = 0")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(PodwalkError, match="cannot be written"):
        journal.commit()
    other.execute("ROLLBACK")
    other.close()
    journal.commit()
    loaded = Journal(tmp_path / "state.sqlite").load()
    assert loaded is not None
    assert len(loaded[0]) == 1
