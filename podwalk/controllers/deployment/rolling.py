"""How far each ReplicaSet may grow or shrink now.

Source: k8s.io/kubernetes/pkg/controller/deployment/rolling.go and util/deployment_util.go.
"""

from __future__ import annotations

from podwalk.controllers.controller import Context
from podwalk.controllers.deployment import scaling
from podwalk.controllers.deployment.family import Family, size
from podwalk.types import Object


def new_size(family: Family) -> int:
    """Return how many Pods the new ReplicaSet shall have now."""
    strategy = family.deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return family.replicas
    present = size(family.new) if family.new is not None else 0
    total = sum(map(size, family.replica_sets))
    room = family.replicas + family.max_surge - total
    if room <= 0:
        return present
    return present + min(room, family.replicas - present)


def grow_new(context: Context, family: Family) -> bool:
    """Scale the new ReplicaSet; True if that changed anything."""
    new = family.new
    if new is None or size(new) == family.replicas:
        return False
    wanted = family.replicas if size(new) > family.replicas else new_size(family)
    return scaling.resize(context, family, new, wanted)


def shrink_old(context: Context, family: Family) -> bool:
    """Scale old ReplicaSets down as far as availability allows; True if that changed anything."""
    old = [entry for entry in family.old if size(entry)]
    new = family.new
    if not old or new is None:
        return False
    least = family.replicas - family.max_unavailable
    total = sum(map(size, family.replica_sets))
    spare = total - least - (size(new) - _available(new))
    if spare <= 0:
        return False
    cleaned = _drop_unhealthy(context, family, spare)
    return _drop_available(context, family, least) or cleaned


def stop_old(context: Context, family: Family) -> bool:
    """Scale every old ReplicaSet to none; True if that changed anything."""
    changed = False
    for entry in [entry for entry in family.old if size(entry)]:
        changed = scaling.resize(context, family, entry, 0) or changed
    return changed


def _drop_unhealthy(context: Context, family: Family, spare: int) -> bool:
    changed = False
    for entry in [entry for entry in family.old if size(entry)]:
        count = min(spare, size(entry) - _available(entry))
        if count > 0:
            changed = scaling.resize(context, family, entry, size(entry) - count) or changed
            spare -= count
    return changed


def _drop_available(context: Context, family: Family, least: int) -> bool:
    spare = sum(map(_available, family.replica_sets)) - least
    changed = False
    for entry in [entry for entry in family.old if size(entry)]:
        count = min(spare, size(entry))
        if count > 0:
            changed = scaling.resize(context, family, entry, size(entry) - count) or changed
            spare -= count
    return changed


def _available(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))
