"""A kernel that cannot do its work is a fault of ours, found before anything of the student's runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import podwalk
from grader.finding import NotGradableError
from grader.isolation import sandbox, submission
from grader.isolation.job import Job
from grader.isolation.zygote import Zygote
from tests.grader.conftest import SANDBOXED, needs_bubblewrap


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


def test_working_kernel_runs_the_answers_and_shows_nothing_of_the_canary(zygote: Zygote) -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    job = Job(answers=("print('podwalk' in globals())",), tests=(), sandboxed=SANDBOXED)
    assert submission.run(cluster, zygote, job) == (({"output_type": "stream", "name": "stdout", "text": "False\n"},),)


def test_kernel_that_does_not_reach_its_cluster_is_not_gradable(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sandbox.environment
    monkeypatch.setattr(sandbox, "environment", lambda _, home, seed: real("/nowhere/kubeconfig", home, seed))
    cluster = podwalk.cluster("in-process", quiet=True)
    with pytest.raises(NotGradableError, match="cannot reach its cluster"):
        submission.run(cluster, zygote, Job(answers=("x = 1",), tests=(), sandboxed=SANDBOXED))


def test_without_bubblewrap_no_submission_is_run(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    cluster = podwalk.cluster("in-process", quiet=True)
    job = Job(answers=("x = 1",), tests=())
    with pytest.raises(NotGradableError, match=r"apt install bubblewrap.*--unsandboxed"):
        submission.run(cluster, zygote, job)


@needs_bubblewrap
def test_scratch_folders_do_not_hide_the_python_of_the_sandbox() -> None:
    words = sandbox._command(Path("/a/socket"), Path("/a/kubeconfig"), 3)
    assert words.index("/tmp") < words.index(sys.prefix)


SETUP = "raise RuntimeError('the cluster is full')"


def test_setup_that_fails_before_the_students_cells_is_not_gradable(zygote: Zygote) -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    job = Job(answers=(SETUP, "x = 1"), tests=(), given=(0,), sandboxed=SANDBOXED)
    with pytest.raises(NotGradableError, match="own cell failed: RuntimeError: the cluster is full"):
        submission.run(cluster, zygote, job)


def test_setup_that_a_student_spoilt_is_the_students_own_loss(zygote: Zygote) -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    job = Job(answers=("x = 1", SETUP), tests=(), given=(1,), sandboxed=SANDBOXED)
    assert submission.run(cluster, zygote, job)[1][0]["output_type"] == "error"
