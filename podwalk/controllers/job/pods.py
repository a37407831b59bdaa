"""A Job's Pods: how they are made, counted and let go."""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.controllers import pods
from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.owners import is_controlled_by
from podwalk.errors import ApiError
from podwalk.types import Object

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
MANAGER = "kube-controller-manager"


def read(context: Context, job: Object) -> list[Object]:
    """Return a Job's Pods."""
    found = context.objects.lookup("owner", job["metadata"]["uid"])
    return [entry for entry in found if entry["kind"] == "Pod" and is_controlled_by(entry, job)]


def is_indexed(job: Object) -> bool:
    """Tell whether each Pod of a Job has a number of its own."""
    return bool(job["spec"].get("completionMode", "NonIndexed") == "Indexed")


def index_of(pod: Object) -> int:
    """Return a Pod's completion index, -1 if it has none."""
    return int((pod["metadata"].get("annotations") or {}).get(INDEX, "-1"))


def is_uncounted(pod: Object) -> bool:
    """Tell whether a Pod still has the finalizer that waits for it to be counted."""
    return FINALIZER in (pod["metadata"].get("finalizers") or ())


def create(context: Context, job: Object, index: int | None) -> None:
    """Create one Pod of a Job."""
    name = job["metadata"]["name"]
    pod = pods.from_template(job["spec"]["template"], job["metadata"]["namespace"], job, "batch/v1", "Job")
    metadata = pod["metadata"]
    metadata["finalizers"] = [*(metadata.get("finalizers") or ()), FINALIZER]
    metadata["generateName"] = f"{name}-"
    if index is not None:
        metadata["generateName"] = f"{name}-{index}-"
        metadata["labels"][INDEX] = str(index)
        metadata["annotations"] = {**(metadata.get("annotations") or {}), INDEX: str(index)}
        pod["spec"]["hostname"] = f"{name}-{index}"
        _tell_index(pod)
    try:
        created = context.objects.create("pods", pod, manager=MANAGER)
    except ApiError as error:
        context.recorder.event(job, "Warning", "FailedCreate", f"Error creating: {error}")
        raise
    context.recorder.event(job, "Normal", "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")


def _tell_index(pod: Object) -> None:
    path = f"metadata.labels['{INDEX}']"
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
    for container in [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]:
        container["env"] = [*(container.get("env") or ()), variable]


def delete(context: Context, job: Object, victims: Sequence[Object]) -> None:
    """Delete Pods of a Job."""
    for pod in victims:
        context.objects.delete("pods", *key_of(pod), uid=pod["metadata"]["uid"])
        message = f"Deleted pod: {pod['metadata']['name']}"
        context.recorder.event(job, "Normal", "SuccessfulDelete", message)


def let_go(context: Context, pod: Object) -> None:
    """Take the Job's finalizer from a Pod that was counted."""

    def change(latest: Object) -> None:
        left = [entry for entry in latest["metadata"].get("finalizers") or () if entry != FINALIZER]
        latest["metadata"].pop("finalizers", None)
        if left:
            latest["metadata"]["finalizers"] = left

    context.objects.modify("pods", *key_of(pod), change, manager=MANAGER)
