"""Where judges sit: starts a judge's process once and hands it one job after the other."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import podwalk
from grader.finding import NotGradableError
from grader.isolation.job import Job, Marked


class JudgeGoneError(NotGradableError):
    """A judge's process that ended before it had answered."""


class Judge:
    """A judge's process."""

    def __init__(self) -> None:
        """Start it."""
        library = str(Path(podwalk.__file__).parent.parent)
        path = os.pathsep.join(filter(None, (library, os.environ.get("PYTHONPATH", ""))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "grader.isolation.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
            text=True,
        )
        atexit.register(self.close)

    def mark(self, job: Job) -> Marked:
        """Have a submission run and marked.

        Raises:
            NotGradableError: when it could not be: there are no points then, not even zero.
        """
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        try:
            self._process.stdin.write(json.dumps(dataclasses.asdict(job)) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            self.close()
            raise JudgeGoneError("the judge's process has ended") from error
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise JudgeGoneError("the judge's process has ended")
        marked = Marked(**json.loads(line))
        if marked.fault:
            raise NotGradableError(marked.fault)
        return marked

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


_judges: list[Judge] = []


def judge() -> Judge:
    """Return this process's judge, started when it is first asked for, and again if it has ended."""
    if not _judges or not _judges[-1].alive:
        _judges[:] = [Judge()]
    return _judges[-1]


def mark(job: Job) -> Marked:
    """Have a submission run and marked by this process's judge; by a new one, if the judge ended over it.

    Raises:
        NotGradableError: when it could not be.
    """
    try:
        return judge().mark(job)
    except JudgeGoneError:
        return judge().mark(job)
