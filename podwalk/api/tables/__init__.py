"""The columns that ``kubectl get`` prints, resource by resource.

Source: kubernetes/pkg/printers/internalversion/printers.go, release 1.37.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from podwalk.api.registry import Resource
from podwalk.api.tables import cluster, networking, pods, workloads
from podwalk.api.tables.column import AGE, NAME, Clock, Column, Table

__all__ = ["Clock", "Column", "Table", "table"]

_COLUMNS: Mapping[str, Sequence[Column]] = {
    "pods": pods.PODS,
    "deployments.apps": workloads.DEPLOYMENTS,
    "replicasets.apps": workloads.REPLICA_SETS,
    "statefulsets.apps": workloads.STATEFUL_SETS,
    "daemonsets.apps": workloads.DAEMON_SETS,
    "controllerrevisions.apps": workloads.CONTROLLER_REVISIONS,
    "podtemplates": workloads.POD_TEMPLATES,
    "jobs.batch": workloads.JOBS,
    "cronjobs.batch": workloads.CRON_JOBS,
    "horizontalpodautoscalers.autoscaling": workloads.AUTOSCALERS,
    "poddisruptionbudgets.policy": workloads.DISRUPTION_BUDGETS,
    "services": networking.SERVICES,
    "endpoints": networking.ENDPOINTS,
    "endpointslices.discovery.k8s.io": networking.ENDPOINT_SLICES,
    "ingresses.networking.k8s.io": networking.INGRESSES,
    "ingressclasses.networking.k8s.io": networking.INGRESS_CLASSES,
    "networkpolicies.networking.k8s.io": networking.NETWORK_POLICIES,
    "ipaddresses.networking.k8s.io": networking.IP_ADDRESSES,
    "servicecidrs.networking.k8s.io": networking.SERVICE_CIDRS,
    "namespaces": cluster.NAMESPACES,
    "nodes": cluster.NODES,
    "configmaps": cluster.CONFIG_MAPS,
    "secrets": cluster.SECRETS,
    "events": cluster.EVENTS,
    "leases.coordination.k8s.io": cluster.LEASES,
    "limitranges": (NAME, cluster.CREATED),
    "resourcequotas": cluster.QUOTAS,
    "persistentvolumeclaims": cluster.CLAIMS,
    "persistentvolumes": cluster.VOLUMES,
    "storageclasses.storage.k8s.io": cluster.STORAGE_CLASSES,
    "priorityclasses.scheduling.k8s.io": cluster.PRIORITY_CLASSES,
    "clusterroles.rbac.authorization.k8s.io": cluster.ROLES,
    "roles.rbac.authorization.k8s.io": cluster.ROLES,
    "clusterrolebindings.rbac.authorization.k8s.io": cluster.BINDINGS,
    "rolebindings.rbac.authorization.k8s.io": cluster.BINDINGS,
    "customresourcedefinitions.apiextensions.k8s.io": cluster.DEFINITIONS,
}
_PLAIN = (NAME, AGE)


def table(resource: Resource, clock: Clock, custom: Sequence[Column] | None = None) -> Table:
    """Return the columns of a resource; ``custom`` are those of a custom one."""
    columns = custom if custom is not None else _COLUMNS.get(resource.storage_key, _PLAIN)
    return Table(columns, clock, pods.conditions) if resource.key == "pods" else Table(columns, clock)
