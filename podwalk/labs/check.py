"""Checks of a step: kubectl commands, and what they must print."""

from __future__ import annotations

import re
from dataclasses import dataclass

from podwalk.facade import Cluster, Output
from podwalk.facade.errors import CancelledError, LearnerError, UnreachableError
from podwalk.facade.kubectl import run
from podwalk.labs.lab import Check


@dataclass(frozen=True)
class CheckResult:
    """Whether a claim is true, and what was seen.

    Attributes:
        check: the claim.
        passed: whether it is true.
        seen: what the command printed, or why it failed.
    """

    check: Check
    passed: bool
    seen: str

    @property
    def reason(self) -> str:
        """Why the claim is not true; empty if it is."""
        if self.passed:
            return ""
        return " ".join(part for part in (self._contrast(), self.check.otherwise) if part)

    def _contrast(self) -> str:
        seen = f"`{self.check.command}` gave {_quote(self.seen)}"
        if self.check.fails:
            return f"{seen}, and it should fail."
        if self.check.prints is not None:
            return f"{seen}, not {_quote(self.check.prints)}."
        return f"{seen}."


def _quote(text: str) -> str:
    return f"“{text}”" if text else "nothing"


def verify(cluster: Cluster, check: Check) -> CheckResult:
    """Run a check's command and judge what it printed.

    Raises:
        UnreachableError: when the cluster does not answer.
        CancelledError: when the learner gave up.
    """
    try:
        found = run(cluster, check.command)
    except (UnreachableError, CancelledError):
        # Says nothing about the claim, and one that something fails would even come true.
        raise
    except LearnerError as error:
        return CheckResult(check, check.fails, error.problem)
    failed = isinstance(found, Output) and not found.ok
    seen = (found.stdout or found.stderr) if isinstance(found, Output) else str(found)
    seen = seen.strip()
    if failed or check.fails:
        return CheckResult(check, failed and check.fails, seen)
    right = check.prints is None or seen == check.prints.strip()
    right = right and (check.matches is None or re.search(check.matches, seen) is not None)
    return CheckResult(check, right, seen)
