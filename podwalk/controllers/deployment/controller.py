"""The order of things in one reconcile of a Deployment."""

from __future__ import annotations

from collections.abc import Iterable

from podwalk.controllers.controller import Context, Controller, itself, owners
from podwalk.controllers.deployment import progress, revisions, rolling, scaling
from podwalk.controllers.deployment.family import Family, read
from podwalk.controllers.owners import controller_of
from podwalk.controllers.queue import Key
from podwalk.types import Change

RESOURCE = "deployments.apps"


def reconcile(context: Context, key: Key) -> float | None:
    """Bring a Deployment's ReplicaSets one step further, and report."""
    deployment = context.objects.get(RESOURCE, *key)
    if deployment is None:
        return None
    family = read(context, deployment)
    if "deletionTimestamp" in deployment["metadata"]:
        return progress.sync(context, family, rollout=False)
    progress.note_pause(context, family)
    if deployment["spec"].get("paused") or scaling.is_scaling(family):
        revisions.sync(context, family, create=False)
        scaling.scale(context, family)
        if deployment["spec"].get("paused"):
            revisions.clean_up(context, family)
        return progress.sync(context, family, rollout=False)
    if deployment["spec"].get("strategy", {}).get("type") == "Recreate":
        return _recreate(context, family)
    return _roll(context, family)


def _roll(context: Context, family: Family) -> float | None:
    revisions.sync(context, family, create=True)
    if rolling.grow_new(context, family) or rolling.shrink_old(context, family):
        return progress.sync(context, family)
    if progress.is_complete(family.deployment, family.deployment.get("status") or {}):
        revisions.clean_up(context, family)
    return progress.sync(context, family)


def _recreate(context: Context, family: Family) -> float | None:
    revisions.sync(context, family, create=False)
    if rolling.stop_old(context, family) or _any_old_pod(context, family):
        return progress.sync(context, family)
    revisions.sync(context, family, create=True)
    assert family.new is not None
    scaling.resize(context, family, family.new, family.replicas)
    if progress.is_complete(family.deployment, family.deployment.get("status") or {}):
        revisions.clean_up(context, family)
    return progress.sync(context, family)


def _any_old_pod(context: Context, family: Family) -> bool:
    states = ("ready", "unready", "terminating")
    return any(context.cache.tally(replica_set).count(*states) for replica_set in family.old)


def _families(context: Context, change: Change) -> Iterable[Key]:
    """Find the Deployment of a ReplicaSet; for one without an owner, those that select it."""
    yield from owners("Deployment")(context, change)
    metadata = change.object["metadata"]
    if change.type != "DELETED" and controller_of(change.object) is None:
        yield from context.cache.deployments.matching(metadata["namespace"], metadata.get("labels"))


CONTROLLER = Controller("deployment-controller", reconcile, {RESOURCE: itself, "replicasets.apps": _families})
