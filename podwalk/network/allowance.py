"""The smallest NetworkPolicies that would let a denied flow through: the counterfactual of an explanation."""

from __future__ import annotations

import random as randomness
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podwalk.network import endpoints, services
from podwalk.network.addresses import parse, pod_at, reference
from podwalk.network.policy.judgement import end_of, isolating
from podwalk.network.policy.matrix import matrix
from podwalk.network.policy.rules import POLICIES, Direction, End
from podwalk.network.routing import route
from podwalk.types import ClusterOptions, Flow, Hop, HopKind, Object, Peer, Ref, Verdict, View

EPHEMERAL = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
    }
)
"""Labels that a replacement of the Pod would not carry."""

POLICY_HOPS = {HopKind.INGRESS: Direction.INGRESS, HopKind.EGRESS: Direction.EGRESS}


class _Nth(randomness.Random):
    """A chance that always takes the same place, so that each endpoint of a Service has its turn."""

    def __init__(self, place: int) -> None:
        super().__init__(0)
        self.place = place

    def choice(self, seq: Any) -> Any:
        return seq[self.place % len(seq)]


class _Overlay:
    """A view with more policies in it."""

    def __init__(self, view: View, policies: list[Object]) -> None:
        self.view, self.policies = view, policies

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        return self.view.get(resource, namespace, name)

    def list(
        self, resource: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[Object]:
        found = list(self.view.list(resource, namespace, labels))
        if resource == POLICIES:
            found += [policy for policy in self.policies if namespace in (None, policy["metadata"]["namespace"])]
        return found

    def lookup(self, index: str, value: str) -> Sequence[Object]:
        return self.view.lookup(index, value)


def allowances(view: View, flow: Flow, *, options: ClusterOptions) -> tuple[Object, ...]:
    """Return NetworkPolicies that, added to what is there, would let a flow through; none if no such policy stops it.

    What a ClusterNetworkPolicy denies is its administrator's to change.

    Each selects the Pod by the labels its replacements would carry, names one peer and one port, and isolates no Pod
    that was not isolated. A flow to a Service is allowed to every endpoint it may be sent to.

    Args:
        view: the objects.
        flow: the flow.
        options: the cluster's.
    """
    added: list[Object] = []
    overlay = _Overlay(view, added)
    for place in range(_endpoint_count(view, flow, options)):
        while True:
            verdict = route(overlay, flow, options=options, random=_Nth(place))
            hop = _denial(verdict)
            if hop is None:
                break
            added.append(_policy(view, hop, {policy["metadata"]["name"] for policy in added}))
    return tuple(added)


def surplus(
    view: View, flow: Flow, policies: Sequence[Object], *, options: ClusterOptions
) -> tuple[tuple[Ref, Ref], ...]:
    """Return the pairs of Pods, beside those of the flow itself, that policies would open too; none if they are exact.

    A policy knows Pods by their labels, so whoever carries the same ones gains the same: another replica, most often.

    Args:
        view: the objects.
        flow: what the policies are meant for; to a Service, its endpoints are all meant.
        policies: those that :func:`allowances` returned.
        options: the cluster's.
    """
    spaces, ips, ports = _touched(policies)
    found = [pod for space in sorted(spaces) for pod in view.list("pods", space)]
    found += [pod for ip in sorted(ips) for pod in view.lookup("pod-ip", ip)]
    pods = list({reference("pods", pod): pod for pod in found}.values())
    after = _Overlay(view, list(policies))
    # Whoever shares an address with one end is that end to a policy: Pods on their node's network.
    meant = {
        (one, other)
        for one in _at(view, flow.source.ip)
        for ip in _destinations(view, flow, options)
        for other in _at(view, ip)
    }
    opened: dict[tuple[Ref, Ref], None] = {}
    for port, protocol in sorted(ports):
        old, new = (matrix(each, pods, port=port, protocol=protocol, options=options) for each in (view, after))
        for source, target, allowed in old.difference(new):
            if allowed and (source, target) not in meant:
                opened.setdefault((source, target))
    return tuple(opened)


def _touched(policies: Sequence[Object]) -> tuple[set[str], set[str], set[tuple[int, str]]]:
    """Return the namespaces, the addresses and the ports that policies of :func:`allowances` are about."""
    spaces = {policy["metadata"]["namespace"] for policy in policies}
    ips: set[str] = set()
    ports: set[tuple[int, str]] = set()
    for policy in policies:
        direction = Direction(policy["spec"]["policyTypes"][0])
        for rule in policy["spec"][direction.rules]:
            ports |= {(port["port"], port["protocol"]) for port in rule.get("ports") or ()}
            for peer in rule[direction.peers]:
                if "ipBlock" in peer:
                    ips.add(peer["ipBlock"]["cidr"].partition("/")[0])
                name = (peer.get("namespaceSelector") or {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
                spaces |= {name} if name else set()
    return spaces, ips, ports


def _destinations(view: View, flow: Flow, options: ClusterOptions) -> list[str]:
    """Return the addresses at which a flow may end."""
    front = services.find(view, flow.ip, flow.port, flow.protocol)
    front = front or services.find_node_port(view, flow.ip, flow.port, flow.protocol, options)
    behind = endpoints.behind(view, front.service, front.port) if front else ()
    return [endpoint.ip for endpoint in behind] or [flow.ip]


def _at(view: View, ip: str) -> Iterator[Ref]:
    return (reference("pods", pod) for pod in view.lookup("pod-ip", ip))


def allowance(view: View, flow: Flow, *, options: ClusterOptions) -> Object | None:
    """Return :func:`allowances` as one manifest: a NetworkPolicy, a List of several, or None if none is needed."""
    policies = allowances(view, flow, options=options)
    if not policies:
        return None
    return policies[0] if len(policies) == 1 else {"apiVersion": "v1", "kind": "List", "items": list(policies)}


def _endpoint_count(view: View, flow: Flow, options: ClusterOptions) -> int:
    front = services.find(view, flow.ip, flow.port, flow.protocol)
    front = front or services.find_node_port(view, flow.ip, flow.port, flow.protocol, options)
    return max(1, len(endpoints.behind(view, front.service, front.port))) if front else 1


def _denial(verdict: Verdict) -> Hop | None:
    """Return the policies' hop that ended a flow, if one did that a NetworkPolicy could change."""
    last = verdict.hops[-1]
    if last.ok or last.kind not in POLICY_HOPS:
        return None
    return None if any(tier["final"] for tier in last.data["tiers"]) else last


def _policy(view: View, hop: Hop, taken: set[str]) -> Object:
    direction, data = POLICY_HOPS[hop.kind], hop.data
    subject, other = _end(view, data["subject"]), _end(view, data["other"])
    rule: Object = {direction.peers: [_peer(view, subject, other)]}
    if data["protocol"] in ("TCP", "UDP", "SCTP"):
        rule["ports"] = [{"protocol": data["protocol"], "port": data["port"]}]
    spec = {
        "podSelector": _subject_selector(view, subject, direction),
        "policyTypes": [direction.value],
        direction.rules: [rule],
    }
    metadata = {"name": _name(subject, other, direction, data, taken), "namespace": subject.namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _end(view: View, ip: str) -> End:
    pod = pod_at(view, ip)
    return End(ip) if pod is None else end_of(view, _peer_of_pod(pod, ip))


def _peer_of_pod(pod: Object, ip: str) -> Peer:
    return Peer(ip, Ref("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]), pod["spec"].get("nodeName", ""))


def lasting(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a replacement of a Pod would carry; all of them if none would."""
    kept = {key: value for key, value in labels.items() if key not in EPHEMERAL}
    return kept or dict(labels)


def _subject_selector(view: View, subject: End, direction: Direction) -> Object:
    """Select a Pod by its labels, and leave out Pods that carry them too but are isolated by nothing."""
    selector: Object = {"matchLabels": lasting(subject.labels)} if subject.labels else {}
    wanted = lasting(subject.labels).items()
    excluded: dict[str, None] = {}
    for pod in view.list("pods", subject.namespace):
        labels = pod["metadata"].get("labels") or {}
        more = sorted(labels.keys() - subject.labels.keys() - EPHEMERAL)
        alike = wanted <= labels.items()
        if alike and more and (not subject.labels or not isolating(view, _end_of_pod(view, pod), direction)):
            excluded.setdefault(more[0])
    if excluded:
        selector["matchExpressions"] = [{"key": key, "operator": "DoesNotExist"} for key in excluded]
    return selector


def _end_of_pod(view: View, pod: Object) -> End:
    return end_of(view, _peer_of_pod(pod, pod.get("status", {}).get("podIP", "")))


def _peer(view: View, subject: End, other: End) -> Object:
    if other.ref is None:
        address = parse(other.ip)
        return {"ipBlock": {"cidr": f"{other.ip}/{address.max_prefixlen if address else 32}"}}
    peer: Object = {"podSelector": {"matchLabels": lasting(other.labels)} if other.labels else _unlabelled(view, other)}
    if other.namespace != subject.namespace:
        name = other.namespace_labels.get("kubernetes.io/metadata.name")
        labels = {"kubernetes.io/metadata.name": name} if name else dict(other.namespace_labels)
        peer = {"namespaceSelector": {"matchLabels": labels}, **peer}
    return peer


def _unlabelled(view: View, end: End) -> Object:
    """Select the Pods without labels: those that have none of the keys that others have."""
    keys = {key for pod in view.list("pods", end.namespace) for key in pod["metadata"].get("labels") or ()}
    keys -= end.labels.keys()
    return {"matchExpressions": [{"key": key, "operator": "DoesNotExist"} for key in sorted(keys)]} if keys else {}


def _name(subject: End, other: End, direction: Direction, data: Mapping[str, Any], taken: set[str]) -> str:
    """Name a policy by what it does, within the 63 characters that stay readable, and not like another."""
    this, that = (_lasting_name(end) for end in (subject, other))
    word = "from" if direction is Direction.INGRESS else "to"
    base = f"allow-{this}-{word}-{that}"[:48].rstrip("-.") + f"-{data['port']}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _lasting_name(end: End) -> str:
    """Return a name that a replacement of the Pod would share: its Deployment's, if the template's hash tells it."""
    if end.ref is None:
        return end.ip.replace(":", "-")
    mark = end.labels.get("pod-template-hash")
    return end.ref.name.partition(f"-{mark}")[0] if mark else end.ref.name
