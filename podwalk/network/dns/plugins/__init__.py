"""CoreDNS's plugins: each takes a question, answers it or hands it on.

A plugin is a function that makes a :data:`Handler` of its line in the Corefile. A handler is a generator: what it
cannot know (the answer of a server outside) it yields as a :class:`Forwarded`, and is sent the answer, or None if
none came. So the chain does no I/O, and whoever drives it may take simulated time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podwalk.network.dns.messages import Answer, Question
from podwalk.types import ClusterOptions, View

if TYPE_CHECKING:
    from podwalk.network.dns.plugins.cache import Cache


@dataclass(frozen=True)
class Forwarded:
    """A question for a server outside: to be asked of the addresses in turn until one answers.

    Attributes:
        question: what to ask.
        servers: ``address:port`` each.
        protocol: ``udp`` or ``tcp``.
    """

    question: Question
    servers: tuple[str, ...]
    protocol: str = "udp"


Steps = Generator[Forwarded, Answer | None, Answer]
Next = Callable[[Question], Steps]
Handler = Callable[[Question, Next], Steps]


@dataclass
class Context:
    """What the plugins of one CoreDNS share.

    Attributes:
        view: the cluster's objects.
        options: the cluster's ranges and domain.
        addresses: the server's own, by which it finds the Service it stands behind.
        resolv_conf: the text of its ``/etc/resolv.conf``, for ``forward . /etc/resolv.conf``.
        random: for ``loadbalance``, ``forward``'s random policy and the log.
        now: the present in seconds.
        serial: the serial number of the cluster's zone.
        log: where a line of the log goes.
        lookup: asks this server itself, for what lies behind a CNAME.
        read: reads a file of the server's container, for ``hosts FILE``; the empty text if there is none.
        caches: what is kept, one for each ``cache`` line, for the metrics.
    """

    view: View
    options: ClusterOptions
    addresses: tuple[str, ...] = ()
    resolv_conf: str = ""
    random: random.Random = field(default_factory=lambda: random.Random(0))
    now: Callable[[], float] = lambda: 0.0
    serial: Callable[[], int] = lambda: 0
    log: Callable[[str], None] = lambda _: None
    lookup: Next | None = None
    read: Callable[[str], str] = lambda _: ""
    caches: list[Cache] = field(default_factory=list)
