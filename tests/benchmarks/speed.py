"""Show what the benchmarks measure, and write it down for the book's page of the comparison when asked to.

With PODWALK_BENCHMARK_RECORD set, what is measured replaces its rows of ``book/_data/speed.yml``. Do so on a machine
that does nothing else: the numbers of both clusters are of one machine and one run, so that their ratio says something.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

RECORD = Path(__file__).resolve().parents[2] / "book" / "_data" / "speed.yml"
HEAD = "# Written by the benchmarks (tests/benchmarks) with PODWALK_BENCHMARK_RECORD set: seconds, unless a row says.\n"


def note(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what was measured, one row a line, and record it if asked to.

    Args:
        rows: what was measured → seconds on ``kind``, ``served`` and ``inside``; or ``measured``, in words.
    """
    print()
    for what, row in rows.items():
        print(f"{what}: {', '.join(_shown(name, value, row) for name, value in row.items())}")
    if "PODWALK_BENCHMARK_RECORD" not in os.environ:
        return
    record = yaml.safe_load(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for what, row in rows.items():
        record[what] = {**row, "checked": datetime.now(UTC).date()}
    RECORD.write_text(HEAD + yaml.safe_dump(record, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _shown(name: str, value: Any, row: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        return value
    ratio = f" (1/{row['kind'] / value:.0f})" if name != "kind" and row["kind"] > 2 * value else ""
    return f"{name} {value:.4g} s{ratio}"
