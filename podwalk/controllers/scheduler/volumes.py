"""Claims of a Pod: missing ones forbid it, unbound ones make it wait for a provisioner.

As on the rig there is no provisioner, so a Pod with an unbound claim waits until somebody binds it by hand.
"""

from __future__ import annotations

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.queue import Key
from podwalk.controllers.scheduler.filters import Reason
from podwalk.types import Object

RESOURCE = "persistentvolumeclaims"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
UNBOUND = Reason("pod has unbound immediate PersistentVolumeClaims")


def check(context: Context, pod: Object) -> Reason | None:
    """Return why a Pod's claims rule out every node, if they do."""
    for name, claim in _claims(context, pod):
        if claim is None:
            return Reason(f'persistentvolumeclaim "{name}" not found')
        if "deletionTimestamp" in claim["metadata"]:
            return Reason(f'persistentvolumeclaim "{name}" is being deleted')
        if not _is_bound(claim) and not waits_for_consumer(context, claim):
            return UNBOUND
    return None


def must_wait(context: Context, pod: Object, node: str) -> bool:
    """Tell whether a claim is still unbound; ask its provisioner for a volume at the node."""
    unbound = [claim for _, claim in _claims(context, pod) if claim is not None and not _is_bound(claim)]

    def select(claim: Object) -> None:
        annotations = claim["metadata"].get("annotations") or {}
        claim["metadata"]["annotations"] = {SELECTED_NODE: node, **annotations}

    def nominate(latest: Object) -> None:
        latest.setdefault("status", {})["nominatedNodeName"] = node

    for claim in unbound:
        if SELECTED_NODE not in (claim["metadata"].get("annotations") or {}):
            context.objects.modify(RESOURCE, *key_of(claim), select, manager="kube-scheduler")
    if unbound and not (pod.get("status") or {}).get("nominatedNodeName"):
        context.objects.modify("pods", *key_of(pod), nominate, subresource="status", manager="kube-scheduler")
    return bool(unbound)


def waits_for_consumer(context: Context, claim: Object) -> bool:
    """Tell whether a claim's class binds only when a Pod needs it."""
    name = claim["spec"].get("storageClassName")
    storage_class = context.objects.get("storageclasses.storage.k8s.io", "", name) if name else None
    return storage_class is not None and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"


def _claims(context: Context, pod: Object) -> list[tuple[str, Object | None]]:
    namespace = pod["metadata"]["namespace"]
    found: list[tuple[str, Object | None]] = []
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if name:
            claim_key: Key = (namespace, name)
            context.cache.waiting_for_volumes.setdefault(claim_key, set()).add(key_of(pod))
            found.append((name, context.objects.get(RESOURCE, *claim_key)))
    return found


def _is_bound(claim: Object) -> bool:
    return (claim.get("status") or {}).get("phase") == "Bound"
