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


class Marker:
    """What labels the documents of one apply; about each namespace the cluster is asked once."""

    def __init__(self, cluster: Cluster, lab: str) -> None:
        self._cluster, self._lab = cluster, lab
        self._known: dict[str, bool] = {}

    def marked(self, document: Document) -> Document:
        """Return a document with the lab's label, unless it goes into a namespace that has it.

        Raises:
            LearnerError: when the cluster does not know the kind.
        """
        metadata = document.value["metadata"]
        space = metadata.get("namespace") or self._cluster.namespace
        if self._cluster.kinds.of(document.value).namespaced and self._is_the_labs(space):
            return document
        if document.value["kind"] == "Namespace":
            self._known[metadata.get("name", "")] = True
        labels = {**(metadata.get("labels") or {}), LABEL: self._lab}
        return dataclasses.replace(document, value={**document.value, "metadata": {**metadata, "labels": labels}})

    def _is_the_labs(self, namespace: str) -> bool:
        if namespace not in self._known:
            self._known[namespace] = _is_the_labs(self._cluster, namespace, self._lab)
        return self._known[namespace]


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
