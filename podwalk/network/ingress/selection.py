"""Which rule a request meets, which of its backends, and which endpoint."""

from __future__ import annotations

import hashlib
import random as randomness
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl

from podwalk.network.endpoints import Endpoint
from podwalk.network.ingress.matching import PathKind, expression, host_matches, host_rank, path_rank
from podwalk.network.ingress.memory import Memory
from podwalk.network.ingress.messages import HttpRequest
from podwalk.network.ingress.rules import Affinity, Backend, Canary, Condition, Rule


def find(rules: Iterable[Rule], request: HttpRequest, *, host_first: bool) -> tuple[Rule | None, tuple[Rule, ...]]:
    """Return the rule that a request meets, and the others that matched too.

    Args:
        rules: all of a controller, the oldest first: of equal ones the first wins.
        request: what came.
        host_first: see :class:`~podwalk.network.ingress.dialects.Dialect`.
    """
    here = [rule for rule in rules if not rule.skipped and host_matches(rule.host, request.host)]
    if host_first and here:
        best = max(host_rank(rule.host) for rule in here)
        here = [rule for rule in here if host_rank(rule.host) == best]
    met = [rule for rule in here if _meets(rule, request)]
    met.sort(key=_order)
    if not met:
        return None, ()
    return met[0], tuple(met[1:])


def _order(rule: Rule) -> tuple[object, ...]:
    host, path = host_rank(rule.host), path_rank(rule.path)
    own = tuple(-number for number in rule.priority)
    return (rule.is_default, own, (-host[0], -host[1]), (-path[0], -path[1]), _conditions(rule))


def _conditions(rule: Rule) -> tuple[int, ...]:
    """Return how specific the conditions are, the most first: a method, then headers, then query parameters."""
    kinds = [condition.kind for condition in rule.conditions]
    return tuple(-kinds.count(kind) for kind in ("method", "header", "query"))


def _meets(rule: Rule, request: HttpRequest) -> bool:
    if rule.tls is not None and rule.tls != (request.scheme == "https"):
        return False
    return rule.path.matches(request.path) and all(_holds(one, request) for one in rule.conditions)


def _holds(condition: Condition, request: HttpRequest) -> bool:
    if condition.kind == "method":
        return request.method == condition.value
    value = request.header(condition.name) if condition.kind == "header" else _parameter(request, condition.name)
    if value is None:
        return False
    if condition.regex:
        pattern = expression(condition.value, False)
        return pattern is not None and pattern.fullmatch(value) is not None
    return value == condition.value


def _parameter(request: HttpRequest, name: str) -> str | None:

    return next((value for key, value in parse_qsl(request.query, keep_blank_values=True) if key == name), None)


def skipped(rules: Iterable[Rule], request: HttpRequest) -> list[Rule]:
    """Return the rules that a request would meet, had the controller not left them out."""
    return [rule for rule in rules if rule.skipped and host_matches(rule.host, request.host) and _meets(rule, request)]


def canary_takes(canary: Canary, request: HttpRequest, random: randomness.Random) -> tuple[bool, str]:
    """Say whether a request goes to the canary, and by what: header before cookie before weight.

    Source: ingress-nginx, "Canary"; rootfs/etc/nginx/lua/balancer.lua, route_to_alternative_balancer.
    """
    if canary.header and (sent := request.header(canary.header)) is not None:
        if canary.value:
            if sent == canary.value:
                return True, f"the header {canary.header} is {sent}"
        elif canary.pattern:
            pattern = expression(canary.pattern, False)
            if pattern is not None and pattern.search(sent):
                return True, f"the header {canary.header} matches {canary.pattern}"
        elif sent in ("always", "never"):
            return sent == "always", f"the header {canary.header} is {sent}"
    if canary.cookie and (kept := request.cookie(canary.cookie)) in ("always", "never"):
        return kept == "always", f"the cookie {canary.cookie} is {kept}"
    drawn = random.randrange(max(canary.total, 1))
    return drawn < canary.weight, f"its weight is {canary.weight} of {canary.total}"


def draw(backends: Sequence[Backend], random: randomness.Random) -> Backend | None:
    """Choose one of several backends by weight; None if all weights are zero."""
    weights = [max(backend.weight, 0) for backend in backends]
    if not any(weights):
        return None
    return backends[0] if len(backends) == 1 else random.choices(backends, weights)[0]


def order(
    endpoints: Sequence[Endpoint], affinity: Affinity | None, cookie: str | None, memory: Memory, key: str
) -> tuple[Endpoint, ...]:
    """Return endpoints in the order they are tried: by the cookie if there is one, else in turn."""
    if not endpoints:
        return ()
    if affinity is not None and cookie:
        return tuple(
            sorted(
                endpoints,
                key=lambda one: hashlib.md5(f"{cookie}{one.ip}:{one.port}".encode(), usedforsecurity=False).digest(),
            )
        )
    turn = memory.turn(key, len(endpoints))
    return (*endpoints[turn:], *endpoints[:turn])


def is_catch_all(rule: Rule) -> bool:
    """Whether a rule is met by every request for its host."""
    return rule.path.value == "/" and rule.path.kind in (PathKind.PREFIX, PathKind.TEXT)
