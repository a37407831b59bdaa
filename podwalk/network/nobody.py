"""What becomes of a packet to an address that nothing of the cluster has: nobody answers, or it leaves the cluster.

On the nodes' own network that is "no route to host", since nobody answers the question who has the address; elsewhere
the packet is lost, and the client waits.
"""

from __future__ import annotations

from podwalk.network import services
from podwalk.network.addresses import Range, range_of, reference
from podwalk.network.services import Entry
from podwalk.network.way import Walk
from podwalk.types import Hop, HopKind, Object, Outcome, Peer, Verdict


def nobody(walk: Walk) -> Verdict:
    """Say what becomes of a packet to an address that nothing of the cluster owns."""
    where = range_of(walk.ip, walk.options)
    inside = bool(walk.flow.source.node)
    owner = services.owner(walk.view, walk.ip)
    if owner is not None and (ended := _unanswered(walk, owner, where, inside=inside)) is not None:
        return ended
    if inside and (left := services.owner(walk.view, walk.ip, proxied=False)) is not None:
        return _left_to_another(walk, left)
    if where is Range.NODE:
        return walk.fail(
            Outcome.UNREACHABLE, HopKind.NODE, walk.ip, "No node answers for this address: no route to host."
        )
    if where is Range.OUTSIDE and inside:
        return _to_outside(walk)
    reason = {
        Range.POD: "No Pod has this address (Pods' addresses change when they are replaced), so nothing answers.",
        Range.SERVICE: "No Service has this address, so no rule takes the packet and nothing answers.",
    }.get(where, "Nothing answers at this address.")
    if not inside and where in (Range.POD, Range.SERVICE):
        reason = (
            f"An address of the {where} has a meaning inside the cluster only; a client outside has no route to it."
        )
    return walk.fail(Outcome.TIMED_OUT, HopKind.OUTSIDE, walk.ip, reason)


def _unanswered(walk: Walk, service: Object, where: Range, *, inside: bool) -> Verdict | None:
    """End at an address of a Service that no rule translates, and that nobody has; None if its network decides."""
    front = services.find(walk.view, walk.ip, walk.port, walk.flow.protocol)
    if front is not None:
        if where is not Range.NODE:
            return None
        why = "no node answers for it, as the Service has no endpoint"
        if front.entry is Entry.EXTERNAL_IP:
            why = "no host has it, and nothing routes it to a node"
        detail = f"{walk.ip} is an address of this Service, but {why}: no route to host."
    elif inside or where is Range.NODE:
        ports = ", ".join(
            f"{port['port']}/{port.get('protocol', 'TCP')}" for port in service["spec"].get("ports") or ()
        )
        asked = f"{walk.port}/{walk.flow.protocol}"
        detail = f"{walk.ip} is this Service's, but {asked} is none of its ports ({ports}): no rule takes the packet."
    else:
        return None
    outcome = Outcome.UNREACHABLE if where is Range.NODE else Outcome.TIMED_OUT
    title = f"Service {service['metadata'].get('namespace', '')}/{service['metadata']['name']}"
    return walk.fail(outcome, HopKind.SERVICE, title, detail, (reference("services", service),))


def _left_to_another(walk: Walk, service: Object) -> Verdict:
    """End at a Service that kube-proxy passes over."""
    metadata = service["metadata"]
    detail = f"Its label {services.PROXY_NAME} gives it to another proxy: kube-proxy has no rule that takes the packet."
    title = f"Service {metadata.get('namespace', '')}/{metadata['name']}"
    hop = Hop(HopKind.SERVICE, title, detail, False, (reference("services", service),), "metadata.labels")
    walk.hops.append(hop)
    return walk.end(Outcome.TIMED_OUT)


def _to_outside(walk: Walk) -> Verdict:
    node = walk.flow.source.node
    walk.masqueraded_at = node
    detail = (
        "The address is outside the cluster; the packet leaves through its node, with the node's address as its source."
    )
    walk.hops.append(Hop(HopKind.OUTSIDE, walk.ip, detail))
    return walk.end(Outcome.DELIVERED, Peer(walk.ip))
