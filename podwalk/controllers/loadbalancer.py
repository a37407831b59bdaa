"""Services of type LoadBalancer: pending, until somebody gives them addresses.

As on a bare cluster nobody does. Two switches, both objects of the cluster, so that a learner turns them with kubectl:

* **MetalLB**, once its CRDs are installed and there are an ``IPAddressPool`` and an ``L2Advertisement``: addresses of
the pool, by its
  ``autoAssign``, the Service's ``metallb.io/loadBalancerIPs`` and ``metallb.io/address-pool``, or
  ``spec.loadBalancerIP``.
* **cloud-provider-kind**, once a ConfigMap ``cloud-provider-kind`` is in ``kube-system``: addresses of the nodes' own
network.

A ``spec.loadBalancerClass`` is somebody else's, as for the real ones. Not simulated: BGP, address sharing,
``serviceAllocation``.

Source: metallb.io's documentation and kind's of cloud-provider-kind.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from podwalk.controllers.controller import Context, Controller, itself, key_of
from podwalk.controllers.queue import Key
from podwalk.network.announcing import FROM_POOL, announcer
from podwalk.network.endpoints import SLICES
from podwalk.types import Change, Object

POOLS, ADVERTISEMENTS = "ipaddresspools.metallb.io", "l2advertisements.metallb.io"
SERVICE_NAME = "kubernetes.io/service-name"
SWITCH = ("kube-system", "cloud-provider-kind")
WANTED_IPS, WANTED_POOL = "metallb.io/loadBalancerIPs", "metallb.io/address-pool"
CLEANUP = "service.kubernetes.io/load-balancer-cleanup"
MANAGER = "cloud-controller-manager"
FIRST_OF_CLOUD = 200


@dataclass(frozen=True)
class Offer:
    """An address for a Service, and the pool it is from; the pool of a cloud is empty."""

    address: str
    pool: str = ""


def reconcile(context: Context, key: Key) -> float | None:
    """Give a Service its address, keep it, or take it back."""
    service = context.objects.get("services", *key)
    if service is None:
        context.cache.announced.pop(key, None)
        return None
    present = _addresses(service)
    going = "deletionTimestamp" in service["metadata"]
    if service["spec"].get("type") != "LoadBalancer" or going:
        _take_back(context, service)
        return None
    if service["spec"].get("loadBalancerClass"):
        return None
    pools = _pools(context)
    if pools is not None:
        _serve_from_pools(context, service, pools, present)
    elif context.objects.get("configmaps", *SWITCH) is not None:
        _serve_as_cloud(context, service, present)
    elif present:
        _set(context, service, [])
    return None


def _addresses(service: Object) -> list[str]:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [entry["ip"] for entry in ingress if entry.get("ip")]


def _pools(context: Context) -> list[Object] | None:
    """Return MetalLB's pools, None if it is not installed."""
    if context.objects.get("customresourcedefinitions.apiextensions.k8s.io", "", POOLS) is None:
        return None
    return list(context.objects.list(POOLS))


def _serve_from_pools(context: Context, service: Object, pools: list[Object], present: list[str]) -> None:
    if present and any(_in_pool(address, pool) for address in present for pool in pools):
        _announce(context, service, present[0])
        return
    offer = _offer(context, service, pools)
    if isinstance(offer, str):
        name = "/".join(key_of(service))
        message = f'Failed to allocate IP for "{name}": {offer}'
        context.recorder.event(service, "Warning", "AllocationFailed", message)
        if present:
            _set(context, service, [])
        return
    _set(context, service, [offer])
    context.recorder.event(service, "Normal", "IPAllocated", f"Assigned IP {json.dumps([offer.address])}")
    _announce(context, service, offer.address)


def _announce(context: Context, service: Object, address: str) -> None:
    """Say which node answers for the address, once it is advertised, and whenever it is another."""
    key = key_of(service)
    node = announcer(context.objects, service, address) if context.objects.list(ADVERTISEMENTS) else ""
    if node and context.cache.announced.get(key) != node:
        message = f'announcing from node "{node}" with protocol "layer2"'
        context.recorder.event(service, "Normal", "nodeAssigned", message)
    context.cache.announced[key] = node


def _offer(context: Context, service: Object, pools: list[Object]) -> Offer | str:
    """Return a free address, or why there is none."""
    annotations = service["metadata"].get("annotations") or {}
    wanted = annotations.get(WANTED_IPS) or service["spec"].get("loadBalancerIP") or ""
    named = annotations.get(WANTED_POOL)
    taken = _taken(context, service)
    if named:
        pools = [pool for pool in pools if pool["metadata"]["name"] == named]
        if not pools:
            return f'unknown pool "{named}"'
    if wanted:
        for pool in pools:
            if _in_pool(wanted, pool):
                return f"{wanted} is in use" if wanted in taken else Offer(wanted, pool["metadata"]["name"])
        return f'["{wanted}"] is not allowed in config'
    for pool in pools:
        if not named and not pool["spec"].get("autoAssign", True):
            continue
        for address in _of_pool(pool):
            if address not in taken:
                return Offer(address, pool["metadata"]["name"])
    return "no available IPs"


def _taken(context: Context, service: Object) -> set[str]:
    others = (entry for entry in context.objects.list("services") if key_of(entry) != key_of(service))
    return {address for entry in others if entry["spec"].get("type") == "LoadBalancer" for address in _addresses(entry)}


def _ranges(pool: Object) -> Iterator[tuple[int, int]]:
    for text in pool["spec"].get("addresses") or ():
        first, dash, last = text.partition("-")
        if dash:
            yield int(ipaddress.ip_address(first.strip())), int(ipaddress.ip_address(last.strip()))
        else:
            network = ipaddress.ip_network(text, strict=False)
            yield int(network[0]), int(network[-1])


def _of_pool(pool: Object) -> Iterator[str]:
    buggy = pool["spec"].get("avoidBuggyIPs", False)
    for first, last in _ranges(pool):
        for number in range(first, last + 1):
            if not (buggy and number % 256 in (0, 255)):
                yield str(ipaddress.ip_address(number))


def _in_pool(address: str, pool: Object) -> bool:
    number = int(ipaddress.ip_address(address))
    return any(first <= number <= last for first, last in _ranges(pool))


def _serve_as_cloud(context: Context, service: Object, present: list[str]) -> None:
    if present:
        return
    context.recorder.event(service, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer")
    network = ipaddress.ip_network(context.options.node_cidr)
    taken = _taken(context, service)
    address = next(text for text in (str(network[n]) for n in range(FIRST_OF_CLOUD, 255)) if text not in taken)
    if CLEANUP not in (service["metadata"].get("finalizers") or ()):
        context.objects.modify("services", *key_of(service), _add_finalizer, manager=MANAGER)
    _set(context, service, [Offer(address)])
    context.recorder.event(service, "Normal", "EnsuredLoadBalancer", "Ensured load balancer")


def _add_finalizer(service: Object) -> None:
    service["metadata"]["finalizers"] = [*(service["metadata"].get("finalizers") or ()), CLEANUP]


def _take_back(context: Context, service: Object) -> None:
    if _addresses(service) and "deletionTimestamp" not in service["metadata"]:
        _set(context, service, [])
    if CLEANUP not in (service["metadata"].get("finalizers") or ()):
        return
    context.recorder.event(service, "Normal", "DeletingLoadBalancer", "Deleting load balancer")

    def change(latest: Object) -> None:
        left = [entry for entry in latest["metadata"].pop("finalizers") if entry != CLEANUP]
        if left:
            latest["metadata"]["finalizers"] = left

    context.objects.modify("services", *key_of(service), change, manager=MANAGER)
    context.recorder.event(service, "Normal", "DeletedLoadBalancer", "Deleted load balancer")


def _set(context: Context, service: Object, offers: list[Offer]) -> None:
    ingress = [{"ip": offer.address, "ipMode": "VIP"} for offer in offers]

    def report(latest: Object) -> None:
        latest["status"] = {**(latest.get("status") or {}), "loadBalancer": {"ingress": ingress} if ingress else {}}

    def annotate(latest: Object) -> None:
        annotations = dict(latest["metadata"].get("annotations") or {})
        annotations.pop(FROM_POOL, None)
        if offers and offers[0].pool:
            annotations[FROM_POOL] = offers[0].pool
        latest["metadata"].pop("annotations", None)
        if annotations:
            latest["metadata"]["annotations"] = annotations

    key = key_of(service)
    context.objects.modify("services", *key, annotate, manager=MANAGER)
    context.objects.modify("services", *key, report, subresource="status", manager=MANAGER)


def _all(context: Context, change: Change) -> Iterable[Key]:
    """Look at every such Service when the pools or the switch changed."""
    if change.resource == "configmaps" and key_of(change.object) != SWITCH:
        return ()
    return [key_of(entry) for entry in context.objects.list("services") if entry["spec"].get("type") == "LoadBalancer"]


def _freed(context: Context, change: Change) -> Iterable[Key]:
    """Look at a Service; one that went may leave its address to another that waits."""
    if change.type != "DELETED":
        return itself(context, change)
    if change.object["spec"].get("type") != "LoadBalancer":
        return ()
    waiting = (entry for entry in context.objects.list("services") if entry["spec"].get("type") == "LoadBalancer")
    return [key_of(entry) for entry in waiting if not _addresses(entry)]


def _of_slice(context: Context, change: Change) -> Iterable[Key]:
    """Look at the Service of a slice: another node may have to answer for its address."""
    metadata = change.object["metadata"]
    key = (metadata["namespace"], (metadata.get("labels") or {}).get(SERVICE_NAME, ""))
    return [key] if key in context.cache.announced else ()


CONTROLLER = Controller(
    "metallb-controller",
    reconcile,
    {"services": _freed, SLICES: _of_slice, POOLS: _all, ADVERTISEMENTS: _all, "configmaps": _all},
)
