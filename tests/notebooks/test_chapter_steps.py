"""Every step among a chapter's exercises: not done before it is done, exact when taken back, the same done again."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError
from podwalk.labs import needs, source
from podwalk.labs.headless import execute
from podwalk.labs.lab import Lab
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session
from tests.notebooks.test_chapters import CHAPTERS, ROOT, text
from tests.notebooks.test_undo import differences, go_through, loose, recover
from tests.notebooks.test_undo import state as seen

WITH_STEPS = [chapter for chapter in CHAPTERS if "\n%%step " in text(chapter)]
IN_THE_KERNEL = f"from {__name__} import try_out; try_out(cluster, {{chapter!r}}, {{step!r}})"


def state(cluster: Cluster) -> dict[str, Any]:
    """Return what is in a cluster, whether or not it is ready: some of these steps are about what comes and goes.

    How many Pods there are where an autoscaler is at work, is its own affair.
    """
    found = seen(cluster)
    scaled = [path.split("/")[5] for path in found if "/horizontalpodautoscalers/" in path]
    for namespace in scaled:
        for path, obj in found.items():
            if path.startswith(f"/apis/apps/v1/namespaces/{namespace}/"):
                obj["spec"].pop("replicas", None)
    owned = {
        key: count
        for key, count in found.pop("owned").items()
        if key.endswith(" True") and key.split()[0] not in scaled
    }
    return {path: {**obj, "ready": ""} for path, obj in found.items()} | {"owned": owned}


@cache
def session_of(cluster: Cluster, chapter: str) -> Session:
    """Return the one session of the notebook's kernel, with what its chapter needs."""
    lab: Lab = source.read(ROOT / f"{chapter}.md")
    needs.provide(cluster, lab, lambda sentence: None)
    return Session(cluster, lab, Progress())


def try_out(cluster: Cluster, chapter: str, name: str) -> None:
    """Do a step, do it again, take it back and do it once more; what is wrong fails the cell."""
    session = session_of(cluster, chapter)
    step = session.lab.step(name)
    assert step is not None
    assert step.verify, "nothing says when it is done"
    before, ready = state(cluster), seen(cluster)
    if step.solution and not step.blank:
        # Some are refused, and to be mended for that.
        with suppress(LearnerError):
            session.apply(step, step.manifest)
            session.settle(step)
    assert not all(result.passed for result in session.verify(step)), "every claim is true before the step is done"
    go_through(session, step)
    once = state(cluster)
    go_through(session, step)
    found = differences(loose(once), loose(state(cluster)))
    assert not found, f"applied twice: {found}"
    session.undo(step)
    recover(cluster, ready)
    found = differences(loose(before), loose(state(cluster)))
    assert not found, f"taken back: {found}"
    go_through(session, step)
    found = differences(loose(once), loose(state(cluster)))
    assert not found, f"done again: {found}"
    assert session.lost() == []


@pytest.mark.slow
@pytest.mark.parametrize("chapter", WITH_STEPS)
def test_the_exercises_of_a_chapter_ask_for_something_and_can_be_taken_back(
    chapter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODWALK_BACKEND", "in-process:1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nb: Any = jupytext.read(ROOT / f"{chapter}.md")
    for cell in nb.cells:
        words = cell.source.split("\n", 1)[0].split()
        if words[:1] == [source.STEP]:
            cell.source = IN_THE_KERNEL.format(chapter=chapter, step=words[1])
    nbformat.validate(nb)
    execute(nb, Path(ROOT / chapter).parent)


def test_there_are_chapters_with_steps() -> None:
    assert WITH_STEPS
