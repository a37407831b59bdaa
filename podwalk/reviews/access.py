"""Rules about rights, the other half of a closed network: what Pods may be, and what may be done in their name.

Who may change a NetworkPolicy may open it; a Pod on its node's network, or with rights over the API, need not knock at
any of the doors that policies guard.

Source: kubernetes.io/docs/concepts/security/rbac-good-practices/, …/pod-security-standards/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podwalk.reviews.finding import Finding, Subject
from podwalk.types import Object

ENFORCE = "pod-security.kubernetes.io/enforce"
SAFE_LEVELS = ("baseline", "restricted")
RBAC = "rbac.authorization.k8s.io"
CROWDS = ("system:authenticated", "system:unauthenticated", "system:serviceaccounts")
BUILT_IN = ("system:", "kubeadm:")
"""How the cluster's own bindings begin: discovery, and what nodes need to join."""

WRITES = {"*", "create", "update", "patch", "delete", "deletecollection"}


def pod_security(subject: Subject) -> Iterator[Finding]:
    """Find a namespace that takes every Pod, privileged ones and those on the node's network too."""
    namespace = subject.view.get("namespaces", "", subject.namespace)
    if namespace is None:
        return
    level = (namespace["metadata"].get("labels") or {}).get(ENFORCE, "")
    if level not in SAFE_LEVELS:
        said = f"the level is {level}" if level else "no level is enforced"
        yield Finding(
            "pod-security",
            f"namespace/{subject.namespace}",
            f"metadata.labels[{ENFORCE}]",
            f"{said}: a Pod may use its node's network, where no policy applies, or take the node over",
            "restricted, or baseline if that is too strict",
        )


def rbac(subject: Subject) -> Iterator[Finding]:
    """Find bindings that give Pods, or everybody, the right to everything, or to change the policies."""
    for kind, bindings in (
        ("rolebinding", subject.objects(f"rolebindings.{RBAC}")),
        ("clusterrolebinding", subject.view.list(f"clusterrolebindings.{RBAC}")),
    ):
        for binding in bindings:
            if not binding["metadata"]["name"].startswith(BUILT_IN):
                yield from _binding(subject, kind, binding)


def _binding(subject: Subject, kind: str, binding: Object) -> Iterator[Finding]:
    role = binding["roleRef"]
    rules = _rules(subject, role)
    for index, holder in enumerate(binding.get("subjects") or ()):
        who = _holder(holder, binding, subject.namespace)
        if not who:
            continue
        label = f"{kind}/{binding['metadata']['name']}"
        said = f"{role['kind']} {role['name']}"
        if _is_crowd(holder):
            why = f"{who} get {said}: that is everybody who reaches the API"
            yield Finding("rbac", label, f"subjects[{index}]", why, "name the one ServiceAccount or user that needs it")
        elif power := _power(rules):
            why = f"{who} may {power} ({said})"
            yield Finding("rbac", label, "roleRef", why, "a Role with the verbs and resources that are really needed")


def _holder(holder: Mapping[str, Any], binding: Object, namespace: str) -> str:
    """Name who gets the rights, if the namespace's Pods are among them; people are their administrator's affair."""
    kind, name = holder.get("kind"), str(holder.get("name", ""))
    if kind == "ServiceAccount":
        where = holder.get("namespace") or binding["metadata"].get("namespace", "")
        return f"Pods with the ServiceAccount {name}" if where == namespace else ""
    if kind == "Group" and (name in CROWDS or name == f"system:serviceaccounts:{namespace}"):
        return f"all of {name}"
    return "anonymous callers" if kind == "User" and name == "system:anonymous" else ""


def _is_crowd(holder: Mapping[str, Any]) -> bool:
    return holder.get("kind") != "ServiceAccount" and not str(holder.get("name")).startswith("system:serviceaccounts:")


def _rules(subject: Subject, role: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    namespaced = role["kind"] == "Role"
    resource = f"{'roles' if namespaced else 'clusterroles'}.{RBAC}"
    found = subject.view.get(resource, subject.namespace if namespaced else "", role["name"])
    return (found or {}).get("rules") or ()


def _power(rules: Sequence[Mapping[str, Any]]) -> str:
    """Say what is too much; empty if nothing is."""
    for rule in rules:
        verbs, resources = set(rule.get("verbs") or ()), set(rule.get("resources") or ())
        if "*" in verbs and "*" in resources:
            return "do everything"
    for rule in rules:
        groups = set(rule.get("apiGroups") or ())
        verbs, resources = set(rule.get("verbs") or ()), set(rule.get("resources") or ())
        if verbs & WRITES and resources & {"*", "networkpolicies"} and groups & {"*", "networking.k8s.io"}:
            return "change the NetworkPolicies that hold them"
    return ""
