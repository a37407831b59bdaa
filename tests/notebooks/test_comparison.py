"""The page of the comparison with a real cluster: its record is whole and recent, and each difference has a reason."""

from __future__ import annotations

import runpy
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.conformance.compare import OUTCOMES, Recorder, merged

ROOT = Path(__file__).resolve().parents[2]
RECORD: dict[str, Any] = yaml.safe_load((ROOT / "book" / "_data" / "comparison.yml").read_text(encoding="utf-8"))
LISTS = runpy.run_path(str(ROOT / "book" / "_ext" / "podwalk_reference.py"))["COMPARISON"]
YEAR = timedelta(days=366)


@pytest.mark.parametrize("module", RECORD["modules"])
def test_a_row_is_whole_without_failures_and_not_older_than_a_year(module: str) -> None:
    row = RECORD["modules"][module]
    assert row["about"]
    assert timedelta(days=-1) <= datetime.now(UTC).date() - row["checked"] < YEAR, "record it again"
    for backend in ("kind", "embedded"):
        assert set(row[backend]) == set(OUTCOMES)
        assert row[backend]["failed"] == 0
    assert row["kind"]["passed"] + row["kind"]["skipped"] > 0
    assert bool(row.get("skipped")) == any(row[backend]["skipped"] for backend in ("kind", "embedded"))


DEFINED = ("differences", "kubectl")
"""The lists whose texts are too wide for a table on a telephone."""


@pytest.mark.parametrize("name", LISTS)
def test_the_page_shows_every_list(name: str) -> None:
    assert f"{{comparison}} {name}\n" in (ROOT / "book/reference/comparison.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*LISTS} - {*DEFINED}))
def test_a_list_is_a_table(name: str) -> None:
    lines = list(LISTS[name]())
    assert len(lines) > 2
    assert {line.count("|") for line in lines} == {lines[0].count("|")}, "a cell breaks the table"


@pytest.mark.parametrize("name", DEFINED)
def test_each_term_of_a_list_has_a_definition(name: str) -> None:
    entries = "\n".join(LISTS[name]()).strip().split("\n\n")
    assert len(entries) > 1
    for entry in entries:
        term, *definitions = entry.split("\n")
        assert not term.startswith(":")
        assert definitions
        assert all(definition.startswith(": ") for definition in definitions)


def test_the_record_names_what_was_compared() -> None:
    assert RECORD["versions"]["Kubernetes"].startswith("v1.")
    assert all(RECORD["versions"].values())


def test_an_outcome_counts_once_for_its_module_and_backend() -> None:
    recorder = Recorder()
    path = ROOT / "tests" / "conformance" / "test_services.py"
    for backend in ("kind", "embedded", "in-process"):
        item = SimpleNamespace(nodeid=backend, path=path, callspec=SimpleNamespace(params={"backend": backend}))
        recorder.pytest_collection_modifyitems([item])  # type: ignore[list-item]  # what it reads of one
    for nodeid, when, outcome in [
        ("kind", "setup", "passed"), ("kind", "call", "passed"), ("kind", "teardown", "passed"),
        ("embedded", "setup", "skipped"), ("in-process", "call", "passed"),
    ]:  # fmt: skip
        states = {name: name == outcome for name in OUTCOMES}
        report = SimpleNamespace(
            nodeid=nodeid, when=when, outcome=outcome, longrepr=("f", 1, "Skipped: no socket"), **states
        )
        recorder.pytest_runtest_logreport(report)  # type: ignore[arg-type]  # what it reads of one
    module = "tests/conformance/test_services.py"
    assert recorder.counts == {(module, "kind"): Counter(passed=1), (module, "embedded"): Counter(skipped=1)}
    row = recorder.rows(date(2026, 11, 27))[module]
    assert row["kind"] == {"passed": 1, "failed": 0, "skipped": 0}
    assert row["skipped"] == ["no socket"]


def test_a_part_replaces_its_own_rows_and_another_cluster_all() -> None:
    before = {"versions": {"Kubernetes": "v1"}, "modules": {"a": 1, "b": 1}}
    assert merged(before, {"Kubernetes": "v1"}, {"b": 2})["modules"] == {"a": 1, "b": 2}
    assert merged(before, {"Kubernetes": "v2"}, {"b": 2})["modules"] == {"b": 2}
    assert merged({}, {"Kubernetes": "v2"}, {"b": 2})["modules"] == {"b": 2}
