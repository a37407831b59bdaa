"""What a Pod asks for and may use in all, as quotas and limits count it.

Source: k8s.io/component-helpers/resource, ``PodRequests`` and ``PodLimits``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from podwalk.api.quantities import Quantity, parse
from podwalk.types import Object

Amounts = Mapping[str, Quantity]


def containers(pod: Object) -> Iterator[tuple[str, Object]]:
    """Yield the containers of a Pod with the words for their kind, the main ones first."""
    spec = pod.get("spec") or {}
    for kind, field in (("container", "containers"), ("init container", "initContainers")):
        for one in spec.get(field) or ():
            yield kind, one


def stated(container: Object, which: str) -> Amounts:
    """Return the ``requests`` or ``limits`` of a container."""
    return {name: parse(str(value)) for name, value in ((container.get("resources") or {}).get(which) or {}).items()}


def total(pod: Object, which: str) -> Amounts:
    """Return the ``requests`` or ``limits`` of a whole Pod.

    Init containers run one by one, so the largest counts; a sidecar runs on beside all that come after it.
    """
    whole: dict[str, Quantity] = {}
    sidecars: dict[str, Quantity] = {}
    peak: dict[str, Quantity] = {}
    for kind, container in containers(pod):
        own = stated(container, which)
        if kind == "container":
            whole = add(whole, own)
            continue
        if container.get("restartPolicy") == "Always":
            whole, sidecars = add(whole, own), add(sidecars, own)
            own = sidecars
        else:
            own = add(own, sidecars)
        peak = _larger(peak, own)
    return _larger(whole, peak)


def add(one: Amounts, other: Amounts) -> dict[str, Quantity]:
    """Return the sums; one is written as the first is, unless that is nothing."""
    result = dict(one)
    for name, value in other.items():
        mine = result.get(name)
        style = mine.style if mine is not None and mine.amount else value.style
        result[name] = Quantity((mine.amount if mine is not None else Decimal(0)) + value.amount, style)
    return result


def _larger(one: Amounts, other: Amounts) -> dict[str, Quantity]:
    result = dict(one)
    for name, value in other.items():
        if name not in result or value.amount > result[name].amount:
            result[name] = value
    return result
