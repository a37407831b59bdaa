"""The step control: read, predict, apply, see, verify, next; back and reset at any time. ipywidgets only.

The control holds no truth of its own: what was done is in the session's progress, what is there is in the cluster,
and both are asked again before the learner is told that a step is done.
"""

from __future__ import annotations

import sys
import threading
from html import escape
from typing import Any

import ipywidgets as widgets

from podwalk.errors import PodwalkError
from podwalk.facade import Changes
from podwalk.facade.errors import CancelledError, UnreachableError
from podwalk.labs import show
from podwalk.labs.buttons import Action, Confirmed, button
from podwalk.labs.changes import describe
from podwalk.labs.check import CheckResult
from podwalk.labs.editor import Editor
from podwalk.labs.html import claims, code, inline, markdown, note, plain, problem, seen
from podwalk.labs.lab import Step
from podwalk.labs.progress import StepProgress
from podwalk.labs.session import Session
from podwalk.labs.style import CSS


class Controls:
    """All controls of one lab, so that a step knows those before and after it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.steps: dict[str, StepControl] = {}
        self.loss = ""
        self._busy, self._cancel = threading.Lock(), threading.Event()
        self._head = widgets.HTML()
        self._say, self._loss = widgets.HTML(), widgets.HTML()
        self._reset = Confirmed("Reset lab", "Undo every step, the last first", self.reset)
        self._rebuild = button("Rebuild", "Apply again what the lab had built", self.rebuild, primary=True)
        self._stop = button("Cancel", "Stop waiting", self.cancel)

    def head(self) -> widgets.Widget:
        """Return the panel at the top of a lab: its goals, its progress, and what concerns it whole."""
        self._stop.layout.display = "none"
        self.look_for_loss()
        self.refresh()
        top = widgets.VBox([widgets.HTML(f"<style>{CSS}</style>"), self._head])
        top.add_class("podwalk-top")
        text = widgets.HTML(markdown(show.terms(self.session.lab)))
        foot = widgets.HBox([self._reset.button, self._stop, self._rebuild])
        foot.add_class("podwalk-foot")
        card = widgets.VBox([top, text, self._loss, self._say, foot])
        card.add_class("podwalk-card")
        return card

    def step(self, step: Step) -> widgets.Widget:
        """Return the control of a step, made anew each time its cell runs."""
        self.steps[step.name] = StepControl(self, step)
        self.refresh()
        return self.steps[step.name].card

    def refresh(self) -> None:
        """Bring progress up to date everywhere."""
        lab, progress = self.session.lab, self.session.progress
        done = sum(progress.step(step.name).done for step in lab.steps)
        self._head.value = f"{self.dots('')}<h2>{escape(lab.title)}</h2>"
        if lab.steps and done == len(lab.steps):
            self._say.value = note(f"All {done} steps are done.", "good")
        self._rebuild.layout.display = "" if self.loss else "none"
        self._loss.value = note(self.loss, "busy") if self.loss else ""
        for control in self.steps.values():
            control.refresh()

    def dots(self, here: str) -> str:
        """Draw how many steps there are, which are done, and which is this one."""
        lab, progress = self.session.lab, self.session.progress
        classes = [
            "done" if progress.step(step.name).done else "here" if step.name == here else "" for step in lab.steps
        ]
        done = classes.count("done")
        number = next((number for number, step in enumerate(lab.steps, 1) if step.name == here), 0)
        text = f"Step {number} of {len(lab.steps)}" if number else f"{len(lab.steps)} steps"
        bars = "".join(f'<i class="{name}"></i>' for name in classes)
        return f'<div class="podwalk-dots"><span>{text}</span>{bars}<b>{done} done</b></div>'

    def unlocked(self, step: Step) -> bool:
        """Whether every step before this one is done."""
        names = [item.name for item in self.session.lab.steps]
        return all(self.session.progress.step(name).done for name in names[: names.index(step.name)])

    def look_for_loss(self) -> None:
        """Look whether the cluster still has what the lab built; if not, every control offers to rebuild it."""
        try:
            lost = self.session.lost()
        except UnreachableError:
            self.loss = (
                "<strong>The cluster does not answer</strong>: it was stopped or deleted. "
                "<strong>Rebuild</strong> starts it and applies again what you built."
            )
            return
        except PodwalkError as error:
            self.loss = f"The cluster was asked whether it has what you built, in vain: {escape(str(error))}"
            return
        titles = ", ".join(f"“{escape(step.title)}”" for step in lost)
        self.loss = (
            f"The cluster no longer has what you built in {titles}: it was reset, or something was deleted. "
            "<strong>Rebuild</strong> applies it again; <strong>Reset lab</strong> begins anew."
            if lost
            else ""
        )

    def rebuild(self) -> None:
        """Apply again what was lost."""
        self.start(self.session.rebuild, self._say, self._stop, done="The cluster has everything again.")

    def reset(self) -> None:
        """Undo the whole lab."""

        def after() -> None:
            for control in self.steps.values():
                control.clear()

        self.start(self.session.reset, self._say, self._stop, after=after)

    def cancel(self) -> None:
        """Stop waiting."""
        self._cancel.set()

    def start(
        self,
        work: Action,
        say: widgets.HTML,
        stop: widgets.Button,
        *,
        pressed: widgets.Button | None = None,
        done: str = "",
        after: Action | None = None,
    ) -> None:
        """Do something in a thread of its own, so that Cancel can be pressed; in the browser there are no threads.

        Args:
            work: what to do; nothing else of the lab is done meanwhile.
            say: where what goes on is told.
            stop: the button that cancels, shown meanwhile.
            pressed: the button that was pressed; it stays enabled, for the keyboard would lose its place.
            done: what is said at the end.
            after: what to do when it succeeded.
        """
        if not self._busy.acquire(blocking=False):
            return
        self._cancel.clear()
        self.session.cancelled = self._cancel.is_set
        self._rebuild.disabled = self._reset.button.disabled = True
        for control in self.steps.values():
            control.pause(pressed)
        stop.layout.display = ""

        def body() -> None:
            try:
                good = self._run(work, say, done)
                self.look_for_loss()
                self.refresh()
                if good and after:
                    after()
            finally:
                self._busy.release()
                stop.layout.display = "none"
                self._rebuild.disabled = self._reset.button.disabled = False
                self.refresh()

        if sys.platform == "emscripten":
            body()
        else:
            threading.Thread(target=body, daemon=True).start()

    def _run(self, work: Action, say: widgets.HTML, done: str) -> bool:
        """Do something that may take long, telling what goes on; return whether it succeeded."""

        def report(sentence: str) -> None:
            say.value = (
                f'<div class="podwalk-say" role="status"><span class="podwalk-spin"></span>{escape(sentence)} …</div>'
            )

        self.session.report = report
        try:
            work()
            self.session.keep()
        except UnreachableError:
            # What to do about it is said by :meth:`look_for_loss`.
            say.value = note("<strong>The cluster does not answer.</strong>", "bad")
            return False
        except PodwalkError as error:
            say.value = note(escape(str(error)), "busy") if isinstance(error, CancelledError) else problem(error)
            return False
        say.value = note(escape(done), "good") if done else ""
        return True

    def neighbour(self, step: Step, by: int) -> StepControl | None:
        """Return the control before (-1) or after (1) a step's."""
        names = [item.name for item in self.session.lab.steps]
        place = names.index(step.name) + by
        return self.steps.get(names[place]) if 0 <= place < len(names) else None


class StepControl:
    """The control of one step."""

    def __init__(self, controls: Controls, step: Step) -> None:
        self.controls, self.step = controls, step
        self._top = widgets.HTML()
        self._top.add_class("podwalk-top")
        self._text = widgets.HTML(markdown(step.text))
        self._prediction = self._radio()
        self._editor = Editor(self.state.draft or self.state.manifest or step.manifest)
        self._editor.area.observe(self._type, names="value")
        self._say, self._out, self._verdict, self._checks, self._help = (widgets.HTML() for _ in range(5))
        self._loss = widgets.HTML()
        word, tip = (
            ("Apply", "Apply the manifest to the cluster")
            if step.manifest or step.run
            else ("Look", "Run the commands of this step")
        )
        self._apply = button(word, tip, self.apply, primary=True)
        self._verify = button("Verify", "Check whether the step is done", self.verify)
        self._hint = button("Hint", "Show the next hint", self.hint)
        self._solution = button("Solution", "Put the solution into the editor", self.solve)
        self._stop = button("Cancel", "Stop waiting", controls.cancel)
        self._stop.layout.display = "none"
        self._rebuild = button("Rebuild", "Apply again what the lab had built", self.rebuild, primary=True)
        self._back = button("‹ Back", "Undo this step and go to the one before", self.back)
        self._reset = button("Reset step", "Undo what this step changed and begin it again", self.reset)
        self._next = button("Next ›", "Go to the next step", self.next, primary=True)
        self.card = self._lay_out()
        self._recall()

    @property
    def state(self) -> Any:
        """What the learner did in this step."""
        return self.controls.session.progress.step(self.step.name)

    def _lay_out(self) -> widgets.VBox:
        actions = widgets.HBox(
            [self._rebuild, self._apply, self._verify, self._hint, self._solution, self._stop],
            layout={"flex_flow": "row wrap", "margin": "12px 0 4px"},
        )
        foot = widgets.HBox([self._back, self._reset, self._next], layout={"flex_flow": "row wrap"})
        foot.add_class("podwalk-foot")
        parts: list[Any] = [widgets.HTML(f"<style>{CSS}</style>"), self._top, self._text]
        if self._prediction:
            question = self.step.prediction.question if self.step.prediction else ""
            parts += [
                widgets.HTML(f'<div class="podwalk-label">Predict</div><div>{code(question)}</div>'),
                self._prediction,
            ]
        if self.step.manifest:
            parts += [widgets.HTML('<div class="podwalk-label">Manifest</div>'), self._editor.box]
        parts += [self._loss, actions, self._say, self._out, self._verdict, self._checks, self._help, foot]
        card = widgets.VBox(parts)
        card.add_class("podwalk-card")
        return card

    def _radio(self) -> widgets.RadioButtons | None:
        if self.step.prediction is None:
            return None
        choices = [(plain(choice.text), number) for number, choice in enumerate(self.step.prediction.choices)]
        radio = widgets.RadioButtons(options=choices, value=self.state.choice, layout={"width": "auto"})
        radio.tooltip = plain(self.step.prediction.question)
        radio.observe(self._choose, names="value")
        return radio

    def _choose(self, change: Any) -> None:
        if not self.state.applied:
            self.state.choice = change["new"]
            self.controls.session.progress.save()
        self.refresh()

    def _type(self, change: Any) -> None:
        """Keep what is typed, which a restart of the kernel would lose."""
        own = change["new"] == (self.state.manifest or self.step.manifest)
        self.state.draft = None if own else change["new"]
        self.controls.session.progress.save()
        self._reset.disabled = self._untouched

    @property
    def _untouched(self) -> bool:
        return bool(self.state == StepProgress())

    def _recall(self) -> None:
        """Show what a kernel before this one had shown."""
        if self.state.done:
            self._checks.value = note("This step was done before. <strong>Verify</strong> checks it again.", "good")
        elif self.state.applied:
            self._say.value = note(
                "This step was applied before. <strong>Verify</strong> it, or apply it again.", "busy"
            )
        if self.state.applied:
            self._verdict.value = self._judge()
        self._show_help()

    def refresh(self) -> None:
        """Enable what can be done now."""
        state, unlocked = self.state, self.controls.unlocked(self.step)
        loss = self.controls.loss if unlocked and (self._last or not state.done) else ""
        self._loss.value = note(loss, "busy") if loss else ""
        self._rebuild.layout.display = "" if loss else "none"
        self._rebuild.disabled = False
        self._top.value = f"{self.controls.dots(self.step.name)}<h3>{escape(self.step.title)}</h3>"
        chosen = self._prediction is None or state.choice is not None
        self._apply.disabled = not (unlocked and chosen)
        self._apply.tooltip = (
            "Apply the manifest"
            if unlocked and chosen
            else "Predict first"
            if unlocked
            else "Finish the step before this one"
        )
        self._verify.disabled = not (state.applied and self.step.verify)
        self._hint.disabled = not unlocked or state.hints >= len(self.step.hints)
        self._hint.description = (
            f"Hint {min(state.hints + 1, len(self.step.hints))} of {len(self.step.hints)}"
            if self.step.hints
            else "Hint"
        )
        self._hint.layout.display = "" if self.step.hints else "none"
        self._solution.layout.display = "" if self._has_solution else "none"
        self._solution.disabled = not (unlocked and state.hints >= len(self.step.hints))
        self._next.disabled = not state.done
        self._next.layout.display = "" if self.controls.neighbour(self.step, 1) or not self._last else "none"
        self._reset.disabled = self._untouched
        self._back.disabled = self.controls.neighbour(self.step, -1) is None
        if self._prediction:
            self._prediction.disabled = bool(state.applied)
        if not unlocked and not self._say.value:
            self._say.value = '<div class="podwalk-say">Finish the step before this one first.</div>'
        elif unlocked and not chosen and not self._say.value:
            self._say.value = '<div class="podwalk-say" role="status">Choose a prediction, then apply.</div>'
        elif "Finish the step" in self._say.value or (chosen and "Choose a prediction" in self._say.value):
            self._say.value = ""

    @property
    def _has_solution(self) -> bool:
        """Whether there is another answer than the given manifest, which Reset step brings back."""
        return self.step.answer.strip() != self.step.manifest.strip()

    @property
    def _last(self) -> bool:
        return self.controls.session.lab.steps[-1].name == self.step.name

    def apply(self) -> None:
        """Apply what the editor holds, wait, and show what changed and what is seen."""
        self._out.value = self._verdict.value = self._checks.value = ""

        def work() -> None:
            session = self.controls.session
            changes = session.apply(self.step, self._editor.text)
            self._out.value = self._changed(changes)
            session.settle(self.step)
            for sight in session.look(self.step):
                self._out.value += seen(sight)
            self._verdict.value = self._judge()

        self._start(work, self._apply)

    def _changed(self, changes: Changes) -> str:
        return '<div class="podwalk-label">What changed</div>' + describe(changes) if len(changes) else ""

    def _judge(self) -> str:
        """Compare the prediction with what happens, and explain."""
        prediction, text = self.step.prediction, markdown(self.step.explain) if self.step.explain else ""
        if prediction is None or self.state.choice is None:
            return text
        chosen = prediction.choices[self.state.choice]
        right = next(choice for choice in prediction.choices if choice.right)
        if chosen.right:
            verdict = note(f"<strong>You predicted it.</strong> {code(chosen.why)}", "good")
        else:
            verdict = note(
                f"<strong>You predicted: {code(chosen.text)}</strong> {code(chosen.why)}<br>"
                f"<strong>What happens: {code(right.text)}</strong> {code(right.why)}",
                "blue",
            )
        return '<div class="podwalk-label">Your prediction</div>' + verdict + text

    def verify(self) -> None:
        """Check every claim of the step."""
        self._checks.value = ""

        def work() -> None:
            results = self.controls.session.verify(self.step)
            self._checks.value = '<div class="podwalk-label">Verify</div>' + claims(results) + self._outcome(results)

        self._start(work, self._verify)

    def _outcome(self, results: list[CheckResult]) -> str:
        if not all(result.passed for result in results):
            if self.state.done:
                return note(
                    "<strong>Not so any more.</strong> A later step has changed it since. This step stays done.", "busy"
                )
            more = "Change the manifest and apply it again" + (", or take a hint." if self.step.hints else ".")
            return note(f"<strong>Not yet.</strong> {more}", "busy")
        return note(
            "<strong>Done.</strong> " + ("That was the last step." if self._last else "On to the next step."), "good"
        )

    def hint(self) -> None:
        """Show one more hint."""
        self.state.hints += 1
        self.controls.session.progress.save()
        self._show_help()
        self.refresh()

    def solve(self) -> None:
        """Put the solution into the editor; the learner still applies it."""
        self.state.solved = True
        self._editor.area.value = self.step.answer
        self.controls.session.progress.save()
        self._show_help()

    def _show_help(self) -> None:
        shown = [
            f"<strong>Hint {number}.</strong> {inline(text)}"
            for number, text in enumerate(self.step.hints[: self.state.hints], 1)
        ]
        shown += (
            ["<strong>The solution is in the editor.</strong> Read it, then apply it."] if self.state.solved else []
        )
        self._help.value = "".join(note(text, "blue") for text in shown)

    def reset(self) -> None:
        """Put back what the step changed, and begin it again."""
        self._start(self._undo, self._reset, after=self._begin)

    def _begin(self) -> None:
        self.clear()
        self.focus()

    def rebuild(self) -> None:
        """Apply again what the cluster has lost, up to this step."""
        self._start(self.controls.session.rebuild, self._rebuild, done="The cluster has everything again.")

    def _undo(self) -> None:
        self.controls.session.undo(self.step)

    def back(self) -> None:
        """Put back what the step changed, and go to the one before."""

        def after() -> None:
            self.clear()
            before = self.controls.neighbour(self.step, -1)
            if before:
                before.focus()

        self._start(self._undo, self._back, after=after)

    def next(self) -> None:
        """Go to the next step."""
        following = self.controls.neighbour(self.step, 1)
        if following:
            following.focus()
        else:
            self._say.value = note("Run the next cell of the notebook to see the next step.", "blue")

    def focus(self) -> None:
        """Put the keyboard on what comes first in this step."""
        first = (
            self._prediction
            if self._prediction and not self._prediction.disabled
            else self._editor.area
            if self.step.manifest
            else self._apply
        )
        first.focus()

    def clear(self) -> None:
        """Show the step as it was at first."""
        for part in (self._say, self._out, self._verdict, self._checks, self._help):
            part.value = ""
        self._editor.area.value = self.step.manifest
        if self._prediction:
            self._prediction.value = None

    def pause(self, pressed: widgets.Button | None) -> None:
        """Disable every button but the one that was pressed, while something is done."""
        buttons = [self._rebuild, self._apply, self._verify, self._hint, self._solution]
        for item in [*buttons, self._back, self._reset, self._next]:
            item.disabled = item is not pressed

    def _start(self, work: Action, pressed: widgets.Button, *, done: str = "", after: Action | None = None) -> None:
        self.controls.start(work, self._say, self._stop, pressed=pressed, done=done, after=after)
