"""Why a Pod cannot run on a node, in the scheduler's words.

Each filter answers with the reasons, none if the node will do. A reason is *resolvable* if the node would do were
some of its Pods
gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podwalk.controllers.cache import Cache, host_ports
from podwalk.controllers.quantities import amount, requests
from podwalk.types import Object


@dataclass(frozen=True)
class Reason:
    """One reason against a node."""

    text: str
    resolvable: bool = False


UNSCHEDULABLE = Reason("node(s) were unschedulable")
WRONG_NAME = Reason("node(s) didn't match the requested node name")
TAINTED = Reason("node(s) had untolerated taint(s)")
NO_AFFINITY = Reason("node(s) didn't match Pod's node affinity/selector")
NOT_NAMED = Reason("node(s) didn't satisfy plugin(s) [NodeAffinity]")
NO_PORTS = Reason("node(s) didn't have free ports for the requested pod ports", resolvable=True)


def check(cache: Cache, pod: Object, node: Object) -> list[Reason]:
    """Return the reasons of the first filter that fails, in the scheduler's order; none if the Pod fits."""
    name = node["metadata"]["name"]
    named = _named_nodes(pod)
    if named is not None and name not in named:
        return [NOT_NAMED]
    spec = node.get("spec") or {}
    if spec.get("unschedulable") and not tolerates(pod, _UNSCHEDULABLE_TAINT):
        return [UNSCHEDULABLE]
    if untolerated(pod, spec.get("taints") or (), ("NoSchedule", "NoExecute")):
        return [TAINTED]
    if not selects(pod, node):
        return [NO_AFFINITY]
    if _ports_clash(cache, pod, name):
        return [NO_PORTS]
    return _lacks(cache, pod, node)


_UNSCHEDULABLE_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def tolerates(pod: Object, taint: Mapping[str, str]) -> bool:
    """Tell whether one of a Pod's tolerations covers a taint."""
    return any(_covers(entry, taint) for entry in pod["spec"].get("tolerations") or ())


def _covers(toleration: Mapping[str, str], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    value, other = toleration.get("value", ""), taint.get("value", "")
    if operator in ("Gt", "Lt"):
        try:
            return int(other) > int(value) if operator == "Gt" else int(other) < int(value)
        except ValueError:
            return False
    return bool(toleration.get("key")) and value == other


def untolerated(pod: Object, taints: Iterable[Mapping[str, str]], effects: tuple[str, ...]) -> list[Mapping[str, str]]:
    """Return the taints of the given effects that a Pod does not tolerate."""
    return [taint for taint in taints if taint["effect"] in effects and not tolerates(pod, taint)]


def _named_nodes(pod: Object) -> set[str] | None:
    """Return the nodes that a required affinity names, as a DaemonSet's does; None if it names none."""
    terms = _required_terms(pod)
    if not terms:
        return None
    names: set[str] = set()
    for term in terms:
        fields = [entry for entry in term.get("matchFields") or () if entry["operator"] == "In"]
        if not fields:
            return None
        names.update(fields[0].get("values") or ())
    return names


def _required_terms(pod: Object) -> list[Object]:
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return list(required.get("nodeSelectorTerms") or ())


def selects(pod: Object, node: Object) -> bool:
    """Tell whether a Pod's node selector and required node affinity choose a node."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (pod["spec"].get("nodeSelector") or {}).items()):
        return False
    terms = _required_terms(pod)
    return not terms or any(matches_term(term, node) for term in terms)


def matches_term(term: Mapping[str, list[Object]], node: Object) -> bool:
    """Tell whether a node selector term chooses a node; an empty term chooses none."""
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    labels = node["metadata"].get("labels") or {}
    names = {"metadata.name": node["metadata"]["name"]}
    return all(_holds(entry, labels) for entry in expressions) and all(_holds(entry, names) for entry in fields)


def _holds(entry: Object, labels: Mapping[str, str]) -> bool:
    key, operator, values = entry["key"], entry["operator"], list(entry.get("values") or ())
    value = labels.get(key)
    if operator == "In":
        return bool(value in values)
    if operator == "NotIn":
        return bool(value not in values)
    if operator in ("Exists", "DoesNotExist"):
        return bool((value is not None) == (operator == "Exists"))
    try:
        difference = int(value) - int(str(values[0])) if value is not None else 0
        return difference > 0 if operator == "Gt" else difference < 0
    except ValueError:
        return False


def _ports_clash(cache: Cache, pod: Object, node: str) -> bool:
    taken = [port for port, number in cache.node(node).ports.items() if number > 0]
    return any(
        protocol == other_protocol and port == other_port and (ip == other_ip or "0.0.0.0" in (ip, other_ip))
        for ip, protocol, port in host_ports(pod)
        for other_ip, other_protocol, other_port in taken
    )


def _lacks(cache: Cache, pod: Object, node: Object) -> list[Reason]:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    used = cache.node(node["metadata"]["name"]).asked
    reasons = []
    if "pods" in allocatable and used["pods"] + 1 > amount("pods", allocatable["pods"]):
        reasons.append(Reason("Too many pods", resolvable=True))
    for resource, wanted in requests(pod).items():
        there = amount(resource, allocatable.get(resource, "0"))
        if wanted and used[resource] + wanted > there:
            reasons.append(Reason(f"Insufficient {resource}", resolvable=wanted <= there))
    return reasons
