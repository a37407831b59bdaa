"""Whether policies let a flow pass, and why: both directions, the tiers, and the traffic that they do not touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from podwalk.network.addresses import node_at, on_host_network, pod_of, reference
from podwalk.network.policy import plugins
from podwalk.network.policy.rules import (
    POLICIES,
    Clause,
    Direction,
    End,
    RuleResult,
    evaluate,
    named_ports,
    policy_types,
    selects,
)
from podwalk.network.policy.tiers import Action, Decision, Tier, decide
from podwalk.types import ClusterOptions, Hop, HopKind, Object, Peer, Ref, View


@dataclass(frozen=True)
class PolicyResult:
    """What one policy that isolates the Pod says about a flow.

    Attributes:
        policy: the policy.
        rules: what each of its rules says; empty if it has none for this direction.
    """

    policy: Ref
    rules: tuple[RuleResult, ...]
    direction: Direction

    @property
    def allowed(self) -> bool:
        """Whether one of its rules allows the flow."""
        return any(rule.allowed for rule in self.rules)

    @property
    def nearest(self) -> RuleResult | None:
        """The rule that allows the flow, or else the one whose clauses it fails least; None without rules."""
        return min(self.rules, key=lambda rule: len(rule.failed), default=None)

    @property
    def clause(self) -> Clause | None:
        """The first clause of the nearest rule that the flow fails."""
        return self.nearest.failed[0] if self.nearest and self.nearest.failed else None

    @property
    def path(self) -> str:
        """The field that decides: the peer that matched, the clause that failed, or the rules that are not there."""
        if self.nearest is None:
            return f"spec.{self.direction.rules}"
        return self.clause.path if self.clause else self.nearest.matched

    def __str__(self) -> str:
        """Say in one sentence why it does not allow the flow, or that it does."""
        name = f"{self.policy.namespace}/{self.policy.name}"
        if self.allowed:
            return f"{name} allows it by {self.path}"
        if self.nearest is None:
            return f"{name} has no {self.direction.rules} rule, so it allows nothing"
        failed = "; ".join(str(clause) for clause in self.nearest.failed)
        return f"{name} comes nearest with {self.nearest.path}: {failed}"


@dataclass(frozen=True)
class Judgement:
    """What policies say about one direction of a flow.

    Attributes:
        direction: egress at the source, or ingress at the target.
        subject: the end whose policies these are.
        other: the other end.
        port: the port at the target.
        protocol: the protocol.
        policies: those that isolate the subject in this direction, by name.
        exempt: why they have no say, if they have none; empty otherwise.
        admin: what the Admin tier of the ClusterNetworkPolicies says, before the policies; None if nothing.
        baseline: what their Baseline tier says, of a subject that no policy isolates; None if nothing.
    """

    direction: Direction
    subject: End
    other: End
    port: int
    protocol: str
    policies: tuple[PolicyResult, ...]
    exempt: str = ""
    admin: Decision | None = None
    baseline: Decision | None = None

    @property
    def final(self) -> Decision | None:
        """The decision of a tier that ends the matter: the policies are not asked, or there are none."""
        if self.admin is not None and self.admin.action is not Action.PASS:
            return self.admin
        return None if self.policies else self.baseline

    @property
    def isolated(self) -> bool:
        """Whether any policy isolates the subject in this direction."""
        return bool(self.policies)

    @property
    def allowed(self) -> bool:
        """Whether the flow passes."""
        if self.exempt:
            return True
        if self.final is not None:
            return self.final.action is not Action.DENY
        return not self.policies or any(policy.allowed for policy in self.policies)

    @property
    def decisive(self) -> PolicyResult | None:
        """The policy that allows the flow, or else the one that comes nearest; None if there is none."""
        return min(self.policies, key=_distance, default=None)

    def hop(self) -> Hop:
        """Return the judgement as a hop of the packet's way."""
        decisive = self.decisive
        ordered = sorted(self.policies, key=_distance)
        tiers = [tier for tier in (self.admin, self.baseline) if tier is not None]
        field = self.final.path if self.final else decisive.path if decisive else ""
        return Hop(
            HopKind.INGRESS if self.direction is Direction.INGRESS else HopKind.EGRESS,
            f"{self.direction} policies of {self.subject}",
            self._detail(decisive),
            ok=self.allowed,
            objects=(*(tier.policy for tier in tiers), *(policy.policy for policy in ordered)),
            field=field,
            data=self._data(ordered),
        )

    def _detail(self, decisive: PolicyResult | None) -> str:
        direction = self.direction.value.lower()
        if self.exempt:
            return f"{self.exempt}."
        if self.final is not None:
            return f"{self.final}."
        if self.admin is not None:
            return f"{self.admin}. {replace(self, admin=None)._detail(decisive)}"
        if decisive is None:
            return f"No NetworkPolicy isolates {self.subject} for {direction}, so everything is allowed."
        if decisive.allowed:
            return f"{decisive}."
        count = f"{len(self.policies)} policies isolate" if len(self.policies) > 1 else "One policy isolates"
        return f"{count} {self.subject} for {direction}, and none allows this flow: {decisive}."

    def _data(self, ordered: Sequence[PolicyResult]) -> dict[str, object]:
        return {
            "direction": self.direction.value,
            "subject": self.subject.ip,
            "other": self.other.ip,
            "port": self.port,
            "protocol": self.protocol,
            "exempt": self.exempt,
            "tiers": [
                {
                    "tier": tier.tier.value,
                    "policy": tier.policy.name,
                    "action": tier.action.value,
                    "rule": tier.path,
                    "final": tier is self.final,
                }
                for tier in (self.admin, self.baseline)
                if tier is not None
            ],
            "policies": [
                {
                    "policy": f"{policy.policy.namespace}/{policy.policy.name}",
                    "allowed": policy.allowed,
                    "rule": policy.nearest.path if policy.nearest else "",
                    "field": policy.path,
                    "reason": str(policy),
                    "failed": [
                        {
                            "kind": clause.kind.value,
                            "field": clause.path,
                            "wanted": clause.wanted,
                            "actual": clause.actual,
                        }
                        for clause in (policy.nearest.failed if policy.nearest else ())
                    ],
                }
                for policy in ordered
            ],
        }


@dataclass(frozen=True)
class Explanation:
    """What policies say about a flow: at its source, then at its target. A side that is no Pod has no judgement."""

    egress: Judgement | None
    ingress: Judgement | None

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """The sides that have policies at all, in the order of the packet."""
        return tuple(side for side in (self.egress, self.ingress) if side is not None)

    @property
    def allowed(self) -> bool:
        """Whether the flow passes both sides."""
        return all(side.allowed for side in self.judgements)

    def hops(self) -> tuple[Hop, ...]:
        """Return the sides as hops, up to the first that denies."""
        out: list[Hop] = []
        for side in self.judgements:
            out.append(side.hop())
            if not side.allowed:
                break
        return tuple(out)


def _distance(policy: PolicyResult) -> tuple[bool, bool, int]:
    nearest = policy.nearest
    return not policy.allowed, nearest is None, len(nearest.failed) if nearest else 0


def end_of(view: View, peer: Peer) -> End:
    """Return one end of a flow as policies see it."""
    pod = pod_of(view, peer)
    if pod is None or pod["spec"].get("hostNetwork"):
        return End(peer.ip)
    metadata = pod["metadata"]
    namespace = view.get("namespaces", "", metadata["namespace"]) or {"metadata": {}}
    return End(
        peer.ip,
        reference("pods", pod),
        metadata.get("labels") or {},
        namespace["metadata"].get("labels") or {},
        named_ports(pod),
    )


def isolating(view: View, end: End, direction: Direction) -> list[Object]:
    """Return the policies that isolate a Pod in a direction, by name."""
    if end.ref is None:
        return []
    policies = view.list(POLICIES, end.ref.namespace)
    return [policy for policy in policies if direction.value in policy_types(policy) and selects(policy, end)]


def judge(
    view: View, direction: Direction, source: Peer, target: Peer, port: int, protocol: str, *, options: ClusterOptions
) -> Judgement | None:
    """Judge one direction of a flow; None if that side is no Pod, or a Pod on the host's network.

    Args:
        view: the objects.
        direction: which side's policies.
        source: who opens the connection, as the subject's node sees it.
        target: who takes it, after every translation that came before.
        port: the port there.
        protocol: the protocol.
        options: the cluster's; its CNI plugin decides whether policies count at all.
    """
    inward = direction is Direction.INGRESS
    taker = end_of(view, target)
    subject, other = (taker, end_of(view, source)) if inward else (end_of(view, source), taker)
    if subject.ref is None:
        return None
    policies = tuple(
        PolicyResult(
            reference(POLICIES, policy), tuple(evaluate(policy, direction, other, taker, port, protocol)), direction
        )
        for policy in isolating(view, subject, direction)
    )
    admin, baseline = (
        decide(view, tier, direction, subject, other, port, protocol) if plugins.plugin(options.cni).tiers else None
        for tier in (Tier.ADMIN, Tier.BASELINE)
    )
    said = policies or admin or baseline
    exempt = _exempt(view, direction, source, target, options) if said else ""
    return Judgement(direction, subject, other, port, protocol, policies, exempt, admin, baseline)


def _exempt(view: View, direction: Direction, source: Peer, target: Peer, options: ClusterOptions) -> str:
    """Say why policies that isolate a Pod have no say about a flow, or nothing."""
    plugin = plugins.plugin(options.cni)
    if not plugin.enforces:
        return f"The CNI plugin {options.cni} does not enforce NetworkPolicy: the policies are stored, and ignored"
    inward = direction is Direction.INGRESS
    subject, other = (target, source) if inward else (source, target)
    if not (inward or not plugin.guards_own_node):
        return ""
    if subject.node and _is_node(view, other, subject.node):
        return f"Traffic between a Pod and its own node {subject.node} is always allowed"
    return ""


def _is_node(view: View, peer: Peer, node: str) -> bool:
    """Whether an end of a flow is a node itself, or a Pod that uses its network."""
    if peer.pod is not None or peer.node:
        return peer.node == node and on_host_network(view, peer)
    owner = node_at(view, peer.ip)
    return owner is not None and bool(owner["metadata"]["name"] == node)


def explain(
    view: View, source: Peer, target: Peer, port: int, protocol: str = "TCP", *, options: ClusterOptions
) -> Explanation:
    """Say what every policy says about a flow, at its source and at its target.

    Args:
        view: the objects.
        source: who opens the connection.
        target: who takes it, after a Service's translation.
        port: the port there.
        protocol: the protocol.
        options: the cluster's; its CNI plugin decides whether policies count at all.
    """
    egress = judge(view, Direction.EGRESS, source, target, port, protocol, options=options)
    ingress = judge(view, Direction.INGRESS, source, target, port, protocol, options=options)
    return Explanation(egress, ingress)


def check(
    view: View, source: Peer, target: Peer, port: int, protocol: str = "TCP", *, options: ClusterOptions
) -> tuple[bool, tuple[Hop, ...]]:
    """Return whether policies let a flow pass, and the hops that say why.

    A Pod that sends to its own address never leaves its network namespace, so it is always allowed; through a Service
    it does leave, and is judged (seen on Calico).
    """
    if source.pod is not None and source.pod == target.pod:
        return True, ()
    explanation = explain(view, source, target, port, protocol, options=options)
    return explanation.allowed, explanation.hops()
