"""ServiceCIDRs: ready when they are there, and not gone before the last address of theirs.

Source: k8s.io/kubernetes/pkg/controller/servicecidrs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from podwalk.controllers.controller import Context, Controller, itself, key_of
from podwalk.controllers.pods import condition
from podwalk.controllers.queue import Key
from podwalk.types import Change, Object

RESOURCE, ADDRESSES = "servicecidrs.networking.k8s.io", "ipaddresses.networking.k8s.io"
FINALIZER = "networking.k8s.io/service-cidr-finalizer"
MANAGER = "kube-controller-manager"
BUSY = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"


def reconcile(context: Context, key: Key) -> float | None:
    """Protect a ServiceCIDR, say that it is ready, and let it go when it is empty."""
    found = context.objects.get(RESOURCE, *key)
    if found is None:
        return None
    if "deletionTimestamp" in found["metadata"]:
        _let_go(context, found)
        return None
    if FINALIZER not in (found["metadata"].get("finalizers") or ()):
        found = context.objects.modify(RESOURCE, *key, _protect, manager=MANAGER) or found
    if (condition(found, "Ready") or {}).get("status") != "True":
        _set(context, found, "True", "", "Kubernetes Service CIDR is ready")
    return None


def _protect(obj: Object) -> None:
    obj["metadata"]["finalizers"] = [*(obj["metadata"].get("finalizers") or ()), FINALIZER]


def _let_go(context: Context, found: Object) -> None:
    if FINALIZER not in (found["metadata"].get("finalizers") or ()):
        return
    if _is_needed(context, found):
        _set(context, found, "False", "Terminating", BUSY)
        return

    def change(latest: Object) -> None:
        left = [entry for entry in latest["metadata"]["finalizers"] if entry != FINALIZER]
        latest["metadata"].pop("finalizers")
        if left:
            latest["metadata"]["finalizers"] = left

    context.objects.modify(RESOURCE, *key_of(found), change, manager=MANAGER)


def _is_needed(context: Context, found: Object) -> bool:
    """Tell whether an address is in this range and in no other that stays."""
    own = [ipaddress.ip_network(text) for text in found["spec"]["cidrs"]]
    others = [
        ipaddress.ip_network(text)
        for entry in context.objects.list(RESOURCE)
        if entry["metadata"]["name"] != found["metadata"]["name"] and "deletionTimestamp" not in entry["metadata"]
        for text in entry["spec"]["cidrs"]
    ]
    for entry in context.objects.list(ADDRESSES):
        address = ipaddress.ip_address(entry["metadata"]["name"])
        if any(address in network for network in own) and not any(address in network for network in others):
            return True
    return False


def _set(context: Context, found: Object, status: str, reason: str, message: str) -> None:
    entry = {"type": "Ready", "status": status, "reason": reason, "message": message}
    present = condition(found, "Ready") or {}
    if all(present.get(field) == value for field, value in entry.items()):
        return
    entry["lastTransitionTime"] = context.simulation.timestamp()

    def change(latest: Object) -> None:
        latest.setdefault("status", {})["conditions"] = [entry]

    context.objects.modify(RESOURCE, *key_of(found), change, subresource="status", manager=MANAGER)


def _freed(context: Context, change: Change) -> Iterable[Key]:
    """Look at the ranges that go when an address was freed."""
    if change.type != "DELETED":
        return ()
    return [key_of(entry) for entry in context.objects.list(RESOURCE) if "deletionTimestamp" in entry["metadata"]]


CONTROLLER = Controller("service-cidrs-controller", reconcile, {RESOURCE: itself, ADDRESSES: _freed})
