"""A real cluster, lent to one submission: namespaces, a user who may do anything in them, and all as before afterwards.

A fresh cluster is made for each submission where that costs milliseconds. A real one stays, so what a submission may
touch is limited to what can be put back: the assignment's namespaces, which are deleted; the kinds without a namespace
and the objects of kube-system that the assignment is about, which are restored. The user is a ServiceAccount; the
administrator's credentials stay on this side of the sandbox.

It does not guard the nodes: who may make Pods may ask for a privileged one. Grade on a cluster that you can throw away.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from grader.isolation import components
from grader.isolation.job import Job
from podwalk.facade import Cluster, wire
from podwalk.facade.belongings import essence
from podwalk.facade.probes import dismiss_all
from podwalk.types import Object

HOME = "podwalk-grading"
USER = "learner"
SUBJECT = {"kind": "ServiceAccount", "name": USER, "namespace": HOME}
RBAC = "rbac.authorization.k8s.io"
READ = ["get", "list", "watch"]
SEEN_EVERYWHERE = {
    "": ["nodes", "namespaces", "pods", "services"],
    "apps": ["daemonsets"],
    "discovery.k8s.io": ["endpointslices"],
    "gateway.networking.k8s.io": ["*"],
    "networking.k8s.io": ["*"],
    "storage.k8s.io": ["storageclasses"],
}
"""What a packet walk looks at; no Secret, and nobody's ConfigMap."""


@contextlib.contextmanager
def lent(cluster: Cluster, job: Job) -> Iterator[str]:
    """Lend a cluster to a submission.

    Yields:
        The bearer token of the submission's user.

    Raises:
        LearnerError: when the cluster does not do what it must for that.
    """
    # Something may be left of a run that was killed.
    _clear(cluster, job)
    kept, others = components.keep(cluster), _others(cluster, job)
    try:
        # Outside of its namespaces a submission may only look, so that its own cell finds them there. They stay.
        for name in job.addons:
            cluster.addon(name)
        cluster.apply(list(_rights(job)))
        yield _token(cluster)
    finally:
        components.restore(cluster, kept)
        _put_back(cluster, job, others)
        # A check may have called from a namespace that is not the assignment's.
        dismiss_all(cluster)
        _clear(cluster, job)


def _clear(cluster: Cluster, job: Job) -> None:
    cluster.delete([*(_namespace(name) for name in (*job.namespaces, HOME)), *_cluster_wide_rights(job)])
    for binding in _system_rights(job):
        cluster.delete([binding])


def _others(cluster: Cluster, job: Job) -> Mapping[tuple[str, str], Object]:
    """Return the objects of the kinds without a namespace that the assignment is about."""
    return {(kind, obj["metadata"]["name"]): obj for kind in job.cluster for obj in cluster.get(kind)}


def _put_back(cluster: Cluster, job: Job, before: Mapping[tuple[str, str], Object]) -> None:
    now = _others(cluster, job)
    for (kind, name), obj in now.items():
        if (kind, name) not in before or essence(obj) != essence(before[kind, name]):
            cluster.delete(kind, name)
    for key, obj in before.items():
        if key not in now or essence(obj) != essence(now[key]):
            cluster.apply(essence(obj))


def _rights(job: Job) -> Iterator[Mapping[str, Any]]:
    yield _namespace(HOME)
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": USER, "namespace": HOME}}
    for name in job.namespaces:
        yield _namespace(name)
        yield _binding("RoleBinding", USER, "ClusterRole", "cluster-admin", namespace=name)
    yield from _cluster_wide_rights(job)
    yield from _system_rights(job)


def _cluster_wide_rights(job: Job) -> Iterator[Mapping[str, Any]]:
    rules: list[Mapping[str, Any]] = [
        {"apiGroups": [group], "resources": resources, "verbs": READ} for group, resources in SEEN_EVERYWHERE.items()
    ]
    own = {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": list(job.namespaces)}
    rules.append({**own, "verbs": ["patch", "update", "delete"]})
    rules += [{"apiGroups": ["*"], "resources": [kind], "verbs": ["*"]} for kind in job.cluster]
    name = f"{HOME}-{USER}"
    yield {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    yield _binding("ClusterRoleBinding", name, "ClusterRole", name)


def _system_rights(job: Job) -> Iterator[Mapping[str, Any]]:
    """Let the submission read how CoreDNS is configured, and change what the assignment is about."""
    rules: list[Mapping[str, Any]] = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["coredns"], "verbs": READ}
    ]
    for name in job.allowed:
        kind, _, one = name.partition("/")
        verbs = [*READ, "patch", "update", "delete"]
        rules.append({"apiGroups": ["*"], "resources": [kind], "resourceNames": [one], "verbs": verbs})
    name, system = f"{HOME}-{USER}", components.NAMESPACE
    metadata = {"name": name, "namespace": system}
    yield {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    yield _binding("RoleBinding", name, "Role", name, namespace=system)


def _binding(kind: str, name: str, role_kind: str, role: str, *, namespace: str = "") -> Mapping[str, Any]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role},
        "subjects": [SUBJECT],
    }


def _namespace(name: str) -> Mapping[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _token(cluster: Cluster) -> str:
    path = f"/api/v1/namespaces/{HOME}/serviceaccounts/{USER}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    made: str = wire.call(cluster.api, "POST", path, body=body)["status"]["token"]
    return made
