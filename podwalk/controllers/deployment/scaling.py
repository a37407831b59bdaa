"""Resizing ReplicaSets, alone and, when the Deployment is scaled in the middle of a rollout, in proportion.

Source: k8s.io/kubernetes/pkg/controller/deployment/sync.go, scale.
"""

from __future__ import annotations

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.deployment import revisions
from podwalk.controllers.deployment.family import Family, size
from podwalk.types import Object


def is_scaling(family: Family) -> bool:
    """Tell whether the Deployment's size changed since its ReplicaSets were sized."""
    return any(
        (wanted := _annotation(entry, revisions.DESIRED)) is not None and wanted != family.replicas
        for entry in family.replica_sets
        if size(entry)
    )


def resize(context: Context, family: Family, replica_set: Object, count: int) -> bool:
    """Set a ReplicaSet's size and annotations; True if the size changed."""
    before = size(replica_set)
    annotations = revisions.size_annotations(family)
    present = replica_set["metadata"].get("annotations") or {}
    if before == count and all(present.get(key) == value for key, value in annotations.items()):
        return False

    def change(latest: Object) -> None:
        latest["spec"]["replicas"] = count
        latest["metadata"]["annotations"] = {**(latest["metadata"].get("annotations") or {}), **annotations}

    changed = context.objects.modify("replicasets.apps", *key_of(replica_set), change, manager=revisions.MANAGER)
    if changed is None:
        return False
    family.replace(changed)
    if before == count:
        return False
    direction = "up" if count > before else "down"
    message = f"Scaled {direction} replica set {replica_set['metadata']['name']} from {before} to {count}"
    context.recorder.event(family.deployment, "Normal", "ScalingReplicaSet", message)
    return True


def scale(context: Context, family: Family) -> None:
    """Follow a change of ``spec.replicas``, or keep the sizes while paused."""
    active = [entry for entry in family.replica_sets if size(entry)]
    new = family.new
    if len(active) <= 1:
        only = active[0] if active else new or (family.old[-1] if family.old else None)
        if only is not None:
            resize(context, family, only, family.replicas)
        return
    if new is not None and _is_saturated(family, new):
        for entry in family.old:
            if size(entry):
                resize(context, family, entry, 0)
        return
    strategy = family.deployment["spec"].get("strategy") or {}
    if strategy.get("type", "RollingUpdate") == "RollingUpdate":
        _scale_in_proportion(context, family, active)


def _scale_in_proportion(context: Context, family: Family, active: list[Object]) -> None:
    total = sum(map(size, active))
    allowed = family.replicas + family.max_surge if family.replicas else 0
    to_add = allowed - total
    # The largest first; among equals the newest grow first and the oldest shrink first.
    newest_first = list(reversed(active))
    ordered = sorted(newest_first if to_add > 0 else active, key=lambda entry: -size(entry))
    sizes: dict[str, int] = {}
    added = 0
    for entry in ordered:
        share = _share(family, entry, to_add, added, total) if to_add else 0
        sizes[entry["metadata"]["name"]] = size(entry) + share
        added += share
    largest = ordered[0]["metadata"]["name"]
    sizes[largest] = max(0, sizes[largest] + to_add - added)
    for entry in ordered:
        resize(context, family, entry, sizes[entry["metadata"]["name"]])


def _share(family: Family, entry: Object, to_add: int, added: int, total: int) -> int:
    if family.replicas == 0:
        return -size(entry)
    before = _annotation(entry, revisions.MAXIMUM) or total
    now = family.replicas + family.max_surge
    share = _round_half_away(size(entry) * now, before) - size(entry)
    left = to_add - added
    return min(share, left) if to_add > 0 else max(share, left)


def _round_half_away(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _is_saturated(family: Family, new: Object) -> bool:
    available = (new.get("status") or {}).get("availableReplicas", 0)
    wanted = _annotation(new, revisions.DESIRED)
    return bool(size(new) == family.replicas == wanted == available)


def _annotation(obj: Object, name: str) -> int | None:
    text = (obj["metadata"].get("annotations") or {}).get(name)
    return int(text) if text is not None and text.isdigit() else None
