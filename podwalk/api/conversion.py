"""Between the version that is stored and the one that a client speaks.

Two resources share one store: Events of core and of ``events.k8s.io``. Custom resources differ between versions in
``apiVersion`` alone.

Source: kubernetes/pkg/apis/events/v1/conversion.go; apiextensions' conversion strategy ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping

from podwalk.api.registry import Resource
from podwalk.types import Object

_EVENTS = "events.events.k8s.io"
_TO_CORE: Mapping[str, str] = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_FROM_CORE = {core: event for event, core in _TO_CORE.items()}


def to_stored(resource: Resource, obj: Object) -> Object:
    """Return an object as the store keeps it."""
    if resource.key != _EVENTS:
        return obj
    return {**_renamed(obj, _TO_CORE), "apiVersion": "v1"}


def to_served(resource: Resource, obj: Object) -> Object:
    """Return a stored object as a client of the resource's version sees it."""
    if resource.key == _EVENTS:
        return {**_renamed(obj, _FROM_CORE), "apiVersion": resource.api_version}
    if obj["apiVersion"] != resource.api_version:
        return {**obj, "apiVersion": resource.api_version}
    return obj


def _renamed(obj: Object, names: Mapping[str, str]) -> Object:
    return {names.get(key, key): value for key, value in obj.items()}
