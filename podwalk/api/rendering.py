"""Objects in the form a client asked for: as they are, as a Table, or their metadata alone; one, or a list of them.

Source: k8s.io/apiserver/pkg/endpoints/handlers/response.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.api import tables
from podwalk.api.conversion import to_served
from podwalk.api.lists import Page
from podwalk.api.negotiation import Representation
from podwalk.api.registry import Resource
from podwalk.types import Object

INCLUDE_OBJECT = ("", "None", "Metadata", "Object")


class Renderer:
    """Turns stored objects of one resource into what one client asked for."""

    def __init__(
        self, resource: Resource, wanted: Representation, table: tables.Table, zero: Object, include: str = ""
    ) -> None:
        """Keep what decides the form; ``zero`` is an empty object of the resource."""
        self._zero = zero
        self._resource = resource
        self._wanted = wanted
        self._table = table
        self._include = include or "Metadata"

    def one(self, obj: Object, *, headed: bool = True) -> Object:
        """Return a single object; ``headed`` says whether a Table names its columns."""
        if self._wanted.transform == "Table":
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return self._as_table([obj], metadata, headed=headed)
        served = to_served(self._resource, obj)
        if self._wanted.transform:
            return metadata_only(served, self._wanted.version)
        return served

    def list(self, page: Page) -> Object:
        """Return a page of a list."""
        metadata: Object = {"resourceVersion": str(page.revision)}
        if page.token:
            metadata["continue"] = page.token
            if page.remaining is not None:
                metadata["remainingItemCount"] = page.remaining
        resource, wanted = self._resource, self._wanted
        if wanted.transform == "Table":
            return self._as_table(page.items, metadata, headed=True)
        served: Sequence[Object] = page.items
        if resource.stored_as or not resource.model:
            served = [to_served(resource, obj) for obj in page.items]
        if wanted.transform:
            items = [metadata_only(obj, wanted.version) for obj in served]
            return _list("PartialObjectMetadataList", f"meta.k8s.io/{wanted.version}", metadata, items)
        if resource.model:
            served = [{key: obj[key] for key in obj if key not in ("kind", "apiVersion")} for obj in served]
        return _list(f"{resource.kind}List", resource.api_version, metadata, served)

    def bookmark(self, metadata: Object) -> Object:
        """Return the object of a watch's bookmark: an empty one with that metadata."""
        resource, wanted = self._resource, self._wanted
        empty = {"kind": resource.kind, "apiVersion": resource.api_version, **self._zero, "metadata": metadata}
        if wanted.transform == "Table":
            return self._as_table([empty], {"resourceVersion": metadata["resourceVersion"]}, headed=False)
        return metadata_only(empty, wanted.version) if wanted.transform else empty

    def _as_table(self, objects: Sequence[Object], metadata: Object, *, headed: bool) -> Object:
        rows = []
        for obj in objects:
            row: Object = {"cells": self._table.cells(obj)}
            if conditions := self._table.conditions(obj):
                row["conditions"] = conditions
            if self._include == "Object":
                row["object"] = to_served(self._resource, obj)
            elif self._include == "Metadata":
                row["object"] = metadata_only(obj, self._wanted.version)
            else:
                row["object"] = None
            rows.append(row)
        columns = [column.definition() for column in self._table.columns] if headed else None
        return {
            "kind": "Table",
            "apiVersion": f"meta.k8s.io/{self._wanted.version}",
            "metadata": metadata,
            "columnDefinitions": columns,
            "rows": rows or None,
        }


def metadata_only(obj: Object, version: str) -> Object:
    """Return the ``PartialObjectMetadata`` of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}", "metadata": obj["metadata"]}


def _list(kind: str, api_version: str, metadata: Object, items: Sequence[Object]) -> Object:
    return {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": list(items)}
