"""The coverage table names what there is: pages, lab steps and graded tasks; and leaves no subject out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.labs import source

ROOT = Path(__file__).resolve().parents[2]
ROWS: list[dict[str, Any]] = yaml.safe_load((ROOT / "book" / "_data" / "coverage.yml").read_text(encoding="utf-8"))
TABLE = ROOT.parent / "shared" / "COVERAGE.md"


def pages() -> set[str]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}


def steps() -> set[str]:
    found = set()
    for path in (ROOT / "notebooks" / "labs").glob("*.ipynb"):
        found |= {f"notebooks/labs/{path.stem}#{step.name}" for step in source.read(path).steps}
    return found


def tasks() -> set[str]:
    """Return every graded cell as ``ASSIGNMENT/GRADE_ID``."""
    found = set()
    for path in (ROOT / "notebooks" / "source").glob("*/*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            task = cell["metadata"].get("nbgrader") or {}
            if task.get("grade") or task.get("task"):
                found.add(f"{path.parent.name}/{task['grade_id']}")
    return found


def test_every_name_is_there() -> None:
    named = {verb: {name for row in ROWS for name in row.get(verb) or ()} for verb in ("taught", "practised", "graded")}
    assert named["taught"] <= pages()
    assert named["practised"] <= pages() | steps()
    assert named["graded"] <= tasks()


def test_every_page_and_every_task_serves_a_subject() -> None:
    used = {name.partition("#")[0] for row in ROWS for verb in ("taught", "practised") for name in row.get(verb) or ()}
    beside = ("book/start/", "book/reference/facts", "book/reference/coverage", "book/reference/comparison")
    assert {page for page in pages() - used if not page.startswith(beside)} == set()
    assert tasks() - {name for row in ROWS for name in row.get("graded") or ()} == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_a_subject_is_taught_practised_and_graded(row: dict[str, Any]) -> None:
    assert row["taught"]
    assert row.get("practised") or row["part"] == "Reference"
    if row.get("to_be_graded"):
        assert row["graded"]
