"""The label of what a lab makes outside namespaces, the namespaces among it: a reset deletes nothing else there."""

from __future__ import annotations

import dataclasses

from podwalk.facade import Cluster
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
    """Say whether a reset may delete an object: the recorded one, one with the label, or one in a namespace."""
    metadata = obj["metadata"]
    recorded = bool(uid) and metadata["uid"] == uid
    return recorded or cluster.kinds.of(obj).namespaced or metadata.get("labels", {}).get(LABEL) == lab
