"""What the API server says it serves: the version, the groups, and the resources of each, in both forms of discovery.

Source: k8s.io/apiserver/pkg/endpoints/discovery, and its ``aggregated`` form that kubectl asks for.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from podwalk.api.registry import Resource, Subresource
from podwalk.types import Object

VERSION: Object = {
    "major": "1",
    "minor": "37",
    "emulationMajor": "1",
    "emulationMinor": "37",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "36",
    "gitVersion": "v1.37.0",
    "gitCommit": "unknown",
    "gitTreeState": "clean",
    "buildDate": "2026-08-26T00:00:00Z",
    "goVersion": "go1.26.8",
    "compiler": "gc",
    "platform": "linux/amd64",
}
"""What ``/version`` answers: the release that this cluster imitates."""

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_JSON = "application/json"
# The order in which a real cluster lists the verbs of custom resources.
_CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True)
class Document:
    """An answer about the API itself.

    Attributes:
        media_type: for Content-Type.
        data: the bytes.
        etag: a digest of them, for ETag.
    """

    media_type: str
    data: bytes
    etag: str = ""


def answer(path: str, accept: str, resources: Sequence[Resource], *, server: str = "") -> Document | None:
    """Return a document of discovery.

    Args:
        path: of the request, without a slash at its end.
        accept: the header; with the aggregated form in it, ``/api`` and ``/apis`` answer with everything at once.
        resources: all that are served, custom ones included, in the order of their groups.
        server: the address and port of the server, for old clients.

    Returns:
        None for a path that is none of discovery's.
    """
    path = path.rstrip("/") or "/"
    if path in ("/api", "/apis") and _wants_aggregated(accept):
        return _document(_aggregated(_of(path, resources)), AGGREGATED)
    if path == "/version":
        return Document(_JSON, json.dumps(VERSION, indent=2).encode())
    body = _legacy(path, resources, server)
    return None if body is None else _document(body)


def _wants_aggregated(accept: str) -> bool:
    clauses = ({part.strip() for part in clause.split(";")} for clause in accept.split(","))
    wanted = {_JSON, "g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"}
    return any(wanted <= clause for clause in clauses)


def _document(body: Object, media_type: str = _JSON) -> Document:
    data = json.dumps(body, separators=(",", ":")).encode()
    return Document(media_type, data, hashlib.sha256(data).hexdigest().upper())


def _of(path: str, resources: Sequence[Resource]) -> list[Resource]:
    return [resource for resource in resources if bool(resource.group) == (path == "/apis")]


def _groups(resources: Iterable[Resource]) -> Mapping[str, Mapping[str, list[Resource]]]:
    """Return group → version → resources, in order."""
    groups: dict[str, dict[str, list[Resource]]] = {}
    for resource in resources:
        groups.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
    return groups


def _aggregated(resources: Sequence[Resource]) -> Object:
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {
                    "version": version,
                    "resources": [_row(resource) for resource in sorted(listed, key=lambda one: one.plural)],
                    "freshness": "Current",
                }
                for version, listed in versions.items()
            ],
        }
        for group, versions in _groups(resources).items()
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _row(resource: Resource) -> Object:
    row: Object = {
        "resource": resource.plural,
        "responseKind": _kind(resource, resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(_verbs(resource)),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if resource.subresources:
        row["subresources"] = [_sub_row(resource, sub) for sub in _sorted(resource.subresources)]
    return row


def _sub_row(resource: Resource, sub: Subresource) -> Object:
    kind = _kind(resource, sub.group, sub.version, sub.kind)
    return {"subresource": sub.name, "responseKind": kind, "verbs": list(sub.verbs)}


def _kind(resource: Resource, group: str, version: str, kind: str) -> Object:
    """Built-in resources name the group of a kind only where it is another one."""
    own = bool(resource.model) and (group, version) == (resource.group, resource.version)
    return {"group": "" if own else group, "version": "" if own else version, "kind": kind}


def _verbs(resource: Resource) -> tuple[str, ...]:
    return resource.verbs if resource.model else _CUSTOM_VERBS


def _sorted(subresources: Iterable[Subresource]) -> list[Subresource]:
    return sorted(subresources, key=lambda sub: sub.name)


def _legacy(path: str, resources: Sequence[Resource], server: str) -> Object | None:
    parts = path.strip("/").split("/")
    if path == "/api":
        address = {"clientCIDR": "0.0.0.0/0", "serverAddress": server}
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}
    groups = _groups(resources)
    if path == "/":
        return {"paths": _paths(groups)}
    if path == "/apis":
        listed = [_group(name, list(versions)) for name, versions in groups.items() if name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    if parts[0] == "api" and len(parts) == 2:
        return _resource_list("", parts[1], groups)
    if parts[0] == "apis" and len(parts) == 2 and parts[1] in groups:
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], list(groups[parts[1]]))}
    if parts[0] == "apis" and len(parts) == 3:
        return _resource_list(parts[1], parts[2], groups)
    return None


def _paths(groups: Mapping[str, Mapping[str, list[Resource]]]) -> list[str]:
    paths = [
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ]
    for group, versions in groups.items():
        if group:
            paths += [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in versions)]
    return sorted(paths)


def _group(name: str, versions: Sequence[str]) -> Object:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(group: str, version: str, groups: Mapping[str, Mapping[str, list[Resource]]]) -> Object | None:
    listed = groups.get(group, {}).get(version)
    if listed is None:
        return None
    rows = []
    for resource in sorted(listed, key=lambda one: one.plural):
        rows.append(_legacy_row(resource))
        rows += [_legacy_sub_row(resource, sub) for sub in _sorted(resource.subresources)]
    group_version = f"{group}/{version}" if group else version
    # Core's list says no version of itself, as it always has.
    head: Object = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return {**head, "groupVersion": group_version, "resources": rows}


def _legacy_row(resource: Resource) -> Object:
    row: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(_verbs(resource)),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if "list" in resource.verbs:
        row["storageVersionHash"] = _storage_hash(resource)
    return row


def _legacy_sub_row(resource: Resource, sub: Subresource) -> Object:
    row: Object = {"name": f"{resource.plural}/{sub.name}", "singularName": "", "namespaced": resource.namespaced}
    if (sub.group, sub.version) != (resource.group, resource.version):
        row |= {"group": sub.group, "version": sub.version}
    return {**row, "kind": sub.kind, "verbs": list(sub.verbs)}


def _storage_hash(resource: Resource) -> str:
    group, version = ("", "v1") if resource.stored_as == "events" else (resource.group, resource.version)
    # The API still says that it keeps definitions in the version in which they began.
    version = "v1beta1" if resource.kind == "CustomResourceDefinition" else version
    name = f"{group}/{version}/{resource.kind}"
    return base64.b64encode(hashlib.sha256(name.encode()).digest()[:8]).decode()
