"""A command in a container ends when nobody waits for it any more."""

from __future__ import annotations

import pytest

from podwalk.facade import execution
from podwalk.facade.errors import CancelledError


class Silent:
    """A session whose command writes nothing, and ends after some looks."""

    def __init__(self, looks: int) -> None:
        self.looks, self.timeouts_s = looks, list[float]()

    def is_open(self) -> bool:
        return len(self.timeouts_s) < self.looks

    def update(self, timeout: float) -> None:
        self.timeouts_s.append(timeout)


def test_a_command_is_left_when_it_is_cancelled() -> None:
    session = Silent(looks=100)
    with execution.cancellable(lambda: len(session.timeouts_s) == 3), pytest.raises(CancelledError, match="sleep"):
        execution._follow(session, ["sleep", "9"], 60)
    assert max(session.timeouts_s) <= execution.SLICE_S


def test_a_command_is_followed_to_its_end_outside() -> None:
    session = Silent(looks=3)
    with execution.cancellable(lambda: True):
        pass
    execution._follow(session, ["true"], 60)
    assert len(session.timeouts_s) == 3
