"""Ingress and Gateway API as pure functions of the objects: a request → what the controller does with it, and why."""

from podwalk.network.ingress.decision import Decision
from podwalk.network.ingress.dialects import BY_CONTROLLER, DIALECTS, Dialect
from podwalk.network.ingress.memory import Memory
from podwalk.network.ingress.messages import HttpRequest
from podwalk.network.ingress.routing import decide, route

__all__ = ["BY_CONTROLLER", "DIALECTS", "Decision", "Dialect", "HttpRequest", "Memory", "decide", "route"]
