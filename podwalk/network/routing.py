"""The way of a packet: from whom, through which Service, past which policies, to whom.

``route`` asks the other modules in the order in which a packet meets them: kube-proxy on the sender's node, egress
policies there, the node that owns the destination (with its own kube-proxy, for a NodePort), and ingress policies at
the target.
"""

from __future__ import annotations

import random as randomness

from podwalk.network import announcing, endpoints, host_ports, policy, services
from podwalk.network.addresses import (
    Range,
    node_at,
    node_ip,
    on_host_network,
    peer_at,
    range_of,
    reference,
)
from podwalk.network.affinity import Affinity
from podwalk.network.nobody import nobody
from podwalk.network.proxy import Translation, translate
from podwalk.network.services import Entry, Front
from podwalk.network.way import Walk
from podwalk.types import ClusterOptions, Flow, Hop, HopKind, Object, Outcome, Peer, Ref, Verdict, View


def route(
    view: View,
    flow: Flow,
    *,
    options: ClusterOptions,
    random: randomness.Random,
    affinity: Affinity | None = None,
    now_s: float = 0.0,
) -> Verdict:
    """Return what becomes of a new connection, with every decision on its way.

    Args:
        view: the cluster's objects.
        flow: who tries to reach which address and port.
        options: the cluster's ranges and its CNI plugin.
        random: where kube-proxy's choice of an endpoint comes from.
        affinity: the memory of session affinity; it is changed.
        now_s: the present in seconds, for the time-out of session affinity.

    Returns:
        A verdict whose last hop that is not ``ok`` is the reason if it was not delivered.
    """
    walk = Walk(view, flow, options, random, affinity, now_s, flow.ip, flow.port, flow.source)
    walk.hops.append(_departure(walk))
    if _is_own_address(walk):
        walk.hops.append(Hop(HopKind.POD, "itself", "The address is the sender's own: the packet never leaves it."))
        return walk.end(Outcome.DELIVERED, flow.source)
    return _from_cluster(walk) if flow.source.node else _from_outside(walk)


def _departure(walk: Walk) -> Hop:
    source, flow = walk.flow.source, walk.flow
    to = (
        f"opens a {flow.protocol} connection to {flow.ip}:{flow.port}"
        if flow.port
        else f"sends {flow.protocol} to {flow.ip}"
    )
    data = {"ip": source.ip, "to": f"{flow.ip}:{flow.port}" if flow.port else flow.ip}
    if source.pod is not None:
        title, detail = f"Pod {source.pod.namespace}/{source.pod.name}", f"{source.ip} on node {source.node} {to}."
        return Hop(HopKind.POD, title, detail, objects=(source.pod,), data={**data, "node": source.node})
    if source.node:
        title, refs = f"Node {source.node}", (Ref("nodes", "", source.node),)
        return Hop(HopKind.NODE, title, f"{source.ip} {to}.", objects=refs, data=data)
    return Hop(HopKind.OUTSIDE, source.ip, f"A client outside the cluster {to}.", data=data)


def _is_own_address(walk: Walk) -> bool:
    if range_of(walk.ip, walk.options) is Range.LOOPBACK:
        return not (on_host_network(walk.view, walk.seen) and _is_translated(walk))
    return walk.ip == walk.seen.ip and not _is_translated(walk)


def _is_translated(walk: Walk) -> bool:
    """Whether the sender's node sends the packet elsewhere: to a Service's endpoint, or to the Pod of a hostPort."""
    asked = walk.ip, walk.port, walk.flow.protocol
    return (
        services.find_node_port(walk.view, *asked, walk.options) is not None
        or services.find(walk.view, *asked) is not None
        or (on_host_network(walk.view, walk.seen) and host_ports.find(walk.view, walk.seen.node, *asked) is not None)
    )


def _from_cluster(walk: Walk) -> Verdict:
    """Follow a packet from a Pod or a node: its own node's kube-proxy, egress policies, then the network."""
    node = walk.seen.node
    local = on_host_network(walk.view, walk.seen)
    front = services.find(walk.view, walk.ip, walk.port, walk.flow.protocol)
    if front is None and _is_address_of(walk, node):
        front = services.find_node_port(walk.view, walk.ip, walk.port, walk.flow.protocol, walk.options)
    if front is not None:
        translation = translate(walk.proxy(node), front, walk.packet(local=local))
        if local and _is_let_go(walk, translation):
            walk.hops.append(_let_go(translation))
            return _arrive(walk, None, proxied=True)
        ended = walk.take(translation, node)
        if ended is not None:
            return ended
    elif _is_address_of(walk, node):
        _enter_host_port(walk, node)
    target = peer_at(walk.view, walk.ip)
    if not _passes(walk, policy.Direction.EGRESS, walk.seen, target or Peer(walk.ip)):
        return walk.end(Outcome.TIMED_OUT)
    return _arrive(walk, target, proxied=front is not None)


def _is_let_go(walk: Walk, translation: Translation) -> bool:
    """Whether a node's own packet leaves it though the Service has no endpoint (seen on kind).

    kube-proxy rejects what is for an outer address where packets come in or pass through, not where they set out.
    """
    outer = translation.front.entry in (Entry.EXTERNAL_IP, Entry.LOAD_BALANCER)
    return outer and translation.outcome is Outcome.REFUSED and node_at(walk.view, walk.ip) is None


def _let_go(translation: Translation) -> Hop:
    detail = (
        "The Service has no endpoint that is ready. For its outer addresses kube-proxy rejects what comes to a node or "
        "passes through it, but not the node's own packets: this one leaves the node."
    )
    service = reference("services", translation.front.service)
    return Hop(HopKind.SERVICE, f"Service {translation.front}", detail, objects=(service,))


def _is_address_of(walk: Walk, node: str) -> bool:
    owner = node_at(walk.view, walk.ip)
    return range_of(walk.ip, walk.options) is Range.LOOPBACK or (
        owner is not None and owner["metadata"]["name"] == node
    )


def _arrive(walk: Walk, target: Peer | None, *, proxied: bool) -> Verdict:
    """Deliver a packet that left its node, or say why nothing takes it."""
    if target is None:
        return _leave(walk)
    if target.pod is None:
        crossed = target.node != walk.flow.source.node
        front = services.find_node_port(walk.view, walk.ip, walk.port, walk.flow.protocol, walk.options)
        if front is not None and crossed and not proxied:
            return _at_node_port(walk, front, target.node)
        if crossed and not proxied and _enter_host_port(walk, target.node):
            return _arrive(walk, peer_at(walk.view, walk.ip), proxied=True)
        walk.hops.append(
            Hop(
                HopKind.NODE,
                f"Node {target.node}",
                f"{walk.ip} is this node.",
                objects=(Ref("nodes", "", target.node),),
            )
        )
        return walk.end(Outcome.DELIVERED, target)
    if not _passes(walk, policy.Direction.INGRESS, walk.source_at(target.node), target):
        return walk.end(Outcome.TIMED_OUT)
    detail = f"{walk.ip} is this Pod, on node {target.node}."
    walk.hops.append(Hop(HopKind.POD, f"Pod {target.pod.namespace}/{target.pod.name}", detail, objects=(target.pod,)))
    return walk.end(Outcome.DELIVERED, target)


def _enter_host_port(walk: Walk, node: str) -> bool:
    """Follow a ``hostPort`` of a node to its Pod, if there is one; only the Pod itself and loopback are masqueraded."""
    found = host_ports.find(walk.view, node, walk.ip, walk.port, walk.flow.protocol)
    if found is None:
        return False
    ip, pod = found.pod["status"]["podIP"], reference("pods", found.pod)
    detail = (
        f"Port {walk.port} of node {node} is a hostPort of Pod {pod.namespace}/{pod.name}: sent to {ip}:{found.port}."
    )
    walk.hops.append(
        Hop(
            HopKind.NODE,
            f"hostPort {walk.port} of node {node}",
            detail,
            objects=(pod,),
            field=found.path,
            data={"ip": ip, "port": found.port},
        )
    )
    if walk.seen.ip == ip or range_of(walk.ip, walk.options) is Range.LOOPBACK:
        walk.masqueraded_at = node
    walk.ip, walk.port = ip, found.port
    return True


def _passes(walk: Walk, direction: policy.Direction, source: Peer, target: Peer) -> bool:
    """Ask the policies of one side, and keep what they say."""
    judgement = policy.judge(walk.view, direction, source, target, walk.port, walk.flow.protocol, options=walk.options)
    if judgement is None:
        return True
    walk.hops.append(judgement.hop())
    return judgement.allowed


def _at_node_port(walk: Walk, front: Front, node: str) -> Verdict:
    ended = walk.take(translate(walk.proxy(node), front, walk.packet(local=False)), node)
    if ended is not None:
        return ended
    target = peer_at(walk.view, walk.ip)
    if walk.seen.pod is not None and not walk.masqueraded_at and target is not None and target.node != node:
        return _answered_past(walk, front, node, target)
    return _arrive(walk, target, proxied=True)


def _answered_past(walk: Walk, front: Front, node: str, target: Peer) -> Verdict:
    """End a connection whose answers do not come back through the node that rewrote its packets (seen on kind)."""
    detail = (
        f"With externalTrafficPolicy Local, node {node} keeps the Pod's own address and sends it on to node "
        f"{target.node}. The answer goes from there straight to the Pod, which asked node {node} and nobody else: it "
        "throws the answer away, and waits."
    )
    service = reference("services", front.service)
    hop = Hop(HopKind.NODE, f"Node {node}", detail, False, (service,), "spec.externalTrafficPolicy")
    walk.hops.append(hop)
    return walk.end(Outcome.TIMED_OUT)


def _from_outside(walk: Walk) -> Verdict:
    """Follow a packet from outside the cluster: only nodes, external IPs and load balancers have a way in.

    A client with a route of its own reaches ClusterIPs too, by the kube-proxy of the node that the route leads to.
    """
    owner = node_at(walk.view, walk.ip)
    front = services.find(walk.view, walk.ip, walk.port, walk.flow.protocol)
    if owner is not None:
        name = owner["metadata"]["name"]
        return _arrive(walk, Peer(walk.ip, None, name), proxied=False) if front is None else _enter(walk, front, name)
    if front is not None and (front.external or walk.flow.via):
        return _enter(walk, front, _entry_node(walk, front) if front.external else walk.flow.via)
    return _leave(walk)


def _enter(walk: Walk, front: Front, node: str) -> Verdict:
    return _at_node_port(walk, front, node) if node else nobody(walk)


def _leave(walk: Walk) -> Verdict:
    """End at an address that nothing of the cluster has; a load balancer that has it opens a connection of its own."""
    owner = services.owner(walk.view, walk.ip)
    through = owner is not None and walk.ip in services.load_balancer_ips(owner, "Proxy")
    return _through_load_balancer(walk, owner) if owner is not None and through else nobody(walk)


def _entry_node(walk: Walk, front: Front) -> str:
    """Return the node that gets what is for a load balancer or an external IP; empty if none does.

    That is MetalLB's announcer, which it has none without endpoints; else any whose health check passes, which policy
    Local alone narrows. For an external IP of the nodes' own network nobody answers, unless the client has a route.
    """
    if front.entry is Entry.LOAD_BALANCER and announcing.is_announced(front.service):
        return announcing.announcer(walk.view, front.service, walk.ip)
    if front.entry is Entry.EXTERNAL_IP and range_of(walk.ip, walk.options) is Range.NODE:
        return walk.flow.via
    nodes: list[str] = [node["metadata"]["name"] for node in walk.view.list("nodes")]
    if front.local_only:
        here = {endpoint.node for endpoint in endpoints.behind(walk.view, front.service, front.port) if endpoint.ready}
        nodes = [node for node in nodes if node in here] or nodes
    return walk.random.choice(nodes)


def _through_load_balancer(walk: Walk, service: Object) -> Verdict:
    """Follow a packet through a load balancer of ``ipMode: Proxy``: it opens a connection of its own to a NodePort."""
    spec, protocol = service["spec"], walk.flow.protocol
    title = f"load balancer {walk.ip}"
    ports = [p for p in spec["ports"] if p["port"] == walk.port and p.get("protocol", "TCP") == protocol]
    if not ports or not ports[0].get("nodePort"):
        detail = "It listens on no such port, or has no NodePort to send to, so nothing answers."
        return walk.fail(Outcome.TIMED_OUT, HopKind.OUTSIDE, title, detail, (reference("services", service),))
    index = spec["ports"].index(ports[0])
    front = Front(service, ports[0], index, Entry.NODE_PORT)
    node = _entry_node(walk, front)
    detail = (
        f"Its ipMode is Proxy: it ends the connection, and opens its own to NodePort {ports[0]['nodePort']} of {node}."
    )
    walk.hops.append(Hop(HopKind.OUTSIDE, title, detail, objects=(reference("services", service),)))
    walk.seen, walk.masqueraded_at = Peer(walk.ip), ""
    walk.ip, walk.port = node_ip(walk.view, node), ports[0]["nodePort"]
    return _at_node_port(walk, front, node)
