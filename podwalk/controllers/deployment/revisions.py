"""Revisions: each template has its ReplicaSet and its number, and a rollback is a template that has one already."""

from __future__ import annotations

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.deployment import progress, rolling
from podwalk.controllers.deployment.family import HASH_LABEL, Family, bare, is_same, size
from podwalk.controllers.hashes import compute_hash
from podwalk.controllers.owners import is_controlled_by, owner_reference
from podwalk.controllers.trees import clone
from podwalk.errors import ApiError
from podwalk.types import Object

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAXIMUM,
    "deprecated.deployment.rollback.to",
}
MANAGER = "kube-controller-manager"


def sync(context: Context, family: Family, *, create: bool) -> None:
    """Give the new ReplicaSet its revision; with ``create``, make it if the template has none yet."""
    number = max((revision(entry) for entry in family.old), default=0) + 1
    new = family.new
    if new is None:
        if not create:
            return
        new = _create(context, family, number)
    else:
        new = _annotate(context, family, new, number)
        progress.note_found(context, family, new)
    _note_revision(context, family, new)


def revision(obj: Object) -> int:
    """Return an object's revision, 0 if it has none."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def annotations_for(family: Family, old: dict[str, str]) -> dict[str, str]:
    """Return a ReplicaSet's annotations with the Deployment's own copied over."""
    own = family.deployment["metadata"].get("annotations") or {}
    return {**old, **{key: value for key, value in own.items() if key not in NOT_COPIED}}


def size_annotations(family: Family) -> dict[str, str]:
    """Return the annotations that tell a later reconcile that the Deployment was scaled meanwhile."""
    return {DESIRED: str(family.replicas), MAXIMUM: str(family.replicas + family.max_surge)}


def clean_up(context: Context, family: Family) -> None:
    """Delete the oldest empty ReplicaSets beyond ``revisionHistoryLimit``."""
    limit = family.deployment["spec"].get("revisionHistoryLimit", 10)
    old = [entry for entry in family.old if "deletionTimestamp" not in entry["metadata"]]
    for entry in sorted(old, key=revision)[: max(0, len(old) - limit)]:
        status = entry.get("status") or {}
        seen = status.get("observedGeneration", 0) >= entry["metadata"].get("generation", 0)
        if not status.get("replicas") and not size(entry) and seen:
            context.objects.delete("replicasets.apps", *key_of(entry))


def _annotate(context: Context, family: Family, new: Object, number: int) -> Object:
    def change(latest: Object) -> None:
        old = latest["metadata"].get("annotations") or {}
        wanted = annotations_for(family, old)
        if revision(latest) < number:
            if REVISION in old:
                history = [entry for entry in old.get(HISTORY, "").split(",") if entry]
                wanted[HISTORY] = ",".join([*history, old[REVISION]])
            wanted[REVISION] = str(number)
        latest["metadata"]["annotations"] = wanted
        _copy_min_ready(family, latest["spec"])

    changed = context.objects.modify("replicasets.apps", *key_of(new), change, manager=MANAGER) or new
    family.replace(changed)
    return changed


def _copy_min_ready(family: Family, spec: Object) -> None:
    seconds = family.deployment["spec"].get("minReadySeconds", 0)
    if seconds != spec.get("minReadySeconds", 0):
        spec["minReadySeconds"] = seconds


def _create(context: Context, family: Family, number: int) -> Object:
    deployment = family.deployment
    collisions = (deployment.get("status") or {}).get("collisionCount", 0)
    replica_set = _replica_set(family, compute_hash(bare(deployment["spec"]["template"]), collisions), number)
    wanted = rolling.new_size(family)
    replica_set["spec"]["replicas"] = wanted
    try:
        created = context.objects.create("replicasets.apps", replica_set, manager=MANAGER)
    except ApiError as error:
        created = _resolve(context, family, replica_set, error)
    else:
        name = created["metadata"]["name"]
        if wanted:
            message = f"Scaled up replica set {name} from 0 to {wanted}"
            context.recorder.event(deployment, "Normal", "ScalingReplicaSet", message)
        progress.note(context, family, "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
    family.replace(created)
    return created


def _resolve(context: Context, family: Family, replica_set: Object, error: ApiError) -> Object:
    """Deal with a ReplicaSet that could not be made: there already, another of the same hash, or refused."""
    deployment = family.deployment
    if error.reason == "AlreadyExists":
        there = context.objects.get("replicasets.apps", *key_of(replica_set))
        template = deployment["spec"]["template"]
        if there is not None and is_controlled_by(there, deployment) and is_same(there["spec"]["template"], template):
            return there

        def collide(latest: Object) -> None:
            status = latest.setdefault("status", {})
            status["collisionCount"] = status.get("collisionCount", 0) + 1

        context.objects.modify("deployments.apps", *key_of(deployment), collide, subresource="status", manager=MANAGER)
        raise error
    message = f'Failed to create new replica set "{replica_set["metadata"]["name"]}": {error}'
    context.recorder.event(deployment, "Warning", "ReplicaSetCreateError", message)
    progress.note(context, family, "False", "ReplicaSetCreateError", message)
    raise error


def _replica_set(family: Family, template_hash: str, number: int) -> Object:
    deployment = family.deployment
    metadata, spec = deployment["metadata"], deployment["spec"]
    template = clone(spec["template"])
    template["metadata"] = {**(template.get("metadata") or {})}
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), HASH_LABEL: template_hash}
    selector = clone(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: template_hash}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{template_hash}",
            "namespace": metadata["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {**annotations_for(family, {}), **size_annotations(family), REVISION: str(number)},
            "ownerReferences": [owner_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": {
            "selector": selector,
            "template": template,
            **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
        },
    }


def _note_revision(context: Context, family: Family, new: Object) -> None:
    number = (new["metadata"].get("annotations") or {}).get(REVISION)
    if not number or (family.deployment["metadata"].get("annotations") or {}).get(REVISION) == number:
        return

    def change(latest: Object) -> None:
        latest["metadata"].setdefault("annotations", {})
        latest["metadata"]["annotations"] = {**(latest["metadata"]["annotations"] or {}), REVISION: number}

    # By way of the status: a change of annotations would raise the generation.
    changed = context.objects.modify(
        "deployments.apps", *key_of(family.deployment), change, subresource="status", manager=MANAGER
    )
    if changed is not None:
        family.deployment = changed
