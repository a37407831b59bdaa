"""LimitRanger: what containers get that ask for nothing, and what a Pod may not go beyond.

Left out: the limits of PersistentVolumeClaims, for there are no volumes.

Source: kubernetes/plugin/pkg/admission/limitranger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from podwalk.api import failures
from podwalk.api.podresources import Amounts, containers, stated, total
from podwalk.api.quantities import Quantity, parse
from podwalk.api.registry import Resource
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

_ANNOTATION = "kubernetes.io/limit-ranger"


def admit_pod(objects: StoredObjects, resource: Resource, pod: Object) -> None:
    """Give a new Pod the defaults of its namespace's LimitRanges, in place, and hold it to them.

    Raises:
        ApiError: 403 for what is too much or too little.
    """
    ranges = objects.list("limitranges", pod["metadata"].get("namespace", ""))
    for one in ranges:
        _fill(pod, [limit for limit in one["spec"].get("limits") or () if limit.get("type") == "Container"])
    for one in ranges:
        problems = [said for limit in one["spec"].get("limits") or () for said in _problems(pod, limit)]
        if problems:
            why = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise failures.forbidden(resource, pod["metadata"].get("name", ""), why)


def _fill(pod: Object, limits: list[Object]) -> None:
    notes: list[str] = []
    for kind, container in containers(pod):
        for which, field in (("requests", "defaultRequest"), ("limits", "default")):
            given = {name: value for limit in limits for name, value in (limit.get(field) or {}).items()}
            resources = container.setdefault("resources", {})
            missing = sorted(name for name in given if name not in (resources.get(which) or {}))
            if missing:
                resources[which] = {**(resources.get(which) or {}), **{name: given[name] for name in missing}}
                notes.append(f"{', '.join(missing)} {which.removesuffix('s')} for {kind} {container['name']}")
    if notes:
        annotations = pod["metadata"].get("annotations") or {}
        pod["metadata"]["annotations"] = {**annotations, _ANNOTATION: f"LimitRanger plugin set: {'; '.join(notes)}"}


def _problems(pod: Object, limit: Object) -> Iterator[str]:
    kind = limit.get("type")
    if kind == "Container":
        for _, container in containers(pod):
            yield from _breaches(limit, stated(container, "requests"), stated(container, "limits"))
    elif kind == "Pod":
        yield from _breaches(limit, total(pod, "requests"), total(pod, "limits"))


def _breaches(limit: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    kind = limit["type"]
    for check, field in ((_too_little, "min"), (_too_much, "max"), (_too_uneven, "maxLimitRequestRatio")):
        for name, value in sorted((limit.get(field) or {}).items()):
            bound = parse(str(value))
            said = check(bound, requests.get(name), limits.get(name))
            if said and field == "maxLimitRequestRatio":
                yield f"{name} max limit to request ratio per {kind} is {bound}, but {said}"
            elif said:
                yield f"{field}imum {name} usage per {kind} is {bound}{said}"


def _too_little(least: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    if request is None:
        return ".  No request is specified"
    if request.amount < least.amount:
        return f", but request is {request}"
    return f", but limit is {limit}" if limit is not None and limit.amount < least.amount else ""


def _too_much(most: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    if limit is None:
        return ".  No limit is specified"
    if limit.amount > most.amount:
        return f", but limit is {limit}"
    return f", but request is {request}" if request is not None and request.amount > most.amount else ""


def _too_uneven(most: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    if request is None or not request.amount:
        return "no request is specified or request is 0"
    if limit is None or not limit.amount:
        return "no limit is specified or limit is 0"
    ratio = limit.amount / request.amount
    return f"provided ratio is {float(ratio):f}" if ratio > most.amount else ""
