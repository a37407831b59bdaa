"""Rules about NetworkPolicies: closed by default, no door wider than needed, names found, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podwalk.network.addresses import peer_of
from podwalk.network.policy import Direction, explain
from podwalk.network.policy.judgement import end_of, isolating
from podwalk.network.policy.rules import POLICIES, policy_types
from podwalk.reviews.finding import Finding, Subject
from podwalk.types import Object

DESCRIPTION = "kubernetes.io/description"
"""The annotation that says what an object is for. Source: kubernetes.io/docs/reference/labels-annotations-taints/."""

DNS_LABELS = {"k8s-app": "kube-dns"}
DNS_PROTOCOLS = ("UDP", "TCP")
EVERYWHERE = ("0.0.0.0/0", "::/0")
SOME = 3


def default_deny(subject: Subject) -> Iterator[Finding]:
    """Find directions in which a Pod that no policy names is open."""
    for direction in Direction:
        if any(
            _selects_all(policy) and direction.value in policy_types(policy) for policy in subject.objects(POLICIES)
        ):
            continue
        view = subject.view
        free = [
            pod["metadata"]["name"]
            for pod in subject.pods()
            if not isolating(view, end_of(view, peer_of(pod)), direction)
        ]
        verb = "be called by everybody" if direction is Direction.INGRESS else "call everybody"
        now = f", {_names(free)} today," if free else ""
        yield Finding(
            "default-deny",
            f"namespace/{subject.namespace}",
            "NetworkPolicy spec.policyTypes",
            f"no policy selects every Pod for {direction.value.lower()}: a Pod that no policy names{now} may {verb}",
            f"add a policy with podSelector: {{}} and policyTypes: [{direction.value}], without rules",
        )


def open_rules(subject: Subject) -> Iterator[Finding]:
    """Find rules that allow everything, which closes nothing."""
    for policy in subject.objects(POLICIES):
        for direction in Direction:
            for index, rule in enumerate(policy["spec"].get(direction.rules) or ()):
                if direction.value in policy_types(policy) and (place := _open(rule, direction)) is not None:
                    yield Finding(
                        "open-rule",
                        _label(policy),
                        f"spec.{direction.rules}[{index}]{place}",
                        f"the rule names no ports, and everybody as its peer: it allows all {direction.rules}",
                        f"name the peers under {direction.peers}, and the ports",
                    )


def dns(subject: Subject) -> Iterator[Finding]:
    """Find Pods that may call somebody, and may not ask for the name, or over one protocol only."""
    view = subject.view
    servers = view.list("pods", "kube-system", DNS_LABELS)
    if not servers:
        return
    server = peer_of(servers[0])
    found: dict[tuple[str, ...], list[Object]] = {}
    for pod in subject.pods():
        policies = isolating(view, end_of(view, peer_of(pod)), Direction.EGRESS)
        closed = tuple(
            protocol
            for protocol in DNS_PROTOCOLS
            if not explain(view, peer_of(pod), server, 53, protocol, options=subject.options).allowed
        )
        if closed and any(policy["spec"].get("egress") for policy in policies):
            found.setdefault((",".join(closed), *(policy["metadata"]["name"] for policy in policies)), []).append(pod)
    for (closed_text, *names), pods in found.items():
        shown = _names([pod["metadata"]["name"] for pod in pods])
        yield Finding(
            "dns-egress",
            f"networkpolicy/{names[0]}",
            "spec.egress",
            f"{shown} may call others and may not ask DNS over {' and '.join(closed_text.split(','))}",
            "allow UDP and TCP 53 to k8s-app: kube-dns in the namespace kube-system",
        )


def reason(subject: Subject) -> Iterator[Finding]:
    """Find policies that do not say what they are for."""
    for policy in subject.objects(POLICIES):
        if not str((policy["metadata"].get("annotations") or {}).get(DESCRIPTION, "")).strip():
            yield Finding(
                "reason",
                _label(policy),
                f"metadata.annotations[{DESCRIPTION}]",
                "nobody will dare to change or delete a policy whose reason is not written on it",
                "say in a sentence who needs this, and why",
            )


def _selects_all(policy: Object) -> bool:
    selector = policy["spec"].get("podSelector") or {}
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def _open(rule: Mapping[str, Any], direction: Direction) -> str | None:
    """Return where, below the rule, everybody is let through at every port; None if nowhere."""
    if rule.get("ports"):
        return None
    peers = rule.get(direction.peers) or ()
    if not peers:
        return ""
    for index, peer in enumerate(peers):
        block = peer.get("ipBlock") or {}
        selector = peer.get("namespaceSelector")
        anybody = (
            selector is not None and not any(selector.values()) and not any((peer.get("podSelector") or {}).values())
        )
        if anybody or (block.get("cidr") in EVERYWHERE and not block.get("except")):
            return f".{direction.peers}[{index}]"
    return None


def _label(policy: Object) -> str:
    return f"networkpolicy/{policy['metadata']['name']}"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - SOME} more" if len(names) > SOME else ""
    return ("Pod " if len(names) == 1 else "Pods ") + ", ".join(names[:SOME]) + more
