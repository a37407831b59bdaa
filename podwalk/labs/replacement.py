"""What cannot be changed as a manifest asks is deleted and made anew, as ``kubectl replace --force`` does.

Only what the step itself has made: a learner who mends a Job, or the containers of a Pod, and applies once more, means
that one, and would otherwise have to reset the step and lose what was written. Nothing else is ever deleted for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from podwalk.facade import Applied, Cluster, application, wire
from podwalk.facade.condition import wait
from podwalk.facade.errors import ManifestError
from podwalk.facade.manifest import Document
from podwalk.labs import mark
from podwalk.labs.lab import Lab
from podwalk.labs.progress import StepProgress
from podwalk.types import Object

REPLACED = "replaced"
"""The change of such an object, in kubectl's word."""

INVALID = 422
WAIT_S = 120.0


def apply(
    cluster: Cluster, document: Document, lab: Lab, state: StepProgress, report: Callable[[str], None]
) -> Applied:
    """Apply a document of a step; what the API does not let be changed, and the step has made, is made anew.

    Args:
        cluster: where.
        document: one object.
        lab: the step's.
        state: what the step did so far.
        report: called with a sentence when something is deleted.

    Raises:
        LearnerError: when the API refuses, also of a new object.
    """
    try:
        return application.apply(cluster.api, cluster.kinds, document, lab.namespace)
    except ManifestError as error:
        status = error.__cause__
        if not isinstance(status, wire.StatusError) or status.code != INVALID:
            raise
        path = application.locate(document, cluster.kinds.of(document.value), lab.namespace)
        now = _made_by(cluster, lab, state, path)
        if now is None or not application.valid_anew(cluster.api, cluster.kinds, document, lab.namespace):
            raise
    report(f"Replacing {now['kind']} {now['metadata']['name']}")
    remove(cluster, path, now)
    made = application.apply(cluster.api, cluster.kinds, document, lab.namespace)
    return dataclasses.replace(made, change=REPLACED, before=now)


def _made_by(cluster: Cluster, lab: Lab, state: StepProgress, path: str) -> Object | None:
    """Return the object of a path as it is now, if the step made it and the lab may delete it."""
    made = {uid for known, before, uid in state.before if known == path and before is None}
    now = application.find(cluster.api, path) if made else None
    if now is None or now["metadata"]["uid"] not in made:
        return None
    return now if mark.may_delete(cluster, now, lab.name) else None


def remove(cluster: Cluster, path: str, now: Object) -> None:
    """Delete an object and wait until it is gone.

    Raises:
        WaitError: when it stays.
    """
    kind, metadata = cluster.kinds.of(now), now["metadata"]
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    wire.call(cluster.api, "DELETE", path, body=options)
    space, name, uid = metadata.get("namespace", ""), metadata["name"], metadata["uid"]
    wait(cluster.api, kind, "delete", namespace=space, name=name, uid=uid, timeout_s=WAIT_S)
