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


def test_every_mark_in_the_text_leads_to_a_claim() -> None:
    used = {
        name
        for page in BOOK.rglob("*.md")
        for name in re.findall(r"\{fact\}`([^`]+)`", page.read_text(encoding="utf-8"))
    }
    assert used
    assert used <= set(FACTS)
