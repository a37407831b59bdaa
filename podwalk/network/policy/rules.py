"""What one NetworkPolicy says about one flow: its rules, their peers and ports, and the clauses that fail.

Source: k8s.io/api/networking/v1/types.go; concepts/services-networking/network-policies. Objects need not be defaulted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from podwalk.network import selectors
from podwalk.network.addresses import contains
from podwalk.types import Object, Ref

POLICIES = "networkpolicies.networking.k8s.io"


class Direction(StrEnum):
    """Which side of a flow a rule is about."""

    INGRESS = "Ingress"
    EGRESS = "Egress"

    @property
    def rules(self) -> str:
        """The field of the policy's spec that holds the rules."""
        return self.value.lower()

    @property
    def peers(self) -> str:
        """The field of a rule that holds its peers."""
        return "from" if self is Direction.INGRESS else "to"


@dataclass(frozen=True)
class End:
    """One end of a flow as a policy sees it.

    Attributes:
        ip: its address.
        ref: the Pod, if selectors can select it: a hostNetwork Pod has its node's address and no labels to a policy.
        labels: the Pod's labels.
        namespace_labels: its namespace's labels.
        ports: its named container ports: (name, protocol) → number.
    """

    ip: str
    ref: Ref | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The Pod's namespace, or the empty text."""
        return self.ref.namespace if self.ref else ""

    def __str__(self) -> str:
        """Name it in a sentence."""
        return f"Pod {self.ref.namespace}/{self.ref.name}" if self.ref else self.ip


class ClauseKind(StrEnum):
    """What a clause of a rule asks about."""

    RULES = "rules"
    POD = "podSelector"
    NAMESPACE = "namespaceSelector"
    BLOCK = "ipBlock"
    PORT = "port"
    PROTOCOL = "protocol"


@dataclass(frozen=True)
class Clause:
    """A clause that a flow fails.

    Attributes:
        kind: what it asks about.
        path: where it stands, e.g. ``spec.ingress[0].from[1].podSelector``.
        wanted: what it asks for.
        actual: what the flow has.
    """

    kind: ClauseKind
    path: str
    wanted: str
    actual: str

    def __str__(self) -> str:
        """Say it in a clause of a sentence."""
        return f"{self.path} wants {self.wanted}, and {self.actual}"


@dataclass(frozen=True)
class RuleResult:
    """What one rule says about one flow.

    Attributes:
        path: the rule, e.g. ``spec.ingress[0]``.
        allowed: whether it allows the flow.
        matched: the peer that matched, or the rule itself if it names none; empty if none did.
        failed: the clauses that the flow fails, those of the nearest peer and the nearest port.
    """

    path: str
    allowed: bool
    matched: str = ""
    failed: tuple[Clause, ...] = ()


def policy_types(policy: Object) -> tuple[str, ...]:
    """Return the directions a policy isolates; without ``policyTypes``, Ingress, and Egress if it has egress rules."""
    spec = policy["spec"]
    given = spec.get("policyTypes") or ()
    return tuple(given) or (("Ingress", "Egress") if spec.get("egress") else ("Ingress",))


def selects(policy: Object, end: End) -> bool:
    """Whether a policy applies to a Pod: same namespace, and its podSelector selects it."""
    if end.ref is None or policy["metadata"].get("namespace", "") != end.namespace:
        return False
    return selectors.matches(policy["spec"].get("podSelector") or {}, end.labels)


def named_ports(pod: Object) -> dict[tuple[str, str], int]:
    """Return a Pod's named ports, sidecars' included: (name, protocol) → number."""
    containers = list(pod["spec"].get("containers") or ())
    containers += [c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"]
    found: dict[tuple[str, str], int] = {}
    for port in (port for container in containers for port in container.get("ports") or ()):
        if port.get("name"):
            found.setdefault((port["name"], port.get("protocol", "TCP")), port["containerPort"])
    return found


def evaluate(
    policy: Object, direction: Direction, other: End, target: End, port: int, protocol: str
) -> Iterator[RuleResult]:
    """Return what each rule of a policy says.

    Args:
        policy: the policy, which applies to one end of the flow.
        direction: the rules to look at.
        other: the other end.
        target: the end that takes the flow, where port names are looked up.
        port: the port there.
        protocol: TCP, UDP, SCTP, or another such as ICMP, which no rule with ports allows.
    """
    namespace = policy["metadata"].get("namespace", "")
    for index, rule in enumerate(policy["spec"].get(direction.rules) or ()):
        path = f"spec.{direction.rules}[{index}]"
        matched, failed = _peers(rule.get(direction.peers) or (), f"{path}.{direction.peers}", namespace, other)
        failed += _ports(rule.get("ports") or (), f"{path}.ports", target, port, protocol)
        yield RuleResult(path, not failed, (matched or path) if not failed else "", failed)


def _peers(
    peers: list[dict[str, Any]] | tuple[()], path: str, namespace: str, other: End
) -> tuple[str, tuple[Clause, ...]]:
    """Return the first peer that matches, or what the one fails that fails least; no peers match everything."""
    nearest: tuple[Clause, ...] = ()
    for index, peer in enumerate(peers):
        failed = tuple(_peer(peer, f"{path}[{index}]", namespace, other))
        if not failed:
            return f"{path}[{index}]", ()
        nearest = min(nearest or failed, failed, key=_distance)
    return "", nearest


def _distance(failed: tuple[Clause, ...]) -> int:
    """Return how far a peer is: a block is farther than any selector, as no label could be changed to match it."""
    return sum(3 if clause.kind is ClauseKind.BLOCK else 1 for clause in failed)


def _peer(peer: Mapping[str, Any], path: str, namespace: str, other: End) -> Iterator[Clause]:
    block = peer.get("ipBlock")
    if block is not None:
        yield from _block(block, f"{path}.ipBlock", other)
        return
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    if other.ref is None:
        kind = ClauseKind.POD if pods is not None else ClauseKind.NAMESPACE
        yield Clause(kind, f"{path}.{kind}", "a Pod", f"{other.ip} is no Pod that a selector could select")
        return
    if namespaces is not None:
        where = f"{path}.namespaceSelector"
        owner = f"namespace {other.namespace}"
        yield from _selector(ClauseKind.NAMESPACE, namespaces, where, owner, other.namespace_labels)
    elif other.namespace != namespace:
        wanted = f"Pods of the policy's own namespace {namespace}, as there is no namespaceSelector beside it"
        yield Clause(ClauseKind.NAMESPACE, f"{path}.podSelector", wanted, f"{other} is in {other.namespace}")
    if pods is not None:
        yield from _selector(ClauseKind.POD, pods, f"{path}.podSelector", str(other), other.labels)
    if pods is None and namespaces is None:
        yield Clause(ClauseKind.POD, path, "a podSelector, a namespaceSelector or an ipBlock", "it has none")


def _selector(
    kind: ClauseKind, selector: Mapping[str, Any], path: str, owner: str, labels: Mapping[str, str]
) -> Iterator[Clause]:
    for requirement in selectors.failures(selector, labels):
        has = f"{requirement.key}={labels[requirement.key]}" if requirement.key in labels else f"no {requirement.key}"
        yield Clause(kind, f"{path}.{requirement.path}", str(requirement), f"{owner} has {has}")


def _block(block: Mapping[str, Any], path: str, other: End) -> Iterator[Clause]:
    if not contains(block["cidr"], other.ip):
        yield Clause(ClauseKind.BLOCK, f"{path}.cidr", f"an address in {block['cidr']}", f"{other.ip} is not")
    for index, cidr in enumerate(block.get("except") or ()):
        if contains(cidr, other.ip):
            where = f"{path}.except[{index}]"
            yield Clause(ClauseKind.BLOCK, where, f"an address outside {cidr}", f"{other.ip} is in it")


def _ports(
    ports: list[dict[str, Any]] | tuple[()], path: str, target: End, port: int, protocol: str
) -> tuple[Clause, ...]:
    nearest: tuple[Clause, ...] = ()
    for index, entry in enumerate(ports):
        failed = tuple(_port(entry, f"{path}[{index}]", target, port, protocol))
        if not failed:
            return ()
        if not nearest or (nearest[0].kind is ClauseKind.PROTOCOL and failed[0].kind is ClauseKind.PORT):
            nearest = failed
    return nearest


def _port(entry: Mapping[str, Any], path: str, target: End, port: int, protocol: str) -> Iterator[Clause]:
    wanted_protocol = entry.get("protocol") or "TCP"
    if wanted_protocol != protocol:
        default = "" if entry.get("protocol") else " (the default)"
        actual = f"the flow is {protocol}"
        yield Clause(ClauseKind.PROTOCOL, f"{path}.protocol", f"{wanted_protocol}{default}", actual)
        return
    low, high = port_range(entry, target)
    if low <= port <= high:
        return
    wanted = entry["port"]
    if isinstance(wanted, str):
        named = f"{target} has it at {low}" if low else f"{target} has no such port"
        yield Clause(ClauseKind.PORT, f"{path}.port", f"the port named {wanted}", f"{named}, the flow goes to {port}")
        return
    span = f"port {low}" if low == high else f"a port from {low} to {high}"
    yield Clause(ClauseKind.PORT, f"{path}.port", span, f"the flow goes to {port}")


def port_range(entry: Mapping[str, Any], target: End) -> tuple[int, int]:
    """Return the ports an entry allows; (0, -1), which is none, for a name the target does not have."""
    wanted = entry.get("port")
    if wanted is None:
        return 0, 65535
    if isinstance(wanted, str):
        number = target.ports.get((wanted, entry.get("protocol") or "TCP"))
        return (number, number) if number else (0, -1)
    return wanted, entry.get("endPort") or wanted
