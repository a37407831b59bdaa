"""Where the embedded cluster may print something else than a real one: each difference by name, with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A line that differs.

    Attributes:
        session: the session it is in.
        command: what the command begins with.
        real: a pattern of what a real cluster prints.
        embedded: what stands there on the embedded cluster.
        reason: why.
    """

    session: str
    command: str
    real: str
    embedded: str
    reason: str


DIFFERENCES: tuple[Difference, ...] = ()
