"""The step control asks for a prediction first, checks YAML as it is typed, and lets nobody skip a step."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import pytest

from podwalk.facade import Changes, Cluster
from podwalk.facade.errors import UnreachableError
from podwalk.labs.check import CheckResult
from podwalk.labs.control import Controls, StepControl
from podwalk.labs.editor import Editor
from podwalk.labs.html import claims
from podwalk.labs.lab import Check, Choice, Lab, Prediction, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session

PREDICTION = Prediction("Who?", (Choice("One.", why="No."), Choice("All.", right=True, why="At random.")))
CHECK = Check("it answers", "kubectl get pods")
MANIFEST = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
STEPS = (
    Step(
        "one",
        "One",
        manifest=MANIFEST,
        prediction=PREDICTION,
        verify=(CHECK,),
        hints=("Look.",),
        solution=MANIFEST + "spec: {}\n",
    ),
    Step("two", "Two", manifest=MANIFEST, verify=(CHECK,)),
)


class FakeSession(Session):
    """A session without a cluster: what it is told to do, it notes."""

    def __init__(self) -> None:
        super().__init__(cast(Cluster, SimpleNamespace(namespace="")), Lab("lab", "Lab", "ns", steps=STEPS), Progress())
        self.passes = False
        self.done: list[str] = []

    def apply(self, step: Step, manifest: str) -> Changes:
        self.done.append(f"apply {step.name}")
        self.progress.step(step.name).applied = True
        return Changes(())

    def verify(self, step: Step) -> list[CheckResult]:
        self.progress.step(step.name).done = self.passes
        return [CheckResult(CHECK, self.passes, "seen")]

    def undo(self, step: Step) -> None:
        self.done.append(f"undo {step.name}")
        self.progress.steps.pop(step.name, None)

    def lost(self) -> list[Step]:
        return []

    def rebuild(self) -> None:
        self.done.append("rebuild")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    monkeypatch.setattr("sys.platform", "emscripten")  # work at once, without a thread
    return FakeSession()


@pytest.fixture
def controls(session: FakeSession) -> Controls:
    made = Controls(session)
    made.head()
    for step in STEPS:
        made.step(step)
    return made


def click(control: StepControl, name: str) -> None:
    button: Any = getattr(control, f"_{name}")
    assert not button.disabled
    button.click()


def test_a_prediction_comes_before_the_result(controls: Controls) -> None:
    one = controls.steps["one"]
    assert one._apply.disabled
    assert one._prediction is not None
    one._prediction.value = 0
    click(one, "apply")
    assert "You predicted: One." in one._verdict.value
    assert "What happens: All." in one._verdict.value
    assert one._prediction.disabled


def test_a_step_opens_when_the_one_before_is_done(controls: Controls, session: FakeSession) -> None:
    one, two = controls.steps["one"], controls.steps["two"]
    assert two._apply.disabled
    assert one._prediction is not None
    one._prediction.value = 1
    click(one, "apply")
    click(one, "verify")
    assert "Not yet" in one._checks.value
    assert two._apply.disabled
    session.passes = True
    click(one, "verify")
    assert not two._apply.disabled
    assert not one._next.disabled


def test_the_solution_comes_after_the_hints(controls: Controls) -> None:
    one = controls.steps["one"]
    assert one._solution.disabled
    click(one, "hint")
    assert "Look." in one._help.value
    click(one, "solution")
    assert one._editor.text == STEPS[0].solution


def test_no_solution_is_offered_where_there_is_none_but_what_the_step_gives(controls: Controls) -> None:
    assert controls.steps["one"]._solution.layout.display == ""
    assert controls.steps["two"]._solution.layout.display == "none"
    two = controls.steps["two"]
    two._editor.area.value = MANIFEST + "spec: {}\n"
    assert two._solution.layout.display == "none"
    click(two, "reset")
    assert two._editor.text == MANIFEST


def test_back_undoes_the_step(controls: Controls, session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StepControl, "focus", lambda self: None)
    session.passes = True
    one, two = controls.steps["one"], controls.steps["two"]
    assert one._prediction is not None
    one._prediction.value = 1
    click(one, "apply")
    click(one, "verify")
    click(two, "apply")
    click(two, "back")
    assert session.done[-1] == "undo two"
    assert not session.progress.step("two").applied
    assert session.progress.step("one").done


def test_reset_lab_asks_twice(controls: Controls, session: FakeSession) -> None:
    session.progress.step("one").applied = True
    controls._reset.button.click()
    assert session.done == []
    assert "sure?" in controls._reset.button.description
    controls._reset.button.click()
    assert "undo one" in session.done


def test_progress_is_recalled_by_a_new_control(session: FakeSession) -> None:
    state = session.progress.step("one")
    state.choice, state.applied, state.done, state.manifest, state.hints = 1, True, True, MANIFEST + "# mine\n", 1
    made = Controls(session)
    made.step(STEPS[0])
    one = made.steps["one"]
    assert one._editor.text.endswith("# mine\n")
    assert "done before" in one._checks.value
    assert "You predicted it." in one._verdict.value
    assert "Look." in one._help.value
    assert one._prediction is not None
    assert one._prediction.value == 1


def test_what_is_typed_is_kept_and_can_be_reset(session: FakeSession, controls: Controls) -> None:
    one = controls.steps["one"]
    assert one._reset.disabled
    one._editor.area.value = MANIFEST + "# mine\n"
    again = Controls(session)
    again.step(STEPS[0])
    assert again.steps["one"]._editor.text.endswith("# mine\n")
    click(again.steps["one"], "reset")
    assert again.steps["one"]._editor.text == MANIFEST
    assert session.progress.step("one").draft is None


def test_old_claims_go_when_they_are_checked_again(
    controls: Controls, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = controls.steps["one"]
    assert one._prediction is not None
    one._prediction.value = 1
    click(one, "apply")
    click(one, "verify")
    shown: list[str] = []

    def verify(step: Step) -> list[CheckResult]:
        shown.append(one._checks.value)
        return []

    monkeypatch.setattr(session, "verify", verify)
    click(one, "verify")
    assert shown == [""]


def test_code_in_a_prediction_is_shown_as_code(session: FakeSession) -> None:
    asked = Prediction("What does `dig a` say?", (Choice("A `weight`.", why="No `a`."), Choice("B.", right=True)))
    session.lab = dataclasses.replace(session.lab, steps=(dataclasses.replace(STEPS[0], prediction=asked),))
    made = Controls(session)
    made.step(session.lab.steps[0])
    one = made.steps["one"]
    assert any("What does <code>dig a</code> say?" in getattr(part, "value", "") for part in one.card.children)
    assert one._prediction is not None
    assert one._prediction.options[0] == ("A weight.", 0), "a choice is text, and shows no code"
    one._prediction.value = 0
    click(one, "apply")
    assert "You predicted: A <code>weight</code>.</strong> No <code>a</code>." in one._verdict.value


def test_yaml_is_checked_as_it_is_typed() -> None:
    editor = Editor(MANIFEST)
    assert "Service a" in editor._check.value
    editor.area.value = MANIFEST.replace("kind:", "\tkind:")
    assert "Line 2" in editor._check.value


def test_a_cluster_that_does_not_answer_is_offered_anew_and_progress_stays(
    controls: Controls, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> Any:
        raise UnreachableError("the cluster does not answer")

    session.passes = True
    one, two = controls.steps["one"], controls.steps["two"]
    assert one._prediction is not None
    one._prediction.value = 1
    click(one, "apply")
    click(one, "verify")
    with monkeypatch.context() as away:
        away.setattr(session, "verify", gone)
        away.setattr(session, "lost", gone)
        click(one, "verify")
    assert session.progress.step("one").done
    assert "does not answer" in two._loss.value
    assert two._rebuild.layout.display == ""
    click(two, "rebuild")
    assert session.done[-1] == "rebuild"
    assert two._loss.value == ""
    assert two._rebuild.layout.display == "none"


def test_the_pressed_button_keeps_the_keyboard_while_others_rest(controls: Controls) -> None:
    one = controls.steps["one"]
    one.pause(one._apply)
    assert not one._apply.disabled
    assert one._verify.disabled
    assert one._next.disabled


def test_a_reason_shows_commands_as_code_and_output_as_it_is() -> None:
    check = dataclasses.replace(CHECK, prints="*two*")
    shown = claims([CheckResult(check, False, "<h1>*one*</h1>")])
    assert "<code>kubectl get pods</code> gave “&lt;h1&gt;*one*&lt;/h1&gt;”, not “*two*”" in shown
