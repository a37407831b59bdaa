"""Debian's shells, dash as ``sh`` and bash, against what they gave in a container of a real cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podwalk.containers.shell import bash, dash
from podwalk.containers.tools import PROGRAMS
from tests.unit.shell.conftest import Box
from tests.unit.shell.reference import HERE, normalise

SEEN = json.loads((HERE / "dialect_outcomes.json").read_text())
CASES = [(shell, script, outcome) for shell, table in SEEN["outcomes"].items() for script, outcome in table.items()]


@pytest.mark.parametrize(("shell", "script", "expected"), CASES, ids=lambda value: str(value)[:50])
def test_a_script_gives_what_it_gave_on_a_real_cluster(shell: str, script: str, expected: dict[str, Any]) -> None:
    box = Box(PROGRAMS | {"sh": dash, "bash": bash})
    outcome = normalise(vars(box.run([shell, "-c", script])))
    if script in SEEN["different"][shell]:
        assert outcome != expected, "it is the same now: take it out of the list of differences"
    else:
        assert outcome == expected
