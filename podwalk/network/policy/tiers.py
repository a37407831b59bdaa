"""ClusterNetworkPolicy: rules of the whole cluster, before the NetworkPolicies (Admin) and after them (Baseline).

Within a tier the policies are asked by priority, the lowest number first, and their rules in the order in which they
are written; the first that matches decides. ``Accept`` and ``Deny`` are final, ``Pass`` leaves the tier. A tier in
which nothing matches says nothing.

Source: sigs.k8s.io/network-policy-api v0.3.0, apis/v1beta1/clusternetworkpolicy_types.go, standard channel. Where two
policies have the same priority, implementations may choose; here the name decides. The experimental channel's peers
(``nodes``, ``domainNames``) and ``destinationNamedPort`` are fields this does not know, so they fail closed, as the
types demand: an Accept rule then matches nothing, any other rule denies everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from podwalk.network import selectors
from podwalk.network.addresses import contains, reference
from podwalk.network.policy.rules import Direction, End
from podwalk.types import Object, Ref, View

CLUSTER_POLICIES = "clusternetworkpolicies.policy.networking.k8s.io"
PEERS = ("namespaces", "pods", "networks")
PROTOCOLS = ("tcp", "udp", "sctp")


class Tier(StrEnum):
    """Whether a policy comes before the NetworkPolicies or after them."""

    ADMIN = "Admin"
    BASELINE = "Baseline"


class Action(StrEnum):
    """What a rule does with what it matches."""

    ACCEPT = "Accept"
    DENY = "Deny"
    PASS = "Pass"


@dataclass(frozen=True)
class Decision:
    """The first rule of a tier that matches a flow.

    Attributes:
        policy: the ClusterNetworkPolicy.
        tier: its tier.
        action: what the rule does.
        path: the rule, e.g. ``spec.ingress[0]``.
        priority: the policy's.
        name: the rule's, if it has one.
    """

    policy: Ref
    tier: Tier
    action: Action
    path: str
    priority: int
    name: str = ""

    def __str__(self) -> str:
        """Say what decided, in a sentence without its full stop."""
        rule = f"{self.path} ({self.name})" if self.name else self.path
        verbs = {Action.ACCEPT: "accepts it", Action.DENY: "denies it", Action.PASS: "passes it on to the next tier"}
        where = f"ClusterNetworkPolicy {self.policy.name} ({self.tier} tier, priority {self.priority})"
        return f"{where} {verbs[self.action]} by {rule}"


def ordered(view: View, tier: Tier) -> list[Object]:
    """Return the policies of a tier in the order in which they are asked."""
    policies = [policy for policy in view.list(CLUSTER_POLICIES) if policy["spec"]["tier"] == tier]
    return sorted(policies, key=lambda policy: (policy["spec"]["priority"], policy["metadata"]["name"]))


def rules_of(policy: Object, direction: Direction) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the path of each rule of a direction, and the rule."""
    for index, rule in enumerate(policy["spec"].get(direction.rules) or ()):
        yield f"spec.{direction.rules}[{index}]", rule


def incompatible(rule: Mapping[str, Any], direction: Direction) -> bool:
    """Whether a rule has a peer or a protocol of a kind that this does not know."""
    peers, protocols = rule.get(direction.peers) or (), rule.get("protocols") or ()
    known = all(any(kind in peer for kind in PEERS) for peer in peers)
    return not known or not all(any(kind in entry for kind in PROTOCOLS) for entry in protocols)


def decide(
    view: View, tier: Tier, direction: Direction, subject: End, other: End, port: int, protocol: str
) -> Decision | None:
    """Return the first rule of a tier that matches a flow; None if none does.

    Args:
        view: the objects.
        tier: which tier.
        direction: which rules.
        subject: the Pod whose policies these are.
        other: the other end.
        port: the port at the target.
        protocol: the protocol.
    """
    for policy in ordered(view, tier):
        if not _selects(policy["spec"]["subject"], subject):
            continue
        for path, rule in rules_of(policy, direction):
            if (action := _action(rule, direction, other, port, protocol)) is not None:
                ref = reference(CLUSTER_POLICIES, policy)
                return Decision(ref, tier, action, path, policy["spec"]["priority"], rule.get("name", ""))
    return None


def _action(rule: Mapping[str, Any], direction: Direction, other: End, port: int, protocol: str) -> Action | None:
    action = Action(rule["action"])
    if incompatible(rule, direction):
        return None if action is Action.ACCEPT else Action.DENY
    peers = any(_selects(peer, other) for peer in rule.get(direction.peers) or ())
    return action if peers and takes(rule, port, protocol) else None


def _selects(chosen: Mapping[str, Any], end: End) -> bool:
    """Whether a subject or a peer is this end; only ``networks`` can be what is no Pod of the Pods' network."""
    if "networks" in chosen:
        return any(contains(cidr, end.ip) for cidr in chosen["networks"])
    if end.ref is None:
        return False
    if "namespaces" in chosen:
        return selectors.matches(chosen["namespaces"] or {}, end.namespace_labels)
    pods = chosen.get("pods") or {}
    return selectors.matches(pods.get("namespaceSelector") or {}, end.namespace_labels) and selectors.matches(
        pods.get("podSelector") or {}, end.labels
    )


def takes(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    """Whether a rule is about this port; without ``protocols`` it is about every one."""
    entries = rule.get("protocols") or ()
    return not entries or any(_port(entry, port, protocol) for entry in entries)


def _port(entry: Mapping[str, Any], port: int, protocol: str) -> bool:
    if protocol.lower() not in entry:
        return False
    wanted = (entry[protocol.lower()] or {}).get("destinationPort")
    if not wanted:
        return True
    if "range" in wanted:
        return bool(wanted["range"]["start"] <= port <= wanted["range"]["end"])
    return bool(wanted["number"] == port)
