"""What the API server does to an object of a kind before it is stored: what it resets, and when its generation grows.

Source: the ``strategy.go`` of each resource in kubernetes/pkg/registry, release 1.37.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from podwalk.api.trees import drop
from podwalk.types import Object

Change = Callable[[Object, Object], None]
"""A function of the new and the old object that changes the new one."""


def _nothing(_new: Object, _old: Object) -> None:
    return None


def _no_object(_obj: Object) -> None:
    return None


@dataclass(frozen=True)
class Strategy:
    """The rules of one resource.

    Attributes:
        generation: whether ``metadata.generation`` counts changes of what is not status.
        counts_annotations: whether a change of the annotations counts too.
        status: whether ``status`` is written through its own path only.
        unconditional_update: whether a PUT may leave ``resourceVersion`` out.
        create_on_update: whether a PUT to a name that is not there creates it.
        orphan_by_default: whether dependants survive unless the client says otherwise.
        returns_deleted: whether a delete answers with the object.
        on_create: further changes of a new object.
        on_update: further changes of an object written whole.
    """

    generation: bool = False
    counts_annotations: bool = False
    status: bool = False
    unconditional_update: bool = True
    create_on_update: bool = False
    orphan_by_default: bool = False
    returns_deleted: bool = False
    on_create: Callable[[Object], None] = _no_object
    on_update: Change = _nothing


def _pod_create(pod: Object) -> None:
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(pod)}


def qos_class(pod: Object) -> str:
    """Return the quality-of-service class that the containers' resources make.

    Source: kubernetes/pkg/apis/core/helper/qos.
    """
    spec = pod.get("spec") or {}
    requests, limits, guaranteed = set(), set(), True
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        asked = {k: v for k, v in (resources.get("requests") or {}).items() if k in ("cpu", "memory") and not _zero(v)}
        capped = {k: v for k, v in (resources.get("limits") or {}).items() if k in ("cpu", "memory") and not _zero(v)}
        requests |= set(asked)
        limits |= set(capped)
        guaranteed &= set(capped) == {"cpu", "memory"} and all(asked.get(k, v) == v for k, v in capped.items())
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _zero(quantity: object) -> bool:
    return not str(quantity).strip("0.").rstrip("mkKMGTPEiun")


def _pod_update(new: Object, old: Object) -> None:
    if (old.get("status") or {}).get("qosClass"):
        new.setdefault("status", {})["qosClass"] = old["status"]["qosClass"]


def _namespace_create(namespace: Object) -> None:
    namespace["status"] = {"phase": "Active"}
    spec = namespace.setdefault("spec", {})
    finalizers = spec.get("finalizers") or []
    spec["finalizers"] = finalizers if "kubernetes" in finalizers else [*finalizers, "kubernetes"]
    namespace["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = namespace["metadata"]["name"]


def _namespace_update(new: Object, old: Object) -> None:
    new["spec"] = old.get("spec", {})
    new["metadata"].setdefault("labels", {}).setdefault("kubernetes.io/metadata.name", new["metadata"]["name"])


def _service_create(service: Object) -> None:
    service["status"] = {"loadBalancer": {}}


def _job_create(job: Object) -> None:
    """Give a Job a selector of its own unless it brings one, and its Pods the labels that it selects."""
    job["status"] = {}
    metadata, spec = job["metadata"], job["spec"]
    if not spec.get("manualSelector"):
        uid, name, prefix = metadata["uid"], metadata["name"], "batch.kubernetes.io/"
        own = {"job-name": name, "controller-uid": uid, f"{prefix}job-name": name, f"{prefix}controller-uid": uid}
        template = spec.setdefault("template", {}).setdefault("metadata", {})
        if template.get("labels"):
            # In place: labels that the Job has from its Pods by default are the same map, as upstream.
            template["labels"] |= own
        else:
            template["labels"] = own
        selector = spec.get("selector") or {}
        labels = {f"{prefix}controller-uid": uid, **(selector.get("matchLabels") or {})}
        spec["selector"] = {**selector, "matchLabels": labels}
    if not metadata.get("labels"):
        metadata["labels"] = dict((spec["template"].get("metadata") or {}).get("labels") or {})


def _ingress_create(ingress: Object) -> None:
    ingress["status"] = {"loadBalancer": {}}


def _empty_status(obj: Object) -> None:
    obj["status"] = {}


def _node_create(node: Object) -> None:
    node.setdefault("status", {})


def _pvc_create(claim: Object) -> None:
    claim["status"] = {"phase": "Pending"}


def _pv_create(volume: Object) -> None:
    volume["status"] = {"phase": "Pending"}


def _workload_create(workload: Object) -> None:
    workload["status"] = {}


def _replicas_create(workload: Object) -> None:
    workload["status"] = {"replicas": 0}


def _daemonset_create(workload: Object) -> None:
    zero = ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")
    workload["status"] = dict.fromkeys(zero, 0)
    workload["spec"].pop("templateGeneration", None)
    workload["metadata"]["annotations"] = {**_annotations(workload), _TEMPLATE_GENERATION: "1"}


_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _daemonset_update(new: Object, old: Object) -> None:
    # Source: k8s.io/kubernetes/pkg/registry/apps/daemonset/strategy.go; apps/v1 keeps it in an annotation.
    number = int(_annotations(old).get(_TEMPLATE_GENERATION) or 1)
    changed = new["spec"].get("template") != old["spec"].get("template")
    new["metadata"]["annotations"] = {**_annotations(new), _TEMPLATE_GENERATION: str(number + changed)}


def _crd_create(crd: Object) -> None:
    crd["status"] = {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": []}
    for version in crd["spec"].get("versions") or ():
        if version.get("storage"):
            crd["status"]["storedVersions"] = [version["name"]]


_STORED = Strategy()
_STRATEGIES: Mapping[str, Strategy] = {
    "pods": Strategy(generation=True, status=True, on_create=_pod_create, on_update=_pod_update, returns_deleted=True),
    "namespaces": Strategy(status=True, on_create=_namespace_create, on_update=_namespace_update),
    "nodes": Strategy(status=True, on_create=_node_create),
    "services": Strategy(status=True, on_create=_service_create, returns_deleted=True),
    "serviceaccounts": Strategy(returns_deleted=True),
    "persistentvolumes": Strategy(status=True, on_create=_pv_create, returns_deleted=True),
    "persistentvolumeclaims": Strategy(status=True, on_create=_pvc_create, returns_deleted=True),
    "resourcequotas": Strategy(status=True, on_create=_empty_status, returns_deleted=True),
    "podtemplates": Strategy(generation=True, returns_deleted=True),
    "events": Strategy(create_on_update=True),
    "limitranges": Strategy(create_on_update=True),
    "leases.coordination.k8s.io": Strategy(unconditional_update=False, create_on_update=True),
    "endpoints": Strategy(create_on_update=True),
    "deployments.apps": Strategy(generation=True, counts_annotations=True, status=True, on_create=_workload_create),
    "replicasets.apps": Strategy(generation=True, status=True, on_create=_replicas_create),
    "statefulsets.apps": Strategy(generation=True, status=True, on_create=_replicas_create),
    "daemonsets.apps": Strategy(generation=True, status=True, on_create=_daemonset_create, on_update=_daemonset_update),
    "controllerrevisions.apps": _STORED,
    "jobs.batch": Strategy(generation=True, status=True, on_create=_job_create, orphan_by_default=True),
    "cronjobs.batch": Strategy(generation=True, status=True, on_create=_empty_status),
    "ingresses.networking.k8s.io": Strategy(generation=True, status=True, on_create=_ingress_create),
    "ingressclasses.networking.k8s.io": Strategy(generation=True),
    "networkpolicies.networking.k8s.io": Strategy(generation=True),
    "servicecidrs.networking.k8s.io": Strategy(status=True, on_create=_empty_status),
    "endpointslices.discovery.k8s.io": Strategy(generation=True),
    "horizontalpodautoscalers.autoscaling": Strategy(
        generation=True,
        status=True,
        on_create=lambda hpa: hpa.__setitem__("status", {"desiredReplicas": 0, "currentMetrics": None}),
    ),
    "poddisruptionbudgets.policy": Strategy(
        generation=True,
        status=True,
        on_create=lambda pdb: pdb.__setitem__(
            "status",
            {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0},
        ),
    ),
    "priorityclasses.scheduling.k8s.io": Strategy(generation=True),
    "storageclasses.storage.k8s.io": Strategy(returns_deleted=True),
    "customresourcedefinitions.apiextensions.k8s.io": Strategy(
        generation=True, status=True, unconditional_update=False, on_create=_crd_create
    ),
}


def of(resource: str) -> Strategy:
    """Return the rules of a built-in resource."""
    return _STRATEGIES.get(resource, _STORED)


def prepare_create(strategy: Strategy, obj: Object) -> None:
    """Reset what a client may not set on a new object."""
    metadata = obj["metadata"]
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "generation"):
        metadata.pop(key, None)
    if strategy.generation:
        metadata["generation"] = 1
    strategy.on_create(obj)


def prepare_update(strategy: Strategy, new: Object, old: Object, *, keep_status: bool = False) -> None:
    """Keep what a write of the whole object may not change, and count the generation.

    Args:
        strategy: of the resource.
        new: changed in place.
        old: what is stored.
        keep_status: for a Pod's binding, which sets a condition with the node and counts no generation.
    """
    if strategy.status and not keep_status:
        drop(new, "status", old.get("status"))
    strategy.on_update(new, old)
    if keep_status:
        drop(new["metadata"], "generation", old["metadata"].get("generation"))
    else:
        _count(strategy, new, old)


def _annotations(obj: Object) -> Object:
    return obj["metadata"].get("annotations") or {}


_META_KEYS = ("metadata", "status", "apiVersion", "kind")


def _count(strategy: Strategy, new: Object, old: Object) -> None:
    generation = old["metadata"].get("generation")
    if strategy.generation and generation is not None:
        keys = (new.keys() | old.keys()) - set(_META_KEYS)
        changed = any(new.get(key) != old.get(key) for key in keys)
        changed = changed or (strategy.counts_annotations and _annotations(new) != _annotations(old))
        new["metadata"]["generation"] = generation + 1 if changed else generation
    else:
        drop(new["metadata"], "generation", generation)


_RESTORED: Mapping[str, tuple[str, ...]] = {
    "deployments.apps": ("generation", "labels"),
    "pods": ("generation", "ownerReferences", "deletionTimestamp"),
}


def prepare_status(resource: str, new: Object, old: Object, *, custom: bool = False) -> Object:
    """Return the old object with the new status.

    Args:
        resource: the GroupResource string.
        new: what was sent.
        old: what is stored.
        custom: whether it is a custom resource, of whose metadata nothing may change.
    """
    result = dict(old)
    drop(result, "status", new.get("status"))
    before = old["metadata"]
    if resource == "pods":
        result["status"] = {**(new.get("status") or {})}
        drop(result["status"], "qosClass", (old.get("status") or {}).get("qosClass"))
    result["metadata"] = metadata = dict(before if custom else new["metadata"])
    for key in _RESTORED.get(resource, ("generation",)):
        drop(metadata, key, before.get(key))
    if custom:
        drop(metadata, "managedFields", new["metadata"].get("managedFields"))
    return result


def prepare_ephemeral_containers(new: Object, old: Object) -> Object:
    """Return the old Pod with the new list of ephemeral containers."""
    containers = (new.get("spec") or {}).get("ephemeralContainers")
    spec = dict(old["spec"])
    drop(spec, "ephemeralContainers", containers)
    return {**old, "metadata": {**old["metadata"]}, "spec": spec}
