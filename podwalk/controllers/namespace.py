"""Namespace lifecycle: a namespace that is deleted goes when everything in it has gone.

Pods go first, so that what protects them (policies above all) outlives them.

Source: k8s.io/kubernetes/pkg/controller/namespace/deletion and KEP-5080, ordered namespace deletion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from podwalk.controllers.controller import Context, Controller, key_of
from podwalk.controllers.pods import condition
from podwalk.controllers.queue import Key
from podwalk.controllers.resources import namespaced_resources
from podwalk.types import Change, Object

RESOURCE = "namespaces"
MANAGER = "kube-controller-manager"
FINALIZER = "kubernetes"


def reconcile(context: Context, key: Key) -> float | None:
    """Delete what is in a namespace that goes; let it go when nothing is left."""
    namespace = context.objects.get(RESOURCE, "", key[1])
    if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
        return None
    if FINALIZER not in (namespace["spec"].get("finalizers") or ()):
        return None
    _empty(context, key[1])
    left = _content(context, key[1])
    if "pods" in left:
        _report(context, key[1], {}, waiting_for_pods=True)
        return None
    _report(context, key[1], left)
    if not left:
        _finalize(context, key[1])
    return None


def _empty(context: Context, name: str) -> None:
    if not _delete_all(context, "pods", name):
        return
    for resource in namespaced_resources(context.objects):
        if resource != "pods":
            _delete_all(context, resource, name)


def _delete_all(context: Context, resource: str, name: str) -> bool:
    """Ask each object of a resource to go; True if none is left."""
    for obj in list(context.objects.list(resource, name)):
        if "deletionTimestamp" not in obj["metadata"]:
            context.objects.delete(resource, *key_of(obj), propagation="Background", uid=obj["metadata"]["uid"])
    return not context.objects.list(resource, name)


def _content(context: Context, name: str) -> dict[str, list[Object]]:
    found = {resource: list(context.objects.list(resource, name)) for resource in namespaced_resources(context.objects)}
    return {resource: objects for resource, objects in found.items() if objects}


def _report(context: Context, name: str, left: dict[str, list[Object]], *, waiting_for_pods: bool = False) -> None:
    """Set the conditions that `kubectl describe` shows of a namespace that hangs."""
    counted = [f"{resource}. has {len(objects)} resource instances" for resource, objects in sorted(left.items())]
    finalizers = Counter(entry for objects in left.values() for obj in objects for entry in _finalizers(obj))
    held = [f"{finalizer} in {number} resource instances" for finalizer, number in sorted(finalizers.items())]
    wanted = (
        ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        _failure(name, waiting_for_pods),
        _remaining("NamespaceContentRemaining", "SomeResourcesRemain", "Some resources are remaining: ", counted),
        _remaining(
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: ",
            held,
        ),
    )

    def change(latest: Object) -> None:
        status = latest.setdefault("status", {})
        status["conditions"] = [_entry(context, latest, *fields) for fields in wanted]

    context.objects.modify(RESOURCE, "", name, change, subresource="status", manager=MANAGER)


def _failure(name: str, waiting_for_pods: bool) -> tuple[str, str, str, str]:
    """Say whether what goes first has gone; until then upstream calls it a failure, and says nothing of the rest."""
    kind = "NamespaceDeletionContentFailure"
    if waiting_for_pods:
        message = f"unexpected items still remain in namespace: {name} for gvr: /v1, Resource=pods"
        return kind, "True", "ContentDeletionFailed", f"Failed to delete all resource types, 1 remaining: {message}"
    return kind, "False", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"


_GONE = {
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


def _remaining(kind: str, reason: str, head: str, left: list[str]) -> tuple[str, str, str, str]:
    if left:
        return kind, "True", reason, head + ", ".join(left)
    return kind, "False", *_GONE[kind]


def _entry(context: Context, namespace: Object, kind: str, status: str, reason: str, message: str) -> Object:
    present = condition(namespace, kind)
    if present is not None and (present["status"], present["message"]) == (status, message):
        return present
    now = context.simulation.timestamp()
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}


def _finalizers(obj: Object) -> list[str]:
    return list(obj["metadata"].get("finalizers") or ())


def _finalize(context: Context, name: str) -> None:
    def change(latest: Object) -> None:
        latest["spec"]["finalizers"] = [entry for entry in latest["spec"]["finalizers"] if entry != FINALIZER]

    context.objects.modify(RESOURCE, "", name, change, subresource="finalize", manager=MANAGER)


def _namespace(context: Context, change: Change) -> Iterable[Key]:
    return (("", change.object["metadata"]["name"]),) if "deletionTimestamp" in change.object["metadata"] else ()


def _left(context: Context, change: Change) -> Iterable[Key]:
    """Look at a namespace that goes whenever something in it went or came."""
    name = change.object["metadata"].get("namespace")
    if not name or change.type == "MODIFIED":
        return ()
    namespace = context.objects.get(RESOURCE, "", name)
    going = namespace is not None and "deletionTimestamp" in namespace["metadata"]
    return (("", name),) if going else ()


CONTROLLER = Controller("namespace-controller", reconcile, {RESOURCE: _namespace, "*": _left})
