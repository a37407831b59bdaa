"""A step without anybody before it: shown as given, and the solution only below a fold."""

from __future__ import annotations

from typing import Any

import pytest

import podwalk
from podwalk.labs import perform as module
from podwalk.labs.lab import Check, Lab, Look, Step
from podwalk.labs.perform import StepFailedError, perform
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session

GIVEN = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes\n  namespace: default\ndata:\n  colour: blue\n"
RIGHT = GIVEN.replace("blue", "green")
LOOK = Look("kubectl get configmap notes -o jsonpath={.data.colour}", title="The colour")
CHECK = Check("the notes are `green`.", LOOK.command, prints="green")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a reader sees, in its order."""
    pieces: list[str] = []

    def keep(piece: Any) -> None:
        pieces.append(piece if isinstance(piece, str) else str(piece))

    for name in ("emit", "emit_html", "emit_markdown"):
        monkeypatch.setattr(module, name, keep)
    return pieces


def go(step: Step) -> Session:
    session = Session(podwalk.cluster("in-process", quiet=True), Lab("l", "L", "default", steps=(step,)), Progress())
    perform(session, step)
    return session


def folded(shown: list[str]) -> tuple[str, str]:
    """Return what is seen at once, and what is behind the fold."""
    (fold,) = [piece for piece in shown if piece.startswith("<details>")]
    return "\n".join(piece for piece in shown if piece is not fold), fold


def test_what_is_given_is_seen_and_the_solution_is_folded_with_what_comes_of_it(shown: list[str]) -> None:
    go(Step("notes", "Notes", manifest=GIVEN, solution=RIGHT, look=(LOOK,), verify=(CHECK,)))
    seen, fold = folded(shown)
    assert "colour: blue" in seen
    assert "\nblue" in seen
    assert "colour: green" not in seen
    assert "the notes are <code>green</code>." in seen, "what is to be reached is no secret"
    assert "green</pre>" in fold
    assert "blue → <strong>green</strong>" in fold
    assert 'class="good"' in fold


def test_a_step_without_a_fault_has_no_fold(shown: list[str]) -> None:
    go(Step("notes", "Notes", manifest=RIGHT, look=(LOOK,), verify=(CHECK,)))
    assert not [piece for piece in shown if "<details>" in piece]
    assert 'class="good"' in shown[-1]


def test_a_refusal_of_what_is_given_is_shown_and_then_mended(shown: list[str]) -> None:
    go(Step("notes", "Notes", manifest=GIVEN.replace("\ndata:", "\ndada:"), solution=RIGHT, verify=(CHECK,)))
    seen, fold = folded(shown)
    assert "dada" in seen.split("```text")[1]
    assert 'class="good"' in fold


def test_what_the_learner_writes_is_not_tried_before_and_explained_below_the_fold(shown: list[str]) -> None:
    yours = "# Yours to write.\n---\n"
    go(Step("notes", "Notes", manifest=yours, solution=RIGHT, look=(LOOK,), verify=(CHECK,), explain="It was *blue*."))
    seen, fold = folded(shown)
    assert "Yours to write" in seen
    assert "```text" not in seen, "there was nothing to apply"
    assert "blue" not in seen
    assert "It was <em>blue</em>." in fold


def test_what_cannot_be_changed_is_made_anew(shown: list[str]) -> None:
    fixed = GIVEN + "immutable: true\n"
    session = go(Step("notes", "Notes", manifest=fixed, solution=fixed.replace("blue", "green"), verify=(CHECK,)))
    assert session.cluster.get("configmap/notes").object["data"] == {"colour": "green"}


def test_a_refusal_in_a_step_without_a_solution_ends_the_run(shown: list[str]) -> None:
    with pytest.raises(podwalk.errors.PodwalkError, match="dada"):
        go(Step("notes", "Notes", manifest=GIVEN.replace("\ndata:", "\ndada:")))


def test_a_solution_that_does_not_pass_fails_the_step(shown: list[str]) -> None:
    with pytest.raises(StepFailedError, match="green"):
        go(Step("notes", "Notes", manifest=GIVEN, solution=GIVEN.replace("blue", "red"), verify=(CHECK,)))
