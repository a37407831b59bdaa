"""What a dialect is: how one controller reads Ingresses.

A new dialect is a value of :class:`Dialect` in :data:`podwalk.network.ingress.dialects.DIALECTS`; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podwalk.network.ingress.rules import Rule, Unsimulated
from podwalk.types import Object, View


@dataclass(frozen=True)
class Dialect:
    """How one controller reads Ingresses.

    Attributes:
        name: a word for it.
        controllers: what ``spec.controller`` of its IngressClasses says.
        rules: translates its Ingresses, the oldest first.
        unsimulated: names what an Ingress asks for that is not done, or that the controller would refuse.
        prefixes: of the annotations that are its own.
        host_first: whether the most specific host decides alone, even when none of its paths match (nginx), or
            whether host and path are weighed together (Traefik).
        retries: how many endpoints are tried in all, when connecting fails.
        connect_timeout_s: how long it waits for an endpoint to accept.
        empty_status: what it answers for a Service without endpoints.
        missing_status: what it answers for a Service that does not exist; 0 when the rule is not there at all.
        announces: whether it records an Event ``Sync`` for each Ingress that it takes up.
    """

    name: str
    controllers: tuple[str, ...]
    rules: Callable[[View, Sequence[Object]], tuple[Rule, ...]]
    unsimulated: Callable[[View, Object], tuple[Unsimulated, ...]]
    prefixes: tuple[str, ...] = ()
    host_first: bool = True
    retries: int = 1
    connect_timeout_s: float = 5.0
    empty_status: int = 503
    missing_status: int = 503
    announces: bool = False
