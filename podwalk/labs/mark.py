"""The label of what a lab makes: a reset deletes nothing that neither has it nor lies in a namespace that has it.

Namespaces and objects of the whole cluster get it, and objects in a namespace that was there before the lab and is not
its own; whatever lies in a namespace with the label is the lab's.
"""

from __future__ import annotations

import dataclasses

from podwalk.facade import Cluster
from podwalk.facade.application import find
from podwalk.facade.errors import RefusedError
from podwalk.facade.manifest import Document
from podwalk.types import Object

LABEL = "podwalk.dev/lab"


def marked(cluster: Cluster, document: Document, lab: str) -> Document:
    """Return a document with the lab's label, unless it goes into a namespace that has it.

    Raises:
        LearnerError: when the cluster does not know the kind.
    """
    metadata = document.value["metadata"]
    space = metadata.get("namespace") or cluster.namespace
    if cluster.kinds.of(document.value).namespaced and _is_the_labs(cluster, space, lab):
        return document
    labels = {**(metadata.get("labels") or {}), LABEL: lab}
    return dataclasses.replace(document, value={**document.value, "metadata": {**metadata, "labels": labels}})


def may_delete(cluster: Cluster, obj: Object, lab: str) -> bool:
    """Say whether a reset may delete an object: one with the label, or one in a namespace with it."""
    space = obj["metadata"].get("namespace", "")
    return _has_label(obj, lab) or (bool(space) and _is_the_labs(cluster, space, lab))


def _is_the_labs(cluster: Cluster, namespace: str, lab: str) -> bool:
    try:
        around = find(cluster.api, f"/api/v1/namespaces/{namespace}")
    except RefusedError:
        return False
    return around is not None and _has_label(around, lab)


def _has_label(obj: Object, lab: str) -> bool:
    return (obj["metadata"].get("labels") or {}).get(LABEL) == lab
