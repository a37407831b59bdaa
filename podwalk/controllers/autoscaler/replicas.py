"""From usage to replicas.

Source: k8s.io/kubernetes/pkg/controller/podautoscaler/replica_calculator.go.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podwalk.controllers import pods
from podwalk.controllers.metrics import Usage
from podwalk.controllers.quantities import amount
from podwalk.errors import PodwalkError
from podwalk.types import Object

TOLERANCE = 0.1
MILLI = 1000


class MetricError(PodwalkError):
    """A metric that cannot be had: the words are those of the autoscaler."""


@dataclass(frozen=True)
class Target:
    """What is to be kept to: a share of requests in percent, or an average in milli-units.

    Attributes:
        resource: ``cpu`` or ``memory``.
        container: the only container that counts, or empty for all.
        utilization: percent of the requests, or None.
        average: milli-units a Pod, or None.
    """

    resource: str
    container: str = ""
    utilization: int | None = None
    average: int | None = None


@dataclass(frozen=True)
class Proposal:
    """What one metric wants: replicas, and the present numbers for the status."""

    replicas: int
    utilization: int | None
    average: int


def propose(current: int, found: Sequence[Object], usage: Usage | None, target: Target) -> Proposal:
    """Return how many replicas a target wants.

    Raises:
        MetricError: when there are no Pods, no requests or no metrics.
    """
    head = f"unable to get metrics for resource {target.resource}: "
    if usage is None:
        missing = "the server could not find the requested resource (get pods.metrics.k8s.io)"
        raise MetricError(f"{head}unable to fetch metrics from resource metrics API: {missing}")
    if not found:
        raise MetricError("no pods returned by selector while calculating replica count")
    ready, unready, missing_pods = _group(found, usage, target)
    if not ready:
        raise MetricError(f"{head}no metrics returned from resource metrics API")
    wanted = _requests(found, target) if target.utilization is not None else {}
    ratio, utilization, average = _ratio(ready, wanted, target)
    replicas = _count(current, ready, unready, missing_pods, wanted, target, ratio)
    return Proposal(replicas, utilization, average)


def _group(found: Sequence[Object], usage: Usage, target: Target) -> tuple[dict[str, int], list[str], list[str]]:
    """Return the usage of ready Pods by name, and the names of those not ready and of those without metrics."""
    ready: dict[str, int] = {}
    unready, missing = [], []
    for pod in found:
        if pods.is_terminating(pod) or pods.phase(pod) == "Failed":
            continue
        name = pod["metadata"]["name"]
        used = _used(pod, usage, target)
        if pods.phase(pod) == "Pending" or (target.resource == "cpu" and not pods.is_ready(pod)):
            unready.append(name)
        elif used is None:
            missing.append(name)
        else:
            ready[name] = used
    return ready, unready, missing


def _used(pod: Object, usage: Usage, target: Target) -> int | None:
    total = 0
    for container in _containers(pod, target):
        used = usage(pod, container["name"])
        if used is None:
            return None
        total += used[0] if target.resource == "cpu" else used[1] * MILLI
    return total


def _containers(pod: Object, target: Target) -> list[Object]:
    containers = pod["spec"]["containers"]
    return [entry for entry in containers if target.container in ("", entry["name"])]


def _requests(found: Sequence[Object], target: Target) -> dict[str, int]:
    wanted = {}
    for pod in found:
        total = 0
        for container in _containers(pod, target):
            asked = ((container.get("resources") or {}).get("requests") or {}).get(target.resource)
            if asked is None:
                raise MetricError(
                    f"missing request for {target.resource} in container {container['name']} "
                    f"of Pod {pod['metadata']['name']}"
                )
            scale = 1 if target.resource == "cpu" else MILLI
            total += amount(target.resource, asked) * scale
        wanted[pod["metadata"]["name"]] = total
    return wanted


def _ratio(used: Mapping[str, int], wanted: Mapping[str, int], target: Target) -> tuple[float, int | None, int]:
    total = sum(used.values())
    average = total // len(used)
    if target.utilization is not None:
        utilization = total * 100 // max(1, sum(wanted[name] for name in used))
        return utilization / target.utilization, utilization, average
    return total / (len(used) * (target.average or 1)), None, average


def _count(
    current: int,
    ready: dict[str, int],
    unready: Sequence[str],
    missing: Sequence[str],
    wanted: Mapping[str, int],
    target: Target,
    ratio: float,
) -> int:
    if not (unready and ratio > 1) and not missing:
        return current if abs(1 - ratio) <= TOLERANCE else math.ceil(ratio * len(ready))
    # Pods without numbers are taken to be as they would least surprise: busy when scaling down, idle when scaling up.
    filled = dict(ready)
    for name in missing:
        busy = wanted.get(name, 0) if target.utilization is not None else target.average or 0
        filled[name] = busy if ratio < 1 else 0
    if ratio > 1:
        filled |= dict.fromkeys(unready, 0)
    new_ratio, _, _ = _ratio(filled, wanted, target)
    turned = (ratio < 1 < new_ratio) or (ratio > 1 > new_ratio)
    if abs(1 - new_ratio) <= TOLERANCE or turned:
        return current
    count = math.ceil(new_ratio * len(filled))
    wrong_way = (new_ratio < 1 and count > current) or (new_ratio > 1 and count < current)
    return current if wrong_way else count
