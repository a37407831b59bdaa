"""Every lab runs on a real cluster as on the embedded one, twice in a row, and leaves nothing of it behind.

In-process they run in ``tests/notebooks``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from podwalk.facade import Cluster, addons
from podwalk.facade.errors import NotFoundError
from podwalk.labs import run, source
from podwalk.labs.headless import LabFailedError
from podwalk.labs.lab import Lab

LABS = sorted((Path(__file__).resolve().parents[2] / "notebooks" / "labs").glob("*.ipynb"))


@pytest.fixture
def turn(request: pytest.FixtureRequest) -> str:
    """Which run it is of two: ``again`` finds what ``once`` left; ``.ci/run`` takes the first."""
    return str(request.param)


REFUSED = {"cluster-policies": "this cluster does not have ClusterNetworkPolicy"}
"""The labs whose part a real cluster is not given, and what it says then."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["embedded", "kind"], indirect=True)
@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
@pytest.mark.parametrize("turn", ["once", "again"], indirect=True)
@pytest.mark.usefixtures("turn")
def test_a_lab_runs_and_leaves_nothing_behind(path: Path, backend: str, whole_cluster: Cluster) -> None:
    lab = source.read(path)
    if refusal := missing(whole_cluster, lab):
        assert REFUSED[lab.name] in refusal
        with pytest.raises(LabFailedError, match=REFUSED[lab.name]):
            run(path, backend)
        pytest.skip(refusal)
    lines: list[str] = []
    run(path, backend, out=lines.append)
    assert lines[-1] == f"done: {len(lab.steps)} of {len(lab.steps)} steps"
    with pytest.raises(NotFoundError):
        whole_cluster.get("namespaces", lab.namespace)


def missing(cluster: Cluster, lab: Lab) -> str:
    """Return why a cluster neither has the add-ons of a lab nor can be given them; empty otherwise."""
    found = (addons.missing(cluster, need) for need in lab.needs if need in addons.ADDONS)
    return "; ".join(problem.problem for problem in found if problem)
