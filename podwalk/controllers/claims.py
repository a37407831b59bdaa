"""Claiming Pods: a workload adopts ownerless Pods that its selector chooses, and releases those it no longer does.

Source: k8s.io/kubernetes/pkg/controller, PodControllerRefManager.
"""

from __future__ import annotations

from collections.abc import Callable

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.labels import Selector, matches
from podwalk.controllers.owners import controller_of, is_controlled_by, owner_reference, set_owners
from podwalk.controllers.pods import is_active
from podwalk.types import Object

API_VERSIONS = {"ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}


def claim(
    context: Context, kind: str, owner: Object, selector: Selector | None, may_adopt: Callable[[Object], bool] = bool
) -> None:
    """Adopt and release Pods; reads no Pod unless there is one to adopt or release.

    Args:
        context: the controller's.
        kind: the owner's.
        owner: who claims.
        selector: the owner's.
        may_adopt: whether it may have a Pod that the selector chooses; every one, unless it says otherwise.
    """
    namespace = owner["metadata"]["namespace"]
    if owner["metadata"].get("generation", 1) == 1 and not (owner.get("status") or {}).get("observedGeneration"):
        _find_orphans(context, kind, owner, selector)
    for name in sorted(context.cache.adoptable.pop((kind, key_of(owner)), ())):
        pod = context.objects.get("pods", namespace, name)
        if pod is None or controller_of(pod) is not None or not is_active(pod):
            continue
        if _chooses(selector, pod) and may_adopt(pod):
            _adopt(context, kind, owner, name)
    if any(not matches(selector, dict(labels)) for _, labels in context.cache.tally(owner).states):
        for pod in context.objects.lookup("owner", owner["metadata"]["uid"]):
            if pod["kind"] == "Pod" and is_controlled_by(pod, owner) and not _chooses(selector, pod):
                _release(context, owner, pod)


def _find_orphans(context: Context, kind: str, owner: Object, selector: Selector | None) -> None:
    pairs = (selector or {}).get("matchLabels")
    for pod in context.objects.list("pods", owner["metadata"]["namespace"], pairs or None):
        if controller_of(pod) is None:
            context.cache.adoptable.setdefault((kind, key_of(owner)), set()).add(pod["metadata"]["name"])


def _chooses(selector: Selector | None, pod: Object) -> bool:
    return matches(selector, pod["metadata"].get("labels"))


def _adopt(context: Context, kind: str, owner: Object, name: str) -> None:
    reference = owner_reference(owner, API_VERSIONS[kind], kind)

    def change(pod: Object) -> None:
        pod["metadata"].setdefault("ownerReferences", []).append(reference)

    context.objects.modify("pods", owner["metadata"]["namespace"], name, change, manager="kube-controller-manager")


def _release(context: Context, owner: Object, pod: Object) -> None:
    uid = owner["metadata"]["uid"]

    def change(latest: Object) -> None:
        references = [entry for entry in latest["metadata"]["ownerReferences"] if entry["uid"] != uid]
        set_owners(latest, references)

    context.objects.modify("pods", *key_of(pod), change, manager="kube-controller-manager")
