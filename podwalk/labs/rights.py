"""What a lab will make, derived from its steps' manifests, and whether this user may make it."""

from __future__ import annotations

from podwalk.backends.rights import Right, lacking, needed
from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError
from podwalk.facade.manifest import parse
from podwalk.labs.lab import Lab


def wanted(cluster: Cluster, lab: Lab) -> list[Right]:
    """Return the rights that a lab needs: what every lab does, and a ``create`` for each kind in its manifests."""
    found = set(needed(lab.namespace))
    for step in lab.steps:
        for document in parse(step.answer) if step.answer.strip() else ():
            kind = cluster.kinds.of(document.value)
            space = document.value["metadata"].get("namespace") or lab.namespace
            found.add(Right("create", kind.plural, kind.group, space if kind.namespaced else ""))
    return sorted(found)


def check(cluster: Cluster, lab: Lab) -> None:
    """Refuse a lab before it touches anything, where the user lacks rights that it needs.

    Raises:
        LearnerError: with the rights that are lacking.
    """
    missing = list(lacking(cluster.api, wanted(cluster, lab)))
    if missing:
        raise LearnerError(
            f"this lab cannot run here, and nothing was touched: you may not {', '.join(map(str, missing))}",
            hint="ask whoever runs the cluster for these rights, or use podwalk.cluster('embedded') or kind",
        )
