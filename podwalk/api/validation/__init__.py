"""What the API server refuses: upstream's rules, paths and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podwalk.api.registry import Resource
from podwalk.api.validation import (
    autoscaling,
    configuration,
    definitions,
    endpoints,
    jobs,
    names,
    networking,
    notices,
    pods,
    quotas,
    services,
    workloads,
)
from podwalk.api.validation import metadata as meta
from podwalk.api.validation.causes import Causes, Late
from podwalk.errors import Cause
from podwalk.types import Object

__all__ = ["metadata", "validate", "warnings"]

_NAMES: Mapping[str, names.Check] = {
    "namespaces": names.dns_label,
    "services": names.dns_label,
    "statefulsets.apps": names.dns_label,
    "clusterroles.rbac.authorization.k8s.io": names.path_segment,
    "clusterrolebindings.rbac.authorization.k8s.io": names.path_segment,
    "roles.rbac.authorization.k8s.io": names.path_segment,
    "rolebindings.rbac.authorization.k8s.io": names.path_segment,
    "ipaddresses.networking.k8s.io": names.ip,
    "poddisruptionbudgets.policy": names.path_segment,
}

_VALIDATORS: Mapping[str, Callable[[Object, Object | None], Causes]] = {
    "configmaps": configuration.config_map,
    "endpoints": endpoints.endpoints,
    "events": configuration.event,
    "limitranges": quotas.limit_range,
    "namespaces": configuration.namespace,
    "persistentvolumeclaims": configuration.claim,
    "pods": pods.pod,
    "podtemplates": configuration.pod_template,
    "resourcequotas": quotas.resource_quota,
    "secrets": configuration.secret,
    "services": services.service,
    "controllerrevisions.apps": workloads.controller_revision,
    "daemonsets.apps": workloads.daemon_set,
    "deployments.apps": workloads.deployment,
    "replicasets.apps": workloads.replica_set,
    "statefulsets.apps": workloads.stateful_set,
    "horizontalpodautoscalers.autoscaling": autoscaling.autoscaler,
    "cronjobs.batch": jobs.cron_job,
    "jobs.batch": jobs.job,
    "ingressclasses.networking.k8s.io": networking.ingress_class,
    "ingresses.networking.k8s.io": networking.ingress,
    "ipaddresses.networking.k8s.io": networking.ip_address,
    "networkpolicies.networking.k8s.io": networking.network_policy,
    "servicecidrs.networking.k8s.io": networking.service_cidr,
    "poddisruptionbudgets.policy": configuration.disruption_budget,
    "clusterrolebindings.rbac.authorization.k8s.io": configuration.cluster_role_binding,
    "clusterroles.rbac.authorization.k8s.io": configuration.cluster_role,
    "rolebindings.rbac.authorization.k8s.io": configuration.role_binding,
    "roles.rbac.authorization.k8s.io": configuration.role,
    "storageclasses.storage.k8s.io": configuration.storage_class,
    "customresourcedefinitions.apiextensions.k8s.io": definitions.definition,
    "priorityclasses.scheduling.k8s.io": configuration.priority_class,
    "leases.coordination.k8s.io": configuration.lease,
    "endpointslices.discovery.k8s.io": endpoints.endpoint_slice,
}


def validate(resource: Resource, obj: Object, old: Object | None) -> list[Cause]:
    """Return what is wrong with an object, once each, in the order of the API; nothing if it may be stored.

    Args:
        resource: a built-in resource.
        obj: the object, decoded and with its defaults.
        old: what is stored now, on an update.
    """
    found = metadata(resource, obj, old)
    if old is not None:
        found += meta.finalizer_names(obj["metadata"].get("finalizers") or [])
    if validator := _VALIDATORS.get(resource.key):
        found += validator(obj, old)
    found.sort(key=lambda cause: isinstance(cause, Late))
    return list({str(cause): cause for cause in found}.values())


def metadata(resource: Resource, obj: Object, old: Object | None) -> list[Cause]:
    """Return what is wrong with the metadata of an object of any resource."""
    if old is not None:
        return list(meta.update(obj["metadata"], old["metadata"]))
    check = _NAMES.get(resource.key, names.dns_subdomain)
    return list(meta.create(obj["metadata"], namespaced=resource.namespaced, check=check))


def warnings(resource: Resource, obj: Object, old: Object | None) -> list[str]:
    """Return the texts of the Warning headers that a write of an object deserves."""
    return list(notices.notices(resource, obj, old))
