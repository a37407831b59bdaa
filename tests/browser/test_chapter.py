"""A chapter of the book, opened in JupyterLab: it reads like the page, and its exercises have their control."""

from __future__ import annotations

import shutil
from pathlib import Path

import jupytext
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.notebooks.test_chapter_steps import WITH_STEPS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.mark.parametrize("chapter", WITH_STEPS)
def test_a_chapter_reads_like_the_page_and_its_exercises_are_stepped_through(
    chapter: str, desk: Desk, root: Path
) -> None:
    path = root / f"{chapter}.md"
    name = Path(shutil.copy(path, desk.folder)).name
    cells = jupytext.read(path).cells
    code = [number for number, cell in enumerate(cells) if cell.cell_type == "code"]
    desk.open(name)
    for number in code:
        desk.run_cell(number, fails="raises-exception" in cells[number].metadata.get("tags", []))
    # The last one would delete what the exercises need.
    expect(desk.page.locator(".jp-Notebook")).to_contain_text("Nothing was deleted yet")
    steps = desk.steps(name)
    for step in steps:
        desk.card(step.title).do(step)
    expect(desk.card(steps[-1].title).root).to_contain_text(f"{len(steps)} done")
    desk.card(steps[0].title).button("Reset step").click()
    expect(desk.card(steps[0].title).root).to_contain_text(f"{len(steps) - 1} done")
    warning = next(number for number, cell in enumerate(cells) if ":class: wrong" in cell.source)
    shown = desk.page.locator(f'.jp-Notebook-cell[data-windowed-list-index="{warning}"] aside').filter(
        has_text="The usual suspects"
    )
    shown.scroll_into_view_if_needed()
    expect(shown).not_to_contain_text(":::")
