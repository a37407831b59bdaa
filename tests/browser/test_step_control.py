"""The step control when things go wrong, and for those who use no mouse or do not see it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from podwalk.serve import control
from podwalk.serve.place import Place
from tests.browser.conftest import CLUSTER, WAIT_MS, Card, Desk

LAB = "01-first-service.ipynb"
PODS, SERVICE, NAMES, MEND = (
    "Three Pods that say who they are", "One address for three Pods", "Four names for one Service",
    "A Service that nobody answers",
)  # fmt: skip
THEMES = ("JupyterLab Dark", "JupyterLab Light")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def begin(desk: Desk) -> None:
    desk.open(LAB)
    desk.run_all()


def do(card: Card, word: str = "Apply") -> None:
    card.predict(0)
    card.press(word)
    card.press("Verify")
    expect(card.root).to_contain_text("Done.")


def place(desk: Desk) -> Place:
    return Place(CLUSTER, Path(desk.environment["PODWALK_HOME"]) / "clusters" / CLUSTER)


class TestLostCluster:
    def test_is_offered_anew_with_the_state_of_the_step(self, desk: Desk) -> None:
        begin(desk)
        do(desk.card(PODS))
        do(desk.card(SERVICE))
        server = place(desk).read_server()
        assert server is not None
        os.kill(server.pid, signal.SIGKILL)
        self.rebuild(desk)
        control.stop(place(desk))
        self.rebuild(desk)
        do(desk.card(NAMES), "Look")

    @staticmethod
    def rebuild(desk: Desk) -> None:
        card = desk.card(NAMES)
        card.predict(0)
        card.press("Look")
        expect(card.root).to_contain_text("The cluster does not answer")
        expect(card.root).to_contain_text("2 done")
        card.press("Rebuild")
        expect(card.root).to_contain_text("The cluster has everything again.")
        expect(card.button("Rebuild")).to_be_hidden()

    def test_what_somebody_deletes_is_missed_and_applied_again(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import podwalk

        begin(desk)
        do(desk.card(PODS))
        do(desk.card(SERVICE))
        monkeypatch.setenv("PODWALK_HOME", desk.environment["PODWALK_HOME"])
        podwalk.cluster(desk.environment["PODWALK_BACKEND"], quiet=True).delete(
            "service/backend", namespace="networking-lab"
        )
        card = desk.card(NAMES)
        card.predict(0)
        card.press("Look")
        expect(card.root).to_contain_text("The cluster no longer has what you built in “One address for three Pods”")
        card.press("Rebuild")
        do(card, "Look")


class TestCancel:
    def test_ends_a_wait_for_an_object_and_a_wait_inside_a_pod(self, desk: Desk) -> None:
        begin(desk)
        card = desk.card(PODS)
        self.edit(card, "hashicorp/http-echo:1.0", "registry.invalid/nothing:1")
        self.cancel(card)
        card.press("Reset step")
        do(card)
        card = desk.card(SERVICE)
        self.edit(card, "app: backend", "app: nobody")
        self.cancel(card)
        card.press("Reset step")
        do(card)

    @staticmethod
    def edit(card: Card, old: str, new: str) -> None:
        card.manifest.fill(card.manifest.input_value().replace(old, new))

    @staticmethod
    def cancel(card: Card) -> None:
        card.predict(0)
        card.begin("Apply")
        expect(card.root.locator(".podwalk-spin")).to_be_visible()
        expect(card.root).to_contain_text("What changed")
        card.button("Cancel").click()
        card.settle()
        expect(card.root).to_contain_text("cancelled; what was applied stays applied")
        card.press("Verify")
        expect(card.root).to_contain_text("Not yet.")


class Keys:
    """The keyboard of one who has no mouse."""

    def __init__(self, desk: Desk) -> None:
        self.keyboard, self.page = desk.page.keyboard, desk.page

    def to(self, place: Locator, key: str = "Tab") -> None:
        """Go on, or back, until the place is reached."""
        for _ in range(40):
            if place.evaluate("element => element === document.activeElement"):
                return
            self.keyboard.press(key)
        raise AssertionError(f"Tab does not lead to {place}")

    def press(self, card: Card, name: str) -> None:
        self.to(card.button(name))
        self.keyboard.press("Enter")

    def work(self, card: Card, name: str, key: str = "Tab") -> None:
        """Press a button whose work takes a while, and wait for its end."""
        self.to(card.button(name), key)
        card.watch()
        self.keyboard.press("Enter")
        card.await_begin()
        card.settle()


def test_a_lab_is_done_by_keyboard_alone(desk: Desk) -> None:
    desk.open(LAB)
    keys = Keys(desk)
    for _ in range(12):
        keys.keyboard.press("Shift+Enter")
    expect(desk.page.locator(".podwalk-card")).to_have_count(5, timeout=WAIT_MS)
    for _ in range(12):
        keys.keyboard.press("ArrowUp")
    for title in (PODS, SERVICE, NAMES, MEND):
        card = desk.card(title)
        keys.to(card.root.get_by_role("radio").first)
        keys.keyboard.press("Space")
        keys.work(card, "Look" if title == NAMES else "Apply")
        keys.work(card, "Verify")
        if title == MEND:
            expect(card.root).to_contain_text("Not yet.")
            for name in ("Hint 1 of 2", "Hint 2 of 2", "Solution"):
                keys.press(card, name)
            expect(card.root).to_contain_text("The solution is in the editor.")
            keys.work(card, "Apply", "Shift+Tab")
            keys.work(card, "Verify")
        expect(card.root).to_contain_text("Done.")
        if title != MEND:
            keys.press(card, "Next ›")
    expect(desk.page.get_by_text("All 4 steps are done.")).to_be_attached()


def test_a_lab_is_done_in_notebook_7(desk: Desk) -> None:
    desk.open(LAB, "notebooks")
    desk.run_all()
    for step in desk.steps(LAB):
        desk.card(step.title).do(step)
    expect(desk.page.get_by_text("All 4 steps are done.")).to_be_attached()


def test_no_panel_has_a_fault_that_axe_finds(desk: Desk) -> None:
    begin(desk)
    do(desk.card(PODS))
    card = desk.card(SERVICE)
    card.button("Hint 1 of 2").click()
    card.manifest.fill("kind: [")
    expect(card.root).to_contain_text("✗")
    for theme in THEMES:
        desk.theme(theme)
        faults = Axe().run(desk.page, context=".podwalk-card").response["violations"]
        assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in faults] == [], theme
