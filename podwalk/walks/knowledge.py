"""What each component knew when it decided about a packet: its addresses there, the objects, the alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from podwalk.types import Hop, HopKind
from podwalk.walks.walk import Walk

COMPONENTS = {
    HopKind.NAME: "the client",
    HopKind.DNS: "CoreDNS",
    HopKind.ENVIRONMENT: "the client",
    HopKind.INGRESS_CONTROLLER: "the Ingress controller",
    HopKind.SERVICE: "kube-proxy",
    HopKind.ENDPOINT: "kube-proxy",
    HopKind.NODE: "the node",
    HopKind.EGRESS: "the CNI plugin on the source's node",
    HopKind.INGRESS: "the CNI plugin on the target's node",
    HopKind.POD: "the Pod's network",
    HopKind.CONTAINER: "the container",
    HopKind.OUTSIDE: "the network outside",
}
"""Who decides at a hop."""


@dataclass(frozen=True)
class Knowledge:
    """What was known at one hop.

    Attributes:
        component: who decided.
        packet: source and destination of the packet as it is there; empty before there is one.
        facts: what it looked at: a label and its text.
    """

    component: str
    packet: str
    facts: tuple[tuple[str, str], ...]


def knowledge(walk: Walk) -> tuple[Knowledge, ...]:
    """Return what was known at each hop of a walk, in its order."""
    known = []
    source = target = ""
    for hop in walk.hops:
        if "to" in hop.data:
            source, target = hop.data["ip"], hop.data["to"]
        before = f"{source} → {target}" if target else ""
        known.append(Knowledge(COMPONENTS[hop.kind], before, tuple(_facts(hop))))
        if "port" in hop.data and "ip" in hop.data:
            target = f"{hop.data['ip']}:{hop.data['port']}"
            source = "the node's address" if hop.data.get("masquerade") else source
    return tuple(known)


def _facts(hop: Hop) -> Iterator[tuple[str, str]]:
    for number, ref in enumerate(hop.objects):
        yield ("Object" if number == 0 else ""), str(ref)
    if hop.field:
        yield "Field", hop.field
    if "query" in hop.data:
        yield "Query", f"{hop.data['query']} to {hop.data['server']}: {hop.data['rcode']}"
    for number, endpoint in enumerate(hop.data.get("endpoints") or ()):
        yield ("Endpoints" if number == 0 else ""), str(endpoint)
    for policy in hop.data.get("policies") or ():
        yield policy["policy"], ("allows it: " if policy["allowed"] else "does not allow it: ") + str(policy["reason"])
        for clause in policy["failed"]:
            yield "", f"{clause['kind']} at {clause['field']}: wanted {clause['wanted']}; {clause['actual']}"
