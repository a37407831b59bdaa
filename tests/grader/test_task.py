"""A task's report: what nbgrader makes of it, and what counts as the student's fault."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime

import pytest

import podwalk
from grader import report
from grader.checks import answers, within
from grader.finding import Check, Finding, NotGradableError, failed, partly
from grader.task import Task
from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return podwalk.cluster("in-process", quiet=True)


def _check(attempt: Callable[[Cluster], Finding]) -> Check:
    return Check("it holds", attempt)


PASSES = _check(lambda cluster: Finding(1.0))
FAILS = _check(lambda cluster: failed("it does not"))
WATCH = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "watch", "namespace": "default"},
    "spec": {"containers": [{"name": "shell", "image": "busybox:1.36", "command": ["sleep", "infinity"]}]},
}
HALF = _check(lambda cluster: partly(1, 2, "one of two"))


def test_points_are_the_shares_of_the_checks(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    task = Task(cluster, points=4)
    task.check(PASSES)
    task.check(HALF, points=2)
    task.check(FAILS)
    assert task.report() == 2.0
    printed = capsys.readouterr()
    assert printed.err == "", "anything on standard error would cost all points"
    assert report.reasons(printed.out) == ["it holds: one of two", "it holds: it does not"]


def test_without_the_hidden_checks_the_visible_ones_can_earn_everything(cluster: Cluster) -> None:
    task = Task(cluster, points=4)
    task.check(PASSES)
    assert task.earned == 4.0


def test_a_task_without_checks_is_not_gradable(cluster: Cluster) -> None:
    with pytest.raises(NotGradableError, match="no check"):
        Task(cluster, points=4).report()


def test_a_check_that_breaks_is_not_gradable_rather_than_a_zero(cluster: Cluster) -> None:
    def breaks(cluster: Cluster) -> Finding:
        raise ZeroDivisionError

    with pytest.raises(NotGradableError, match="ZeroDivisionError"):
        Task(cluster, points=1).check(_check(breaks))


def test_what_the_students_objects_do_not_allow_is_a_failed_check(cluster: Cluster) -> None:
    def refuses(cluster: Cluster) -> Finding:
        raise LearnerError("the Pod does not run")

    assert Task(cluster, points=1).check(_check(refuses)).reason == "the Pod does not run"


def test_a_warning_in_a_check_is_kept_from_standard_error(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    def warns(cluster: Cluster) -> Finding:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return Finding(1.0)

    assert Task(cluster, points=1).check(_check(warns)).passed
    assert capsys.readouterr().err == ""


def test_a_check_is_tried_until_it_passes(cluster: Cluster) -> None:
    tries: list[int] = []

    def third_time(cluster: Cluster) -> Finding:
        tries.append(1)
        return Finding(1.0) if len(tries) == 3 else failed("not yet")

    assert Task(cluster, points=1).check(_check(third_time)).passed


def test_what_is_not_there_is_not_waited_for(cluster: Cluster) -> None:
    tries: list[int] = []

    def looks(cluster: Cluster) -> Finding:
        tries.append(1)
        cluster.get("services", "nowhere")
        return Finding(1.0)

    assert not Task(cluster, points=1).check(_check(looks)).passed
    assert len(tries) == 1


def _patient(cluster: Cluster, deadlines_s: list[float]) -> list[float]:
    """Try checks that fail to their deadlines, and return for how much simulated time each was tried."""
    started: list[float] = []
    seen: list[float] = []

    def looks(cluster: Cluster) -> Finding:
        now = datetime.fromisoformat(cluster.exec("watch", "date -Iseconds").stdout.strip())
        started.append(now.timestamp())
        return failed("never")

    task = Task(cluster, points=1)
    for deadline_s in deadlines_s:
        started.clear()
        task.check(within(deadline_s, _check(looks)))
        seen.append(started[-1] - started[0])
    return seen


def test_checks_that_fail_share_their_patience_and_one_that_needs_longer_has_it() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.apply(WATCH)
    cluster.wait("pod/watch", "condition=Ready")
    seen = _patient(cluster, [15, 15, 15, 200, 200])
    assert seen == pytest.approx([15, 15, 3, 167, 3], abs=2)


def test_no_answer_is_told_with_what_to_look_at(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.apply(WATCH)
    spec = {"ports": [{"port": 80, "targetPort": 81}], "selector": {"app": "nobody"}}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "closed"}, "spec": spec})
    task = Task(cluster, points=2)
    task.check(answers("watch", "http://closed"))
    task.check(answers("watch", "http://missing"))
    task.report()
    closed, missing = report.reasons(capsys.readouterr().out)
    assert "look at the Service's endpoints and its targetPort" in closed
    assert "is there a Service of that name" in missing
