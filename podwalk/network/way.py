"""A packet on its way: where it is going now, and what was decided so far."""

from __future__ import annotations

import random as randomness
from dataclasses import dataclass, field

from podwalk.network.addresses import node_ip
from podwalk.network.affinity import Affinity
from podwalk.network.proxy import Packet, Proxy, Translation
from podwalk.types import ClusterOptions, Flow, Hop, HopKind, Outcome, Peer, Ref, Verdict, View


@dataclass
class Walk:
    """A packet on its way: where it is going now, and what was decided so far."""

    view: View
    flow: Flow
    options: ClusterOptions
    random: randomness.Random
    affinity: Affinity | None
    now_s: float
    ip: str
    port: int
    seen: Peer
    masqueraded_at: str = ""
    hops: list[Hop] = field(default_factory=list)

    def end(self, outcome: Outcome, target: Peer | None = None) -> Verdict:
        """Finish with what was decided."""
        delivered = outcome is Outcome.DELIVERED
        source_ip = self.source_ip(target) if delivered and target else ""
        return Verdict(
            self.flow,
            outcome,
            tuple(self.hops),
            target if delivered else None,
            self.port if delivered else 0,
            source_ip,
        )

    def source_at(self, node: str) -> Peer:
        """Return the source as policies on a node see it: a node masquerades a packet after its own policies."""
        if not self.masqueraded_at or self.masqueraded_at == node:
            return self.seen
        return Peer(node_ip(self.view, self.masqueraded_at), None, self.masqueraded_at)

    def source_ip(self, target: Peer) -> str:
        """Return the address the target sees, after every masquerade."""
        return node_ip(self.view, self.masqueraded_at) if self.masqueraded_at else self.seen.ip

    def fail(self, outcome: Outcome, kind: HopKind, title: str, detail: str, objects: tuple[Ref, ...] = ()) -> Verdict:
        """Finish with one more hop that says why not."""
        self.hops.append(Hop(kind, title, detail, ok=False, objects=objects))
        return self.end(outcome)

    def packet(self, *, local: bool) -> Packet:
        """Return the packet as the node it is on sees it."""
        return Packet(self.seen.ip, local, self.ip, self.port, self.flow.protocol)

    def proxy(self, node: str) -> Proxy:
        """Return the kube-proxy of a node."""
        return Proxy(self.view, node, self.options, self.random, self.affinity, self.now_s)

    def take(self, translation: Translation, node: str) -> Verdict | None:
        """Follow a Service to its endpoint; a verdict if it leads nowhere."""
        self.hops.extend(translation.hops)
        if translation.endpoint is None:
            return self.end(translation.outcome or Outcome.REFUSED)
        self.ip, self.port = translation.endpoint.ip, translation.endpoint.port
        if translation.masquerade:
            self.masqueraded_at = node
        return None
