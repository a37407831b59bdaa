"""A step as text, manifest and output: what the published book, a headless run and a notebook without widgets show."""

from __future__ import annotations

from html import escape
from typing import Any

from podwalk.facade import Output
from podwalk.facade.addons import ADDONS
from podwalk.facade.errors import LearnerError
from podwalk.facade.tally import tally
from podwalk.labs.check import CheckResult
from podwalk.labs.lab import Lab, Prediction, Step
from podwalk.labs.output import emit, emit_html, emit_markdown
from podwalk.labs.session import Session, Sight


class StepFailedError(LearnerError):
    """A step whose own solution does not pass its checks."""


def head(lab: Lab) -> str:
    """Return the head of a lab as Markdown."""
    return f"**{lab.title}** · {terms(lab)}"


def terms(lab: Lab) -> str:
    """Return a lab's level, time, prerequisites and goals as Markdown."""
    lines = [f"{lab.level.capitalize()} · about {lab.minutes} minutes"]
    if lab.prerequisites:
        lines.append("Before you start: " + "; ".join(lab.prerequisites) + ".")
    if lab.needs:
        titles = [ADDONS[need].title for need in lab.needs]
        lines.append(f"Your cluster needs {', and '.join(titles)}: the first step switches it on, or finds it.")
    if lab.goals:
        lines.append("At the end you can:\n\n" + "\n".join(f"* {goal}" for goal in lab.goals))
    return "\n\n".join(lines)


def result(sight: Sight) -> Any:
    """Return what a look shows: the command's result, or its lines counted."""
    if sight.look.tally and isinstance(sight.result, Output):
        return tally(sight.result.lines)
    return sight.result


def perform(session: Session, step: Step) -> list[CheckResult]:
    """Go through a step with its own solution, showing everything.

    Raises:
        StepFailedError: when a check does not pass.
        LearnerError: when the cluster refuses something.
    """
    emit_markdown(f"**{step.title}**\n\n{step.text}".rstrip())
    if step.prediction:
        emit_html(question(step.prediction))
    if step.answer:
        emit_markdown(f"```yaml\n{step.answer.strip()}\n```")
    changes = session.apply(step, step.answer)
    if len(changes):
        emit(changes)
    session.settle(step)
    for sight in session.look(step):
        title = f"{sight.look.title}:\n" if sight.look.title else ""
        emit_markdown(f"{title}```console\n$ {sight.look.command}\n```")
        emit(result(sight))
    if step.prediction:
        emit_html(answer(step.prediction))
    if step.explain:
        emit_markdown(step.explain)
    results = session.verify(step)
    if results:
        lines = [f"* {'✓' if item.passed else '✗'} {item.check.claim} {item.reason}".rstrip() for item in results]
        emit_markdown("\n".join(lines))
    failed = [item for item in results if not item.passed]
    if failed:
        raise StepFailedError(
            f'step "{step.name}": it is not true that {failed[0].check.claim}', where=failed[0].reason
        )
    return results


def question(prediction: Prediction) -> str:
    """Return a prediction as a box of the book."""
    choices = "".join(f"<li>{escape(choice.text)}</li>" for choice in prediction.choices)
    title = '<p class="admonition-title">Predict</p>'
    return f'<div class="admonition predict">{title}<p>{escape(prediction.question)}</p><ol>{choices}</ol></div>'


def answer(prediction: Prediction) -> str:
    """Return what happens and why, folded away."""
    number, choice = next((number, choice) for number, choice in enumerate(prediction.choices, 1) if choice.right)
    happens = f"{number}. {escape(choice.text)} {escape(choice.why)}"
    return f"<details><summary>What happens</summary><p>{happens}</p></details>"
