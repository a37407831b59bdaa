"""Who owns an object: the references in ``metadata.ownerReferences``."""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.types import Object


def controller_of(obj: Object) -> Object | None:
    """Return the owner reference with ``controller: true``, or None."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return dict(owner)
    return None


def is_controlled_by(obj: Object, owner: Object) -> bool:
    """Tell whether ``owner`` is the controlling owner of an object."""
    reference = controller_of(obj)
    return reference is not None and bool(reference["uid"] == owner["metadata"]["uid"])


def owner_reference(owner: Object, api_version: str, kind: str) -> Object:
    """Return the controlling reference to an owner."""
    metadata = owner["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def set_owners(obj: Object, references: Sequence[Object]) -> None:
    """Set the owner references of a copy of an object; an empty list is left out, as Go's omitempty does."""
    obj["metadata"].pop("ownerReferences", None)
    if references:
        obj["metadata"]["ownerReferences"] = list(references)
