"""What the API server says of itself: health, version, discovery and OpenAPI; no objects are involved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.api import discovery, failures, health, usage
from podwalk.types import Request, Response

if TYPE_CHECKING:
    from podwalk.api.server import Api

_TEXT = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
_API_SERVER = ("endpoints", "default", "kubernetes")


def answer(api: Api, request: Request) -> Response:
    """Answer a request for something that is not below a resource."""
    path = request.path.rstrip("/") or "/"
    if path.startswith(health.KINDS):
        return health.answer(request)
    accept = request.header("accept")
    listed = [*api.objects.definitions.all(), *usage.resources(api)]
    server = _server_address(api) if path == "/api" else ""
    found = discovery.answer(path, accept, listed, server=server) or api.openapi.answer(path, accept)
    if found is None:
        return _not_found(path, {resource.group for resource in listed})
    if request.method not in ("GET", "HEAD"):
        raise failures.method_not_allowed()
    return _document(request, found)


def _not_found(path: str, groups: set[str]) -> Response:
    """Return the 404 of a path: a Status below what the API server itself serves, plain text elsewhere."""
    top, _, below = path[1:].partition("/")
    if below and (top in ("api", "version") or (top == "apis" and below.split("/")[0] in groups)):
        raise failures.no_such_resource()
    if path.startswith("/openapi/v3/"):
        return Response(404, {})
    return Response(404, dict(_TEXT), b"404 page not found\n")


def _server_address(api: Api) -> str:
    """Return the API server's own address and port, as its Endpoints say."""
    endpoints = api.objects.store.get(*_API_SERVER) or {}
    for subset in endpoints.get("subsets", ()):
        return f"{subset['addresses'][0]['ip']}:{subset['ports'][0]['port']}"
    return ""


def _document(request: Request, found: discovery.Document) -> Response:
    headers = {"content-type": found.media_type, "cache-control": "no-cache, private", "vary": "Accept"}
    if found.etag:
        headers["etag"] = f'"{found.etag}"'
        if request.header("if-none-match").strip('"') == found.etag:
            return Response(304, headers)
    return Response(200, headers, found.data)
