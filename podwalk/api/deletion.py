"""How an object goes: preconditions, grace, finalizers, and the order in which its dependants follow.

Source: k8s.io/apiserver/pkg/registry/generic/registry/store.go (Delete), registry/rest/delete.go, and the Pod's and
Namespace's own rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.api import failures
from podwalk.api.custom import DEFINITIONS
from podwalk.api.establishment import CLEANUP
from podwalk.api.options import Deletion
from podwalk.api.registry import Resource
from podwalk.api.trees import dig
from podwalk.errors import ApiError
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
_PROTECTED_NAMESPACES = ("default", "kube-system", "kube-public")


def remove(objects: StoredObjects, resource: Resource, namespace: str, name: str, how: Deletion) -> tuple[Object, bool]:
    """Delete an object, or mark it as being deleted; see :meth:`StoredObjects.remove`."""
    obj = objects.get(resource.storage_key, namespace, name)
    if resource.key == "namespaces" and name in _PROTECTED_NAMESPACES:
        raise failures.forbidden(resource, name, "this namespace may not be deleted")
    if obj is None:
        raise failures.not_found(resource, name)
    _check_preconditions(resource, obj, how)
    finalizers = _finalizers(objects, resource, obj, how)
    grace = _grace(resource, obj, how)
    pending = bool(finalizers) or bool(dig(obj, "spec", "finalizers") and resource.key == "namespaces")
    if grace == 0 and not pending:
        return (obj if how.dry_run else objects.take_out(resource, obj)), True
    marked = _mark(objects, resource, obj, finalizers, grace)
    if marked is obj or how.dry_run:
        return marked, False
    return objects.store.put(resource.storage_key, marked), False


def finished(resource: Resource, obj: Object) -> bool:
    """Say whether an object that is being deleted has nothing left to wait for."""
    metadata = obj["metadata"]
    if metadata.get("deletionTimestamp") is None or metadata.get("finalizers"):
        return False
    if resource.key == "namespaces":
        return not dig(obj, "spec", "finalizers")
    return not metadata.get("deletionGracePeriodSeconds")


def _check_preconditions(resource: Resource, obj: Object, how: Deletion) -> None:
    metadata = obj["metadata"]
    wanted = (("UID", how.uid, metadata["uid"]), ("ResourceVersion", how.version, metadata["resourceVersion"]))
    for name, asked, held in wanted:
        if asked is not None and asked != held:
            raise _precondition(resource, metadata["name"], name, asked, held)


_HAPPENED = {"UID": "deleted and then recreated", "ResourceVersion": "modified"}
_OWN_WORDS = {"namespaces": "Precondition failed", DEFINITIONS: "precondition failed"}


def _precondition(resource: Resource, name: str, what: str, asked: str, held: str) -> ApiError:
    """Return the 409 for a precondition that does not hold; Namespaces and definitions have words of their own.

    Source: k8s.io/apiserver/pkg/registry/rest/delete.go, BeforeDelete; the storages of the two.
    """
    if head := _OWN_WORDS.get(resource.key):
        why = f"{head}: {what} in precondition: {asked}, {what} in object meta: {held}"
        return failures.conflict(resource, name, why)
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    why = f"the {what} in the precondition ({asked}) does not match the {what} in record ({held})"
    message = f'Operation cannot be fulfilled on {kind} "{name}": {why}. The object might have been {_HAPPENED[what]}'
    details = {**failures.details(resource, name), "kind": resource.kind}
    return ApiError(409, "Conflict", message, details=details)


def _finalizers(objects: StoredObjects, resource: Resource, obj: Object, how: Deletion) -> list[str]:
    before = list(obj["metadata"].get("finalizers") or ())
    if resource.key == DEFINITIONS and not obj["metadata"].get("deletionTimestamp"):
        before = [*(one for one in before if one != CLEANUP), CLEANUP]
    policy = how.propagation
    if policy is None and not {ORPHAN, FOREGROUND} & set(before) and objects.strategy(resource).orphan_by_default:
        policy = "Orphan"
    if policy is None:
        return before
    kept = [finalizer for finalizer in before if finalizer not in (ORPHAN, FOREGROUND)]
    wanted = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])
    return [*kept, *wanted]


def _grace(resource: Resource, obj: Object, how: Deletion) -> int:
    if resource.key != "pods":
        return 0
    spec, status, metadata = obj.get("spec") or {}, obj.get("status") or {}, obj["metadata"]
    period = how.grace_s if how.grace_s is not None else spec.get("terminationGracePeriodSeconds", 30)
    if how.grace_s is None and metadata.get("deletionGracePeriodSeconds") is not None:
        period = metadata["deletionGracePeriodSeconds"]
    if period < 0:
        period = 1
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    return int(period)


def _mark(objects: StoredObjects, resource: Resource, obj: Object, finalizers: list[str], grace: int) -> Object:
    metadata = dict(obj["metadata"])
    before = metadata.get("deletionTimestamp")
    shorter = grace < (metadata.get("deletionGracePeriodSeconds") or 0)
    if before is None or shorter:
        metadata["deletionTimestamp"] = objects.simulation.timestamp(objects.simulation.now + grace)
        metadata["deletionGracePeriodSeconds"] = grace
        if metadata.get("generation") and before is None:
            metadata["generation"] += 1
    elif finalizers == list(metadata.get("finalizers") or ()):
        return obj
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if resource.key == "namespaces":
        metadata.pop("deletionGracePeriodSeconds", None)
        return {**obj, "metadata": metadata, "status": {**obj.get("status", {}), "phase": "Terminating"}}
    return {**obj, "metadata": metadata}
