"""Every lab runs from top to bottom on a real cluster as on the embedded one, and leaves nothing of it behind.

In-process they run in ``tests/notebooks``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from podwalk.facade import Cluster
from podwalk.facade.errors import NotFoundError
from podwalk.labs import run, source

LABS = sorted((Path(__file__).resolve().parents[2] / "notebooks" / "labs").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["embedded", "kind"], indirect=True)
@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_lab_runs_and_leaves_nothing_behind(path: Path, backend: str, whole_cluster: Cluster) -> None:
    namespace = source.read(path).namespace
    lines: list[str] = []
    lab = run(path, backend, out=lines.append)
    assert lines[-1] == f"done: {len(lab.steps)} of {len(lab.steps)} steps"
    if namespace != "default":
        with pytest.raises(NotFoundError):
            whole_cluster.get("namespaces", namespace)
