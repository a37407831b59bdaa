"""Keyed work queues on the simulation: what is to be reconciled, once each, soonest first.

A key that is added twice before its turn is worked on once. A reconcile may ask to be called again later; one that
fails is called
again after a back-off, as client-go's rate-limited queue does it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from podwalk.errors import ApiError
from podwalk.simulation import Simulation

Key = tuple[str, str]
"""Namespace and name; the namespace of a cluster-wide object is empty."""

BACKOFF_BASE_S = 0.005
BACKOFF_LIMIT_S = 1000.0

_log = logging.getLogger(__name__)


class Queue:
    """The keys of one controller that wait for a reconcile."""

    def __init__(self, name: str, simulation: Simulation, reconcile: Callable[[Key], float | None]) -> None:
        """Start empty.

        Args:
            name: the controller's name, for logs and for counting work in tests.
            simulation: the clock on which work is done.
            reconcile: brings one object to its desired state; returns the seconds after which it wants to look again,
            or None.
        """
        self.name = name
        self.reconciles = 0
        self._simulation = simulation
        self._reconcile = reconcile
        self._waiting: deque[Key] = deque()
        self._members: set[Key] = set()
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._scheduled = False

    def add(self, key: Key) -> None:
        """Ask for a reconcile in this instant."""
        if key not in self._members:
            self._members.add(key)
            self._waiting.append(key)
        if not self._scheduled:
            self._scheduled = True
            self._simulation.call(self._work)

    def add_after(self, key: Key, delay_s: float) -> None:
        """Ask for a reconcile after a while; of several such wishes the soonest counts."""
        at_s = self._simulation.now + delay_s
        if key in self._due and self._due[key] <= at_s:
            return
        self._due[key] = at_s
        self._simulation.call(lambda: self._fire(key, at_s), delay_s)

    def _fire(self, key: Key, at_s: float) -> None:
        if self._due.get(key) == at_s:
            del self._due[key]
            self.add(key)

    def _work(self) -> None:
        self._scheduled = False
        key = self._waiting.popleft()
        self._members.discard(key)
        if self._waiting:
            self._scheduled = True
            self._simulation.call(self._work)
        self.reconciles += 1
        try:
            again_s = self._reconcile(key)
        except ApiError as error:
            self._fail(key, error)
            return
        except Exception as error:  # noqa: BLE001  see below
            # A fault in one controller must not stop the cluster; like upstream's, it is logged and tried again.
            self._simulation.faults.append(error)
            _log.exception("%s has a fault of its own at %s/%s", self.name, *key)
            self._fail(key, error)
            return
        self._failures.pop(key, None)
        if again_s is not None:
            self.add_after(key, again_s)

    def _fail(self, key: Key, error: Exception) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        _log.debug("%s could not reconcile %s/%s: %s", self.name, *key, error)
        self.add_after(key, min(BACKOFF_BASE_S * 2.0 ** min(failures, 20), BACKOFF_LIMIT_S))
