"""ResourceQuota: what a namespace's objects use of it, and the refusal of what would go beyond.

What is used is counted from the objects themselves whenever it matters, so the status cannot lag behind a refusal.

Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota, kubernetes/pkg/quota/v1/evaluator/core.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from podwalk.api import failures
from podwalk.api.podresources import Amounts, add, containers, stated, total
from podwalk.api.quantities import Quantity, parse
from podwalk.api.registry import Resource
from podwalk.api.strategy import qos_class
from podwalk.api.trees import dig
from podwalk.types import Change, Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

QUOTAS = "resourcequotas"
COUNTED = frozenset(
    ("configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", QUOTAS, "secrets", "services")
)
"""Objects that are counted under their bare names too."""

COMPUTE = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""What each container of a Pod must state where a quota limits it."""

_ONE = Quantity(Decimal(1), "decimal")
_NONE = Quantity(Decimal(0), "decimal")
_UNCOUNTED = ("events", "events.events.k8s.io")


def follow(objects: StoredObjects) -> None:
    """Keep the status of every quota right from now on."""
    due: set[str] = set()

    def settle(namespace: str) -> None:
        due.discard(namespace)
        for quota in objects.list(QUOTAS, namespace):
            _report(objects, quota)

    def see(change: Change) -> None:
        namespace = change.object["metadata"].get("namespace", "")
        if not namespace or namespace in due or not objects.store.count(QUOTAS):
            return
        if objects.list(QUOTAS, namespace):
            due.add(namespace)
            objects.simulation.call(lambda: settle(namespace))

    objects.store.subscribe(see)


def admit(objects: StoredObjects, resource: Resource, obj: Object, old: Object | None) -> None:
    """Refuse an object that would use more than a quota of its namespace leaves.

    Raises:
        ApiError: 403.
    """
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")
    quotas = () if resource.key in _UNCOUNTED else objects.list(QUOTAS, namespace)
    if not quotas:
        return
    more = _more(usage(resource.key, obj), usage(resource.key, old) if old is not None else {})
    for quota in quotas:
        hard = {key: parse(str(value)) for key, value in (quota["spec"].get("hard") or {}).items()}
        if not _in_scope(quota, resource.key, obj) or not hard.keys() & _touched(resource.key, more):
            continue
        title = quota["metadata"]["name"]
        if resource.key == "pods" and (unstated := _unstated(obj, hard)):
            raise failures.forbidden(resource, name, f"failed quota: {title}: must specify {unstated}")
        now = _used(objects, quota)
        exceeded = sorted(
            key for key in hard if key in more and now.get(key, _NONE).amount + more[key].amount > hard[key].amount
        )
        if exceeded:
            parts = (("requested", more), ("used", now), ("limited", hard))
            shown = ", ".join(f"{word}: {','.join(f'{key}={of[key]}' for key in exceeded)}" for word, of in parts)
            raise failures.forbidden(resource, name, f"exceeded quota: {title}, {shown}")


def usage(key: str, obj: Object) -> Amounts:
    """Return what one object uses, by the names that quotas have for it."""
    found = {f"count/{key}": _ONE, **({key: _ONE} if key in COUNTED else {})}
    if key == "pods":
        if dig(obj, "status", "phase") in ("Succeeded", "Failed"):
            return {"count/pods": _ONE}
        return found | _compute(total(obj, "requests"), total(obj, "limits"))
    if key == "services":
        spec = obj.get("spec") or {}
        kind, ports = spec.get("type"), Decimal(len(spec.get("ports") or ()))
        if kind == "LoadBalancer":
            found["services.loadbalancers"] = _ONE
        if kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False):
            found["services.nodeports"] = Quantity(ports, "decimal")
    if key == "persistentvolumeclaims":
        storage = dig(obj, "spec", "resources", "requests", "storage")
        found["requests.storage"] = parse(str(storage)) if storage else _NONE
    return found


def _compute(requests: Amounts, limits: Amounts) -> dict[str, Quantity]:
    bare = {name: value for name, value in requests.items() if "/" not in name}
    return {
        **bare,
        **{f"requests.{name}": value for name, value in requests.items()},
        **{f"limits.{name}": value for name, value in limits.items()},
    }


def _more(new: Amounts, old: Amounts) -> dict[str, Quantity]:
    grown = {name: Quantity(value.amount - old.get(name, _NONE).amount, value.style) for name, value in new.items()}
    return {name: value for name, value in grown.items() if value.amount > 0}


def _touched(key: str, more: Amounts) -> set[str]:
    """Return the names by which a quota is concerned with an object: for a Pod also what it should have stated."""
    return {*more, *(COMPUTE if key == "pods" else ())}


def _unstated(pod: Object, hard: Mapping[str, Quantity]) -> str:
    missing: dict[str, set[str]] = {}
    for _, container in containers(pod):
        own = _compute(stated(container, "requests"), stated(container, "limits"))
        for name in COMPUTE:
            if name in hard and name not in own:
                missing.setdefault(name, set()).add(container["name"])
    return "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))


def _used(objects: StoredObjects, quota: Object) -> Amounts:
    """Return what is used of a quota now, by the names that it limits."""
    hard, used = quota["spec"].get("hard") or {}, dict[str, Quantity]()
    for key in sorted({_key(name) for name in hard}):
        if key not in objects.resources and key not in COUNTED:
            continue
        used |= {name: _NONE for name in hard if _key(name) == key}
        for obj in objects.list(key, quota["metadata"]["namespace"]):
            if _in_scope(quota, key, obj):
                used = add(used, {name: value for name, value in usage(key, obj).items() if name in hard})
    return used


def _key(name: str) -> str:
    """Return the resource whose objects a name of a quota is about."""
    if name.startswith("count/"):
        return name.removeprefix("count/")
    if name in COUNTED:
        return name
    if name.startswith("services."):
        return "services"
    return "persistentvolumeclaims" if name.endswith("storage") and "ephemeral" not in name else "pods"


def _report(objects: StoredObjects, quota: Object) -> None:
    used = {name: str(value) for name, value in sorted(_used(objects, quota).items())}
    status = {"hard": dict(sorted((quota["spec"].get("hard") or {}).items())), "used": used}
    metadata = quota["metadata"]
    if quota.get("status") == status:
        return

    def change(latest: Object) -> None:
        latest["status"] = status

    objects.modify(
        QUOTAS,
        metadata["namespace"],
        metadata["name"],
        change,
        subresource="status",
        manager="kube-controller-manager",
    )


def _in_scope(quota: Object, key: str, obj: Object) -> bool:
    """Say whether a quota is about an object: one with scopes is about some Pods only."""
    wanted = [{"scopeName": scope, "operator": "Exists"} for scope in quota["spec"].get("scopes") or ()]
    wanted += (quota["spec"].get("scopeSelector") or {}).get("matchExpressions") or ()
    return not wanted or (key == "pods" and all(_matches(one, obj) for one in wanted))


def _matches(wanted: Object, pod: Object) -> bool:
    spec = pod.get("spec") or {}
    scope, operator, values = wanted["scopeName"], str(wanted.get("operator")), wanted.get("values") or ()
    if scope == "PriorityClass":
        name = spec.get("priorityClassName") or ""
        if operator in ("In", "NotIn"):
            return bool(name in values) == (operator == "In")
        return bool(name) == (operator == "Exists")
    return next(holds for word, holds in _scopes(pod) if word == scope)


def _scopes(pod: Object) -> Iterator[tuple[str, bool]]:
    spec = pod.get("spec") or {}
    ends, best = spec.get("activeDeadlineSeconds") is not None, qos_class(pod) == "BestEffort"
    yield from (("Terminating", ends), ("NotTerminating", not ends), ("BestEffort", best), ("NotBestEffort", not best))
    terms = [
        term.get("podAffinityTerm") or term
        for kind in ("podAffinity", "podAntiAffinity")
        for rule in ((spec.get("affinity") or {}).get(kind) or {}).values()
        for term in rule
    ]
    yield "CrossNamespacePodAffinity", any(term.get("namespaces") or "namespaceSelector" in term for term in terms)
