"""Moves a served cluster's clock: along with wall time, or by jumps while somebody waits."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Literal

from podwalk.embedded import Cluster

LONGEST_NAP_S = 1.0
"""The clock is moved at least this often, so that times of day stay right."""

JUMP_AHEAD = 60.0
"""A jumping clock may run this many times faster than wall time, so that an endless loop in a Pod does not eat the
processor."""

ClockMode = Literal["wall", "jump"]


class Clock:
    """Runs what is due in a cluster as time goes by.

    In mode ``jump`` the clock follows wall time as well, and goes straight to the next event while a client waits for
    something (a watch, an exec, a
    followed log) that has nothing to say.
    """

    def __init__(self, cluster: Cluster, *, mode: ClockMode = "wall", after: Callable[[], None] = lambda: None) -> None:
        """Bind a cluster; ``after`` is called whenever something may have run, before anybody is told."""
        self.cluster = cluster
        self.mode = mode
        self.waiting = 0
        self._after = after
        self._started = time.monotonic() - cluster.simulation.now
        self._wake = asyncio.Event()

    def sync(self) -> None:
        """Run everything that is due by now."""
        simulation = self.cluster.simulation
        simulation.advance(max(simulation.now, time.monotonic() - self._started))
        self._after()

    def wake(self) -> None:
        """Look at the queue again: a request may have made something due earlier."""
        self._wake.set()

    async def run(self) -> None:
        """Move the clock until cancelled."""
        while True:
            self.sync()
            if self.mode == "jump" and self.waiting:
                await self._jump()
                continue
            simulation = self.cluster.simulation
            nap = min(max(0.0, simulation.next_due + self._started - time.monotonic()), LONGEST_NAP_S)
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), timeout=nap)
            except TimeoutError:
                continue

    async def _jump(self) -> None:
        simulation = self.cluster.simulation
        due = simulation.next_due
        gap = min(due - simulation.now, LONGEST_NAP_S * JUMP_AHEAD)
        if math.isfinite(gap) and gap > 0:
            simulation.advance(simulation.now + gap)
            self._started -= gap
            self._after()
        await asyncio.sleep(gap / JUMP_AHEAD if math.isfinite(gap) else LONGEST_NAP_S)
