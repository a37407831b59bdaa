"""Checks of objects: that they are there, are ready, or have a value at a path."""

from __future__ import annotations

from collections.abc import Callable

from grader.finding import PASSED, Check, Finding, failed, partly
from podwalk.facade import Cluster, condition
from podwalk.facade.errors import NotFoundError
from podwalk.facade.jsonpath import select
from podwalk.types import Object


def exists(what: str, *, namespace: str = "") -> Check:
    """Check that an object is there, e.g. ``service/backend``."""

    def attempt(cluster: Cluster) -> Finding:
        cluster.get(what, namespace=namespace)
        return PASSED

    return Check(f"{what} is there", attempt)


def gone(what: str, *, namespace: str = "") -> Check:
    """Check that an object is there no more, e.g. ``namespace/trial``."""

    def attempt(cluster: Cluster) -> Finding:
        try:
            cluster.get(what, namespace=namespace)
        except NotFoundError:
            return PASSED
        return failed(f"{what} is still there")

    return Check(f"{what} is gone", attempt)


def ready(what: str, *, replicas: int = 1, namespace: str = "", deadline_s: float = 30.0) -> Check:
    """Check that a workload (``deployment/backend``, ``statefulset/db``, ``pod/client``) has ready Pods.

    Each ready Pod earns its share.
    """

    def attempt(cluster: Cluster) -> Finding:
        obj = cluster.get(what, namespace=namespace).object
        met = _ready(obj)
        return partly(met, replicas, f"{met} of {replicas} Pods are ready", _said(cluster, namespace))

    noun = "Pod is" if replicas == 1 else "Pods are"
    return Check(f"{replicas} {noun} ready in {what}", attempt, deadline_s)


def where(
    what: str, path: str, wanted: object | Callable[[object], bool], *, claim: str = "", namespace: str = ""
) -> Check:
    """Check a value in an object.

    Args:
        what: the object, e.g. ``service/web``.
        path: in JSONPath's form, e.g. ``.spec.type``.
        wanted: the value, or a test of it.
        claim: what must hold, in words.
        namespace: by default the task's.
    """

    def attempt(cluster: Cluster) -> Finding:
        values = select(cluster.get(what, namespace=namespace).object, path)
        right = [value for value in values if (wanted(value) if callable(wanted) else value == wanted)]
        if right:
            return PASSED
        shown = ", ".join(map(str, values)) or "not set"
        return failed(f"{what}: {path.lstrip('.')} is {shown}" + ("" if callable(wanted) else f", not {wanted}"))

    return Check(claim or f"{what} has {path.lstrip('.')}" + ("" if callable(wanted) else f" {wanted}"), attempt)


def _ready(obj: Object) -> int:
    if obj["kind"] == "Pod":
        return int(condition.condition(obj, "Ready") == "true")
    status = obj.get("status", {})
    return int(status.get("readyReplicas") or status.get("numberReady") or 0)


def _said(cluster: Cluster, namespace: str) -> str:
    warnings = [row for row in cluster.events(namespace).objects if row.get("type") == "Warning"]
    return str(warnings[-1].get("message", "")).strip() if warnings else ""
