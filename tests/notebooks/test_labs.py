"""Every lab runs from top to bottom, twice in a row, and leaves nothing behind."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from podwalk.facade.manifest import parse
from podwalk.labs import headless, run, source

ROOT = Path(__file__).resolve().parents[2]
LONG = "eleven-steps"
"""The eleven-step lab, which needs more than one sitting."""

LABS = sorted((ROOT / "notebooks" / "labs").glob("*.ipynb"))


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_lab_runs_twice_in_a_row(path: Path) -> None:
    for _ in range(2):
        lines: list[str] = []
        lab = run(path, "in-process", out=lines.append)
        assert lines[-1] == f"done: {len(lab.steps)} of {len(lab.steps)} steps"
        assert len([line for line in lines if " ok " in line]) == len(lab.steps)


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_lab_says_what_it_is_and_asks_before_it_tells(path: Path) -> None:
    lab = source.read(path)
    assert lab.prerequisites
    assert lab.goals
    assert 5 <= lab.minutes <= (45 if lab.name == LONG else 15)
    for step in lab.steps:
        assert step.prediction is not None, f"{step.name} has no prediction"
        assert step.verify, f"{step.name} has nothing to verify"
        assert all(choice.why for choice in step.prediction.choices), f"{step.name}: a choice without a reason"
        # The manifest is below the question, in the control and in the book.
        assert "above" not in step.prediction.question


NEEDED_BY = {
    "NetworkPolicy": "network-policy",
    "ClusterNetworkPolicy": "cluster-network-policy",
    "Ingress": "ingress",
    "HTTPRoute": "gateway",
    "HorizontalPodAutoscaler": "metrics-server",
}


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_lab_declares_what_its_steps_need(path: Path) -> None:
    lab = source.read(path)
    kinds = {doc.value["kind"] for step in lab.steps for doc in (parse(step.answer) if step.answer.strip() else ())}
    if lab.name == "network-model":
        # One of its steps asks whether policies are enforced here.
        kinds.remove("NetworkPolicy")
    assert {NEEDED_BY[kind] for kind in kinds & set(NEEDED_BY)} <= set(lab.needs)


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_lab_is_stored_without_outputs_and_with_stable_ids(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # ships no types
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(
        cell.metadata.get("jupyter", {}).get("source_hidden") for cell in code if cell.source.startswith(source.STEP)
    )


def test_a_step_that_does_not_pass_fails_the_run(tmp_path: Path) -> None:
    text = LABS[0].read_text(encoding="utf-8").replace('prints: \\"3\\"', 'prints: \\"4\\"')
    assert text != LABS[0].read_text(encoding="utf-8")
    broken = tmp_path / "broken.ipynb"
    broken.write_text(text, encoding="utf-8")
    lines: list[str] = []
    with pytest.raises(headless.LabFailedError, match="three backend Pods are ready"):
        run(broken, "in-process", out=lines.append)
    assert any("FAILED" in line for line in lines)


@pytest.mark.slow
def test_the_lab_of_the_teachers_guide_runs_as_it_is_printed(tmp_path: Path) -> None:
    guide = (ROOT / "book" / "instructors" / "labs.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```(?:ipython3|python)\n(.*?)\n```$", guide, re.MULTILINE | re.DOTALL)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]  # ships no types
    nbformat.write(notebook, tmp_path / "greeting.ipynb")  # type: ignore[no-untyped-call]  # ships no types
    lines: list[str] = []
    run(tmp_path / "greeting.ipynb", "in-process", out=lines.append)
    assert lines[-1] == "done: 2 of 2 steps"
