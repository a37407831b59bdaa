"""Hold kubectl on every cluster to what it prints on a real one: the sessions, line by line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from podwalk.serve import control
from podwalk.serve.place import find
from tests.conformance.kubectl.differences import DIFFERENCES
from tests.conformance.kubectl.place import SESSIONS, kind_kubeconfig, missing_kubectl, terminal
from tests.conformance.kubectl.transcript import Step, follow, parse

NAMES = sorted(path.stem for path in SESSIONS.glob("*.txt"))
EMBEDDED = f"kubectl-{os.getpid()}"


@pytest.fixture(scope="session", params=["embedded", "kind"])
def kubeconfig(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The kubeconfig of a cluster that is there; one that is not is skipped, and says so."""
    if reason := missing_kubectl():
        pytest.skip(reason)
    if request.param == "kind":
        found = kind_kubeconfig()
        if found is None:
            pytest.skip("no kind cluster is up: set KUBECONFIG to one")
        yield found
    else:
        place = find(EMBEDDED)
        control.start(place)
        yield place.kubeconfig
        control.stop(place)


def test_parsing_a_session_and_writing_it_gives_it_back() -> None:
    for name in NAMES:
        text = (SESSIONS / f"{name}.txt").read_text()
        assert "".join(str(step) for step in parse(text)) == text, name


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("session", NAMES)
def test_kubectl_prints_what_it_prints_on_a_real_cluster(
    session: str, kubeconfig: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    embedded = request.node.callspec.params["kubeconfig"] == "embedded"
    with terminal(kubeconfig, tmp_path) as shell:
        wrong = []
        for step in parse((SESSIONS / f"{session}.txt").read_text()):
            expected = _expected(session, step) if embedded else step.output
            output = follow(shell, step, expected)
            if output != expected:
                wrong.append(f"$ {step.command}\n{_compare(expected, output)}")
    assert not wrong, "\n\n".join(wrong)


def test_every_difference_is_of_a_line_that_is_there() -> None:
    for difference in DIFFERENCES:
        steps = parse((SESSIONS / f"{difference.session}.txt").read_text())
        found = [step for step in steps if step.command.startswith(difference.command)]
        assert any(re.search(difference.real, step.output) for step in found), difference


def _expected(session: str, step: Step) -> str:
    """What the embedded cluster prints: what a real one does, but for the differences that are named."""
    output = step.output
    for difference in DIFFERENCES:
        if difference.session == session and step.command.startswith(difference.command):
            output = re.sub(difference.real, difference.embedded, output)
    return output.strip("\n")


def _compare(expected: str, output: str) -> str:
    """Show two outputs' lines that differ: ``-`` a real cluster's, ``+`` this one's."""
    import difflib

    lines = difflib.unified_diff(expected.split("\n"), output.split("\n"), "real", "this", lineterm="", n=1)
    return "\n".join(list(lines)[2:])
