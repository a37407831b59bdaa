"""Trying again until it holds: a cluster takes a moment to do what it was told.

Between two tries the grader watches the cluster's Pods, and goes on as soon as one changes; so a simulated cluster
jumps its clock, and nothing sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from grader.finding import Finding, failed
from podwalk.facade import Cluster, wire
from podwalk.facade.errors import LearnerError, NotFoundError

FIRST_PAUSE_S = 1.0
TRIES_A_PAUSE = 4
PODS = "/api/v1/pods"


def until_passed(cluster: Cluster, attempt: Callable[[Cluster], Finding], deadline_s: float) -> Finding:
    """Try until it passes or the deadline is over, and return the last finding."""
    finding = _try(cluster, attempt)
    for pause in pauses(deadline_s):
        if finding.passed or finding.final:
            return finding
        for _ in changes(cluster, pause):
            finding = _try(cluster, attempt)
            if finding.passed:
                return finding
        finding = _try(cluster, attempt)
    return finding


def pauses(deadline_s: float) -> Iterator[float]:
    """Yield pauses that double and add up to the deadline."""
    left, pause = deadline_s, FIRST_PAUSE_S
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause *= 2


def changes(cluster: Cluster, timeout_s: float) -> Iterator[None]:
    """Yield when a Pod changes, for ``timeout_s``; at most so often that a Pod that never rests does not stop us."""
    listed = wire.call(cluster.api, "GET", PODS, query={"limit": 1})
    query = {"resourceVersion": listed["metadata"]["resourceVersion"]}
    seen = 0
    for event in wire.watch(cluster.api, PODS, query=query, timeout_s=timeout_s):
        seen += event["type"] != "BOOKMARK"
        if seen <= TRIES_A_PAUSE:
            yield


def _try(cluster: Cluster, attempt: Callable[[Cluster], Finding]) -> Finding:
    try:
        return attempt(cluster)
    except wire.StatusError as error:
        if error.code >= 500 or error.code in {401, 403, 429}:
            raise
        return failed(error.problem)
    except NotFoundError as error:
        return replace(failed(error.problem), final=True)
    except LearnerError as error:
        return failed(error.problem, error.where)
