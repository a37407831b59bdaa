"""What the admission plugins of a kind cluster do to objects on their way in, and the warnings they make.

Simulated: NamespaceLifecycle, LimitRanger, ServiceAccount, DefaultTolerationSeconds, Priority, DefaultIngressClass,
PodSecurity, ResourceQuota. DefaultStorageClass is left out, for there are no volumes.

Source: kubernetes/plugin/pkg/admission and the ``WarningsOnCreate`` of each resource's strategy, release 1.37.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.api import failures, limitranges, podsecurity, quotas
from podwalk.api.options import Deletion, Write
from podwalk.api.registry import Resource
from podwalk.api.trees import dig
from podwalk.errors import Cause
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # a path, not a secret
_TOKEN_LIFE_S = 3607
_TOLERATION_S = 300
_SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_DEFAULT_INGRESS_CLASS = "ingressclass.kubernetes.io/is-default-class"
_ENDPOINTS_DEPRECATED = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"


def admit_create(objects: StoredObjects, resource: Resource, obj: Object, write: Write) -> None:
    """Change and check a new object.

    Raises:
        ApiError: 404 or 403, in the words of the plugin that refuses.
    """
    if resource.namespaced:
        _check_namespace(objects, resource, obj)
    if resource.key == "pods":
        _admit_pod(objects, resource, obj)
    elif resource.key == "ingresses.networking.k8s.io":
        _default_ingress_class(objects, resource, obj)
    elif resource.key == "priorityclasses.scheduling.k8s.io":
        _check_one_default(objects, resource, obj)
    if resource.namespaced:
        podsecurity.admit(objects, resource, obj, write)
        quotas.admit(objects, resource, obj, None)
    if resource.inert:
        write.warn(f"{resource.kind}: {resource.inert}")


def admit_update(objects: StoredObjects, resource: Resource, obj: Object, old: Object, write: Write) -> None:
    """Change and check the new state of an object."""
    if resource.key == "namespaces":
        write.warn(*podsecurity.namespace_warnings(objects, obj, old))
    podsecurity.admit_update(objects, resource, obj, old, write)
    if resource.key in ("services", "persistentvolumeclaims"):
        quotas.admit(objects, resource, obj, old)
    if resource.key == "pods":
        _label_topology(objects, obj, old)
        _tolerate_nodes(obj["spec"])
        for key in ("priority", "preemptionPolicy", "serviceAccountName", "serviceAccount"):
            if key in old["spec"] and key not in obj["spec"]:
                obj["spec"][key] = old["spec"][key]
    elif resource.key == "priorityclasses.scheduling.k8s.io":
        _check_one_default(objects, resource, obj)


_TOPOLOGY = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def _label_topology(objects: StoredObjects, pod: Object, old: Object) -> None:
    """Give a Pod that gets its node the node's zone and region.

    Source: PodTopologyLabels, on by default since 1.35.
    """
    node_name = pod["spec"].get("nodeName")
    if not node_name or old["spec"].get("nodeName"):
        return
    node = objects.get("nodes", "", node_name)
    labels = (node or {}).get("metadata", {}).get("labels") or {}
    found = {key: labels[key] for key in _TOPOLOGY if key in labels}
    if found:
        pod["metadata"]["labels"] = {**(pod["metadata"].get("labels") or {}), **found}


def _check_namespace(objects: StoredObjects, resource: Resource, obj: Object) -> None:
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "")
    found = objects.get("namespaces", "", namespace)
    if found is None:
        raise failures.not_found(objects.resource("namespaces"), namespace)
    if dig(found, "status", "phase") != "Terminating":
        return
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = Cause("NamespaceTerminating", "metadata.namespace", f"namespace {namespace} is being terminated")
    raise failures.forbidden(resource, metadata.get("name", ""), why, causes=(cause,))


def _admit_pod(objects: StoredObjects, resource: Resource, pod: Object) -> None:
    spec = pod["spec"]
    limitranges.admit_pod(objects, resource, pod)
    _admit_priority(objects, resource, pod)
    if not spec.get("containers"):
        return
    _admit_service_account(objects, resource, pod)
    _tolerate_nodes(spec)


def _tolerate_nodes(spec: Object) -> None:
    """Let a Pod stay on a node that is lost for a while: also on an update, or an apply would take that away again."""
    for key in ("not-ready", "unreachable"):
        _tolerate(spec, f"node.kubernetes.io/{key}")


def _tolerate(spec: Object, key: str) -> None:
    tolerations = spec.get("tolerations") or []
    for one in tolerations:
        if one.get("key", key) in (key, "") and one.get("effect") in ("NoExecute", "", None):
            return
    added = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATION_S}
    spec["tolerations"] = [*tolerations, added]


def _admit_priority(objects: StoredObjects, resource: Resource, pod: Object) -> None:
    spec = pod["spec"]
    name = spec.get("priorityClassName", "")
    found = _priority_class(objects, name)
    if name and found is None:
        raise failures.forbidden(
            resource, pod["metadata"].get("name", ""), f"no PriorityClass with name {name} was found"
        )
    value, policy = found[1:] if found else (0, "PreemptLowerPriority")
    if found and not name:
        spec["priorityClassName"] = found[0]
    if spec.get("priority") not in (None, value):
        why = (
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
        raise failures.forbidden(resource, pod["metadata"].get("name", ""), why)
    spec["priority"] = value
    spec.setdefault("preemptionPolicy", policy)


def _priority_class(objects: StoredObjects, name: str) -> tuple[str, int, str] | None:
    key = "priorityclasses.scheduling.k8s.io"
    if name:
        found = objects.get(key, "", name)
        if found is None:
            return (name, _SYSTEM_PRIORITIES[name], "PreemptLowerPriority") if name in _SYSTEM_PRIORITIES else None
    else:
        defaults = [one for one in objects.list(key) if one.get("globalDefault")]
        if not defaults:
            return None
        found = min(defaults, key=lambda one: int(one.get("value", 0)))
    return found["metadata"]["name"], found.get("value", 0), found.get("preemptionPolicy") or "PreemptLowerPriority"


def _check_one_default(objects: StoredObjects, resource: Resource, obj: Object) -> None:
    if not obj.get("globalDefault"):
        return
    for other in objects.list(resource.key):
        if other.get("globalDefault") and other["metadata"]["name"] != obj["metadata"].get("name"):
            why = f"PriorityClass {other['metadata']['name']} is already marked as default. Only one default can exist"
            raise failures.forbidden(resource, obj["metadata"].get("name", ""), why)


def _admit_service_account(objects: StoredObjects, resource: Resource, pod: Object) -> None:
    spec, metadata = pod["spec"], pod["metadata"]
    if "kubernetes.io/config.mirror" in (metadata.get("annotations") or {}):
        return
    name = spec.setdefault("serviceAccountName", spec.get("serviceAccount") or "default") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    namespace = metadata.get("namespace", "")
    account = objects.get("serviceaccounts", namespace, name)
    if account is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise failures.forbidden(resource, metadata.get("name", ""), why)
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken")
    if wanted is not False:
        _mount_token(objects, spec)


def _mount_token(objects: StoredObjects, spec: Object) -> None:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    bare = [one for one in containers if all(m.get("mountPath") != _TOKEN_PATH for m in one.get("volumeMounts") or ())]
    if not bare:
        return
    suffix = "".join(objects.simulation.random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
    name = f"kube-api-access-{suffix}"
    for container in bare:
        mount = {"name": name, "readOnly": True, "mountPath": _TOKEN_PATH}
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    spec["volumes"] = [*(spec.get("volumes") or ()), _token_volume(name)]


def _token_volume(name: str) -> Object:
    namespace = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": _TOKEN_LIFE_S, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
            ],
            "defaultMode": 420,
        },
    }


def _default_ingress_class(objects: StoredObjects, resource: Resource, ingress: Object) -> None:
    spec = ingress.setdefault("spec", {})
    annotated = "kubernetes.io/ingress.class" in (ingress["metadata"].get("annotations") or {})
    if spec.get("ingressClassName") is not None or annotated:
        return
    classes = [
        one
        for one in objects.list("ingressclasses.networking.k8s.io")
        if (one["metadata"].get("annotations") or {}).get(_DEFAULT_INGRESS_CLASS) == "true"
    ]
    if classes:
        newest = max(one["metadata"]["creationTimestamp"] for one in classes)
        names = (one["metadata"]["name"] for one in classes if one["metadata"]["creationTimestamp"] == newest)
        spec["ingressClassName"] = min(names)


def warnings(resource: Resource, new: Object, old: Object | None) -> list[str]:
    """Return what the API server warns of when an object is written."""
    if resource.key == "endpoints":
        return [_ENDPOINTS_DEPRECATED]
    if resource.key == "services":
        return _service_warnings(new, old)
    annotations = new["metadata"].get("annotations") or {}
    if resource.key == "ingresses.networking.k8s.io" and old is None and "kubernetes.io/ingress.class" in annotations:
        return ["annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"]
    return []


def read_warnings(resource: Resource) -> tuple[str, ...]:
    """Return what the API server warns of whenever a resource is used."""
    return (_ENDPOINTS_DEPRECATED,) if resource.key == "endpoints" else ()


_JOB_ORPHANS = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)


def delete_warnings(resource: Resource, how: Deletion) -> tuple[str, ...]:
    """Return what the API server warns of when an object is deleted."""
    if resource.key == "jobs.batch" and how.propagation is None:
        return (_JOB_ORPHANS,)
    return read_warnings(resource)


def _service_warnings(new: Object, old: Object | None) -> list[str]:
    spec, before = new["spec"], (old or {}).get("spec") or {}
    messages = []
    if spec.get("externalIPs") and spec["externalIPs"] != before.get("externalIPs"):
        messages.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if spec.get("clusterIP") == "None" and spec.get("sessionAffinity") == "ClientIP":
        messages.append("spec.SessionAffinity is ignored for headless services")
    if spec.get("type") == "ExternalName" and spec.get("sessionAffinity") == "ClientIP":
        messages.append("spec.SessionAffinity is ignored for ExternalName services")
    return messages
