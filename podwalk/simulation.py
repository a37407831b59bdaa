"""The one event queue of a simulated cluster, on a clock that is handed in.

Whatever takes time in the cluster (controllers' back-offs, containers' processes, probes, a blocked connection's
time-out) is a simpy process:
a generator that yields the events it waits for. Nothing here knows wall time: the owner decides how far the clock
goes. Tests, the book and grading *jump*
to the next event; a served cluster follows its wall clock with :meth:`Simulation.advance`.

simpy was chosen over an event queue of our own: generators, interrupts, conditions and a peekable queue are its whole
subject.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import simpy
from simpy.core import Infinity

from podwalk.errors import PodwalkError

_log = logging.getLogger(__name__)

Task = Generator[simpy.Event, Any, Any]
"""A generator that yields simpy events and is run by :meth:`Simulation.spawn`."""

EPOCH = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)
"""The time of day at which an in-process cluster starts, so that the same lab prints the same times."""

SETTLE_LIMIT = 1_000_000
"""Events of one instant after which a loop without any passing of time is assumed."""


class StuckError(PodwalkError):
    """An instant that never ends: something in the cluster schedules itself without letting time pass."""


class Simulation:
    """A clock, a queue of what is due, and the one source of randomness.

    Attributes:
        faults: errors of ours in simulated programs, their servers and controllers: each ended what it was in, and
            nothing else.
    """

    def __init__(self, *, seed: int = 0, epoch: datetime = EPOCH) -> None:
        """Start at ``epoch`` with an empty queue."""
        self.env = simpy.Environment()
        self.random = random.Random(seed)
        self.epoch = epoch
        self.faults: list[Exception] = []
        self._settling = False

    @property
    def now(self) -> float:
        """Seconds since ``epoch``."""
        return float(self.env.now)

    def datetime(self, at_s: float | None = None) -> datetime:
        """Return the time of day of a moment, by default the present."""
        return self.epoch + timedelta(seconds=self.now if at_s is None else at_s)

    def timestamp(self, at_s: float | None = None) -> str:
        """Return a moment as Kubernetes writes ``metav1.Time``: UTC, whole seconds."""
        return self.datetime(at_s).strftime("%Y-%m-%dT%H:%M:%SZ")

    def microtime(self, at_s: float | None = None) -> str:
        """Return a moment as Kubernetes writes ``metav1.MicroTime``."""
        return self.datetime(at_s).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def spawn(self, task: Task) -> simpy.Process:
        """Start a process; it first runs when the queue is next worked on. Interrupt it to end it early."""
        return self.env.process(task)

    def sleep(self, seconds: float) -> simpy.Event:
        """Return an event that comes after ``seconds``: ``yield simulation.sleep(5)``."""
        return self.env.timeout(max(0.0, seconds))

    def event(self) -> simpy.Event:
        """Return an event that somebody triggers with ``succeed()``."""
        return self.env.event()

    def call(self, function: Callable[[], None], delay_s: float = 0.0) -> None:
        """Call a function later, or as soon as the present event is done."""
        self.env.timeout(max(0.0, delay_s)).callbacks.append(lambda _: function())

    @property
    def next_due(self) -> float:
        """The moment of the next event, in seconds since ``epoch``; infinity if nothing is to come."""
        return float(self.env.peek())

    def settle(self) -> None:
        """Run everything that is due now. Called from inside an event it does nothing: the outer call goes on.

        Raises:
            StuckError: when the instant does not end.
        """
        self.advance(self.now)

    def advance(self, until_s: float) -> None:
        """Run everything that is due until a moment, and leave the clock there.

        Raises:
            StuckError: when an instant does not end.
        """
        if self._settling:
            return
        self._settling = True
        try:
            steps, instant = 0, self.now
            while self.env.peek() <= until_s:
                self._step()
                steps = steps + 1 if self.env.now == instant else 0
                instant = self.env.now
                if steps > SETTLE_LIMIT:
                    raise StuckError(
                        f"{SETTLE_LIMIT} events at second {instant:.3f} without time passing: "
                        "a controller or process waits for nothing"
                    )
            if until_s > self.env.now:
                self.env.run(until=until_s)
                # simpy puts the event at which it stopped back in the queue; left there, it would count as due.
                self.env.step()
        finally:
            self._settling = False

    def _step(self) -> None:
        try:
            self.env.step()
        except Exception as error:  # noqa: BLE001  see below
            # A fault in a task that nobody waits for must not fail the request that happens to turn the clock.
            self.faults.append(error)
            _log.exception("a task in the simulation has a fault of its own")

    def jump(self, limit_s: float = Infinity) -> bool:
        """Go to the next moment at which something is due, at most to ``limit_s``, and settle there.

        Returns:
            Whether anything ran.
        """
        self.settle()
        due = self.next_due
        if due > limit_s:
            if limit_s != Infinity:
                self.advance(limit_s)
            return False
        if due == Infinity:
            return False
        self.advance(due)
        return True

    def jump_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Jump from event to event until ``done()``; False if ``timeout_s`` of simulated time passed first."""
        deadline = self.now + timeout_s
        self.settle()
        while not done():
            if not self.jump(deadline) and self.now >= deadline:
                return done()
            if self.next_due == Infinity and not done():
                self.advance(deadline)
                return done()
        return True
