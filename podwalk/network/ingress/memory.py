"""What a controller remembers between requests: how much each client has asked, and whose turn it is."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from podwalk.network.ingress.rules import Limit

LENGTH = 16_384
"""Clients remembered of each kind: ten megabytes of nginx's zone hold about as many."""


@dataclass
class Memory:
    """A controller's mutable tables; everything else about a decision is a function of the objects and the request.

    Attributes:
        turns: the round robin of each backend.
        buckets: how full the leaky bucket of each limit and client is, and when that was so.
        open: the requests of each limit and client that are being answered.
    """

    turns: dict[str, int] = field(default_factory=dict)
    buckets: OrderedDict[tuple[str, ...], tuple[float, float]] = field(default_factory=OrderedDict)
    open: dict[tuple[str, ...], int] = field(default_factory=dict)

    def turn(self, key: str, count: int) -> int:
        """Return whose turn it is of ``count``, and go on to the next."""
        turn = self.turns.get(key, -1) + 1
        self.turns[key] = turn
        return turn % count

    def admit(self, key: tuple[str, ...], limit: Limit, now_s: float) -> bool:
        """Count a request of a rate, and say whether it is within.

        Source: nginx, ngx_http_limit_req_module: a bucket that leaks at the rate and holds ``burst`` more than one.
        """
        level, then_s = self.buckets.pop(key, (-1.0, now_s))
        level = max(0.0, level - (now_s - then_s) * limit.count / limit.period_s) if level >= 0 else -1.0
        after = 0.0 if level < 0 else level + 1
        within = after <= limit.burst
        self.buckets[key] = (after if within else level, now_s)
        while len(self.buckets) > LENGTH:
            self.buckets.popitem(last=False)
        return within
