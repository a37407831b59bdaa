"""What a lab will make and change, derived from its steps, and whether this user may."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from podwalk.backends.rights import Right, lacking, needed
from podwalk.facade import Cluster, doors, kubectl
from podwalk.facade.errors import LearnerError, ManifestError, RefusedError
from podwalk.facade.kinds import Kind
from podwalk.facade.manifest import parse
from podwalk.labs.lab import Lab

TO_FIND: Mapping[str, tuple[Right, ...]] = {
    "ingress": (Right("list", "pods"), Right("list", "ingressclasses", "networking.k8s.io")),
    "gateway": (Right("list", "pods"), Right("list", "gatewayclasses", "gateway.networking.k8s.io")),
    "metrics-server": (Right("list", "nodes", "metrics.k8s.io"),),
    "load-balancer": (Right("list", "services"),),
    "cluster-network-policy": (Right("list", "customresourcedefinitions", "apiextensions.k8s.io"),),
}
"""What a user must be allowed to, so that an add-on can be found."""

VERBS = ("create", "delete", "get", "patch")
"""What is done to each object of a lab: it is made, changed, looked at and taken back."""

NAMED = ("ingress", "gateway")
"""The parts whose Service gets a second name: whoever came first has given it."""


def to_find(need: str, namespace: str) -> tuple[Right, ...]:
    """Return the rights without which it cannot be seen whether a cluster has what a lab needs."""
    return TO_FIND.get(need, needed(namespace))


def wanted(cluster: Cluster, lab: Lab) -> list[Right]:
    """Return the rights that a lab needs.

    They are what every lab does, what makes, changes and takes back each kind in its manifests, what its commands do,
    and what finds the parts it needs.
    """
    found = set(needed(lab.namespace))
    for need in lab.needs:
        found.update(to_find(need, lab.namespace))
        if need in NAMED and not _has_name(cluster, need):
            found.add(Right("create", "services", "", doors.NAMESPACE))
    for step in lab.steps:
        for document in parse(step.answer) if step.answer.strip() else ():
            space = document.value["metadata"].get("namespace") or lab.namespace
            # The kind of a part that is not there: its absence is told, and there is no right to ask for.
            with contextlib.suppress(ManifestError):
                found.update(_on(cluster.kinds.of(document.value), space, VERBS))
        for command in (*step.run, *step.undo):
            found.update(_of_command(cluster, command, lab.namespace))
    return sorted(found)


def _on(kind: Kind, namespace: str, verbs: Iterable[str]) -> Iterator[Right]:
    for verb in verbs:
        yield Right(verb, kind.plural, kind.group, namespace if kind.namespaced else "")


def _of_command(cluster: Cluster, command: str, namespace: str) -> Iterator[Right]:
    verb, words, named = kubectl.changed(command)
    for word in words:
        if word == "pods/exec":
            yield Right(verb, word, "", named or namespace)
        else:
            yield from _on(cluster.kinds.find(word), named or namespace, [verb])


def _has_name(cluster: Cluster, need: str) -> bool:
    try:
        return need in cluster.get("services", namespace=doors.NAMESPACE).names
    except RefusedError:
        return False


def lacking_of(cluster: Cluster, lab: Lab) -> list[Right]:
    """Return the rights that a lab needs and this user does not have."""
    return list(lacking(cluster.api, wanted(cluster, lab)))


def refusal(missing: Iterable[Right]) -> LearnerError:
    """Return what a user without these rights is told."""
    return LearnerError(
        f"you may not {', '.join(_together(missing))}",
        hint="ask whoever runs the cluster for these rights, or use podwalk.cluster('embedded') or kind",
    )


def _together(rights: Iterable[Right]) -> Iterator[str]:
    """Name the rights on the same objects at once: ``create/delete namespaces``."""
    verbs: dict[Right, list[str]] = {}
    for right in rights:
        verbs.setdefault(dataclasses.replace(right, verb=""), []).append(right.verb)
    for bare, names in verbs.items():
        yield str(dataclasses.replace(bare, verb="/".join(names)))
