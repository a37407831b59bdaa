"""Where a check calls from: a Pod of the student's, or a probe of the grader's own that a policy takes for one.

A probe carries the labels it is asked for, so that NetworkPolicies see the Pod they are meant for, and it never becomes
Ready, so that no Service sends traffic to it: a readiness gate that nobody opens. It runs what the grader chose, so a
submission cannot prepare its answers.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from podwalk.facade import Cluster, Output
from podwalk.facade.errors import NotFoundError, WaitError

IMAGE = "busybox:1.36"
PREFIX = "grader-probe-"
READY_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 30.0
OWNER = "grader"


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        name: of one of the student's Pods, or ``deployment/NAME``; empty for a probe.
        namespace: where it is; empty for the task's.
        labels: a probe's.
    """

    name: str = ""
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Name it in a sentence."""
        place = f" in namespace {self.namespace}" if self.namespace else ""
        if self.name:
            return f"Pod {self.name}{place}" if "/" not in self.name else f"{self.name}{place}"
        return f"a Pod with {', '.join(f'{k}={v}' for k, v in self.labels)}{place}" if self.labels else f"a Pod{place}"


def like(labels: str = "", namespace: str = "") -> Caller:
    """Return a probe with labels such as ``app=frontend,tier=web``; without any it is just some Pod."""
    pairs = (pair.partition("=") for pair in labels.split(",") if pair)
    return Caller(namespace=namespace, labels=tuple(sorted((key.strip(), value.strip()) for key, _, value in pairs)))


def as_caller(caller: Caller | str) -> Caller:
    """Return a caller: text names one of the student's Pods."""
    return Caller(name=caller) if isinstance(caller, str) else caller


def call(cluster: Cluster, caller: Caller | str, command: str, *, timeout_s: float = COMMAND_TIMEOUT_S) -> Output:
    """Run shell text where the caller is; a command that does not end counts as failed.

    Raises:
        LearnerError: when there is no such Pod or namespace, or it does not run.
    """
    caller = as_caller(caller)
    namespace = caller.namespace or cluster.namespace
    name = caller.name or _probe(cluster, namespace, dict(caller.labels))
    try:
        return cluster.exec(name, command, namespace=namespace, timeout_s=timeout_s)
    except WaitError as error:
        return Output("", error.problem, 124)


def _probe(cluster: Cluster, namespace: str, labels: Mapping[str, str]) -> str:
    words = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    name = f"{PREFIX}{hashlib.sha256(words.encode()).hexdigest()[:8]}-{_secret()}"
    try:
        cluster.get("pods", name, namespace=namespace)
    except NotFoundError:
        if namespace not in cluster.get("namespaces").names:
            raise NotFoundError(f'there is no namespace "{namespace}"') from None
        cluster.apply(_manifest(name, namespace, labels, _owner(cluster, namespace)))
    cluster.wait(f"pod/{name}", "condition=ContainersReady", namespace=namespace, timeout_s=READY_TIMEOUT_S)
    return name


@functools.cache
def _secret() -> str:
    """Return a word that no submission can have known: it cannot make a probe beforehand that lies."""
    return secrets.token_hex(4)


def _owner(cluster: Cluster, namespace: str) -> Mapping[str, object]:
    """Return a reference to an object of ours: a Pod that has a controller is not adopted by a ReplicaSet."""
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": OWNER, "namespace": namespace}})
    uid = cluster.get("configmaps", OWNER, namespace=namespace).object["metadata"]["uid"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": OWNER, "uid": uid, "controller": True}


def _manifest(
    name: str, namespace: str, labels: Mapping[str, str], owner: Mapping[str, object]
) -> Mapping[str, object]:
    container = {"name": "probe", "image": IMAGE, "command": ["sleep", "infinity"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels), "ownerReferences": [owner]},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "readinessGates": [{"conditionType": "grader/never-ready"}],
            "containers": [container],
        },
    }
