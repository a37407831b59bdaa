"""Writing a status: only when it says something new."""

from __future__ import annotations

from typing import Any

from podwalk.controllers.trees import clone
from podwalk.types import Object, Objects


def set_status(objects: Objects, resource: str, obj: Object, status: dict[str, Any]) -> None:
    """Replace an object's status unless it is equal already."""
    if (obj.get("status") or {}) == status:
        return

    def change(latest: Object) -> None:
        latest["status"] = clone(status)

    metadata = obj["metadata"]
    objects.modify(
        resource,
        metadata.get("namespace", ""),
        metadata["name"],
        change,
        subresource="status",
        manager="kube-controller-manager",
    )
