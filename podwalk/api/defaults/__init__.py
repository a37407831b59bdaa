"""What the API server fills in before it admits, checks and stores an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podwalk.api.defaults import cluster, networking, pods, workloads
from podwalk.api.defaults.fill import child
from podwalk.api.registry import Typed
from podwalk.types import Object

__all__ = ["default"]


def _pod_template(obj: Object) -> None:
    pods.template(child(obj, "template"))


_DEFAULTS: Mapping[tuple[str, str], Callable[[Object], None]] = {
    ("", "Endpoints"): networking.endpoints,
    ("", "LimitRange"): cluster.limit_range,
    ("", "Namespace"): cluster.namespace,
    ("", "Node"): cluster.node,
    ("", "PersistentVolume"): cluster.volume,
    ("", "PersistentVolumeClaim"): cluster.claim,
    ("", "Pod"): pods.pod,
    ("", "PodTemplate"): _pod_template,
    ("", "Secret"): cluster.secret,
    ("", "Service"): networking.service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): cluster.definition,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): workloads.autoscaler,
    ("batch", "CronJob"): workloads.cron_job,
    ("batch", "Job"): workloads.job,
    ("discovery.k8s.io", "EndpointSlice"): networking.endpoint_slice,
    ("networking.k8s.io", "IngressClass"): networking.ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): networking.network_policy,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): cluster.binding,
    ("rbac.authorization.k8s.io", "RoleBinding"): cluster.binding,
    ("scheduling.k8s.io", "PriorityClass"): cluster.priority_class,
    ("storage.k8s.io", "StorageClass"): cluster.storage_class,
}


def default(resource: Typed, obj: Object) -> None:
    """Fill in, in place, what the client left out of an object of a built-in resource.

    Source: the ``defaults.go`` of each group in kubernetes/pkg/apis, release 1.37.
    """
    filler = _DEFAULTS.get((resource.group, resource.kind))
    if filler is not None:
        filler(obj)
