"""Which of the nodes that will do is best: the default plugins' scores, each from 0 to 100, with their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from podwalk.controllers.controller import Context
from podwalk.controllers.quantities import amount, weights
from podwalk.controllers.scheduler import topology
from podwalk.controllers.scheduler.filters import matches_term, untolerated
from podwalk.types import Object

TAINTS, AFFINITY, SPREAD, INTER_POD, ALLOCATION = 3, 2, 2, 2, 1


def rank(context: Context, pod: Object, nodes: Sequence[Object]) -> dict[str, float]:
    """Return each node's total; the highest wins."""
    total = dict.fromkeys((node["metadata"]["name"] for node in nodes), 0.0)
    _add(total, ALLOCATION, {node["metadata"]["name"]: _free(context, pod, node) for node in nodes})
    taints = {node["metadata"]["name"]: float(len(_soft_taints(pod, node))) for node in nodes}
    _add(total, TAINTS, _normalised(taints, lowest_best=True))
    preferred = {node["metadata"]["name"]: _preferred(pod, node) for node in nodes}
    _add(total, AFFINITY, _normalised(preferred))
    _add(total, SPREAD, _normalised(topology.spread(context, pod, nodes), lowest_best=True))
    _add(total, INTER_POD, _normalised(topology.preference(context, pod, nodes)))
    return total


def _free(context: Context, pod: Object, node: Object) -> float:
    """Score the share that would stay free (LeastAllocated), plus how even CPU and memory are (BalancedAllocation)."""
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    used, wanted = context.cache.node(node["metadata"]["name"]).weighed, weights(pod)
    shares = []
    for resource in ("cpu", "memory"):
        there = amount(resource, allocatable.get(resource, "0"))
        shares.append(min(1.0, (used[resource] + wanted[resource]) / there) if there else 1.0)
    return int((1 - sum(shares) / 2) * 100) + int((1 - abs(shares[0] - shares[1]) / 2) * 100)


def _soft_taints(pod: Object, node: Object) -> list[Mapping[str, str]]:
    return untolerated(pod, (node.get("spec") or {}).get("taints") or (), ("PreferNoSchedule",))


def _preferred(pod: Object, node: Object) -> float:
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = affinity.get(topology.PREFERRED) or ()
    return float(sum(term["weight"] for term in terms if matches_term(term["preference"], node)))


def _normalised(scores: dict[str, float], *, lowest_best: bool = False) -> dict[str, float]:
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    if high == low:
        return dict.fromkeys(scores, 0.0)
    share = {name: (score - low) / (high - low) for name, score in scores.items()}
    return {name: 100 * (1 - value if lowest_best else value) for name, value in share.items()}


def _add(total: dict[str, float], weight: int, scores: Mapping[str, float]) -> None:
    for name, score in scores.items():
        total[name] += weight * score
