"""The step control of an assignment saves what its buttons did, beside the notebook, without being asked."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

import podwalk
from podwalk.facade import Cluster, saving
from podwalk.facade.belongings import key
from podwalk.labs import assignment
from podwalk.labs.control import Controls, StepControl
from podwalk.labs.lab import Lab, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session


def _service(name: str) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n"


LAB = Lab("lab", "Lab", "shop", steps=tuple(Step(name, name, manifest=_service(name)) for name in ("one", "two")))


@pytest.fixture
def cluster() -> Cluster:
    made = podwalk.cluster("in-process", namespace="shop", quiet=True)
    made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    return made


def _controls(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, folder: Path, *, graded: bool) -> Controls:
    test = nbformat.v4.new_code_cell("task.report()")  # type: ignore[no-untyped-call]  # ships no types
    test.metadata["nbgrader"] = {"grade": graded, "grade_id": "test", "locked": True, "solution": False}
    notebook = nbformat.v4.new_notebook(cells=[test])  # type: ignore[no-untyped-call]  # ships no types
    notebook.metadata["podwalk"] = {"namespaces": ["shop"]}
    nbformat.write(notebook, folder / "homework.ipynb")  # type: ignore[no-untyped-call]  # ships no types
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JPY_SESSION_NAME", "somewhere/homework.ipynb")
    monkeypatch.setattr("sys.platform", "emscripten")  # work at once, without a thread
    monkeypatch.setattr(StepControl, "focus", lambda self: None)
    session = Session(cluster, LAB, Progress())
    session.keep = assignment.keeper(cluster)
    made = Controls(session)
    made.head()
    for step in LAB.steps:
        made.step(step)
    return made


def _kept(folder: Path) -> set[str]:
    text = (folder / "homework.cluster.yaml").read_text()
    return {key(obj) for obj in saving.objects(text)} - {"Namespace/shop"}


def test_what_a_button_did_and_undid_is_saved(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    controls = _controls(cluster, monkeypatch, tmp_path, graded=True)
    controls.steps["one"]._apply.click()
    assert _kept(tmp_path) == {"Service/shop/one"}
    controls.steps["one"]._verify.click()
    controls.steps["two"]._apply.click()
    assert _kept(tmp_path) == {"Service/shop/one", "Service/shop/two"}
    controls.steps["two"]._back.click()
    assert _kept(tmp_path) == {"Service/shop/one"}
    assert assignment.unsaved(cluster, tmp_path / "homework.ipynb") == []


def test_a_notebook_that_nobody_grades_is_left_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _controls(cluster, monkeypatch, tmp_path, graded=False).steps["one"]._apply.click()
    assert "one" in cluster.get("services", namespace="shop").names
    assert not list(tmp_path.glob("*.yaml"))
