"""Amounts of CPU and memory: Kubernetes' quantities as integers, and what a Pod asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from podwalk.api.quantities import parse
from podwalk.types import Object


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[int, int]:
    value = parse(text).amount
    return -int(-value // 1), -int(-value * 1000 // 1)


def whole(quantity: str | float) -> int:
    """Return a quantity in whole units (bytes, Pods), rounded up."""
    return _parsed(str(quantity))[0]


def milli(quantity: str | float) -> int:
    """Return a quantity in thousandths (millicores), rounded up."""
    return _parsed(str(quantity))[1]


def amount(resource: str, quantity: str | float) -> int:
    """Return an amount as the scheduler counts it: CPU in thousandths, all else in units."""
    return milli(quantity) if resource == "cpu" else whole(quantity)


def requests(pod: Object) -> dict[str, int]:
    """Return what a Pod asks of its node, as the scheduler counts it.

    Init containers run one by one, so the largest counts; a sidecar (``restartPolicy: Always``) runs on beside all
    that come after it.

    Source: k8s.io/component-helpers/resource, PodRequests.
    """
    spec = pod.get("spec") or {}
    total: dict[str, int] = {}
    for container in spec.get("containers") or ():
        _add(total, _asked(container))
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        asked = dict(_asked(container))
        if container.get("restartPolicy") == "Always":
            _add(total, asked.items())
            _add(sidecars, asked.items())
            asked = dict(sidecars)
        else:
            _add(asked, sidecars.items())
        for resource, value in asked.items():
            peak[resource] = max(peak.get(resource, 0), value)
    for resource, value in peak.items():
        total[resource] = max(total.get(resource, 0), value)
    for resource, quantity in ((spec.get("resources") or {}).get("requests") or {}).items():
        total[resource] = amount(resource, quantity)
    for resource, quantity in (spec.get("overhead") or {}).items():
        total[resource] = total.get(resource, 0) + amount(resource, quantity)
    return total


def _asked(container: Object) -> Iterator[tuple[str, int]]:
    for resource, quantity in ((container.get("resources") or {}).get("requests") or {}).items():
        yield resource, amount(resource, quantity)


def _add(total: dict[str, int], more: Iterable[tuple[str, int]]) -> None:
    for resource, value in more:
        total[resource] = total.get(resource, 0) + value


DEFAULT_MILLICORES = 100
DEFAULT_MEMORY = 200 * 1024 * 1024


def weights(pod: Object) -> dict[str, int]:
    """Return CPU and memory as the scheduler's scores count them: containers that ask for nothing count as small ones.

    Source: k8s.io/kubernetes/pkg/scheduler/util, GetNonzeroRequests.
    """
    total = {"cpu": 0, "memory": 0}
    for container in (pod.get("spec") or {}).get("containers") or ():
        asked = (container.get("resources") or {}).get("requests") or {}
        total["cpu"] += milli(asked["cpu"]) if "cpu" in asked else DEFAULT_MILLICORES
        total["memory"] += whole(asked["memory"]) if "memory" in asked else DEFAULT_MEMORY
    return total
