"""Commands that an image has and Podwalk does not simulate: each says so, and ends with 127."""

from __future__ import annotations

from podwalk.containers.process import Process, Program
from podwalk.simulation import Task


def refuse(*names: str) -> dict[str, Program]:
    """Return programs that say they are not simulated."""
    return dict.fromkeys(names, _say)


def _say(process: Process) -> Task:
    yield process.sleep(0)
    name = process.argv[0].rpartition("/")[2]
    return process.fail(f"{name}: this image has it, but Podwalk does not simulate it", 127)
