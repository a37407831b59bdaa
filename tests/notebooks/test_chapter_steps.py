"""The exercises of a chapter are work to do: their claims are false until it is done, and it can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
import yaml

from podwalk.labs import source
from podwalk.labs.headless import execute

ROOT = Path(__file__).resolve().parents[2]
GUIDE = "book/instructors/labs"
"""How to write a lab: what it shows is not run."""
BEFORE = '''
def _before(path, name):
    """Hold a step's claims against what is there before it is done; then do it, and take it back."""
    from pathlib import Path

    from podwalk.facade.errors import ManifestError
    from podwalk.labs import source
    from podwalk.labs.progress import Progress
    from podwalk.labs.session import Session

    lab = source.read(Path(path))
    step = lab.step(name)
    session = Session(cluster, lab, Progress())
    if step.solution and not step.blank:
        try:
            session.apply(step, step.manifest)
        except ManifestError:
            pass  # That it is refused may be what the step is about.
        else:
            session.settle(step)
    done = all(result.passed for result in session.verify(step))
    assert not done, f"{{name}} is done before anybody has done it"
    session.apply(step, step.answer)
    session.settle(step)
    session.undo(step)

_before({path!r}, {name!r})
'''


def chapters() -> Iterator[str]:
    """Yield the chapters that have steps."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for name in (chapter["file"] for part in toc["parts"] for chapter in part["chapters"]):
        path = ROOT / f"{name}.md"
        if name != GUIDE and path.exists() and "\n%%step " in path.read_text(encoding="utf-8"):
            yield name


def watched(page: Any, path: Path) -> Iterator[Any]:
    """Yield a page's cells, and before each step one that tries it."""
    for cell in page.cells:
        if cell.cell_type == "code" and cell.source.startswith(source.STEP):
            name = cell.source.split()[1]
            yield nbformat.v4.new_code_cell(BEFORE.format(path=str(path), name=name))  # type: ignore[no-untyped-call]  # ships no types
        yield cell


@pytest.mark.slow
@pytest.mark.parametrize("name", list(chapters()))
def test_a_chapters_step_is_not_done_before_and_can_be_done_again_after_it_was_taken_back(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODWALK_BACKEND", "in-process")
    path = ROOT / f"{name}.md"
    page: Any = jupytext.read(path)
    page.cells = list(watched(page, path))
    execute(page, path.parent)
