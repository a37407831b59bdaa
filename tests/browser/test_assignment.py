"""An assignment done by the step control: the submission holds what its buttons did, and Validate warns of the rest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

import podwalk
from grader import notebooks, sample
from grader.conversion import saved
from grader.course import Course
from grader.isolation.bench import Judge
from podwalk.facade import saving
from podwalk.facade.belongings import key
from tests.browser.conftest import WAIT_MS, Desk
from tests.grader.conftest import Assignment, released

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
    pytest.mark.timeout(900),
]

LAB = "%%lab shop\ntitle: The shop\nnamespace: shop\nlevel: beginner\nminutes: 10\n"
PODS, SERVICE = "Three Pods", "One address"
# The port is not the Pods': it is for the learner to find, in the editor.
SERVICE_STEP = f"""%%step service
title: {SERVICE}
manifest: |
  apiVersion: v1
  kind: Service
  metadata:
    name: backend
  spec:
    selector:
      app: backend
    ports:
    - port: 80
verify:
  - claim: the Service answers
    command: kubectl exec client -- wget -qO- -T 3 http://backend
    matches: backend-
    otherwise: the Pods listen on another port.
"""


READY = """wait:
  - kubectl wait deployment/backend --for=condition=Available
verify:
  - claim: the Pods are ready
    command: kubectl get deployment backend -o jsonpath='{.status.readyReplicas}'
    prints: "3"
    otherwise: look at their events.
"""


def _pods_step(solution: str) -> str:
    manifest = solution.split('"""')[1].strip()
    lines = "\n".join(f"  {line}" for line in manifest.splitlines())
    return f"%%step pods\ntitle: {PODS}\nmanifest: |\n{lines}\n{READY}"


@pytest.fixture
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()


@pytest.fixture
def assignment(tmp_path: Path, root: Path, judge: Judge) -> Assignment:
    """The assignment `services`, whose first two tasks are done by a step control."""
    source = tmp_path / "source" / "services"
    shutil.copytree(root / "notebooks" / "source" / "services", source)
    notebook = notebooks.read(source / "services.ipynb")
    solution = sample.solutions(notebook)["backend-answer"]
    place = next(n for n, cell in enumerate(notebook.cells) if notebooks.about(cell).get("grade_id") == "setup") + 1
    notebook.cells[place:place] = [notebooks.cell("code", text) for text in (LAB, _pods_step(solution), SERVICE_STEP)]
    (source / "services.ipynb").write_text(notebooks.text(notebook))
    return released(Course(tmp_path / "course"), judge, source)


def _validate(desk: Desk) -> str:
    """Press nbgrader's button, and return what it says."""
    desk.page.get_by_role("button", name="Validate").click()
    dialog = desk.page.locator(".jp-Dialog").filter(has_text="Validation Results")
    dialog.wait_for(timeout=2 * WAIT_MS)
    said = dialog.inner_text()
    dialog.get_by_role("button", name="Ok").click()
    return said


def test_what_the_step_control_did_is_submitted_validated_and_graded(
    desk: Desk, assignment: Assignment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = desk.folder / "services"
    folder.mkdir()
    path = folder / "services.ipynb"
    path.write_text(notebooks.text(assignment.release))
    desk.open("services/services.ipynb")
    desk.run_all()

    desk.card(PODS).press("Apply")
    desk.card(PODS).press("Verify")
    card = desk.card(SERVICE)
    card.manifest.fill(card.manifest.input_value().replace("port: 80", "port: 80\n    targetPort: 8080"))
    card.press("Apply")
    card.press("Verify")
    expect(card.root).to_contain_text("Done.")
    desk.menu("File", "Save Notebook")
    kept = folder / "services.cluster.yaml"
    assert {"Deployment.apps/shop/backend", "Service/shop/backend"} <= {
        key(one) for one in saving.objects(kept.read_text())
    }
    assert "not in your submission" not in _validate(desk), "the buttons have saved everything"

    monkeypatch.setenv("PODWALK_HOME", desk.environment["PODWALK_HOME"])
    cluster = podwalk.cluster(desk.environment["PODWALK_BACKEND"], quiet=True)
    exec(assignment.solutions["affinity-answer"], {"cluster": cluster})
    said = _validate(desk)
    desk.page.screenshot(path=tmp_path / "validated.png")
    assert "Service/shop/cart: not in your submission" in said
    assert "podwalk save services.ipynb" in said

    desk.menu("File", "Close Tab")
    outcome = assignment.mark_notebook(notebooks.read(path), kept=saved.read(folder, "services"))
    assert outcome.points == {"backend": 3.0, "service": 4.0, "affinity": 0.0, "headless": 0.0}, outcome.reasons
