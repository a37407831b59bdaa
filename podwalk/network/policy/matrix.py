"""Who may reach whom, for all Pods at once.

A set of Pods is one integer with a bit for each. Labels, namespaces and addresses are indexed once; a selector is
then an AND of a few integers, and a rule is an OR into the rows of the Pods it names. Nothing is done pair by pair.
"""

from __future__ import annotations

import functools
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podwalk.network import addresses, selectors
from podwalk.network.addresses import FINISHED, node_ip, peer_of
from podwalk.network.policy import plugins
from podwalk.network.policy.judgement import end_of
from podwalk.network.policy.rules import POLICIES, Direction, End, policy_types, port_range
from podwalk.network.policy.tiers import Action, Tier, incompatible, ordered, rules_of, takes
from podwalk.types import ClusterOptions, Object, Peer, Ref, View


@dataclass(frozen=True)
class Matrix:
    """Which Pods may reach which on one port.

    Attributes:
        pods: the Pods, in the order of the bits.
        egress: for each source, the targets that its own policies let it reach.
        ingress: for each source, the targets whose policies let it in.
        port: the port at the targets.
        protocol: the protocol.
    """

    pods: tuple[Ref, ...]
    egress: tuple[int, ...]
    ingress: tuple[int, ...]
    port: int
    protocol: str

    @functools.cached_property
    def rows(self) -> tuple[int, ...]:
        """For each source the targets that it reaches, as bits; itself always."""
        pairs = zip(self.egress, self.ingress, strict=True)
        return tuple((out & into) | (1 << index) for index, (out, into) in enumerate(pairs))

    @functools.cached_property
    def index(self) -> Mapping[Ref, int]:
        """The place of each Pod."""
        return {pod: index for index, pod in enumerate(self.pods)}

    @property
    def count(self) -> int:
        """How many of the ordered pairs, a Pod with itself included, are allowed."""
        return sum(row.bit_count() for row in self.rows)

    def allowed(self, source: Ref, target: Ref) -> bool:
        """Whether one Pod may reach another."""
        return bool(self.rows[self.index[source]] >> self.index[target] & 1)

    def targets(self, source: Ref) -> tuple[Ref, ...]:
        """Return the Pods that one Pod may reach."""
        return tuple(self.pods[bit] for bit in _bits(self.rows[self.index[source]]))

    def difference(self, other: Matrix) -> tuple[tuple[Ref, Ref, bool], ...]:
        """Return the pairs that another matrix of the same Pods judges otherwise, with what the other says.

        Raises:
            ValueError: when the Pods are not the same.
        """
        if self.pods != other.pods:
            raise ValueError("two matrices can be compared only if they are about the same Pods, in the same order")
        return tuple(
            (self.pods[source], self.pods[target], bool(theirs >> target & 1))
            for source, (ours, theirs) in enumerate(zip(self.rows, other.rows, strict=True))
            for target in _bits(ours ^ theirs)
        )


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def matrix(
    view: View,
    pods: Iterable[Object] | None = None,
    *,
    port: int,
    protocol: str = "TCP",
    options: ClusterOptions,
) -> Matrix:
    """Return who may reach whom on one port.

    Args:
        view: the objects.
        pods: the Pods to look at; by default every Pod that has an address and has not finished.
        port: the port at the target.
        protocol: the protocol.
        options: the cluster's; its CNI plugin decides whether policies count at all.
    """
    chosen = [pod for pod in (view.list("pods") if pods is None else pods) if _is_up(pod)]
    index = _Index(view, chosen)
    count = len(chosen)
    egress, ingress = [index.all] * count, [index.all] * count
    plugin = plugins.plugin(options.cni)
    if plugin.enforces:
        for direction, rows in ((Direction.EGRESS, egress), (Direction.INGRESS, ingress)):
            _apply(index, direction, rows, port, protocol, tiers=plugin.tiers)
        _excuse_own_nodes(index, egress, ingress, guarded=plugin.guards_own_node)
    return Matrix(tuple(peer.pod for peer in index.peers if peer.pod), tuple(egress), tuple(ingress), port, protocol)


def _is_up(pod: Object) -> bool:
    status = pod.get("status", {})
    return bool(status.get("podIP")) and status.get("phase") not in FINISHED


class _Index:
    """The Pods, and the sets of them that labels, namespaces, nodes and addresses name."""

    def __init__(self, view: View, pods: Sequence[Object]) -> None:
        self.view = view
        self.peers: list[Peer] = [peer_of(pod) for pod in pods]
        self.ends: list[End] = [end_of(view, peer) for peer in self.peers]
        self.all = (1 << len(pods)) - 1
        self.selectable = 0
        self.namespaces: dict[str, int] = {}
        self.labels: dict[tuple[str, str], int] = {}
        self.keys: dict[str, int] = {}
        self.hosts: dict[str, int] = {}
        self.nodes: dict[str, int] = {}
        for number, (peer, end) in enumerate(zip(self.peers, self.ends, strict=True)):
            self._enter(1 << number, peer, end)
        self._sort_addresses()
        self._selected: dict[tuple[Any, ...], int] = {}

    def _enter(self, bit: int, peer: Peer, end: End) -> None:
        if end.ref is None:
            self.hosts[peer.node] = self.hosts.get(peer.node, 0) | bit
            return
        self.selectable |= bit
        self.nodes[peer.node] = self.nodes.get(peer.node, 0) | bit
        self.namespaces[end.namespace] = self.namespaces.get(end.namespace, 0) | bit
        for key, value in end.labels.items():
            self.labels[key, value] = self.labels.get((key, value), 0) | bit
            self.keys[key] = self.keys.get(key, 0) | bit

    def _sort_addresses(self) -> None:
        parsed = [(addresses.parse(end.ip), number) for number, end in enumerate(self.ends)]
        self._families: dict[int, tuple[list[int], list[int]]] = {}
        for version in (4, 6):
            ordered = sorted((int(ip), number) for ip, number in parsed if ip is not None and ip.version == version)
            prefix = [0]
            for _, number in ordered:
                prefix.append(prefix[-1] | 1 << number)
            self._families[version] = ([ip for ip, _ in ordered], prefix)

    def block(self, cidr: str) -> int:
        """Return the Pods whose address lies in a block."""
        block = addresses.network(cidr)
        if block is None:
            return 0
        ips, prefix = self._families[block.version]
        low = bisect_left(ips, int(block.network_address))
        high = bisect_right(ips, int(block.broadcast_address))
        return prefix[high] & ~prefix[low]

    def select(self, selector: Mapping[str, Any]) -> int:
        """Return the Pods that a selector selects, of whatever namespace."""
        wanted = tuple(selectors.requirements(selector))
        if wanted not in self._selected:
            parts = (self._require(requirement) for requirement in wanted)
            self._selected[wanted] = functools.reduce(operator.and_, parts, self.selectable)
        return self._selected[wanted]

    def _require(self, requirement: selectors.Requirement) -> int:
        values = (self.labels.get((requirement.key, value), 0) for value in requirement.values)
        match requirement.operator:
            case "In":
                return functools.reduce(operator.or_, values, 0)
            case "NotIn":
                return self.selectable & ~functools.reduce(operator.or_, values, 0)
            case "Exists":
                return self.keys.get(requirement.key, 0)
            case "DoesNotExist":
                return self.selectable & ~self.keys.get(requirement.key, 0)
        return 0

    def select_namespaces(self, selector: Mapping[str, Any]) -> int:
        """Return the Pods of the namespaces that a selector selects."""
        found = 0
        for name, pods in self.namespaces.items():
            namespace = self.view.get("namespaces", "", name) or {"metadata": {}}
            if selectors.matches(selector, namespace["metadata"].get("labels") or {}):
                found |= pods
        return found


def _apply(index: _Index, direction: Direction, rows: list[int], port: int, protocol: str, *, tiers: bool) -> None:
    """Narrow the rows to what one direction allows: the Admin tier, the policies, the Baseline tier for the rest."""
    admin = _Tier(index, Tier.ADMIN, direction, port, protocol, ask=tiers)
    baseline = _Tier(index, Tier.BASELINE, direction, port, protocol, ask=tiers)
    isolated = _policies(index, direction, rows, port, protocol)
    for source, row in enumerate(rows):
        held = isolated if direction is Direction.INGRESS else index.all if isolated >> source & 1 else 0
        late = row & ~(baseline.denied[source] & ~held)
        rows[source] = (late & ~admin.denied[source]) | admin.accepted[source]


class _Tier:
    """What one tier of the ClusterNetworkPolicies says of every pair: targets accepted and denied, by source."""

    def __init__(self, index: _Index, tier: Tier, direction: Direction, port: int, protocol: str, *, ask: bool) -> None:
        count = len(index.ends)
        self.accepted, self.denied = [0] * count, [0] * count
        self._open = [index.all] * count
        for policy in ordered(index.view, tier) if ask else ():
            subjects = _chosen(index, policy["spec"]["subject"])
            for _, rule in rules_of(policy, direction):
                self._rule(index, rule, direction, subjects, port, protocol)

    def _rule(
        self, index: _Index, rule: Mapping[str, Any], direction: Direction, subjects: int, port: int, protocol: str
    ) -> None:
        action = Action(rule["action"])
        if incompatible(rule, direction):
            if action is Action.ACCEPT:
                return
            action, peers = Action.DENY, index.all
        elif takes(rule, port, protocol):
            chosen = (_chosen(index, peer) for peer in rule.get(direction.peers) or ())
            peers = functools.reduce(operator.or_, chosen, 0)
        else:
            return
        sources, targets = (peers, subjects) if direction is Direction.INGRESS else (subjects, peers)
        for source in _bits(sources):
            hit = targets & self._open[source]
            self._open[source] &= ~hit
            if action is not Action.PASS:
                decided = self.accepted if action is Action.ACCEPT else self.denied
                decided[source] |= hit


def _chosen(index: _Index, chosen: Mapping[str, Any]) -> int:
    """Return the Pods that a subject or a peer of a ClusterNetworkPolicy names."""
    if "networks" in chosen:
        return functools.reduce(operator.or_, map(index.block, chosen["networks"]), 0)
    if "namespaces" in chosen:
        return index.selectable & index.select_namespaces(chosen["namespaces"] or {})
    pods = chosen.get("pods") or {}
    within = index.select_namespaces(pods.get("namespaceSelector") or {})
    return within & index.select(pods.get("podSelector") or {})


def _policies(index: _Index, direction: Direction, rows: list[int], port: int, protocol: str) -> int:
    """Narrow the rows to what the NetworkPolicies of one direction allow, and return the Pods that they isolate."""
    allowed = [0] * len(rows)
    isolated = 0
    # A policy selects Pods of its own namespace only, so the others' need not be read.
    for namespace, policy in ((space, one) for space in index.namespaces for one in index.view.list(POLICIES, space)):
        subjects = index.namespaces.get(namespace, 0) & index.select(policy["spec"].get("podSelector") or {})
        if direction.value not in policy_types(policy) or not subjects:
            continue
        isolated |= subjects
        for rule in policy["spec"].get(direction.rules) or ():
            peers = _peers(index, rule.get(direction.peers) or (), namespace)
            if direction is Direction.INGRESS:
                sources, targets = peers, _taking(index, subjects, rule.get("ports") or (), port, protocol)
            else:
                sources, targets = subjects, _taking(index, peers, rule.get("ports") or (), port, protocol)
            if targets:
                for source in _bits(sources):
                    allowed[source] |= targets
    if direction is Direction.INGRESS:
        free = index.all & ~isolated
        rows[:] = [row | free for row in allowed]
    else:
        rows[:] = [row if isolated >> source & 1 else index.all for source, row in enumerate(allowed)]
    return isolated


def _peers(index: _Index, peers: Sequence[Mapping[str, Any]], namespace: str) -> int:
    """Return the Pods that a rule's peers name; no peers name everyone."""
    if not peers:
        return index.all
    found = 0
    for peer in peers:
        if (block := peer.get("ipBlock")) is not None:
            excepted = functools.reduce(operator.or_, map(index.block, block.get("except") or ()), 0)
            found |= index.block(block["cidr"]) & ~excepted
            continue
        pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
        if pods is None and namespaces is None:
            continue
        within = index.namespaces.get(namespace, 0) if namespaces is None else index.select_namespaces(namespaces)
        found |= within & (index.selectable if pods is None else index.select(pods))
    return found


def _taking(index: _Index, targets: int, ports: Sequence[Mapping[str, Any]], port: int, protocol: str) -> int:
    """Return those of the targets at which a rule's ports name this one; no ports name every one."""
    if not ports:
        return targets
    found = 0
    for entry in ports:
        if (entry.get("protocol") or "TCP") != protocol:
            continue
        if not isinstance(entry.get("port"), str):
            low, high = port_range(entry, End(""))
            if low <= port <= high:
                return targets
            continue
        for target in _bits(targets & ~found):
            low, high = port_range(entry, index.ends[target])
            found |= (low <= port <= high) << target
    return found


def _excuse_own_nodes(index: _Index, egress: list[int], ingress: list[int], *, guarded: bool) -> None:
    """Let every node reach its own Pods, and Pods their own node where the plugin does not stop them."""
    for node in index.hosts.keys() & index.nodes.keys():
        if not node_ip(index.view, node):
            continue
        hosts, pods = index.hosts[node], index.nodes[node]
        for host in _bits(hosts):
            ingress[host] |= pods
        if not guarded:
            for pod in _bits(pods):
                egress[pod] |= hosts
