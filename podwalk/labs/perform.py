"""A step performed where nobody sits: for the published book, a headless run and a notebook without widgets.

A step that is to be mended is shown as a learner meets it: first the manifest as it is given, and what comes of it. The
solution and its result are folded away, so that a reader of the book can think first. Where the manifest is the
learner's to write, there is nothing to try before that.
"""

from __future__ import annotations

from podwalk.facade.errors import LearnerError
from podwalk.labs import html, show
from podwalk.labs.changes import describe
from podwalk.labs.check import CheckResult
from podwalk.labs.lab import Step
from podwalk.labs.output import emit, emit_html, emit_markdown
from podwalk.labs.session import Session


class StepFailedError(LearnerError):
    """A step whose own solution does not pass its checks."""


def perform(session: Session, step: Step) -> list[CheckResult]:
    """Go through a step to its end, showing everything.

    Args:
        session: The lab's.
        step: The step; one with a solution is tried as it is given before it is mended.

    Returns:
        What the checks found; all of them passed.

    Raises:
        StepFailedError: when a check does not pass.
        LearnerError: when the cluster refuses something.
    """
    emit_markdown(f"**{step.title}**\n\n{step.text}".rstrip())
    if step.prediction:
        emit_html(html.question(step.prediction))
    if step.manifest:
        emit_markdown(f"```yaml\n{step.manifest.strip()}\n```")
    try:
        if not step.blank:
            _try(session, step)
    except LearnerError as error:
        if not step.solution:
            raise
        emit_markdown(f"```text\n{error}\n```")
    if step.prediction:
        emit_html(html.answer(step.prediction))
    if step.explain and not step.blank:
        emit_markdown(step.explain)
    results = _mend(session, step) if step.solution else _check(session, step)
    failed = [item for item in results if not item.passed]
    if failed:
        raise StepFailedError(
            f'step "{step.name}": it is not true that {failed[0].check.claim}', where=failed[0].reason
        )
    return results


def _try(session: Session, step: Step) -> None:
    """Apply the manifest as it is given, and look."""
    changes = session.apply(step, step.manifest)
    if len(changes):
        emit(changes)
    session.settle(step)
    for sight in session.look(step):
        title = f"{sight.look.title}:\n" if sight.look.title else ""
        emit_markdown(f"{title}```console\n$ {sight.look.command}\n```")
        emit(show.result(sight))


def _check(session: Session, step: Step) -> list[CheckResult]:
    results = session.verify(step)
    if results:
        emit_html(html.claims(results))
    return results


def _mend(session: Session, step: Step) -> list[CheckResult]:
    """Apply the solution, and show it and what comes of it folded away."""
    changes = session.apply(step, step.solution)
    session.settle(step)
    seen = "".join(html.seen(sight) for sight in session.look(step))
    results = session.verify(step)
    claims = "".join(f"<li>{html.code(result.check.claim)}</li>" for result in results)
    emit_html(f"<p>The step is done when:</p><ul>{claims}</ul>")
    told = html.manifest(step.solution) + describe(changes) + seen + html.claims(results)
    told += html.markdown(step.explain) if step.blank else ""
    emit_html(f"<details><summary>A solution, and what comes of it</summary>{told}</details>")
    return results
