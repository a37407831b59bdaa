"""A Service's cluster IPs and IP families: what is filled in for the client, and what is refused before anything else.

Source: kubernetes/pkg/registry/core/service/storage, ``normalizeClusterIPs``, ``patchAllocatedValues`` and
``initIPFamilyFields`` (release 1.37); all words were seen on kind.
"""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.api.trees import drop
from podwalk.api.validation.causes import invalid
from podwalk.api.validation.services import cluster_ips
from podwalk.errors import Cause
from podwalk.types import Object

_POLICY, _FAMILIES = "spec.ipFamilyPolicy", "spec.ipFamilies"


def needs_ip(spec: Object) -> bool:
    """Whether a Service of this type has cluster IPs, be it None."""
    return bool(spec.get("type", "ClusterIP") != "ExternalName")


def align(spec: Object, before: Object | None) -> None:
    """Make ``clusterIP`` and ``clusterIPs`` say the same where the client gave or changed one of them only.

    Args:
        spec: the Service's spec; changed in place.
        before: the spec as it was, or None for a new Service.
    """
    one, many = spec.get("clusterIP") or "", list(spec.get("clusterIPs") or ())
    if before is None:
        many = many or ([one] if one else [])
    else:
        one, many = _aligned_with(one, many, before)
        if needs_ip(spec) and needs_ip(before):
            one = one or before.get("clusterIP") or ""
            many = many or list(before.get("clusterIPs") or ())
    drop(spec, "clusterIP", one or None)
    drop(spec, "clusterIPs", many or None)


def _aligned_with(one: str, many: list[str], before: Object) -> tuple[str, list[str]]:
    had_one, had_many = before.get("clusterIP") or "", list(before.get("clusterIPs") or ())
    if had_many and not many and one == had_one:
        return one, had_many
    if one != had_one and (many == had_many or not many):
        return one, [one] if one or not had_one else []
    return one, many


def settle(service: Object, old: Object | None, available: Sequence[str]) -> list[Cause]:
    """Fill in a Service's families and their policy, in place, or return why they cannot be.

    Args:
        service: the Service, its cluster IPs aligned.
        old: the Service as it was, or None for a new one.
        available: the families of the cluster's ranges, the default first.
    """
    spec, before = service["spec"], (old or {}).get("spec") or {}
    if not needs_ip(spec) or (old is not None and _prefers_as_before(spec, before)):
        return []
    selectorless = spec.get("clusterIP") == "None" and not spec.get("selector")
    if spec.get("ipFamilyPolicy") is None:
        spec["ipFamilyPolicy"] = before.get("ipFamilyPolicy") or ("RequireDualStack" if selectorless else "SingleStack")
    if causes := list(cluster_ips(spec, old)):
        return causes
    causes = _reduced(spec, before) if old is not None else []
    causes += _too_many(spec)
    causes += _infer(spec, available)
    if causes:
        return causes
    if selectorless:
        _complete(spec, available)
        return []
    causes = _not_configured(spec, available)
    if not causes:
        spec["ipFamilies"] = spec.get("ipFamilies") or [available[0]]
        if spec["ipFamilyPolicy"] != "SingleStack" and len(available) > 1:
            _complete(spec, available)
    return causes


def _prefers_as_before(spec: Object, before: Object) -> bool:
    """Whether a Service that prefers two families stays as it is, so that nothing is to be added or taken away."""
    if spec.get("ipFamilyPolicy") != "PreferDualStack" or before.get("ipFamilyPolicy") != "PreferDualStack":
        return False
    return all((spec.get(name) or []) == (before.get(name) or []) for name in ("clusterIPs", "ipFamilies"))


def _reduced(spec: Object, before: Object) -> list[Cause]:
    """Let a single family go with its address where the policy says so; otherwise that is an error."""
    causes: list[Cause] = []
    for name, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        now, had = spec.get(name) or [], before.get(name) or []
        if spec["ipFamilyPolicy"] == "SingleStack":
            if now == had and len(now) > 1:
                spec[name] = now[:1]
        elif 0 < len(now) < len(had):
            detail = f"must be 'SingleStack' to release the secondary {what}"
            causes.append(invalid(_POLICY, spec["ipFamilyPolicy"], detail))
    return causes


def _too_many(spec: Object) -> list[Cause]:
    if spec["ipFamilyPolicy"] != "SingleStack":
        return []
    wrong = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"
    kinds = (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families"))
    return [
        invalid(_POLICY, "SingleStack", wrong.format(what)) for name, what in kinds if len(spec.get(name) or ()) == 2
    ]


def _infer(spec: Object, available: Sequence[str]) -> list[Cause]:
    """Take the families from the addresses where the client named addresses only."""
    families, causes = list(spec.get("ipFamilies") or ()), []
    for index, ip in enumerate(spec.get("clusterIPs") or ()):
        family = "IPv6" if ":" in ip else "IPv4"
        if ip == "None":
            break
        if index < len(families):
            continue
        if family in available:
            families.append(family)
        else:
            detail = f"{family} is not configured on this cluster"
            causes.append(invalid(f"spec.clusterIPs[{index}]", spec["clusterIPs"], detail))
    drop(spec, "ipFamilies", families or None)
    return causes


def _complete(spec: Object, available: Sequence[str]) -> None:
    """Add the other family to one, unless the policy wants one only."""
    families = spec.get("ipFamilies") or [available[0]]
    if len(families) < 2 and spec["ipFamilyPolicy"] != "SingleStack":
        families = [*families, "IPv6" if families[0] == "IPv4" else "IPv4"]
    spec["ipFamilies"] = families


def _not_configured(spec: Object, available: Sequence[str]) -> list[Cause]:
    causes: list[Cause] = []
    if spec["ipFamilyPolicy"] == "RequireDualStack" and len(available) < 2:
        detail = "this cluster is not configured for dual-stack services"
        causes.append(invalid(_POLICY, "RequireDualStack", detail))
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in available:
            causes.append(invalid(f"{_FAMILIES}[{index}]", family, "not configured on this cluster"))
    return causes
