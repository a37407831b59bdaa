"""The values that grading passes around: a check, what one try of it found, and a task's results.

They are data; how they read is :mod:`grader.report`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from podwalk.errors import PodwalkError
from podwalk.facade import Cluster

DEADLINE_S = 15.0
"""How long a check is tried again before its answer counts."""


class NotGradableError(PodwalkError):
    """A fault of the grading and not of the student's: it gives no mark at all, least of all a zero."""


@dataclass(frozen=True)
class Finding:
    """What one try of a check found.

    Attributes:
        share: how much of the points is earned, from 0 to 1.
        reason: why it is not all, in words that a student can act on; empty if it is all.
        evidence: what was seen, e.g. a command's output; may be empty.
        final: whether waiting cannot help, since what is missing is for the student to make.
    """

    share: float
    reason: str = ""
    evidence: str = ""
    final: bool = False

    @property
    def passed(self) -> bool:
        """Whether all points are earned."""
        return self.share >= 1


PASSED = Finding(1.0)


def failed(reason: str, evidence: str = "") -> Finding:
    """Return a finding without points."""
    return Finding(0.0, reason, evidence)


def partly(met: int, wanted: int, reason: str, evidence: str = "") -> Finding:
    """Return a finding whose share is ``met`` of ``wanted``; all of them is a pass."""
    return PASSED if met >= wanted else Finding(max(met, 0) / wanted, reason, evidence)


@dataclass(frozen=True)
class Check:
    """Something that must hold of a cluster, and how to try it.

    Attributes:
        claim: what must hold, as a sentence without its full stop.
        attempt: tries it once; raises a :class:`podwalk.facade.errors.LearnerError` for what the student's objects
            do not allow (no such Pod), which counts as failed for that reason.
        deadline_s: how long it is tried again until it passes.
    """

    claim: str
    attempt: Callable[[Cluster], Finding]
    deadline_s: float = DEADLINE_S


@dataclass(frozen=True)
class Result:
    """A check's part of a task.

    Attributes:
        claim: what had to hold.
        points: what it is worth.
        finding: what was found in the end.
    """

    claim: str
    points: float
    finding: Finding

    @property
    def earned(self) -> float:
        """The points earned."""
        return self.points * self.finding.share
