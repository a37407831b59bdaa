"""Where a Pod's relatives are: pod affinity, anti-affinity and topology spread constraints.

Reads other Pods only for a Pod that has such terms, or when a Pod with required anti-affinity is there already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from podwalk.controllers import pods
from podwalk.controllers.controller import Context
from podwalk.controllers.labels import matches
from podwalk.controllers.scheduler.filters import Reason, selects, untolerated
from podwalk.types import Object

NO_POD_AFFINITY = Reason("node(s) didn't match pod affinity rules")
ANTI_AFFINITY = Reason("node(s) didn't match pod anti-affinity rules", resolvable=True)
OTHERS_ANTI_AFFINITY = Reason("node(s) didn't satisfy existing pods anti-affinity rules", resolvable=True)
SKEWED = Reason("node(s) didn't match pod topology spread constraints", resolvable=True)
NO_LABEL = Reason("node(s) didn't match pod topology spread constraints (missing required label)")

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def check(context: Context, pod: Object, nodes: Sequence[Object]) -> dict[str, Reason]:
    """Return, by node, the reason for which a Pod's relatives rule it out."""
    refused: dict[str, Reason] = {}
    for constraint in _constraints(pod, "DoNotSchedule"):
        _check_spread(context, pod, nodes, constraint, refused)
    affinity = pod["spec"].get("affinity") or {}
    for term in (affinity.get("podAffinity") or {}).get(REQUIRED) or ():
        _check_affinity(context, pod, nodes, term, refused)
    for term in (affinity.get("podAntiAffinity") or {}).get(REQUIRED) or ():
        values = _values(context, nodes, term["topologyKey"], _chosen(context, pod, term))
        for node in nodes:
            if _label(node, term["topologyKey"]) in values:
                refused.setdefault(_name(node), ANTI_AFFINITY)
    _check_others(context, pod, nodes, refused)
    return refused


def preference(context: Context, pod: Object, nodes: Sequence[Object]) -> dict[str, float]:
    """Return, by node, the weights of the preferred affinity terms that hold, less those of anti-affinity."""
    scores = dict.fromkeys(map(_name, nodes), 0.0)
    affinity = pod["spec"].get("affinity") or {}
    for field, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
        for weighted in (affinity.get(field) or {}).get(PREFERRED) or ():
            term = weighted["podAffinityTerm"]
            values = _values(context, nodes, term["topologyKey"], _chosen(context, pod, term))
            for node in nodes:
                scores[_name(node)] += sign * weighted["weight"] * values[_label(node, term["topologyKey"])]
    return scores


def spread(context: Context, pod: Object, nodes: Sequence[Object]) -> dict[str, float]:
    """Return, by node, how crowded its domains are with the Pod's relatives, by soft constraints or the defaults."""
    crowd = dict.fromkeys(map(_name, nodes), 0.0)
    constraints = _constraints(pod, "ScheduleAnyway")
    for constraint in constraints:
        key = constraint["topologyKey"]
        values = _values(context, nodes, key, _matching(context, pod, constraint))
        for node in nodes:
            crowd[_name(node)] += values[_label(node, key)]
    owner = next((entry for entry in pod["metadata"].get("ownerReferences") or () if entry.get("controller")), None)
    if not pod["spec"].get("topologySpreadConstraints") and owner is not None:
        zones: Counter[str] = Counter()
        for node in context.objects.list("nodes"):
            zones[_zone(node)] += context.cache.node(_name(node)).owned[owner["uid"]]
        for node in nodes:
            crowd[_name(node)] += context.cache.node(_name(node)).owned[owner["uid"]] + zones[_zone(node)]
    return crowd


def _constraints(pod: Object, when: str) -> list[Object]:
    found = pod["spec"].get("topologySpreadConstraints") or ()
    return [entry for entry in found if entry.get("whenUnsatisfiable", "DoNotSchedule") == when]


def _check_spread(
    context: Context, pod: Object, nodes: Sequence[Object], constraint: Object, refused: dict[str, Reason]
) -> None:
    key = constraint["topologyKey"]
    counted = _values(context, context.objects.list("nodes"), key, _matching(context, pod, constraint))
    domains = {_label(node, key) for node in context.objects.list("nodes") if _counts(pod, node, constraint)} - {None}
    least = min((counted[domain] for domain in domains), default=0)
    if len(domains) < (constraint.get("minDomains") or 1):
        least = 0
    own = matches(constraint.get("labelSelector"), pod["metadata"].get("labels"))
    for node in nodes:
        domain = _label(node, key)
        if domain is None:
            refused.setdefault(_name(node), NO_LABEL)
        elif counted[domain] + own - least > constraint["maxSkew"]:
            refused.setdefault(_name(node), SKEWED)


def _counts(pod: Object, node: Object, constraint: Object) -> bool:
    """Tell whether a node's domain counts, by the constraint's node inclusion policies."""
    if constraint.get("nodeAffinityPolicy", "Honor") == "Honor" and not selects(pod, node):
        return False
    taints = (node.get("spec") or {}).get("taints") or ()
    honoured = constraint.get("nodeTaintsPolicy", "Ignore") == "Honor"
    return not (honoured and untolerated(pod, taints, ("NoSchedule", "NoExecute")))


def _matching(context: Context, pod: Object, constraint: Object) -> list[Object]:
    selector = dict(constraint.get("labelSelector") or {})
    labels = pod["metadata"].get("labels") or {}
    for key in constraint.get("matchLabelKeys") or ():
        if key in labels:
            selector["matchLabels"] = {**(selector.get("matchLabels") or {}), key: labels[key]}
    return _bound(context, pod["metadata"]["namespace"], selector)


def _check_affinity(
    context: Context, pod: Object, nodes: Sequence[Object], term: Object, refused: dict[str, Reason]
) -> None:
    chosen = _chosen(context, pod, term)
    # The first of a group that wants to be together may go anywhere.
    if not chosen and matches(term.get("labelSelector"), pod["metadata"].get("labels")):
        return
    values = _values(context, context.objects.list("nodes"), term["topologyKey"], chosen)
    for node in nodes:
        if not values[_label(node, term["topologyKey"])]:
            refused.setdefault(_name(node), NO_POD_AFFINITY)


def _check_others(context: Context, pod: Object, nodes: Sequence[Object], refused: dict[str, Reason]) -> None:
    for key in sorted(context.cache.affine):
        other = context.objects.get("pods", *key)
        if other is None or not pods.is_active(other):
            continue
        home = context.objects.get("nodes", "", other["spec"]["nodeName"])
        for term in other["spec"]["affinity"]["podAntiAffinity"][REQUIRED]:
            namespaces = _namespaces(context, other, term)
            applies = namespaces is None or pod["metadata"]["namespace"] in namespaces
            if home is None or not applies or not matches(term.get("labelSelector"), pod["metadata"].get("labels")):
                continue
            domain = _label(home, term["topologyKey"])
            for node in nodes:
                if domain is not None and _label(node, term["topologyKey"]) == domain:
                    refused.setdefault(_name(node), OTHERS_ANTI_AFFINITY)


def _chosen(context: Context, pod: Object, term: Object) -> list[Object]:
    selector = term.get("labelSelector")
    if selector is None:
        return []
    namespaces = _namespaces(context, pod, term)
    if namespaces is None:
        return _bound(context, None, selector)
    return [found for namespace in sorted(namespaces) for found in _bound(context, namespace, selector)]


def _namespaces(context: Context, pod: Object, term: Object) -> set[str] | None:
    """Return the namespaces that an affinity term looks at; None for all."""
    named = set(term.get("namespaces") or ())
    selector = term.get("namespaceSelector")
    if selector is None:
        return named or {pod["metadata"]["namespace"]}
    if not selector:
        return None
    found = context.objects.list("namespaces")
    return named | {_name(entry) for entry in found if matches(selector, entry["metadata"].get("labels"))}


def _bound(context: Context, namespace: str | None, selector: Mapping[str, Object]) -> list[Object]:
    found = context.objects.list("pods", namespace, selector.get("matchLabels") or None)
    return [
        pod
        for pod in found
        if pod["spec"].get("nodeName")
        and not pods.is_terminating(pod)
        and not pods.is_finished(pod)
        and matches(selector, pod["metadata"].get("labels"))
    ]


def _values(context: Context, nodes: Iterable[Object], key: str, found: Iterable[Object]) -> Counter[str | None]:
    """Count Pods by the value of a label of their nodes."""
    labels = {_name(node): _label(node, key) for node in context.objects.list("nodes")}
    counted: Counter[str | None] = Counter()
    for pod in found:
        value = labels.get(pod["spec"]["nodeName"])
        if value is not None:
            counted[value] += 1
    return counted


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _label(node: Object, key: str) -> str | None:
    value = (node["metadata"].get("labels") or {}).get(key)
    return None if value is None else str(value)


def _zone(node: Object) -> str:
    return _label(node, "topology.kubernetes.io/zone") or ""
