"""What a learner has made in a cluster, as manifests that can be applied anew, here or in another cluster.

What the cluster adds to an object is taken off. Left out are objects that a controller makes and makes again (a
Deployment's Pods, a Service's EndpointSlices), what every namespace has anyway, events, and the tokens of
ServiceAccounts.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from podwalk.facade import wire
from podwalk.facade.cluster import Cluster
from podwalk.facade.kinds import Kind
from podwalk.facade.scope import Scope
from podwalk.types import Object

SYSTEM = "kube-system"

SERVERS_OWN = {
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "ownerReferences",
    "deletionTimestamp", "deletionGracePeriodSeconds",
}  # fmt: skip
ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/", "pv.kubernetes.io/")
LABELS = (
    "batch.kubernetes.io/",
    "controller-uid",
    "job-name",
    "kubernetes.io/metadata.name",
    "topology.kubernetes.io/",
)
NOT_WORK = {"Event", "Lease", "ControllerRevision", "PodMetrics", "NodeMetrics"}
EVERYWHERE = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "Service/kubernetes", "Endpoints/kubernetes"}
TOKENS = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")
ALLOCATED = ("clusterIP", "clusterIPs", "healthCheckNodePort")
GIVEN_TO_PODS = ("nodeName", "serviceAccount", "priority", "preemptionPolicy", "ephemeralContainers")
TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
TOKEN_VOLUME = "kube-api-access-"


def collect(cluster: Cluster, scope: Scope) -> list[Object]:
    """Return the objects that are a learner's work, in the order in which they can be applied.

    Raises:
        LearnerError: when the cluster does not answer.
    """
    found = {key(obj): obj for obj in _all(cluster, scope)}
    return sorted(found.values(), key=lambda obj: (RANK.get(obj["kind"], len(RANK)), key(obj)))


RANK = {
    kind: rank
    for rank, kind in enumerate(
        ("Namespace", "CustomResourceDefinition", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim")
    )
}
"""What others refer to comes first."""


def key(obj: Object) -> str:
    """Return what tells an object from every other: its kind, namespace and name."""
    group = obj["apiVersion"].rpartition("/")[0]
    metadata = obj["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]
    return f"{obj['kind']}{'.' + group if group else ''}/{name}"


def within(obj: Object, kind: Kind, scope: Scope) -> bool:
    """Whether an object is one that an assignment is about."""
    metadata = obj["metadata"]
    if kind.kind == "Namespace":
        return metadata["name"] in scope.namespaces
    if not kind.namespaced:
        return kind.plural in scope.cluster
    if metadata.get("namespace") == SYSTEM and SYSTEM not in scope.namespaces:
        return f"{kind.plural}/{metadata['name']}" in scope.allowed
    return metadata.get("namespace") in scope.namespaces


def _all(cluster: Cluster, scope: Scope) -> Iterator[Object]:
    kinds = {(kind.group, kind.plural): kind for kind in reversed(cluster.kinds.all())}
    for kind in kinds.values():
        for namespace in _places(kind, scope):
            for obj in _items(cluster, kind, namespace):
                if within(obj, kind, scope) and _is_work(obj):
                    yield essence(obj)


def _places(kind: Kind, scope: Scope) -> tuple[str, ...]:
    """Return the namespaces in which to look; one empty one for kinds without."""
    if kind.kind in NOT_WORK:
        return ()
    if not kind.namespaced:
        return ("",) if kind.kind == "Namespace" or kind.plural in scope.cluster else ()
    allowed = any(name.startswith(f"{kind.plural}/") for name in scope.allowed)
    return (*scope.namespaces, *((SYSTEM,) if allowed and SYSTEM not in scope.namespaces else ()))


def _items(cluster: Cluster, kind: Kind, namespace: str) -> Iterator[Object]:
    try:
        items = wire.call(cluster.api, "GET", kind.path(namespace)).get("items") or ()
    except wire.StatusError as error:
        # Some can be discovered and not be read: a metrics server that is not ready, a right that is missing.
        if error.code in {403, 404, 405, 503}:
            return
        raise
    for obj in items:
        yield {**obj, "apiVersion": kind.api_version, "kind": kind.kind}


def _is_work(obj: Object) -> bool:
    metadata = obj["metadata"]
    if "deletionTimestamp" in metadata:
        return False
    if any(owner.get("controller") for owner in metadata.get("ownerReferences") or ()):
        return False
    if obj["kind"] in {"Endpoints", "EndpointSlice"} and any(
        "managed-by" in name for name in metadata.get("labels") or ()
    ):
        return False
    return f"{obj['kind']}/{metadata['name']}" not in EVERYWHERE and obj.get("type") not in TOKENS


def essence(obj: Object) -> Object:
    """Return an object without what the cluster adds to it: no status, no uid, no address of its own."""
    made = copy.deepcopy({field: value for field, value in obj.items() if field != "status"})
    metadata = {field: value for field, value in made["metadata"].items() if field not in SERVERS_OWN}
    for field, prefixes in (("annotations", ANNOTATIONS), ("labels", LABELS)):
        left = {
            name: value for name, value in (metadata.pop(field, None) or {}).items() if not name.startswith(prefixes)
        }
        metadata |= {field: left} if left else {}
    made["metadata"] = metadata
    _CLEAN.get(made["kind"], lambda _: None)(made)
    return made


def _clean_service(obj: Object) -> None:
    spec = obj["spec"]
    if spec.get("clusterIP") != "None":
        for field in ALLOCATED:
            spec.pop(field, None)


def _clean_namespace(obj: Object) -> None:
    obj.pop("spec", None)


def _clean_job(obj: Object) -> None:
    if not obj["spec"].get("manualSelector"):
        obj["spec"].pop("selector", None)
        template = obj["spec"]["template"].get("metadata") or {}
        labels = template.get("labels") or {}
        template["labels"] = {name: value for name, value in labels.items() if not name.startswith(LABELS)}


def _clean_claim(obj: Object) -> None:
    obj["spec"].pop("volumeName", None)


def _clean_pod(obj: Object) -> None:
    spec = obj["spec"]
    for field in GIVEN_TO_PODS:
        spec.pop(field, None)
    if spec.get("serviceAccountName") == "default":
        del spec["serviceAccountName"]
    kept: list[dict[str, Any]] = [entry for entry in spec.get("tolerations") or () if entry.get("key") not in TOLERATED]
    spec["tolerations"] = kept
    spec["volumes"] = [entry for entry in spec.get("volumes") or () if not entry["name"].startswith(TOKEN_VOLUME)]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        mounts = container.pop("volumeMounts", None) or ()
        left = [entry for entry in mounts if not entry["name"].startswith(TOKEN_VOLUME)]
        container.update({"volumeMounts": left} if left else {})
    for field in ("tolerations", "volumes"):
        if not spec[field]:
            del spec[field]


_CLEAN = {
    "Service": _clean_service,
    "Namespace": _clean_namespace,
    "Job": _clean_job,
    "PersistentVolumeClaim": _clean_claim,
    "Pod": _clean_pod,
}
