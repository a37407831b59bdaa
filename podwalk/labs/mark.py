"""The label of what a lab makes outside namespaces, the namespaces among it: a reset deletes nothing else.

In a namespace with the label everything is the lab's; in any other, what a step wrote down when it made it.
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
    """Return a document with the lab's label, if its object belongs to no namespace.

    Raises:
        LearnerError: when the cluster does not know the kind.
    """
    if cluster.kinds.of(document.value).namespaced:
        return document
    metadata = document.value["metadata"]
    labels = {**(metadata.get("labels") or {}), LABEL: lab}
    return dataclasses.replace(document, value={**document.value, "metadata": {**metadata, "labels": labels}})


def may_delete(cluster: Cluster, obj: Object, lab: str, uid: str) -> bool:
    """Say whether a reset may delete an object: the recorded one, one with the label, or one in a namespace with it."""
    metadata = obj["metadata"]
    if (uid and metadata["uid"] == uid) or _has_label(obj, lab):
        return True
    space = metadata.get("namespace", "")
    try:
        around = find(cluster.api, f"/api/v1/namespaces/{space}") if space else None
    except RefusedError:
        return False
    return around is not None and _has_label(around, lab)


def _has_label(obj: Object, lab: str) -> bool:
    return (obj["metadata"].get("labels") or {}).get(LABEL) == lab
