"""What kube-proxy does to a packet on one node: the endpoint it is sent to, and whether its source is masqueraded.

The behaviour is that of the iptables mode, kind's default; :mod:`podwalk.network.iptables` prints the rules themselves.

Source: pkg/proxy/iptables/proxier.go; KEP-1669, KEP-2086 (traffic policies), KEP-1860 (ipMode).
"""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from podwalk.network import endpoints as endpoint_choice
from podwalk.network.addresses import contains, reference
from podwalk.network.affinity import Affinity
from podwalk.network.endpoints import Endpoint
from podwalk.network.services import Entry, Front
from podwalk.types import ClusterOptions, Hop, HopKind, Outcome, Ref, View

DEFAULT_AFFINITY_S = 10800
"""``sessionAffinityConfig.clientIP.timeoutSeconds`` where it is not set."""


class Origin(StrEnum):
    """Where kube-proxy on a node believes a packet comes from."""

    POD = "a Pod"
    NODE = "this node"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Packet:
    """A new connection as one node sees it.

    Attributes:
        source_ip: its source address there.
        local: whether the node itself sends it.
        ip: its destination.
        port: its destination port.
        protocol: TCP, UDP or SCTP.
    """

    source_ip: str
    local: bool
    ip: str
    port: int
    protocol: str


@dataclass(frozen=True)
class Proxy:
    """The kube-proxy of one node, with what it may remember.

    Attributes:
        view: the objects.
        node: the node's name.
        options: the cluster's ranges.
        random: the source of the choice.
        affinity: the memory of session affinity, or None to have none.
        now_s: the present, in seconds.
    """

    view: View
    node: str
    options: ClusterOptions
    random: randomness.Random
    affinity: Affinity | None = None
    now_s: float = 0.0

    @property
    def zone(self) -> str:
        """The node's zone, or the empty text."""
        node = self.view.get("nodes", "", self.node) or {}
        labels = node.get("metadata", {}).get("labels") or {}
        return str(labels.get("topology.kubernetes.io/zone", ""))


@dataclass(frozen=True)
class Translation:
    """What a Service made of a packet.

    Attributes:
        front: the Service and port.
        endpoint: where it is sent; None if nowhere.
        outcome: why nowhere: refused or dropped.
        masquerade: whether the node puts its own address in place of the source's.
        hops: the decisions.
    """

    front: Front
    endpoint: Endpoint | None
    outcome: Outcome | None
    masquerade: bool
    hops: tuple[Hop, ...]


def origin_of(proxy: Proxy, packet: Packet) -> Origin:
    """Return where a packet comes from: kube-proxy tells Pods by the cluster's Pod range."""
    if contains(proxy.options.pod_cidr, packet.source_ip):
        return Origin.POD
    return Origin.NODE if packet.local else Origin.OUTSIDE


def translate(proxy: Proxy, front: Front, packet: Packet) -> Translation:
    """Send a packet that names a Service to one of its endpoints, or nowhere."""
    service_ref = reference("services", front.service)
    if (blocked := _outside_source_ranges(front, packet, service_ref)) is not None:
        return Translation(front, None, Outcome.TIMED_OUT, False, (blocked,))
    origin = origin_of(proxy, packet)
    local_only = front.local_only and (not front.external or origin is Origin.OUTSIDE)
    found = endpoint_choice.behind(proxy.view, front.service, front.port)
    choice = endpoint_choice.choose(found, node=proxy.node, zone=proxy.zone, local_only=local_only)
    if not choice.endpoints:
        return _nowhere(front, service_ref, found, choice)
    endpoint, why = _pick(proxy, front, packet, choice)
    masquerade, because = _masquerade(front, origin, endpoint, packet)
    return Translation(
        front, endpoint, None, masquerade, _hops(proxy, front, packet, (choice, endpoint, why), masquerade, because)
    )


def _outside_source_ranges(front: Front, packet: Packet, service: Ref) -> Hop | None:
    ranges = front.service["spec"].get("loadBalancerSourceRanges") or ()
    if front.entry is not Entry.LOAD_BALANCER or not ranges:
        return None
    if any(contains(cidr.strip(), packet.source_ip) for cidr in ranges):
        return None
    allowed = ", ".join(ranges)
    detail = f"{packet.source_ip} is in none of the loadBalancerSourceRanges ({allowed}), so the packet is dropped."
    return Hop(
        HopKind.SERVICE,
        f"Service {front}",
        detail,
        ok=False,
        objects=(service,),
        field="spec.loadBalancerSourceRanges",
    )


def _nowhere(front: Front, service: Ref, found: tuple[Endpoint, ...], choice: endpoint_choice.Choice) -> Translation:
    if choice.exists:
        field = "spec.externalTrafficPolicy" if front.external else "spec.internalTrafficPolicy"
        detail = f"The Service has endpoints, but {choice.reason}: the packet is dropped, and the client times out."
        outcome = Outcome.TIMED_OUT
    else:
        field = "spec.selector" if front.service["spec"].get("selector") else f"spec.ports[{front.index}]"
        none = f"has {counted(found)}, and none is ready" if found else "has no endpoints"
        detail = f"The Service {none}, so kube-proxy rejects the connection at once: connection refused."
        outcome = Outcome.REFUSED
    data = {"endpoints": [f"{endpoint.ip}:{endpoint.port}" for endpoint in found]}
    hop = Hop(HopKind.SERVICE, f"Service {front}", detail, ok=False, objects=(service,), field=field, data=data)
    return Translation(front, None, outcome, False, (hop,))


def counted(endpoints: Sequence[Endpoint]) -> str:
    """Say how many endpoints there are."""
    return f"{len(endpoints)} endpoint" + ("" if len(endpoints) == 1 else "s")


def _pick(proxy: Proxy, front: Front, packet: Packet, choice: endpoint_choice.Choice) -> tuple[Endpoint, str]:
    sticky = front.service["spec"].get("sessionAffinity") == "ClientIP" and proxy.affinity is not None
    key, client = str(front), packet.source_ip
    if sticky and proxy.affinity is not None:
        config = (front.service["spec"].get("sessionAffinityConfig") or {}).get("clientIP") or {}
        timeout_s = float(config.get("timeoutSeconds") or DEFAULT_AFFINITY_S)
        kept = proxy.affinity.recall(proxy.node, key, client, choice.endpoints, timeout_s, proxy.now_s)
        if kept is not None:
            proxy.affinity.remember(proxy.node, key, client, kept, proxy.now_s)
            return kept, f"session affinity keeps client {client} on it for {timeout_s:g} s after each connection"
    endpoint = proxy.random.choice(choice.endpoints)
    if sticky and proxy.affinity is not None:
        proxy.affinity.remember(proxy.node, key, client, endpoint, proxy.now_s)
    count = len(choice.endpoints)
    return endpoint, "the only one" if count == 1 else f"chosen at random among {count}"


def _masquerade(front: Front, origin: Origin, endpoint: Endpoint, packet: Packet) -> tuple[bool, str]:
    if endpoint.ip == packet.source_ip:
        return True, "a Pod that reaches itself through its Service must see an answer from the node"
    if front.entry is Entry.CLUSTER_IP:
        return origin is not Origin.POD, "a client that is no Pod reaches a ClusterIP through this node"
    if front.service["spec"].get("externalTrafficPolicy") == "Local":
        return origin is Origin.NODE, "the node itself is the client"
    return True, "externalTrafficPolicy is Cluster, so the answer must come back through this node"


def _hops(
    proxy: Proxy,
    front: Front,
    packet: Packet,
    chosen: tuple[endpoint_choice.Choice, Endpoint, str],
    masquerade: bool,
    because: str,
) -> tuple[Hop, ...]:
    choice, endpoint, why = chosen
    protocol = packet.protocol
    service = Hop(
        HopKind.SERVICE,
        f"Service {front}",
        f"{packet.ip}:{packet.port}/{protocol} is the {front.entry} of this Service; "
        f"on node {proxy.node} kube-proxy knows {counted(choice.endpoints)} for it: {choice.reason}.",
        objects=(reference("services", front.service),),
        field=f"spec.ports[{front.index}]",
        data={
            "entry": str(front.entry),
            "node": proxy.node,
            "endpoints": [f"{candidate.ip}:{candidate.port}" for candidate in choice.endpoints],
        },
    )
    slices = Ref(endpoint_choice.SLICES, front.namespace, endpoint.slice_name)
    detail = f"Sent to {endpoint.ip}:{endpoint.port}: {why}."
    if masquerade:
        detail += f" Its source becomes the node's: {because}."
    return service, Hop(
        HopKind.ENDPOINT,
        f"Endpoint {endpoint.ip}:{endpoint.port}",
        detail,
        objects=(slices, *((endpoint.target,) if endpoint.target else ())),
        data={"ip": endpoint.ip, "port": endpoint.port, "masquerade": masquerade},
    )
