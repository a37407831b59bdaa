"""A fault of ours in one simulated program ends that program, and nothing else."""

from __future__ import annotations

from podwalk.containers.process import Process
from podwalk.containers.tools import BUSYBOX
from podwalk.simulation import Task

from .conftest import Box


def broken(process: Process) -> Task:
    yield process.sleep(1)
    raise ValueError("not thought of")


def test_program_with_a_fault_ends_like_one_that_crashed_and_the_next_runs(
    no_faults: list[Exception],
) -> None:
    box = Box({**BUSYBOX, "broken": broken})
    outcome = box.run(["sh", "-c", "broken; echo $?; echo on"])
    assert outcome.stdout == "134\non\n"
    assert "a fault in Podwalk's simulation of it, not yours: ValueError: not thought of" in outcome.stderr
    assert str(no_faults.pop()) == "not thought of"
