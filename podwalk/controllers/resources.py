"""The resources that the controllers know by name, and those that custom definitions add."""

from __future__ import annotations

from podwalk.types import Objects

NAMESPACED = (
    "pods",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "persistentvolumeclaims",
    "podtemplates",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "serviceaccounts",
    "services",
    "controllerrevisions.apps",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "horizontalpodautoscalers.autoscaling",
    "cronjobs.batch",
    "jobs.batch",
    "leases.coordination.k8s.io",
    "endpointslices.discovery.k8s.io",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy",
    "rolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
)
CLUSTER_WIDE = (
    "namespaces",
    "nodes",
    "persistentvolumes",
    "servicecidrs.networking.k8s.io",
    "ipaddresses.networking.k8s.io",
    "ingressclasses.networking.k8s.io",
    "storageclasses.storage.k8s.io",
    "priorityclasses.scheduling.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
)
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


def namespaced_resources(objects: Objects) -> list[str]:
    """Return all resources whose objects are in a namespace, custom ones included."""
    return [*NAMESPACED, *_custom(objects, "Namespaced")]


def all_resources(objects: Objects) -> list[str]:
    """Return all resources, custom ones included."""
    return [*NAMESPACED, *CLUSTER_WIDE, *_custom(objects, "Namespaced"), *_custom(objects, "Cluster")]


def _custom(objects: Objects, scope: str) -> list[str]:
    definitions = (entry["spec"] for entry in objects.list(DEFINITIONS))
    return [f"{spec['names']['plural']}.{spec['group']}" for spec in definitions if spec.get("scope") == scope]
