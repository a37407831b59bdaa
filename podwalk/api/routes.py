"""Which resource, object and verb a path and a method mean.

Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from podwalk.api import failures
from podwalk.api.registry import Resource
from podwalk.types import Request

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get", "HEAD": "get"}
# A proxy passes on whatever it is asked. Source: pkg/registry/core/pod/rest, ProxyREST.ConnectMethods.
_CONNECT = {*_VERBS, "OPTIONS"}


@dataclass(frozen=True)
class Route:
    """Where a request goes.

    Attributes:
        resource: the resource.
        namespace: of the path; empty for all namespaces and for cluster-wide resources.
        name: of the object; empty for the collection.
        subresource: the segment after the name.
        rest: what follows the subresource, for ``proxy``; starts with a slash if there is any.
        verb: get, list, watch, create, update, patch, delete, deletecollection, or connect for ``proxy``.
    """

    resource: Resource
    namespace: str
    name: str
    subresource: str
    rest: str
    verb: str


def route(request: Request, resources: Mapping[tuple[str, str, str], Resource]) -> Route | None:
    """Find the resource of a path.

    Args:
        request: what was asked.
        resources: by group, version and plural.

    Returns:
        None for a path that is not below ``/api/VERSION`` or ``/apis/GROUP/VERSION`` of a group that is served.

    Raises:
        ApiError: 404 for a resource that is not served, 405 for a method that it does not have.
    """
    parts = request.path.split("/")[1:]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    if group and all(group != one for one, _, _ in resources):
        return None
    watching = len(rest) > 1 and rest[0] == "watch"
    namespace, rest = _namespace(rest[1:] if watching else rest)
    resource = resources.get((group, version, rest[0]))
    if resource is None or bool(namespace) > resource.namespaced:
        raise failures.no_such_resource()
    return _finish(request, resource, namespace, [unquote(part) for part in rest[1:]], watching)


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    of_namespace_itself = len(rest) < 3 or rest[2] in ("status", "finalize")
    if rest[0] == "namespaces" and not of_namespace_itself and rest[2]:
        return unquote(rest[1]), rest[2:]
    return "", rest


def _finish(request: Request, resource: Resource, namespace: str, rest: list[str], watching: bool) -> Route:
    rest = [*rest, "", ""]
    name, subresource = rest[0], rest[1]
    tail = "".join(f"/{part}" for part in rest[2:-2])
    if subresource and resource.subresource(subresource) is None:
        raise failures.no_such_resource()
    if tail and subresource != "proxy":
        raise failures.no_such_resource()
    if name and resource.namespaced and not namespace:
        raise failures.no_such_resource()
    if subresource == "proxy" and request.method in _CONNECT:
        return Route(resource, namespace, name, subresource, tail, "connect")
    verb = _verb(request, bool(name), watching)
    if resource.namespaced and not namespace and verb not in ("list", "watch"):
        raise failures.method_not_allowed()
    if verb == "" or not _allowed(resource, subresource, verb, request.method, named=bool(name)):
        raise failures.method_not_allowed()
    return Route(resource, namespace, name, subresource, tail, verb)


def _verb(request: Request, named: bool, watching: bool) -> str:
    verb = _VERBS.get(request.method, "")
    if verb == "get" and not named:
        return "watch" if watching or flag(request, "watch") else "list"
    if verb == "get" and (watching or flag(request, "watch")):
        return "watch"
    return "deletecollection" if verb == "delete" and not named else verb


def _allowed(resource: Resource, subresource: str, verb: str, method: str, *, named: bool) -> bool:
    if not subresource:
        needs_name = verb in ("get", "update", "patch", "delete")
        return verb in resource.verbs and (verb == "watch" or needs_name == named)
    found = resource.subresource(subresource)
    return found is not None and _VERBS.get(method) in found.verbs


def flag(request: Request, name: str) -> bool:
    """Read a boolean parameter as the API server does: present and not false."""
    values = request.params(name)
    return bool(values) and values[0].lower() not in ("false", "0")
