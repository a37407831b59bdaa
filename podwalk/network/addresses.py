"""Whose an IP address is, by the objects of the cluster and by the ranges its administrator chose."""

from __future__ import annotations

import functools
import ipaddress
from enum import StrEnum

from podwalk.types import ClusterOptions, Object, Peer, Ref, View

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FINISHED = ("Succeeded", "Failed")
"""Phases of a Pod whose sandbox is gone: its address answers no more."""


class Range(StrEnum):
    """Where an address lies."""

    POD = "Pod range"
    SERVICE = "Service range"
    NODE = "node range"
    LOOPBACK = "loopback"
    OUTSIDE = "outside"


@functools.lru_cache(maxsize=65536)
def parse(text: str) -> Address | None:
    """Return the address, or None if the text is not one."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def network(text: str) -> Network | None:
    """Return the range a CIDR writes, or None if it is not one."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def contains(cidr: str, ip: str) -> bool:
    """Whether an address lies in a CIDR of its own family."""
    block, address = network(cidr), parse(ip)
    return block is not None and address is not None and block.version == address.version and address in block


def range_of(ip: str, options: ClusterOptions) -> Range:
    """Return in which of the cluster's ranges an address lies."""
    address = parse(ip)
    if address is not None and address.is_loopback:
        return Range.LOOPBACK
    ranges = ((options.pod_cidr, Range.POD), (options.service_cidr, Range.SERVICE), (options.node_cidr, Range.NODE))
    return next((kind for cidr, kind in ranges if contains(cidr, ip)), Range.OUTSIDE)


def reference(resource: str, obj: Object) -> Ref:
    """Return where an object is."""
    return Ref(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def pod_at(view: View, ip: str) -> Object | None:
    """Return the running Pod that owns an address; hostNetwork Pods own none, their node does."""
    for pod in view.lookup("pod-ip", ip):
        if not pod["spec"].get("hostNetwork") and pod.get("status", {}).get("phase") not in FINISHED:
            return pod
    return None


def node_at(view: View, ip: str) -> Object | None:
    """Return the node that owns an address."""
    return next(iter(view.lookup("node-ip", ip)), None)


def node_ip(view: View, name: str) -> str:
    """Return a node's InternalIP, or the empty text."""
    node = view.get("nodes", "", name)
    addresses = (node or {}).get("status", {}).get("addresses") or ()
    return next((entry["address"] for entry in addresses if entry["type"] == "InternalIP"), "")


def peer_at(view: View, ip: str) -> Peer | None:
    """Return the Pod or node that owns an address, or None if nothing of the cluster does."""
    if (pod := pod_at(view, ip)) is not None:
        return peer_of(pod)
    if (node := node_at(view, ip)) is not None:
        return Peer(ip, None, node["metadata"]["name"])
    return None


def peer_of(pod: Object) -> Peer:
    """Return a Pod as one end of a flow; its address is empty until it has one."""
    return Peer(pod.get("status", {}).get("podIP", ""), reference("pods", pod), pod["spec"].get("nodeName", ""))


def pod_of(view: View, peer: Peer) -> Object | None:
    """Return the Pod object of one end of a flow, or None if that end is no Pod or the Pod is gone."""
    return view.get("pods", peer.pod.namespace, peer.pod.name) if peer.pod else None


def on_host_network(view: View, peer: Peer) -> bool:
    """Whether one end of a flow uses its node's own network namespace: the node itself, or a hostNetwork Pod."""
    if peer.pod is None:
        return bool(peer.node)
    pod = pod_of(view, peer)
    return pod is not None and bool(pod["spec"].get("hostNetwork"))
