"""PersistentVolumeClaims: without a provisioner they stay pending, and their events say what they wait for.

As on a kind cluster whose provisioner does not run: the StorageClass is there, volumes are not made.

Source: k8s.io/kubernetes/pkg/controller/volume/persistentvolume.
"""

from __future__ import annotations

from podwalk.controllers.controller import Context, Controller, itself
from podwalk.controllers.queue import Key
from podwalk.controllers.scheduler.volumes import SELECTED_NODE, waits_for_consumer
from podwalk.types import Object

RESOURCE = "persistentvolumeclaims"
PROVISIONER = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")


def reconcile(context: Context, key: Key) -> float | None:
    """Say what an unbound claim waits for."""
    claim = context.objects.get(RESOURCE, *key)
    if claim is None or (claim.get("status") or {}).get("phase") == "Bound" or "deletionTimestamp" in claim["metadata"]:
        return None
    name = claim["spec"].get("storageClassName")
    storage_class = context.objects.get("storageclasses.storage.k8s.io", "", name) if name else None
    annotations = claim["metadata"].get("annotations") or {}
    if name and storage_class is None:
        message = f'storageclass.storage.k8s.io "{name}" not found'
        context.recorder.event(claim, "Warning", "ProvisioningFailed", message)
    elif storage_class is None:
        message = "no persistent volumes available for this claim and no storage class is set"
        context.recorder.event(claim, "Normal", "FailedBinding", message)
    elif waits_for_consumer(context, claim) and SELECTED_NODE not in annotations:
        message = "waiting for first consumer to be created before binding"
        context.recorder.event(claim, "Normal", "WaitForFirstConsumer", message)
    else:
        _ask(context, claim, storage_class["provisioner"])
    return None


def _ask(context: Context, claim: Object, provisioner: str) -> None:
    annotations = claim["metadata"].get("annotations") or {}
    message = (
        f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
        "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
        "correctly registered."
    )
    context.recorder.event(claim, "Normal", "ExternalProvisioning", message)
    if PROVISIONER[0] in annotations:
        return

    def change(latest: Object) -> None:
        wanted = dict.fromkeys(PROVISIONER, provisioner)
        latest["metadata"]["annotations"] = {**(latest["metadata"].get("annotations") or {}), **wanted}

    namespace, name = claim["metadata"]["namespace"], claim["metadata"]["name"]
    context.objects.modify(RESOURCE, namespace, name, change, manager="kube-controller-manager")


CONTROLLER = Controller("persistentvolume-controller", reconcile, {RESOURCE: itself})
