"""Gateway API: GatewayClasses, Gateways and HTTPRoutes as pure functions of the objects."""

from __future__ import annotations

import random as randomness

from podwalk.network.ingress.decision import Decision
from podwalk.network.ingress.dialects.dialect import Dialect
from podwalk.network.ingress.gateway.attachment import (
    CLASSES,
    GATEWAYS,
    GRANTS,
    ROUTES,
    certificates,
    gateways,
    listeners,
)
from podwalk.network.ingress.gateway.rules import rules
from podwalk.network.ingress.matching import host_matches
from podwalk.network.ingress.memory import Memory
from podwalk.network.ingress.messages import HttpRequest
from podwalk.network.ingress.routing import decide
from podwalk.types import Ref, View

RESOURCES = (CLASSES, GATEWAYS, ROUTES, GRANTS)
"""What rules are made of, beside Services and Secrets."""

DIALECT = Dialect(
    name="Gateway API",
    controllers=(),
    rules=lambda view, _: rules(view),
    unsimulated=lambda view, obj: (),
    host_first=False,
    connect_timeout_s=30.0,
    empty_status=503,
    missing_status=500,
)
"""How the controller reads HTTPRoutes: the most specific host, then the path, then the other conditions."""


def route(
    view: View,
    request: HttpRequest,
    *,
    random: randomness.Random | None = None,
    memory: Memory | None = None,
    now_s: float = 0.0,
) -> Decision:
    """Return what a Gateway does with a request; its ``rule`` is None if no HTTPRoute is met."""
    return decide(view, rules(view), request, dialect=DIALECT, random=random, memory=memory, now_s=now_s)


def secret_for(view: View, name: str) -> Ref | None:
    """Return the Secret that a Gateway's listener has for a server name."""
    for gateway in gateways(view):
        for listener in listeners(view, gateway):
            host = listener.entry.get("hostname") or ""
            if listener.tls and listener.ok and host_matches(f"*{host}" if host.startswith("*.") else host, name):
                return next((where for where, _ in certificates(view, gateway, listener.entry)), None)
    return None


__all__ = ["DIALECT", "RESOURCES", "route", "rules", "secret_for"]
