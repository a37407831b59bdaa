"""The well-known ClusterRoles, in short form: to be read and bound; this cluster answers all as its administrator."""

from __future__ import annotations

from podwalk.controllers.bootstrap.ensure import Maker
from podwalk.types import Object

_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_NAMESPACED = {
    "": [
        "configmaps",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "serviceaccounts",
        "services",
    ],
    "apps": ["controllerrevisions", "daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}
_SECRET = {"": ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]}
_BINDING = {"rbac.authorization.k8s.io": ["rolebindings", "roles"]}
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
RBAC = "rbac.authorization.k8s.io"


def make(maker: Maker) -> None:
    """Make the roles from ``cluster-admin`` to ``view``, and the administrators' binding."""
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    view = _rules(_NAMESPACED, _READ)
    edit = [*view, *_rules(_NAMESPACED, _WRITE), *_rules(_SECRET, [*_READ, *_WRITE])]
    _role(maker, "cluster-admin", everything)
    _role(maker, "admin", [*edit, *_rules(_BINDING, [*_READ, *_WRITE])])
    _role(maker, "edit", edit)
    _role(maker, "view", view)
    masters = {"kind": "Group", "apiGroup": RBAC, "name": "system:masters"}
    _binding(maker, "cluster-admin", "cluster-admin", masters)


def _rules(resources: dict[str, list[str]], verbs: list[str]) -> list[Object]:
    return [{"apiGroups": [group], "resources": names, "verbs": verbs} for group, names in resources.items()]


def _role(maker: Maker, name: str, rules: list[Object]) -> None:
    metadata = {"name": name, "labels": dict(LABELS)}
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}
    maker.ensure(f"clusterroles.{RBAC}", role, manager="kube-apiserver")


def _binding(maker: Maker, name: str, role: str, subject: Object) -> None:
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": dict(LABELS)},
    }
    body = {**binding, "roleRef": reference, "subjects": [subject]}
    maker.ensure(f"clusterrolebindings.{RBAC}", body, manager="kube-apiserver")
