"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, so that it can be rolled back.

Source: k8s.io/kubernetes/pkg/controller/history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.hashes import compute_hash
from podwalk.controllers.owners import is_controlled_by, owner_reference
from podwalk.controllers.trees import clone, ordered
from podwalk.types import Object

RESOURCE = "controllerrevisions.apps"
HASH_LABEL = "controller.kubernetes.io/hash"
REVISION_LABEL = "controller-revision-hash"
MANAGER = "kube-controller-manager"


def read(context: Context, owner: Object) -> list[Object]:
    """Return an owner's revisions, oldest first."""
    found = context.objects.lookup("owner", owner["metadata"]["uid"])
    revisions = [entry for entry in found if entry["kind"] == "ControllerRevision" and is_controlled_by(entry, owner)]
    return sorted(revisions, key=lambda entry: (entry.get("revision", 0), entry["metadata"]["name"]))


def current(context: Context, owner: Object, kind: str, hash_label: str) -> tuple[Object, list[Object]]:
    """Return the revision of the owner's present template, making or renumbering it, and all revisions.

    Args:
        context: of the controller.
        owner: a StatefulSet or DaemonSet.
        kind: its kind.
        hash_label: the label that carries the hash.
    """
    revisions = read(context, owner)
    data = template_data(owner)
    last = revisions[-1].get("revision", 0) if revisions else 0
    same = next((entry for entry in reversed(revisions) if entry.get("data") == data), None)
    if same is not None and same.get("revision", 0) == last:
        return same, revisions
    if same is not None:
        changed = context.objects.modify(
            RESOURCE, *key_of(same), lambda entry: entry.update(revision=last + 1), manager=MANAGER
        )
        return changed or same, read(context, owner)
    made = context.objects.create(RESOURCE, _revision(owner, kind, hash_label, data, last + 1), manager=MANAGER)
    return made, [*revisions, made]


def template_data(owner: Object) -> Object:
    """Return the part of an owner that a revision keeps, its fields in the order in which clients compare its bytes."""
    return ordered({"spec": {"template": {"$patch": "replace", **owner["spec"]["template"]}}})


def template_of(revision: Object) -> Object:
    """Return the template that a revision keeps."""
    template = clone(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return dict(template)


def truncate(context: Context, owner: Object, revisions: Sequence[Object], live: Iterable[str]) -> None:
    """Delete the oldest revisions beyond ``revisionHistoryLimit`` that no Pod has."""
    names = set(live)
    unused = [entry for entry in revisions if entry["metadata"]["name"] not in names]
    limit = owner["spec"].get("revisionHistoryLimit", 10)
    for entry in unused[: max(0, len(unused) - limit)]:
        context.objects.delete(RESOURCE, *key_of(entry))


def _revision(owner: Object, kind: str, hash_label: str, data: Object, number: int) -> Object:
    metadata = owner["metadata"]
    text = compute_hash(data, (owner.get("status") or {}).get("collisionCount", 0))
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{metadata['name']}-{text}",
            "namespace": metadata["namespace"],
            "labels": {**labels, hash_label: text},
            "ownerReferences": [owner_reference(owner, "apps/v1", kind)],
        },
        "data": data,
        "revision": number,
    }
