"""Whether a cluster's NetworkPolicies have any effect, which no object of the API tells: it is tried.

A policy closes the way out of one stand-in, which then calls the cluster's DNS over TCP; another stand-in, which no
policy selects, makes the same call as the positive control. An embedded cluster says by itself which plugin it
imitates, so nothing is tried there.

Source: kubernetes.io, Network Policies ("Creating a NetworkPolicy resource without a controller that implements it will
have no effect").
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from podwalk.facade import snapshot, wire
from podwalk.facade.errors import LearnerError, RefusedError
from podwalk.facade.probes import like, probe
from podwalk.network.policy import plugins

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

LABEL = "podwalk.dev/check"
PREFIX = "podwalk-check-"
TARGET = "kube-dns.kube-system.svc:53"
DEADLINE_S = 20.0
"""How long a plugin may take to follow a new policy."""


def enforced(cluster: Cluster, namespace: str) -> bool | None:
    """Try whether a NetworkPolicy stops a call.

    Args:
        cluster: where; nothing of the try stays in it.
        namespace: where to try if the user may not make a namespace for it.

    Returns:
        Whether it does; None where not even the positive control could call, so that nothing is known.

    Raises:
        LearnerError: when the user may not make a Pod or a NetworkPolicy, or no Pod starts.
    """
    view = snapshot.Snapshot(cluster.api, cluster.kinds)
    if imitated := snapshot.imitated(view):
        return plugins.plugin(imitated).enforces
    word = secrets.token_hex(4)
    here = copy.copy(cluster)
    with _place(here, namespace, word), _policy(here, word):
        closed, free = like(f"{LABEL}={word}"), like(f"{LABEL}={word}-control")
        found = probe(here, [closed], [TARGET], expect=lambda *_: False, control=free, deadline_s=DEADLINE_S)
    verdict = found.probes[0].verdict
    return {"open": False, "blocked": True}.get(verdict)


def plugin_name(cluster: Cluster) -> str:
    """Return the name of a cluster's CNI plugin as far as its objects tell; empty if they do not."""
    view = snapshot.Snapshot(cluster.api, cluster.kinds)
    return snapshot.imitated(view) or snapshot.cni(view)


@contextmanager
def _place(here: Cluster, namespace: str, word: str) -> Iterator[None]:
    """Let a cluster's namespace be one that no other policy is in; where that is not allowed, the one named."""
    here.namespace = PREFIX + word
    try:
        here.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": here.namespace}})
    except RefusedError as error:
        if error.code != 403:
            raise
        here.namespace = namespace
        yield
        return
    try:
        yield
    finally:
        _forget(here, f"/api/v1/namespaces/{here.namespace}")


@contextmanager
def _policy(here: Cluster, word: str) -> Iterator[None]:
    metadata = {"name": PREFIX + word, "namespace": here.namespace}
    spec = {"podSelector": {"matchLabels": {LABEL: word}}, "policyTypes": ["Egress"]}
    here.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
    try:
        yield
    finally:
        _forget(here, f"/apis/networking.k8s.io/v1/namespaces/{here.namespace}/networkpolicies/{metadata['name']}")


def _forget(here: Cluster, path: str) -> None:
    """Delete what was made for the try, without waiting for its end."""
    try:
        wire.call(here.api, "DELETE", path, body={"kind": "DeleteOptions", "apiVersion": "v1"})
    except wire.StatusError as error:
        if error.code != 404:
            raise LearnerError(f"what a try made could not be deleted: {path}", hint=str(error)) from error
