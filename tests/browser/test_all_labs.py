"""Every lab from its first step to its last, by the step control, in JupyterLab as a learner has it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from podwalk.labs.lab import Step
from podwalk.labs.source import LAB, STEP
from tests.browser.conftest import WAIT_MS, Card, Desk

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "labs"
LABS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
RIG = os.environ.get("PODWALK_RIG_KUBECONFIG", "")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def go_through(desk: Desk, notebook: str) -> None:
    """Run the cells of a lab in order, and do each step before the next cell."""
    cells = json.loads((desk.folder / notebook).read_text(encoding="utf-8"))["cells"]
    steps = {step.name: step for step in desk.steps(notebook)}
    desk.open(notebook)
    for number, cell in enumerate(cells):
        desk.run_cell(number)
        words = "".join(cell["source"]).split("\n", 1)[0].split()
        if words[:1] == [STEP]:
            do(desk.card(steps[words[-1]].title), steps[words[-1]])
    head = next(number for number, cell in enumerate(cells) if "".join(cell["source"]).startswith(LAB))
    panel = desk.page.locator(f'.jp-Notebook-cell[data-windowed-list-index="{head}"] .podwalk-card')
    panel.scroll_into_view_if_needed()
    expect(panel).to_contain_text(f"All {len(steps)} steps are done.")


def do(card: Card, step: Step) -> None:
    """Predict something, apply and verify; where the manifest is to be mended, by hints and then the solution."""
    card.predict(0)
    card.press("Apply" if step.manifest or step.run else "Look")
    assert_no_problem(card)
    card.press("Verify")
    if step.solution:
        expect(card.root).to_contain_text("Not yet.")
        expect(card.root.locator(".podwalk-claims small").first).not_to_be_empty()
        for number in range(1, len(step.hints) + 1):
            card.button(f"Hint {number} of {len(step.hints)}").click()
            expect(card.root).to_contain_text(f"Hint {number}. ")
        card.press("Solution")
        expect(card.root).to_contain_text("The solution is in the editor.")
        assert card.manifest.input_value().strip() == step.solution.strip()
        card.press("Apply")
        assert_no_problem(card)
        card.press("Verify")
    expect(card.root, str(card.claims.all_inner_texts())).to_contain_text("Done.", timeout=WAIT_MS)
    expect(card.root.locator(".podwalk-claims li.bad")).to_have_count(0)


def assert_no_problem(card: Card) -> None:
    assert card.root.locator(".podwalk-note.bad").all_inner_texts() == []


@pytest.mark.parametrize("notebook", LABS)
def test_every_step_can_be_done_by_its_control(desk: Desk, notebook: str) -> None:
    go_through(desk, notebook)


class TestOnKind:
    """One lab on a real cluster, where there is one."""

    @pytest.fixture
    def backend(self, monkeypatch: pytest.MonkeyPatch) -> str:
        if not RIG:
            pytest.skip("there is no real cluster: PODWALK_RIG_KUBECONFIG names none")
        monkeypatch.setenv("KUBECONFIG", RIG)
        return "context"

    def test_every_step_can_be_done_by_its_control(self, desk: Desk) -> None:
        go_through(desk, "01-first-service.ipynb")
        head = desk.card("Your first Service")
        head.button("Reset lab").click()
        head.button("Reset lab: sure?").click()
        expect(head.root).to_contain_text("0 done", timeout=WAIT_MS)
