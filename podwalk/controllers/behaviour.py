"""How fast a target may be scaled: stabilisation windows and policies.

Source: k8s.io/kubernetes/pkg/controller/podautoscaler/horizontal.go, normalizeDesiredReplicasWithBehaviors.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from podwalk.types import Object

DEFAULT_UP: Object = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
DEFAULT_DOWN: Object = {
    "stabilizationWindowSeconds": 300,
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}


@dataclass
class Past:
    """What an autoscaler recommended and did of late: (moment in seconds, replicas or change)."""

    recommended: deque[tuple[float, int]] = field(default_factory=deque)
    ups: deque[tuple[float, int]] = field(default_factory=deque)
    downs: deque[tuple[float, int]] = field(default_factory=deque)

    def done(self, now_s: float, before: int, after: int) -> None:
        """Note a change of size."""
        (self.ups if after > before else self.downs).append((now_s, abs(after - before)))


@dataclass(frozen=True)
class Decision:
    """The size after all limits, with the conditions that say which limit held.

    Attributes:
        replicas: the size.
        able: reason and message of ``AbleToScale``.
        limited: status, reason and message of ``ScalingLimited``.
    """

    replicas: int
    able: tuple[str, str]
    limited: tuple[str, str, str]


def decide(hpa: Object, past: Past, now_s: float, current: int, desired: int) -> Decision:
    """Return the size that stabilisation, policies and bounds leave of a desired one."""
    spec = hpa["spec"]
    behaviour = spec.get("behavior") or {}
    up, down = (
        {**DEFAULT_UP, **(behaviour.get("scaleUp") or {})},
        {**DEFAULT_DOWN, **(behaviour.get("scaleDown") or {})},
    )
    stable, able = _stabilise(past, now_s, current, desired, up, down)
    least, most = spec.get("minReplicas") or 1, spec["maxReplicas"]
    if stable > current:
        return _grow(past, now_s, current, stable, up, most, able)
    if stable < current:
        return _shrink(past, now_s, current, stable, down, least, able)
    if stable > most:
        return Decision(most, able, ("True", "TooManyReplicas", _MORE))
    if stable < least:
        return Decision(least, able, ("True", "TooFewReplicas", _LESS))
    limited = _within(desired, least, most) if stable in (least, most) else _FREE
    return Decision(stable, able, limited)


_MORE = "the desired replica count is more than the maximum replica count"
_LESS = "the desired replica count is less than the minimum replica count"
_FREE = ("False", "DesiredWithinRange", "the desired count is within the acceptable range")


def _within(desired: int, least: int, most: int) -> tuple[str, str, str]:
    if desired > most:
        return "True", "TooManyReplicas", _MORE
    return ("True", "TooFewReplicas", _LESS) if desired < least else _FREE


def _stabilise(
    past: Past, now_s: float, current: int, desired: int, up: Object, down: Object
) -> tuple[int, tuple[str, str]]:
    longest = max(up["stabilizationWindowSeconds"] or 0, down["stabilizationWindowSeconds"] or 0)
    while past.recommended and past.recommended[0][0] < now_s - longest:
        past.recommended.popleft()
    past.recommended.append((now_s, desired))
    lowest = min(_recent(past, now_s, up["stabilizationWindowSeconds"] or 0))
    highest = max(_recent(past, now_s, down["stabilizationWindowSeconds"] or 0))
    stable = min(max(current, lowest), highest) if lowest <= highest else current
    if stable == desired:
        return stable, ("ReadyForNewScale", "recommended size matches current size")
    if stable > desired:
        message = "recent recommendations were higher than current one, applying the highest recent recommendation"
        return stable, ("ScaleDownStabilized", message)
    message = "recent recommendations were lower than current one, applying the lowest recent recommendation"
    return stable, ("ScaleUpStabilized", message)


def _recent(past: Past, now_s: float, window_s: int) -> list[int]:
    return [count for at_s, count in past.recommended if at_s >= now_s - window_s] or [past.recommended[-1][1]]


def _grow(
    past: Past, now_s: float, current: int, wanted: int, rules: Object, most: int, able: tuple[str, str]
) -> Decision:
    limit = max(current, _limit_up(past, now_s, current, rules))
    reason, message = "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
    if limit > most:
        limit, reason, message = most, "TooManyReplicas", _MORE
    if wanted > limit:
        return Decision(limit, able, ("True", reason, message))
    return Decision(wanted, able, _FREE)


def _shrink(
    past: Past, now_s: float, current: int, wanted: int, rules: Object, least: int, able: tuple[str, str]
) -> Decision:
    limit = min(current, _limit_down(past, now_s, current, rules))
    reason, message = "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate"
    if limit < least:
        limit, reason, message = least, "TooFewReplicas", _LESS
    if wanted < limit:
        return Decision(limit, able, ("True", reason, message))
    return Decision(wanted, able, _FREE)


def _limit_up(past: Past, now_s: float, current: int, rules: Object) -> int:
    if rules["selectPolicy"] == "Disabled":
        return current
    limits = []
    for policy in rules["policies"]:
        start = current - _changed(past.ups, now_s, policy) + _changed(past.downs, now_s, policy)
        if policy["type"] == "Pods":
            limits.append(start + policy["value"])
        else:
            limits.append(math.ceil(start * (1 + policy["value"] / 100)))
    return int(min(limits) if rules["selectPolicy"] == "Min" else max(limits))


def _limit_down(past: Past, now_s: float, current: int, rules: Object) -> int:
    if rules["selectPolicy"] == "Disabled":
        return current
    limits = []
    for policy in rules["policies"]:
        start = current - _changed(past.ups, now_s, policy) + _changed(past.downs, now_s, policy)
        if policy["type"] == "Pods":
            limits.append(start - policy["value"])
        else:
            limits.append(int(start * (1 - policy["value"] / 100)))
    return int(max(limits) if rules["selectPolicy"] == "Min" else min(limits))


def _changed(events: deque[tuple[float, int]], now_s: float, policy: Object) -> int:
    return sum(count for at_s, count in events if at_s > now_s - policy["periodSeconds"])
