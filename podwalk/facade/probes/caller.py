"""Where a probe calls from: a Pod that is there, or a stand-in that a policy takes for one.

A stand-in carries the labels it is asked for, so that NetworkPolicies see the Pod they are meant for. It never becomes
Ready (a readiness gate that nobody opens), so that no Service sends traffic to it, and it has a controller already, so
that no ReplicaSet adopts it. It satisfies the Pod Security Standard "restricted".
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podwalk.facade import wire
from podwalk.facade.errors import NotFoundError, WaitError
from podwalk.facade.execution import Output
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

IMAGE = "busybox:1.36"
PREFIX = "podwalk-probe-"
OWNER = "kube-root-ca.crt"
"""A ConfigMap that every namespace has: it owns the stand-ins, so that nothing else of ours is needed."""

READY_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 30.0
NOBODY = 65534


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        name: of a Pod, or ``deployment/NAME`` for one of its Pods; empty for a stand-in.
        namespace: where it is; empty for the cluster's.
        labels: a stand-in's.
        image: a stand-in's, if it needs other tools than BusyBox's.
    """

    name: str = ""
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    image: str = IMAGE

    def __str__(self) -> str:
        """Name it in a sentence."""
        place = f" in namespace {self.namespace}" if self.namespace else ""
        if self.name:
            return f"Pod {self.name}{place}" if "/" not in self.name else f"{self.name}{place}"
        return f"a Pod with {', '.join(f'{k}={v}' for k, v in self.labels)}{place}" if self.labels else f"a Pod{place}"


def like(labels: str = "", namespace: str = "") -> Caller:
    """Return a stand-in with labels such as ``app=frontend,tier=web``; without any it is just some Pod."""
    pairs = (pair.partition("=") for pair in labels.split(",") if pair)
    return Caller(namespace=namespace, labels=tuple(sorted((key.strip(), value.strip()) for key, _, value in pairs)))


def as_caller(caller: Caller | str) -> Caller:
    """Return a caller: text names a Pod."""
    return Caller(name=caller) if isinstance(caller, str) else caller


def call(cluster: Cluster, caller: Caller | str, command: str, *, timeout_s: float = COMMAND_TIMEOUT_S) -> Output:
    """Run shell text where the caller is; a command that does not end counts as failed. A stand-in stays.

    Raises:
        LearnerError: when there is no such Pod or namespace, or it does not run.
    """
    caller = as_caller(caller)
    namespace = caller.namespace or cluster.namespace
    name = caller.name
    if not name:
        name = stand_in(cluster, namespace, dict(caller.labels), image=caller.image)
        await_stand_in(cluster, namespace, name)
    try:
        return cluster.exec(name, command, namespace=namespace, timeout_s=timeout_s)
    except WaitError as error:
        return Output("", error.problem, 124)


def stand_in(cluster: Cluster, namespace: str, labels: Mapping[str, str], node: str = "", *, image: str = IMAGE) -> str:
    """Make a stand-in, unless it is there, and return its name; :func:`await_stand_in` waits until it runs.

    Args:
        cluster: where.
        namespace: its namespace.
        labels: its labels.
        node: the node it must run on; empty for any.
        image: what it runs.

    Raises:
        NotFoundError: when there is no such namespace.
    """
    words = ",".join(f"{key}={value}" for key, value in sorted(labels.items())) + f"@{node}@{image}"
    name = f"{PREFIX}{hashlib.sha256(words.encode()).hexdigest()[:8]}-{_secret()}"
    try:
        cluster.get("pods", name, namespace=namespace)
    except NotFoundError:
        cluster.apply(_manifest(name, namespace, labels, node, image, _owner(cluster, namespace)))
    return name


def await_stand_in(cluster: Cluster, namespace: str, name: str) -> Object:
    """Wait until a stand-in runs, and return it.

    Raises:
        WaitError: when it does not start.
    """
    cluster.wait(f"pod/{name}", "condition=ContainersReady", namespace=namespace, timeout_s=READY_TIMEOUT_S)
    return cluster.pod(name, namespace)


def dismiss(cluster: Cluster, namespace: str, name: str) -> None:
    """Delete a stand-in, without waiting for its end."""
    path = cluster.kinds.find("pods").path(namespace, name)
    try:
        wire.call(cluster.api, "DELETE", path, body={"kind": "DeleteOptions", "apiVersion": "v1"})
    except wire.StatusError as error:
        if error.code != 404:
            raise wire.explain(error, namespace=namespace) from error


def dismiss_all(cluster: Cluster) -> None:
    """Delete the stand-ins that this process has made, in every namespace, without waiting for their end."""
    for pod in cluster.get("pods", all_namespaces=True):
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        if name.startswith(PREFIX) and name.endswith(f"-{_secret()}"):
            dismiss(cluster, namespace, name)


@functools.cache
def _secret() -> str:
    """Return a word that nobody can have known: no Pod can be made beforehand that lies."""
    return secrets.token_hex(4)


def _owner(cluster: Cluster, namespace: str) -> Mapping[str, object]:
    try:
        wire.call(cluster.api, "GET", f"/api/v1/namespaces/{namespace}")
    except wire.StatusError as error:
        if error.code == 404:
            raise NotFoundError(f'there is no namespace "{namespace}"') from None
    cluster.wait(f"configmap/{OWNER}", "create", namespace=namespace, timeout_s=READY_TIMEOUT_S)
    uid = cluster.get("configmaps", OWNER, namespace=namespace).object["metadata"]["uid"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": OWNER, "uid": uid, "controller": True}


def _manifest(
    name: str, namespace: str, labels: Mapping[str, str], node: str, image: str, owner: Mapping[str, object]
) -> Mapping[str, object]:
    container = {
        "name": "probe",
        "image": image,
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec: Object = {
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "readinessGates": [{"conditionType": "podwalk/never-ready"}],
        "containers": [container],
    }
    spec |= {"nodeName": node} if node else {}
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels), "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
