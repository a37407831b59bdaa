"""The shell and its tools give what BusyBox gave in a container of a real cluster: output, errors, exit code."""

import pytest

from tests.unit.shell.conftest import Box
from tests.unit.shell.reference import TABLES, frozen, normalise, observe, pod, reachable

CASES = [
    pytest.param(script, outcome, id=script[:60])
    for table in TABLES
    for script, outcome in frozen(table)["outcomes"].items()
]


@pytest.mark.parametrize(("script", "expected"), CASES)
def test_a_script_gives_what_it_gave_on_a_real_cluster(box: Box, script: str, expected: dict[str, object]) -> None:
    assert normalise(vars(box.sh(script))) == expected


@pytest.mark.slow
def test_the_outcomes_are_still_those_of_the_real_cluster() -> None:
    if not reachable():
        pytest.skip("the reference cluster is not here")
    with pod() as env:
        for table in TABLES:
            known = frozen(table)["outcomes"]
            seen = observe(env, list(known))
            assert {script: seen[script] for script in known if seen[script] != known[script]} == {}
