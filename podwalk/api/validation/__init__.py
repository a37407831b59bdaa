"""What the API server refuses: upstream's rules, paths and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podwalk.api.registry import Resource
from podwalk.api.validation import metadata as meta
from podwalk.api.validation import names
from podwalk.errors import Cause
from podwalk.types import Object

__all__ = ["metadata", "validate", "warnings"]

Validator = Callable[[Object, Object | None], "meta.Causes"]

_NAMES: Mapping[str, names.Check] = {
    "namespaces": names.dns_label,
    "services": names.dns_label,
}


def validate(resource: Resource, obj: Object, old: Object | None) -> list[Cause]:
    """Return what is wrong with an object, once each, in the order of the API; nothing if it may be stored.

    Args:
        resource: a built-in resource.
        obj: the object, decoded and with its defaults.
        old: what is stored now, on an update.
    """
    found = [*metadata(resource, obj, old)]
    return list(dict.fromkeys(found))


def metadata(resource: Resource, obj: Object, old: Object | None) -> list[Cause]:
    """Return what is wrong with the metadata of an object of any resource."""
    if old is not None:
        return list(meta.update(obj["metadata"], old["metadata"]))
    check = _NAMES.get(resource.key, names.dns_subdomain)
    return list(meta.create(obj["metadata"], namespaced=resource.namespaced, check=check))


def warnings(resource: Resource, obj: Object, old: Object | None) -> list[str]:
    """Return the texts of the Warning headers that a write of an object deserves."""
    return []
