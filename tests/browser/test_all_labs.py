"""Every lab by the step control, in JupyterLab as a learner has it, who errs, goes back, and comes back another day."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

import podwalk
from podwalk.facade.errors import NotFoundError
from podwalk.labs.lab import Lab, Step
from podwalk.labs.source import LAB, STEP, read
from tests.browser.conftest import WAIT_MS, Card, Desk

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "labs"
LABS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
RIG = os.environ.get("PODWALK_RIG_KUBECONFIG", "")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Learner:
    """One who does a lab from its first cell to its last, with everything that may happen on the way."""

    def __init__(self, desk: Desk, notebook: str) -> None:
        self.desk = desk
        self.lab: Lab = read(desk.folder / notebook)
        self.steps = {step.name: step for step in self.lab.steps}
        self.cells = json.loads((desk.folder / notebook).read_text(encoding="utf-8"))["cells"]
        desk.open(notebook)

    def go_through(self) -> None:
        """Run cell after cell up to the second step; on another day, in a new kernel, the rest."""
        first, second, *rest = self.lab.steps
        for number, cell in enumerate(self.cells):
            self.desk.run_cell(number)
            name = self.step_of(cell)
            if name == first.name:
                self.mistype(self.desk.card(first.title), first)
                self.begin_anew(self.desk.card(first.title), first)
                self.desk.card(first.title).do(first)
            if name == second.name:
                self.desk.card(second.title).do(second)
                self.go_back(self.desk.card(second.title), first)
                self.desk.card(second.title).do(second)
                break
        self.come_back()
        for step in rest:
            self.desk.card(step.title).do(step)
        expect(self.head.root).to_contain_text(f"All {len(self.steps)} steps are done.")

    @staticmethod
    def step_of(cell: dict[str, str]) -> str:
        words = "".join(cell["source"]).split("\n", 1)[0].split()
        return words[-1] if words[:1] == [STEP] else ""

    @property
    def head(self) -> Card:
        number = next(number for number, cell in enumerate(self.cells) if "".join(cell["source"]).startswith(LAB))
        panel = self.desk.page.locator(f'.jp-Notebook-cell[data-windowed-list-index="{number}"] .podwalk-card')
        panel.scroll_into_view_if_needed(timeout=WAIT_MS)
        return Card(panel)

    def mistype(self, card: Card, step: Step) -> None:
        """Write what is no YAML, which is told at once, then a field that there is not, which the cluster tells."""
        card.manifest.fill("kind: [")
        expect(card.root.get_by_role("status").filter(has_text="✗")).to_contain_text(re.compile(r"✗ Line \d+: "))
        card.manifest.fill(step.manifest.replace("metadata:", "medatata: {}\nmetadata:", 1))
        expect(card.root.get_by_role("status").filter(has_text="✓")).to_be_visible()
        expect(card.button("Apply")).to_be_disabled()
        card.predict(1)
        card.press("Apply")
        expect(card.root.locator(".podwalk-note.bad")).to_contain_text("medatata")
        expect(card.button("Verify")).to_be_disabled()

    def begin_anew(self, card: Card, step: Step) -> None:
        """Reset a step: the manifest is the lab's again, and the prediction is open."""
        card.press("Reset step")
        assert card.manifest.input_value().strip() == step.manifest.strip()
        expect(card.root.locator("input[type=radio]:checked")).to_have_count(0)
        expect(card.notes).to_have_count(0)

    def go_back(self, card: Card, before: Step) -> None:
        """Take a step back: it is open again, and the one before is still done."""
        card.press("‹ Back")
        expect(card.root).to_contain_text("1 done")
        expect(card.claims).to_have_count(0)
        expect(self.desk.card(before.title).root).to_contain_text("Done.")

    def come_back(self) -> None:
        """Restart the kernel: what was done is done, and what was predicted is known."""
        self.desk.restart()
        expect(self.head.root).to_contain_text("2 done")
        for step in self.lab.steps[:2]:
            card = self.desk.card(step.title)
            expect(card.root).to_contain_text("This step was done before.")
            expect(card.root).to_contain_text("Your prediction")
            expect(card.root.locator("input[type=radio]:checked")).to_have_count(1)

    def tidy_up(self) -> None:
        """Reset the lab, which asks twice: no step is done, and the first is as new."""
        head = self.head
        head.button("Reset lab").click()
        expect(head.root).to_contain_text(f"All {len(self.steps)} steps are done.")
        head.press("Reset lab: sure?")
        expect(head.root).to_contain_text("0 done")
        card = self.desk.card(self.lab.steps[0].title)
        expect(card.button("Apply")).to_be_disabled()
        assert card.manifest.input_value().strip() == self.lab.steps[0].manifest.strip()


@pytest.mark.parametrize("notebook", LABS)
def test_a_learner_errs_goes_back_comes_back_and_finishes(
    desk: Desk, notebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Learner(desk, notebook)
    learner.go_through()
    learner.tidy_up()
    monkeypatch.setenv("PODWALK_HOME", desk.environment["PODWALK_HOME"])
    cluster = podwalk.cluster(desk.environment["PODWALK_BACKEND"], quiet=True)
    with pytest.raises(NotFoundError):
        cluster.get("namespaces", learner.lab.namespace)


class TestOnKind:
    """One lab on a real cluster, where there is one."""

    @pytest.fixture
    def backend(self, monkeypatch: pytest.MonkeyPatch) -> str:
        if not RIG:
            pytest.skip("there is no real cluster: PODWALK_RIG_KUBECONFIG names none")
        monkeypatch.setenv("KUBECONFIG", RIG)
        return "context"

    def test_a_learner_errs_goes_back_comes_back_and_finishes(self, desk: Desk) -> None:
        learner = Learner(desk, "01-first-service.ipynb")
        learner.go_through()
        learner.tidy_up()
