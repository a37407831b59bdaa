"""Garbage collection: what is owned goes with its owners, in the background, in the foreground, or is left an orphan.

A key is the uid of an object. The work is found through the index of owners: nothing is scanned.

Source: k8s.io/kubernetes/pkg/controller/garbagecollector.
"""

from __future__ import annotations

from collections.abc import Iterable

from podwalk.controllers.controller import Context, Controller
from podwalk.controllers.owners import set_owners
from podwalk.controllers.queue import Key
from podwalk.types import Change, Object, Ref

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
MANAGER = "kube-controller-manager"


def reconcile(context: Context, key: Key) -> float | None:
    """Deal with one object's dependants, or with the object whose owners are gone."""
    uid = key[1]
    ref = context.cache.refs.get(uid)
    obj = _read(context, uid)
    if ref is None or obj is None:
        for dependant in context.objects.lookup("owner", uid):
            _collect(context, dependant)
        return None
    finalizers = obj["metadata"].get("finalizers") or ()
    if "deletionTimestamp" in obj["metadata"]:
        if ORPHAN in finalizers:
            _orphan(context, ref, uid)
        elif FOREGROUND in finalizers:
            _delete_dependants_first(context, ref, uid)
        return None
    _collect(context, obj)
    return None


def _read(context: Context, uid: str) -> Object | None:
    ref = context.cache.refs.get(uid)
    return context.objects.get(ref.resource, ref.namespace, ref.name) if ref is not None else None


def _collect(context: Context, obj: Object) -> None:
    """Delete an object whose owners are all gone or going; drop references to those that are gone otherwise."""
    metadata = obj["metadata"]
    owners = metadata.get("ownerReferences") or ()
    ref = context.cache.refs.get(metadata["uid"])
    if not owners or ref is None or "deletionTimestamp" in metadata:
        return
    gone = {owner["uid"] for owner in owners if owner["uid"] not in context.cache.refs}
    waiting = {owner["uid"] for owner in owners if _waits_for_dependants(context, owner["uid"])}
    solid = [owner for owner in owners if owner["uid"] not in gone | waiting]
    if solid:
        if gone or waiting:
            _keep_owners(context, ref, gone | waiting)
        return
    if not gone and not waiting:
        return
    policy = "Foreground" if waiting and context.objects.lookup("owner", metadata["uid"]) else _policy(metadata)
    context.objects.delete(ref.resource, ref.namespace, ref.name, propagation=policy, uid=metadata["uid"])


def _policy(metadata: Object) -> str:
    finalizers = metadata.get("finalizers") or ()
    if ORPHAN in finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in finalizers else "Background"


def _waits_for_dependants(context: Context, uid: str) -> bool:
    owner = _read(context, uid)
    if owner is None or "deletionTimestamp" not in owner["metadata"]:
        return False
    return FOREGROUND in (owner["metadata"].get("finalizers") or ())


def _orphan(context: Context, ref: Ref, uid: str) -> None:
    for dependant in context.objects.lookup("owner", uid):
        if (found := context.cache.refs.get(dependant["metadata"]["uid"])) is not None:
            _keep_owners(context, found, {uid})
    _drop_finalizer(context, ref, ORPHAN)


def _delete_dependants_first(context: Context, ref: Ref, uid: str) -> None:
    dependants = context.objects.lookup("owner", uid)
    blocking = False
    for dependant in dependants:
        owners = dependant["metadata"]["ownerReferences"]
        blocking = blocking or any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)
        _collect(context, dependant)
    if not blocking:
        _drop_finalizer(context, ref, FOREGROUND)


def _keep_owners(context: Context, ref: Ref, without: set[str]) -> None:
    def change(latest: Object) -> None:
        owners = [owner for owner in latest["metadata"].get("ownerReferences") or () if owner["uid"] not in without]
        set_owners(latest, owners)

    context.objects.modify(ref.resource, ref.namespace, ref.name, change, manager=MANAGER)


def _drop_finalizer(context: Context, ref: Ref, finalizer: str) -> None:
    def change(latest: Object) -> None:
        left = [entry for entry in latest["metadata"].get("finalizers") or () if entry != finalizer]
        latest["metadata"]["finalizers"] = left
        if not left:
            del latest["metadata"]["finalizers"]

    context.objects.modify(ref.resource, ref.namespace, ref.name, change, manager=MANAGER)


def _touched(context: Context, change: Change) -> Iterable[Key]:
    metadata = change.object["metadata"]
    owners = metadata.get("ownerReferences") or ()
    uid = metadata["uid"]
    if change.type == "DELETED":
        if context.objects.lookup("owner", uid):
            yield "", uid
        for owner in owners:
            if _waits_for_dependants(context, owner["uid"]):
                yield "", owner["uid"]
    elif "deletionTimestamp" in metadata:
        if {ORPHAN, FOREGROUND} & set(metadata.get("finalizers") or ()):
            yield "", uid
    elif any(owner["uid"] not in context.cache.refs for owner in owners):
        yield "", uid


CONTROLLER = Controller("garbage-collector-controller", reconcile, {"*": _touched})
