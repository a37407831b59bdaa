"""A task: checks with points, whose report ends in the one number that nbgrader reads.

nbgrader takes a test cell's last number as its points, any other last value as *all* of them, and anything on standard
error as none. So a task prints its report, keeps warnings to itself, and ends in a number from 0 to the maximum.
"""

from __future__ import annotations

import copy
import os
import warnings
from typing import TYPE_CHECKING

from grader import report
from grader.finding import Check, Finding, NotGradableError, Result
from grader.patience import until_passed
from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError

if TYPE_CHECKING:
    from podwalk.labs.assignment import Validation

PATIENCE_S = 30.0
"""How long a task's checks wait in vain, together; or as long as a check asks for that is more patient."""

LEAST_PATIENCE_S = 3.0


class Task:
    """What one test cell of an assignment marks.

    Attributes:
        results: what each check found, in order.
    """

    def __init__(self, cluster: Cluster, *, points: float, namespace: str = "") -> None:
        """Begin a task.

        Args:
            cluster: the cluster to look at.
            points: the cell's points in nbgrader.
            namespace: of everything the checks name, by default the cluster's.
        """
        self.points = points
        self.results: list[Result] = []
        self._waited_s = 0.0
        self._cluster = copy.copy(cluster)
        self._cluster.namespace = namespace or cluster.namespace
        self._validation = _validation()
        if self._validation:
            self._validation.before_test()

    def check(self, check: Check, points: float = 1.0) -> Finding:
        """Try a check to its deadline and record what was found.

        Args:
            check: what must hold.
            points: its weight among the task's checks. In the whole test cell the weights add up to the task's
                points; in the student's version, which lacks the hidden ones, they are scaled.

        Raises:
            NotGradableError: when the check itself breaks, or the cluster does not answer.
        """
        patience_s = max(PATIENCE_S, check.deadline_s) - self._waited_s
        deadline_s = min(check.deadline_s, max(patience_s, LEAST_PATIENCE_S))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                finding = until_passed(self._cluster, check.attempt, deadline_s)
            except (LearnerError, NotGradableError) as error:
                raise NotGradableError(f"the check “{check.claim}” got no answer: {error}") from error
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
                raise NotGradableError(f"the check “{check.claim}” broke: {problem}") from error
        if not finding.passed and not finding.final:
            self._waited_s += deadline_s
        self.results.append(Result(check.claim, points, finding))
        return finding

    @property
    def earned(self) -> float:
        """The points earned, from 0 to the task's points, to two decimals."""
        total = sum(result.points for result in self.results)
        if total <= 0:
            raise NotGradableError("the task has no check with points: its test cell is incomplete")
        return round(self.points * sum(result.earned for result in self.results) / total, 2)

    def report(self) -> float:
        """Print what was found and return the points earned; the last line of a test cell.

        Raises:
            UnsavedError: when nbgrader's Validate runs the notebook, and the learner's cluster has what would be lost.
        """
        earned = self.earned
        print(report.text(self.results, earned, self.points))
        if self._validation:
            self._validation.after_test()
        return earned


def _validation() -> Validation | None:
    """Return what nbgrader's Validate adds; nothing everywhere else."""
    if os.environ.get("NBGRADER_VALIDATING") != "1":
        return None
    from podwalk.labs.assignment import validation

    return validation()
