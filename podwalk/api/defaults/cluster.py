"""Defaults of everything else: namespaces, nodes, secrets, volumes, quotas, RBAC, classes, CustomResourceDefinitions.

Source: kubernetes/pkg/apis/{core,rbac,storage,scheduling}/v1/defaults.go and
k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go, release 1.37.
"""

from __future__ import annotations

import base64

from podwalk.api.defaults.fill import child, fill, items
from podwalk.types import Object

_RBAC = "rbac.authorization.k8s.io"


def namespace(obj: Object) -> None:
    """Fill in a Namespace."""
    metadata = child(obj, "metadata")
    if name := metadata.get("name"):
        metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": name}
    fill(child(obj, "status"), "phase", "Active")


def node(obj: Object) -> None:
    """Fill in a Node."""
    status = child(obj, "status")
    if status.get("capacity") and status.get("allocatable") is None:
        status["allocatable"] = dict(status["capacity"])


def secret(obj: Object) -> None:
    """Fill in a Secret, and move ``stringData``, which is written but never read, into ``data``."""
    for key, text in (obj.pop("stringData", None) or {}).items():
        data = obj["data"] = obj.get("data") or {}
        data[key] = base64.b64encode(str(text).encode()).decode()
    fill(obj, "type", "Opaque")


def volume(obj: Object) -> None:
    """Fill in a PersistentVolume."""
    fill(child(obj, "status"), "phase", "Pending")
    fill(child(obj, "spec"), "persistentVolumeReclaimPolicy", "Retain")
    fill(child(obj, "spec"), "volumeMode", "Filesystem")


def claim(obj: Object) -> None:
    """Fill in a PersistentVolumeClaim."""
    fill(child(obj, "status"), "phase", "Pending")
    fill(child(obj, "spec"), "volumeMode", "Filesystem")


def limit_range(obj: Object) -> None:
    """Fill in a LimitRange: limits from maxima, requests from limits and minima."""
    for item in items(child(obj, "spec"), "limits"):
        if item.get("type") == "Container":
            limits = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
            item |= {name: value for name, value in (("default", limits), ("defaultRequest", requests)) if value}


def binding(obj: Object) -> None:
    """Fill in a RoleBinding or a ClusterRoleBinding."""
    fill(child(obj, "roleRef"), "apiGroup", _RBAC)
    for subject in items(obj, "subjects"):
        if subject.get("kind") in ("User", "Group"):
            fill(subject, "apiGroup", _RBAC)


def storage_class(obj: Object) -> None:
    """Fill in a StorageClass."""
    fill(obj, "reclaimPolicy", "Delete")
    fill(obj, "volumeBindingMode", "Immediate")


def priority_class(obj: Object) -> None:
    """Fill in a PriorityClass."""
    fill(obj, "preemptionPolicy", "PreemptLowerPriority")


def definition(obj: Object) -> None:
    """Fill in a CustomResourceDefinition."""
    spec = child(obj, "spec")
    names = child(spec, "names")
    if kind := names.get("kind"):
        fill(names, "singular", kind.lower())
        fill(names, "listKind", f"{kind}List")
    if not isinstance(spec.get("conversion"), dict):
        spec["conversion"] = {"strategy": "None"}
    status = child(obj, "status")
    if not status.get("storedVersions"):
        stored = [
            version["name"] for version in items(spec, "versions") if version.get("storage") and "name" in version
        ]
        status["storedVersions"] = stored[:1]
