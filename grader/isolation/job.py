"""What is handed to the judge, and what it hands back: plain data, as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Output = dict[str, Any]
"""A notebook cell's output in nbformat's form."""


FRESH = "in-process"
"""The backend that gives a new cluster each time."""

FRESH_TIMEOUTS_S = (60.0, 180.0)
REAL_TIMEOUTS_S = (180.0, 900.0)
"""Of a cell, and of a whole submission: a real cluster pulls images and starts containers."""


def timeouts_s(backend: str) -> tuple[float, float]:
    """Return how long a cell of a submission may take on a backend, and how long the whole."""
    return FRESH_TIMEOUTS_S if backend == FRESH else REAL_TIMEOUTS_S


@dataclass(frozen=True)
class Job:
    """A submission to be run and marked.

    Attributes:
        answers: the sources of the submission's cells, run in the student's kernel in this order.
        given: which of them are the assignment's own, to be run again in a new kernel.
        tests: the sources of the trusted test cells, run by the checker afterwards.
        backend: which cluster, in the words of ``PODWALK_BACKEND``.
        namespaces: those the assignment works in; emptied first where the cluster is not a fresh one.
        cluster: kinds without a namespace that the assignment is about, by their plural.
        allowed: objects of kube-system that the assignment is about, e.g. ``configmaps/coredns``.
        addons: that a cluster which is not a fresh one must have.
        files: of the learner's that lie beside the notebook, by name.
        seed: of the student's variant of the assignment; None if there is one for all.
        sandboxed: whether the submission runs in a sandbox.
        cell_timeout_s: how long one cell of the submission may take.
        timeout_s: how long the whole submission may take, and again the checks.
        memory_bytes: of the student's kernel.
        processes: that the student's kernel may have at once.
    """

    answers: tuple[str, ...]
    tests: tuple[str, ...]
    given: tuple[int, ...] = ()
    backend: str = "in-process"
    namespaces: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    sandboxed: bool = True
    cell_timeout_s: float = FRESH_TIMEOUTS_S[0]
    timeout_s: float = FRESH_TIMEOUTS_S[1]
    memory_bytes: int = 2 * 1024**3
    processes: int = 64

    @classmethod
    def of(cls, values: dict[str, Any]) -> Job:
        """Make a job of what JSON kept of one."""
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**given)


@dataclass(frozen=True)
class Marked:
    """What came of a job.

    Attributes:
        answers: the outputs of each of the submission's cells.
        tests: the outputs of each test cell.
        fault: why it could not be marked; empty if it was. Then there are no points, not even zero.
        timings_s: how long each part took.
    """

    answers: tuple[tuple[Output, ...], ...] = ()
    tests: tuple[tuple[Output, ...], ...] = ()
    fault: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)
