"""What a learner reads when something is wrong: what happened, where, and what to try, without our traceback."""

from __future__ import annotations

from podwalk.errors import PodwalkError


class LearnerError(PodwalkError):
    """A mistake or surprise that a learner can act on.

    Attributes:
        problem: what happened, in a sentence.
        where: the place: a line of the manifest, a field, an object; may be empty.
        hint: what to try next; may be empty.
    """

    def __init__(self, problem: str, *, where: str = "", hint: str = "") -> None:
        self.problem, self.where, self.hint = problem, where, hint
        super().__init__(self.text())

    def text(self) -> str:
        """Render as up to three labelled lines."""
        lines = [self.problem]
        if self.where:
            lines.append("  where: " + self.where.replace("\n", "\n         "))
        if self.hint:
            lines.append("  try:   " + self.hint.replace("\n", "\n         "))
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """Show the message alone in IPython, which calls this instead of printing a traceback."""
        return [f"{type(self).__name__}: {self.text()}"]


class ManifestError(LearnerError):
    """A manifest that is not YAML, or not a Kubernetes object, or that the API refuses.

    Attributes:
        line: the line of the manifest, counted from 1; 0 if unknown.
    """

    def __init__(self, problem: str, *, where: str = "", hint: str = "", line: int = 0) -> None:
        self.line = line
        super().__init__(problem, where=where, hint=hint)


class UnreachableError(LearnerError):
    """A cluster that does not answer: it was stopped, deleted, or is somewhere else now."""


class NotFoundError(LearnerError):
    """An object, namespace or kind that is not there."""


class NotReadyError(LearnerError):
    """A Pod that cannot run a command or show its log yet."""


class WaitError(LearnerError):
    """A condition that did not come in time."""


class CancelledError(LearnerError):
    """A wait that the learner gave up."""


class RefusedError(LearnerError):
    """An answer of the API that is an error of another kind.

    Attributes:
        code: the HTTP status.
        reason: the API's word for it, e.g. ``Conflict``.
    """

    def __init__(self, problem: str, *, code: int = 0, reason: str = "", where: str = "", hint: str = "") -> None:
        self.code, self.reason = code, reason
        super().__init__(problem, where=where, hint=hint)


class AmbiguityError(LearnerError):
    """One object was asked for and there are none or several."""
