"""Every step of every lab, applied twice, taken back and done again: the cluster is exactly what the control says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import podwalk
from podwalk.facade import Cluster, wire
from podwalk.facade.kubectl import run
from podwalk.labs import needs, source
from podwalk.labs.lab import Lab, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session
from podwalk.types import Object

LABS = sorted((Path(__file__).resolve().parents[2] / "notebooks" / "labs").glob("*.ipynb"))
DERIVED = frozenset(
    {"Event", "Lease", "EndpointSlice", "Endpoints", "PodMetrics", "NodeMetrics", "ControllerRevision", "IPAddress"}
)
"""What is made anew from the other objects, or tells what happened."""

WRITTEN = frozenset({"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"})
ALLOCATED = frozenset(
    {
        "clusterIP", "clusterIPs", "nodePort", "nodeName", "topology.kubernetes.io/zone", "pod-template-hash",
        "kubectl.kubernetes.io/restartedAt", "controller-uid", "batch.kubernetes.io/controller-uid",
    }
)  # fmt: skip
"""What an object that is made or restarted a second time need not get again."""

pytestmark = pytest.mark.slow


def state(cluster: Cluster) -> dict[str, Any]:
    """Return what is in a cluster: each object as it was declared, and of those that a controller made, how many."""
    found: dict[str, Any] = {}
    owned: Counter[str] = Counter()
    for kind in cluster.kinds.all():
        if kind.kind in DERIVED:
            continue
        for obj in wire.call(cluster.api, "GET", kind.path())["items"]:
            if any(owner.get("controller") for owner in obj["metadata"].get("ownerReferences", ())):
                if kind.kind == "Pod":
                    owned[f"{obj['metadata']['namespace']} {loose(obj['metadata']['labels'])} {ready(obj)}"] += 1
                continue
            found[kind.path(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])] = declared(
                {"kind": kind.kind, **obj}
            )
    return found | {"owned": dict(owned)}


def ready(pod: Object) -> str:
    return next((one["status"] for one in pod["status"].get("conditions", ()) if one["type"] == "Ready"), "")


def declared(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in WRITTEN}
    annotations = {
        key: value
        for key, value in metadata.get("annotations", {}).items()
        if key != "deployment.kubernetes.io/revision"
    }
    rest = {key: value for key, value in obj.items() if key not in {"status", "metadata"}}
    return rest | {"metadata": metadata | {"annotations": annotations}, "ready": ready(obj) if "status" in obj else ""}


def loose(value: Any) -> Any:
    """Leave out what is drawn anew for an object that is made anew."""
    if isinstance(value, dict):
        return {key: loose(item) for key, item in value.items() if key not in ALLOCATED}
    if isinstance(value, str):
        return re.sub(r"^kube-api-access-\w+$", "kube-api-access", value)
    return [loose(item) for item in value] if isinstance(value, list) else value


def go_through(session: Session, step: Step) -> None:
    session.apply(step, step.answer)
    session.settle(step)
    list(session.look(step))
    failed = [f"{result.check.claim} {result.reason}" for result in session.verify(step) if not result.passed]
    assert not failed, failed


def recover(cluster: Cluster, before: dict[str, Any]) -> None:
    """Wait until the Pods that were ready are so again: undo declares them, and they take a moment to start."""
    if differences(before, state(cluster)):
        for path, obj in before.items():
            namespace, name = (obj.get("metadata", {}).get(key, "") for key in ("namespace", "name"))
            if obj.get("kind") == "Pod" and obj["ready"] == "True":
                cluster.wait(f"pod/{name}", "condition=Ready", namespace=namespace)
            if path.startswith("/apis/apps/"):
                run(cluster, f"kubectl rollout status {obj['kind'].lower()}/{name} -n {namespace}")


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Say where two states differ, down to the field."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in sorted({*before, *after})
            for line in differences(before.get(key), after.get(key), f"{path} {key}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            line
            for number, (old, new) in enumerate(zip(before, after, strict=True))
            for line in differences(old, new, f"{path}[{number}]")
        ]
    return [] if before == after else [f"{path}: {before} -> {after}"]


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_step_applied_twice_is_as_applied_once_and_back_leaves_what_was_there_before(path: Path) -> None:
    lab: Lab = source.read(path)
    cluster = podwalk.cluster("in-process:1", quiet=True)
    session = Session(cluster, lab, Progress())
    needs.provide(cluster, lab, lambda sentence: None)
    first = state(cluster)
    for step in lab.steps:
        before = state(cluster)
        go_through(session, step)
        once = state(cluster)
        go_through(session, step)
        assert differences(loose(once), loose(state(cluster))) == [], f"{step.name}, applied twice"
        session.undo(step)
        recover(cluster, before)
        assert differences(before, state(cluster)) == [], f"{step.name}, taken back"
        go_through(session, step)
        assert differences(loose(once), loose(state(cluster))) == [], f"{step.name}, done again"
        assert session.lost() == []
    session.reset()
    assert differences(first, state(cluster)) == []
