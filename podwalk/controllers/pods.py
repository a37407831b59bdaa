"""What controllers ask of a Pod: is it ready, available, finished, on its way out; and how a template becomes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from podwalk.controllers.owners import owner_reference
from podwalk.controllers.trees import clone
from podwalk.types import Object


def phase(pod: Object) -> str:
    """Return the phase; a Pod without status is pending."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_terminating(pod: Object) -> bool:
    """Tell whether the Pod was asked to go."""
    return "deletionTimestamp" in pod["metadata"]


def is_finished(pod: Object) -> bool:
    """Tell whether all its containers ended for good."""
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Tell whether it counts as a replica."""
    return not is_finished(pod) and not is_terminating(pod)


def condition(obj: Object, kind: str) -> Object | None:
    """Return a condition of an object's status, or None."""
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            return dict(entry)
    return None


def is_ready(pod: Object) -> bool:
    """Tell whether the ``Ready`` condition is true."""
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def available_in(pod: Object, min_ready_s: int, now: datetime) -> float | None:
    """Return the seconds until the Pod is available: 0 if it is, None if it is not even ready.

    Source: k8s.io/kubernetes/pkg/api/v1/pod, IsPodAvailable.
    """
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    if not min_ready_s:
        return 0.0
    since = parse_time(ready.get("lastTransitionTime"))
    if since is None:
        return None
    return max(0.0, min_ready_s - (now - since).total_seconds())


def parse_time(text: str | None) -> datetime | None:
    """Read a ``metav1.Time`` or ``MicroTime``."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def from_template(template: Object, namespace: str, owner: Object, api_version: str, kind: str) -> Object:
    """Return a new Pod of a workload's template, owned by the workload, without a name."""
    source: dict[str, Any] = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "namespace": namespace,
        "labels": dict(source.get("labels") or {}),
        "ownerReferences": [owner_reference(owner, api_version, kind)],
    }
    for field in ("annotations", "finalizers"):
        if source.get(field):
            metadata[field] = clone(source[field])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": clone(template.get("spec") or {}),
    }
