"""What a fault is: how it gets in, what a user notices, and what it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from podwalk.incidents.application import Application
from podwalk.incidents.objects import Objects


@dataclass(frozen=True)
class Fault:
    """One fault of the catalogue.

    Attributes:
        name: unique in the catalogue.
        rung: the rung of the troubleshooting ladder on which it is found.
        inject: changes the objects of an application in good health.
        ticket: what a user notices, who knows nothing of the cause.
        hints: from vague to plain; the last one says where to look, and none what to write.
        breaks: the behaviours that it breaks, all of them.
        needs: the behaviours without which nobody would notice it: an open door to a Pod that is down is no symptom.
        applies: whether the application has what it takes.
    """

    name: str
    rung: str
    inject: Callable[[Application, Objects], None]
    ticket: Callable[[Application], str]
    hints: Callable[[Application], tuple[str, ...]]
    breaks: frozenset[str]
    needs: frozenset[str] = frozenset()
    applies: Callable[[Application], bool] = lambda app: True

    def __str__(self) -> str:
        """Return its name."""
        return self.name
