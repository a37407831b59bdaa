"""Custom resources: their definitions read from the store, and their schemas at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from podwalk.api import schema
from podwalk.api.registry import RESOURCES, Resource
from podwalk.api.strategy import Strategy
from podwalk.api.tables import Column
from podwalk.errors import Cause
from podwalk.store import Store
from podwalk.types import Object


class Definitions:
    """The custom resources that the stored CustomResourceDefinitions make."""

    def __init__(self, store: Store) -> None:
        """Follow the definitions of a store."""
        self.resources: Mapping[str, Resource] = dict(RESOURCES)
        self.served: Mapping[tuple[str, str, str], Resource] = {
            (row.group, row.version, row.plural): row for row in RESOURCES.values()
        }

    def strategy(self, resource: Resource) -> Strategy:
        """Return the rules of a custom resource."""
        return Strategy(generation=True, status=bool(resource.subresource("status")), unconditional_update=False)

    def scale_paths(self, resource: Resource) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Return where the replicas asked for, the replicas there are, and the selector are."""
        return ("spec", "replicas"), ("status", "replicas"), ("spec", "selector")

    def selectable_fields(self, resource: Resource) -> Mapping[str, Callable[[Object], str]]:
        """Return the readers of the fields that a custom resource can be selected by."""
        return {}

    def columns(self, resource: Resource) -> Sequence[Column] | None:
        """Return the printer columns of a custom resource; None for a built-in one."""
        return None

    def decode(self, resource: Resource, body: Object, strict: str) -> tuple[Object, list[str]]:
        """Return the object of a body."""
        return body, []

    def root(self, resource: Resource) -> schema.FieldType:
        """Return the schema of a resource's objects."""
        return schema.root(resource)

    def default(self, resource: Resource, obj: Object) -> None:
        """Fill in the defaults of the schema."""

    def validate(self, resource: Resource, new: Object, old: Object | None) -> list[Cause]:
        """Return what breaks the schema."""
        return []
