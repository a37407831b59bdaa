"""What says where Pods may run: tolerations, affinity, spread.

Source: kubernetes/pkg/apis/core/validation/validation.go, release 1.37.
"""

from __future__ import annotations

import re

from podwalk.api.validation import metadata, names
from podwalk.api.validation.causes import (
    Causes,
    duplicate,
    each,
    forbidden,
    invalid,
    not_supported,
    positive,
    required,
)
from podwalk.types import Object

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def tolerations(path: str, values: list[Object]) -> Causes:
    """Check tolerations."""
    for index, toleration in enumerate(values):
        yield from _toleration(f"{path}[{index}]", toleration)


def _toleration(path: str, toleration: Object) -> Causes:
    key, operator = toleration.get("key") or "", toleration.get("operator") or ""
    effect, value = toleration.get("effect") or "", toleration.get("value") or ""
    if not key and operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(f"{path}.operator", operator, detail)
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        yield invalid(f"{path}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    if operator in ("Equal", ""):
        if problems := names.label_value(value):
            yield invalid(f"{path}.operator", value, ";".join(problems))
    elif operator == "Exists":
        if value:
            yield invalid(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'")
    elif operator in ("Lt", "Gt"):
        if not re.fullmatch(r"0|-?[1-9]\d*", value):
            yield invalid(f"{path}.value", value, "must be a valid decimal integer in canonical form")
    else:
        yield not_supported(f"{path}.operator", operator, ("Equal", "Exists"))
    if effect and effect not in _EFFECTS:
        yield not_supported(f"{path}.effect", effect, _EFFECTS)
    if key:
        yield from each(f"{path}.key", key, names.label_key(key))


def affinity(path: str, value: Object) -> Causes:
    """Check affinity to nodes and Pods."""
    node = value.get("nodeAffinity") or {}
    at = f"{path}.nodeAffinity"
    needed = node.get("requiredDuringSchedulingIgnoredDuringExecution")
    if needed is not None:
        yield from node_selector(f"{at}.requiredDuringSchedulingIgnoredDuringExecution", needed)
    for index, term in enumerate(node.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        place = f"{at}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        if not 1 <= term.get("weight", 0) <= 100:
            yield invalid(f"{place}.weight", term.get("weight", 0), "must be in the range 1-100")
        yield from _node_term(f"{place}.preference", term.get("preference") or {})
    for name in ("podAffinity", "podAntiAffinity"):
        yield from _pod_affinity(f"{path}.{name}", value.get(name) or {})


def _pod_affinity(path: str, value: Object) -> Causes:
    for index, term in enumerate(value.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
        yield from _pod_term(f"{path}.requiredDuringSchedulingIgnoredDuringExecution[{index}]", term)
    for index, weighted in enumerate(value.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        at = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        if not 1 <= weighted.get("weight", 0) <= 100:
            yield invalid(f"{at}.weight", weighted.get("weight", 0), "must be in the range 1-100")
        yield from _pod_term(f"{at}.podAffinityTerm", weighted.get("podAffinityTerm") or {})


def _pod_term(path: str, term: Object) -> Causes:
    yield from metadata.selector(f"{path}.labelSelector", term.get("labelSelector"))
    yield from metadata.selector(f"{path}.namespaceSelector", term.get("namespaceSelector"))
    for name in term.get("namespaces") or ():
        yield from each(f"{path}.namespace", name, names.dns_label(name))
    key = term.get("topologyKey") or ""
    if not key:
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from each(f"{path}.topologyKey", key, names.label_key(key))


def node_selector(path: str, value: Object) -> Causes:
    """Check a NodeSelector."""
    terms = value.get("nodeSelectorTerms") or []
    if not terms:
        yield required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(terms):
        yield from _node_term(f"{path}.nodeSelectorTerms[{index}]", term)


def _node_term(path: str, term: Object) -> Causes:
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        yield from _node_requirement(f"{path}.matchExpressions[{index}]", requirement)


def _node_requirement(path: str, requirement: Object) -> Causes:
    operator, values = requirement.get("operator") or "", requirement.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            yield required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        yield invalid(f"{path}.operator", operator, "not a valid selector operator")
    key = requirement.get("key") or ""
    yield from each(f"{path}.key", key, names.label_key(key))
    for index, value in enumerate(values):
        yield from each(f"{path}.values[{index}]", value, names.label_value(value))


def spread(path: str, values: list[Object]) -> Causes:
    """Check topology spread constraints."""
    pairs = [(one.get("topologyKey") or "", one.get("whenUnsatisfiable") or "") for one in values]
    for index, constraint in enumerate(values):
        at, (key, action) = f"{path}[{index}]", pairs[index]
        yield from positive(f"{at}.maxSkew", constraint.get("maxSkew"))
        if not key:
            yield required(f"{at}.topologyKey", "can not be empty")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            yield not_supported(f"{at}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway"))
        if pairs[index] in pairs[index + 1 :]:
            yield duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
        domains = constraint.get("minDomains")
        if domains is not None:
            yield from positive(f"{at}.minDomains", domains)
            if action != "DoNotSchedule":
                detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
                yield invalid(f"{at}.minDomains", domains, detail)
        yield from metadata.selector(f"{at}.labelSelector", constraint.get("labelSelector"))
