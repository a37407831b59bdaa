"""The first lab as a learner meets it: JupyterLab in a real browser, on a served embedded cluster."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import WAIT_MS, Desk


def test_learner_predicts_applies_verifies_and_goes_on(desk: Desk) -> None:
    desk.open("01-first-service.ipynb")
    desk.run_all()
    card = desk.card("Three Pods that say who they are")
    expect(card.button("Apply")).to_be_disabled()
    card.predict(0)
    card.press("Apply")
    expect(card.root.get_by_text("deployment.apps/backend").first).to_be_visible(timeout=WAIT_MS)
    card.press("Verify")
    expect(card.button("Next ›")).to_be_enabled()
