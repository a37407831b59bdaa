"""Every versioned claim of the book has a source, and was looked at within a year."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

BOOK = Path(__file__).resolve().parents[2] / "book"
FACTS: dict[str, dict[str, Any]] = yaml.safe_load((BOOK / "_data" / "facts.yml").read_text(encoding="utf-8"))
YEAR = timedelta(days=366)


@pytest.mark.parametrize("name", FACTS)
def test_a_claim_has_a_source_and_is_not_older_than_a_year(name: str) -> None:
    fact = FACTS[name]
    assert fact["claim"].endswith(".")
    assert fact["subject"]
    assert fact["source"].startswith("https://")
    age = datetime.now(UTC).date() - fact["checked"]
    assert age < YEAR, f"read {fact['source']} again, and correct the claim or its date"
    assert age >= timedelta(days=-1), "checked in the future"


MARK = re.compile(r"\[source\]\([\w./]*facts\.md#fact-([\w-]+)\)")


def test_every_mark_in_the_text_stands_behind_the_claim_of_the_register() -> None:
    marks = 0
    for page in BOOK.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for mark in MARK.finditer(text):
            claim = " ".join(FACTS[mark[1]]["claim"].split())
            before = " ".join(text[: mark.start()].replace("`", "").split())
            assert before.endswith(claim), f"{page.name}: what stands before {mark[0]} is not: {claim}"
            marks += 1
        assert text.count("#fact-") == len(MARK.findall(text)), f"{page.name}: a link that is no mark"
    assert marks
