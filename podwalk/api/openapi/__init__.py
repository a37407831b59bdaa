"""The OpenAPI documents: ``/openapi/v3``, one document a group, and ``/openapi/v2`` in one piece.

Each is made when it is first asked for, and kept until the resources change. kubectl 1.37 reads the JSON of v3, and
falls back to v2 in protobuf for kinds that v3 does not have.

Source: k8s.io/kube-openapi/pkg/handler and handler3.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from podwalk.api.discovery import VERSION, Document
from podwalk.api.openapi import components, operations, protobuf
from podwalk.api.registry import Resource
from podwalk.types import Object

__all__ = ["OpenApi"]

_JSON = "application/json"
_SECURITY = {
    "BearerToken": {
        "description": "Bearer Token authentication",
        "type": "apiKey",
        "name": "authorization",
        "in": "header",
    }
}


class OpenApi:
    """The documents of one API."""

    def __init__(
        self, resources: Callable[[], Sequence[Resource]], schema: Callable[[Resource], Object | None]
    ) -> None:
        """Describe what is served.

        Args:
            resources: gives all resources of the moment, custom ones included.
            schema: gives the ``openAPIV3Schema`` of a custom one.
        """
        self._resources = resources
        self._schema = schema
        self._encoded: tuple[Document, Document] | None = None
        self._kept: dict[tuple[str, tuple[Resource, ...], str], Document] = {}

    def answer(self, path: str, accept: str = _JSON) -> Document | None:
        """Return a document; None for a path that has none, or for a client that reads none of its forms."""
        path = path.rstrip("/")
        if path == "/openapi/v2" and any(kind in accept for kind in protobuf.ASKED_AS):
            return self._protobuf()
        if not _reads_json(accept):
            return None
        if path == "/openapi/v3":
            return self._index()
        if path == "/openapi/v2":
            return self._keep("v2", tuple(self._resources()), self._v2)
        group_version = path.removeprefix("/openapi/v3/")
        chosen = tuple(resource for resource in self._resources() if _place(resource) == group_version)
        return self._keep(group_version, chosen, self._v3) if chosen and group_version != path else None

    def _protobuf(self) -> Document:
        document = self._keep("v2", tuple(self._resources()), self._v2)
        if self._encoded is None or self._encoded[0] is not document:
            data = protobuf.encode(json.loads(document.data))
            self._encoded = document, Document(protobuf.MEDIA_TYPE, data, _hash(data))
        return self._encoded[1]

    def _index(self) -> Document:
        groups: dict[str, list[Resource]] = {}
        for resource in self._resources():
            groups.setdefault(_place(resource), []).append(resource)
        paths = {
            place: {"serverRelativeURL": f"/openapi/v3/{place}?hash={self._digest(tuple(listed))}"}
            for place, listed in sorted(groups.items())
        }
        data = json.dumps({"paths": paths}, separators=(",", ":")).encode()
        # The real index says that it is text.
        return Document("text/plain; charset=utf-8", data, _hash(data))

    def _digest(self, resources: tuple[Resource, ...]) -> str:
        """Tell one state of a group from another without making its document."""
        parts = [VERSION["gitVersion"], *(repr(resource) for resource in resources)]
        parts += [json.dumps(self._schema(resource)) for resource in resources if not resource.model]
        return hashlib.sha512("\n".join(parts).encode()).hexdigest().upper()

    def _keep(
        self, name: str, resources: tuple[Resource, ...], make: Callable[[tuple[Resource, ...]], Object]
    ) -> Document:
        key = (name, resources, self._digest(tuple(resource for resource in resources if not resource.model)))
        if key not in self._kept:
            for old in [old for old in self._kept if old[0] == name]:
                del self._kept[old]
            data = json.dumps(make(resources), separators=(",", ":"), ensure_ascii=False).encode()
            self._kept[key] = Document(_JSON, data, _hash(data))
        return self._kept[key]

    def _components(self, resources: tuple[Resource, ...]) -> dict[str, Object]:
        custom = {resource: self._schema(resource) or {} for resource in resources if not resource.model}
        return components.schemas(resources, custom)

    def _v3(self, resources: tuple[Resource, ...]) -> Object:
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": f"{VERSION['major']}.{VERSION['minor']}"},
            "paths": operations.paths(resources),
            "components": {"schemas": self._components(resources), "securitySchemes": _SECURITY},
        }

    def _v2(self, resources: tuple[Resource, ...]) -> Object:
        return {
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": f"{VERSION['major']}.{VERSION['minor']}"},
            "paths": operations.to_v2_paths(operations.paths(resources)),
            "definitions": {name: components.to_v2(one) for name, one in self._components(resources).items()},
            "securityDefinitions": _SECURITY,
            "security": [{"BearerToken": []}],
        }


def _place(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"


def _hash(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest().upper()


def _reads_json(accept: str) -> bool:
    kinds = {clause.split(";")[0].strip() for clause in accept.split(",")}
    return not accept or bool(kinds & {_JSON, "*/*", "application/*"})
