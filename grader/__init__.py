"""Marks what a cluster does: checks of its state and behaviour, and everything that is nbgrader's.

A test cell of an assignment reads::

    from grader import Task, checks

    task = Task(cluster, points=3, namespace="shop")
    task.check(checks.ready("deployment/backend", replicas=3))
    ### BEGIN HIDDEN TESTS
    task.check(checks.answers("client", "http://backend"), points=2)
    ### END HIDDEN TESTS
    task.report()
"""

from __future__ import annotations

from grader.finding import Check, Finding, NotGradableError
from grader.task import Task

__all__ = ["Check", "Finding", "NotGradableError", "Task"]
