"""What a lab is: steps, manifests, predictions and checks, as values.

How a teacher writes them is in :mod:`podwalk.labs.source`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One answer to a prediction: its text, whether it is what happens, and why."""

    text: str
    right: bool = False
    why: str = ""


@dataclass(frozen=True)
class Prediction:
    """What the learner is asked before the result is shown."""

    question: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Look:
    """A kubectl command whose output is the step's result.

    Attributes:
        command: in kubectl's words, e.g. ``kubectl get pods -l app=backend``.
        title: what it is looked at for; may be empty.
        tally: count equal lines and draw the counts, instead of showing the lines.
    """

    command: str
    title: str = ""
    tally: bool = False


@dataclass(frozen=True)
class Check:
    """A claim about the cluster: a kubectl command and what it must print.

    Attributes:
        claim: the claim, in a sentence.
        command: the kubectl command that shows it.
        prints: the exact output, without surrounding white space; None if it does not matter.
        matches: a regular expression found in the output; None if it does not matter.
        fails: whether the command must fail, as a request does that a policy denies.
        otherwise: what is probably wrong when the claim is not true.
    """

    claim: str
    command: str
    prints: str | None = None
    matches: str | None = None
    fails: bool = False
    otherwise: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a lab.

    Attributes:
        name: unique in the lab, e.g. ``service``.
        title: what the learner reads.
        text: Markdown before the step.
        manifest: YAML that the learner applies, perhaps after changing it; may be empty, or comments alone where the
            learner writes it.
        prediction: asked before the result is shown; None if there is none.
        run: kubectl commands that change something, run when the step is applied.
        undo: kubectl commands that take back what ``run`` did where no object shows it, as inside a container.
        wait: kubectl wait or rollout commands, run before the result is shown.
        look: the commands whose output is the result.
        explain: Markdown after the result.
        verify: what must be true for the step to be done.
        hints: up to three, from vague to plain.
        solution: a manifest that passes; empty if ``manifest`` does.
    """

    name: str
    title: str
    text: str = ""
    manifest: str = ""
    prediction: Prediction | None = None
    run: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    look: tuple[Look, ...] = ()
    explain: str = ""
    verify: tuple[Check, ...] = ()
    hints: tuple[str, ...] = ()
    solution: str = ""

    @property
    def answer(self) -> str:
        """The manifest that passes: the solution, or what the step shows."""
        return self.solution or self.manifest

    @property
    def blank(self) -> bool:
        """Whether the manifest is the learner's to write: what is given holds comments alone."""
        lines = (line.strip() for line in self.manifest.splitlines())
        return bool(self.solution) and all(not line or line.startswith(("#", "---")) for line in lines)


@dataclass(frozen=True)
class Lab:
    """A lab: its head, and its steps in order.

    Attributes:
        needs: what its cluster must have, keys of :data:`podwalk.labs.needs.NEEDS`; the first step sees to it before it
            makes anything.
    """

    name: str
    title: str
    namespace: str
    level: str = "beginner"
    minutes: int = 10
    prerequisites: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    def step(self, name: str) -> Step | None:
        """Return the step of that name; None if there is none."""
        return next((step for step in self.steps if step.name == name), None)
