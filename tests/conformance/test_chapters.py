"""Every chapter's cells run on a real cluster as they do in the published book, and leave nothing behind.

The book's own build runs them on the embedded cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml
from nbclient.exceptions import CellExecutionError

from podwalk.facade import Cluster
from podwalk.labs.headless import execute

ROOT = Path(__file__).resolve().parents[2]
REFUSED = {"book/policies/cluster-policies": "this cluster does not have ClusterNetworkPolicy"}
"""The chapters whose subject a real cluster without their part cannot show, and what their cells say there."""


def chapters() -> Iterator[str]:
    """Yield the pages of the book that have cells; the labs have a test of their own."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for name in (chapter["file"] for part in toc["parts"] for chapter in part["chapters"]):
        path = ROOT / f"{name}.md"
        if path.exists() and "{code-cell}" in path.read_text(encoding="utf-8"):
            yield name


def run(name: str) -> list[str]:
    """Run a page in a kernel of its own and return what its cells wrote to stderr.

    Raises:
        CellExecutionError: when a cell fails that is not said to.
    """
    path = ROOT / f"{name}.md"
    page: Any = jupytext.read(path)
    execute(page, path.parent)
    outputs = (output for cell in page.cells for output in cell.get("outputs", ()))
    return [output["text"] for output in outputs if output.get("name") == "stderr"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["kind"], indirect=True)
@pytest.mark.parametrize("name", list(chapters()))
def test_a_chapter_runs_and_leaves_nothing_behind(
    name: str, backend: str, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODWALK_BACKEND", backend)
    before = set(whole_cluster.get("namespaces").names)
    if name in REFUSED:
        with pytest.raises(CellExecutionError, match=REFUSED[name]):
            run(name)
    else:
        assert run(name) == []
    left = [item for item in whole_cluster.get("namespaces") if item["metadata"]["name"] not in before]
    kept = [item["metadata"]["name"] for item in left if "deletionTimestamp" not in item["metadata"]]
    # An add-on that a chapter installed stays, as it does for a learner.
    assert set(kept) <= {"ingress-nginx", "traefik", "metallb-system"}
