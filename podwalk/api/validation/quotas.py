"""Validation of ResourceQuotas and LimitRanges.

Source: kubernetes/pkg/apis/core/validation, ``ValidateResourceQuota`` and ``ValidateLimitRange``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podwalk.api.quantities import Quantity, parse
from podwalk.api.validation import names
from podwalk.api.validation.causes import IMMUTABLE, NOT_NEGATIVE, Causes, duplicate, each, forbidden, invalid
from podwalk.types import Object

_COMPUTE = frozenset(("cpu", "memory", "ephemeral-storage"))
_OBJECTS = frozenset(
    (
        *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps"),
        *("persistentvolumeclaims", "services.nodeports", "services.loadbalancers"),
    )
)
_FOR_QUOTA = frozenset(
    (
        *_COMPUTE,
        *_OBJECTS,
        *(f"requests.{name}" for name in (*_COMPUTE, "storage")),
        *(f"limits.{name}" for name in _COMPUTE),
    )
)
_SCOPES = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity")
_OPPOSITES = (frozenset(("BestEffort", "NotBestEffort")), frozenset(("Terminating", "NotTerminating")))
_OF_PODS = frozenset(
    (*_COMPUTE, *(f"requests.{name}" for name in _COMPUTE), *(f"limits.{name}" for name in _COMPUTE), "pods")
)
_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_NOT_STANDARD = "must be a standard resource type or fully qualified"


def resource_quota(obj: Object, old: Object | None) -> Causes:
    """Check a ResourceQuota."""
    spec = obj.get("spec") or {}
    for name, value in sorted((spec.get("hard") or {}).items()):
        path = f"spec.hard[{name}]"
        yield from _quota_name(path, name)
        amount = parse(str(value)).amount
        if amount < 0:
            yield invalid(path, str(value), NOT_NEGATIVE)
        if (name in _OBJECTS or name.startswith("count/")) and amount % 1:
            yield invalid(path, str(value), "must be an integer")
    yield from _scopes(spec)
    before = (old or {}).get("spec") or {}
    if old is not None and sorted(spec.get("scopes") or ()) != sorted(before.get("scopes") or ()):
        yield invalid("spec.scopes", spec.get("scopes"), IMMUTABLE)


def _quota_name(path: str, name: str) -> Causes:
    yield from each(path, name, names.label_key(name))
    if "/" not in name and name not in _FOR_QUOTA and not name.startswith(("hugepages-", "requests.hugepages-")):
        yield invalid(path, name, _NOT_STANDARD)
        yield invalid(path, name, "must be a standard resource for quota")


def _scopes(spec: Object) -> Causes:
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid("spec.scopes", scopes, "unsupported scope")
        elif any("/" not in name and name not in _allowed(scope) for name in spec.get("hard") or {}):
            yield invalid("spec.scopes", scopes, "unsupported scope applied to resource")
    for pair in _OPPOSITES:
        if pair <= set(scopes):
            yield invalid("spec.scopes", scopes, "conflicting scopes")


def _allowed(scope: str) -> frozenset[str]:
    return frozenset(("pods",)) if scope == "BestEffort" else _OF_PODS


def limit_range(obj: Object, old: Object | None) -> Causes:
    """Check a LimitRange."""
    seen: set[str] = set()
    for index, limit in enumerate((obj.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{index}]", limit.get("type") or ""
        yield from each(f"{path}.type", kind, names.label_key(kind))
        if kind and "/" not in kind and kind not in _TYPES:
            yield invalid(f"{path}.type", kind, "must be a standard limit type or fully qualified")
        if kind in seen:
            yield duplicate(f"{path}.type", kind)
        seen.add(kind)
        yield from _limit(path, kind, limit)


def _limit(path: str, kind: str, limit: Object) -> Causes:
    for field in ("min", "max"):
        for name in sorted(limit.get(field) or {}):
            yield from _limit_name(f"{path}.{field}[{name}]", kind, name)
    for field in ("default", "defaultRequest") if kind == "Pod" else ():
        if limit.get(field):
            yield forbidden(f"{path}.{field}", "may not be specified when `type` is 'Pod'")
    fields = ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")
    for name in sorted({name for field in fields for name in limit.get(field) or {}}):
        said = {
            field: parse(str((limit.get(field) or {})[name])) for field in fields if name in (limit.get(field) or {})
        }
        yield from (invalid(f"{path}.{at}[{name}]", str(value), why) for at, value, why in _order(said))


def _limit_name(path: str, kind: str, name: str) -> Causes:
    yield from each(path, name, names.label_key(name))
    if "/" not in name and name not in _FOR_QUOTA and name != "storage" and not name.startswith("hugepages-"):
        yield invalid(path, name, _NOT_STANDARD)
        if kind in ("Pod", "Container"):
            yield invalid(path, name, "must be a standard resource for containers")


# What must not be more than what: the words for both, and whose path and value a message gives.
_ORDER = (
    ("min", "max", "min value {} is greater than max value {}", "min", "min"),
    ("min", "defaultRequest", "min value {} is greater than default request value {}", "defaultRequest", ""),
    ("defaultRequest", "max", "default request value {} is greater than max value {}", "defaultRequest", ""),
    (
        "defaultRequest",
        "default",
        "default request value {} is greater than default limit value {}",
        "defaultRequest",
        "",
    ),
    ("min", "default", "min value {} is greater than default value {}", "default", "min"),
    ("default", "max", "default value {} is greater than max value {}", "default", "max"),
)


def _order(said: Mapping[str, Quantity]) -> Iterator[tuple[str, Any, str]]:
    for low, high, words, at, value in _ORDER:
        if low in said and high in said and said[low].amount > said[high].amount:
            yield at, said[value or at], words.format(said[low], said[high])
    ratio = said.get("maxLimitRequestRatio")
    if ratio is None:
        return
    if ratio.amount < 1:
        yield "maxLimitRequestRatio", ratio, f"ratio {ratio} is less than 1"
    if "min" in said and "max" in said and said["min"].amount:
        widest = said["max"].amount / said["min"].amount
        if ratio.amount > widest:
            yield "maxLimitRequestRatio", ratio, f"ratio {ratio} is greater than max/min = {float(widest):f}"
