"""The judge: a warm process that forks for each submission, so that none meets what another left behind.

``python -m grader.isolation.judge`` reads a job a line from standard input and writes what came of it, a line each. The
forked process makes a fresh cluster, lets the student's kernel at it, and when that has ended runs the checks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import select
import signal
import sys
import time
import traceback

import podwalk
from grader.isolation import checker, components, submission, tenancy
from grader.isolation.job import FRESH, Job, Marked
from grader.isolation.zygote import Zygote
from podwalk.errors import PodwalkError
from podwalk.facade import Cluster
from podwalk.facade.seeds import SEED_VARIABLE

SLACK_S = 60.0


def judge(job: Job, zygote: Zygote, warm: Cluster | None = None) -> Marked:
    """Run and mark one submission; a fault is part of the result."""
    started = time.monotonic()
    timings: dict[str, float] = {}

    def lap(name: str) -> None:
        timings[name] = round(time.monotonic() - started - sum(timings.values()), 3)

    answers: tuple[tuple[dict[str, object], ...], ...] = ()
    try:
        cluster = warm or podwalk.cluster(job.backend, quiet=True)
        lending = contextlib.nullcontext("") if job.backend == FRESH else tenancy.lent(cluster, job)
        with lending as credentials:
            lap("cluster")
            kept = components.keep(cluster)
            answers = submission.run(cluster, zygote, job, credentials)
            lap("submission")
            components.restore(cluster, kept, allowed=job.allowed)
            _say_whose(job)
            tests = checker.run(cluster, job.tests)
            lap("checks")
        return Marked(answers, tests, "", timings)
    except PodwalkError as error:
        return Marked(answers, (), str(error), timings)
    except Exception as error:  # noqa: BLE001  a fault of ours must be told, not lost with the process
        trace = traceback.format_exc(limit=-3)
        return Marked(answers, (), f"{type(error).__name__}: {error}\n{trace}", timings)


def _say_whose(job: Job) -> None:
    """Let the test cells ask for the seed as the student's cells did; this process is this submission's own."""
    os.environ.pop(SEED_VARIABLE, None)
    if job.seed is not None:
        os.environ[SEED_VARIABLE] = str(job.seed)


def serve() -> None:
    """Judge the jobs of standard input until it ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    zygote = Zygote()
    # Each fork has a copy of this cluster, which nobody has touched.
    warm = podwalk.cluster(FRESH, quiet=True)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        out.write(_forked(Job.of(json.loads(line)), zygote, warm) + "\n")
        out.flush()
    zygote.close()


def _forked(job: Job, zygote: Zygote, warm: Cluster) -> str:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        gc.disable()
        os.close(read)
        status = 1
        try:
            with os.fdopen(write, "w", encoding="utf-8") as pipe:
                pipe.write(json.dumps(dataclasses.asdict(judge(job, zygote, warm if job.backend == FRESH else None))))
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    try:
        return _read(read, 2 * job.timeout_s + SLACK_S)
    finally:
        os.close(read)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _read(descriptor: int, timeout_s: float) -> str:
    deadline, data = time.monotonic() + timeout_s, b""
    while (left := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                return data.decode() or _fault("the judge's process died")
            data += chunk
    return _fault(f"the checks did not end within {timeout_s:g} s")


def _fault(why: str) -> str:
    return json.dumps(dataclasses.asdict(Marked(fault=why)))


if __name__ == "__main__":
    serve()
