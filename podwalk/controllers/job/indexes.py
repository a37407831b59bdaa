"""Completion indexes as a Job's status writes them: ``0-2,5``."""

from __future__ import annotations

from collections.abc import Iterable


def parse(text: str) -> set[int]:
    """Read the indexes that a text names."""
    out: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        out.update(range(int(first), int(last or first) + 1))
    return out


def render(indexes: Iterable[int]) -> str:
    """Write indexes in order, runs of them as one."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)
