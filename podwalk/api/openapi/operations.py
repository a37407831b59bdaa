"""The paths and operations of resources, in the form of OpenAPI v3, and of v2.

The deprecated ``/watch/`` paths are left out: every client watches with a parameter.

Source: k8s.io/apiserver/pkg/endpoints/installer.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from podwalk.api.openapi import names
from podwalk.api.openapi.components import V3_PREFIX, to_v2
from podwalk.api.registry import Resource, Subresource
from podwalk.types import Object

_JSON_TYPES = ("application/json", "application/yaml")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_TYPES = {"s": "string", "b": "boolean", "i": "integer"}
# Parameter → type, and what it does.
_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "allowWatchBookmarks": ("b", "Whether a watch may send bookmarks."),
    "command": ("s", "One word of the command to run; given once a word."),
    "container": ("s", "The container; may be left out if there is one."),
    "continue": ("s", "Where the page before this one ended."),
    "dryRun": ("s", "All: answer as if, and change nothing."),
    "fieldManager": ("s", "Who writes, for the ownership of fields."),
    "fieldSelector": ("s", "Only the objects whose fields have these values."),
    "fieldValidation": ("s", "What becomes of unknown and repeated fields: Ignore, Warn or Strict."),
    "follow": ("b", "Whether the log is followed."),
    "force": ("b", "Whether an apply takes over the fields of others."),
    "gracePeriodSeconds": ("i", "How long the object has to end; zero is at once."),
    "ignoreStoreReadErrorWithClusterBreakingPotential": ("b", "Refused: no object can be unreadable here."),
    "insecureSkipTLSVerifyBackend": ("b", "Whether the kubelet's certificate goes unchecked."),
    "labelSelector": ("s", "Only the objects that have these labels."),
    "limit": ("i", "How many objects a page has at most."),
    "limitBytes": ("i", "How many bytes of the log."),
    "orphanDependents": ("b", "Deprecated: use propagationPolicy."),
    "path": ("s", "The path that is passed on."),
    "ports": ("i", "A port to forward; given once a port."),
    "pretty": ("s", "Whether the answer is indented."),
    "previous": ("b", "Whether the log is that of the container before the last restart."),
    "propagationPolicy": ("s", "What becomes of dependants: Orphan, Background or Foreground."),
    "resourceVersion": ("s", "How new the answer must be, or where a watch begins."),
    "resourceVersionMatch": ("s", "Exact or NotOlderThan, with resourceVersion."),
    "sendInitialEvents": ("b", "Whether a watch begins with what there is."),
    "shardSelector": ("s", "Refused: lists are not sharded here."),
    "sinceSeconds": ("i", "How old the oldest line of the log may be."),
    "sinceTime": ("s", "From when on the log is wanted."),
    "stderr": ("b", "Whether standard error is wanted."),
    "stdin": ("b", "Whether standard input will be sent."),
    "stdout": ("b", "Whether standard output is wanted."),
    "stream": ("s", "Which stream of the log: All, Stdout or Stderr."),
    "tailLines": ("i", "How many lines from the end of the log."),
    "timeoutSeconds": ("i", "How long the call may take."),
    "timestamps": ("b", "Whether each line of the log begins with its time."),
    "tty": ("b", "Whether a terminal is wanted."),
    "watch": ("b", "Whether changes are wanted instead of a list."),
}
_LIST = [
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "timeoutSeconds",
    "watch",
]
_DELETE = [
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
]
_WRITE = ["dryRun", "fieldManager", "fieldValidation"]
_CONNECTIONS: Mapping[str, list[str]] = {
    "attach": ["container", "stderr", "stdin", "stdout", "tty"],
    "exec": ["command", "container", "stderr", "stdin", "stdout", "tty"],
    "portforward": ["ports"],
    "proxy": ["path"],
}
_LOG = [
    "container",
    "follow",
    "insecureSkipTLSVerifyBackend",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "stream",
    "tailLines",
    "timestamps",
]


def paths(resources: Iterable[Resource]) -> dict[str, Object]:
    """Return the paths of resources with their operations, in the form of v3."""
    made: dict[str, Object] = {}
    for resource in resources:
        made |= _Paths(resource).all()
    return dict(sorted(made.items()))


class _Paths:
    """The paths of one resource."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        prefix = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
        place = "/namespaces/{namespace}" if resource.namespaced else ""
        self.everywhere = f"{prefix}/{resource.plural}"
        self.collection = f"{prefix}{place}/{resource.plural}"
        self.item = f"{self.collection}/{{name}}"
        self.scoped = "Namespaced" if resource.namespaced else ""
        words = resource.group.removesuffix(".k8s.io").split(".") if resource.group else ["core"]
        self.prefix = "".join(word[:1].upper() + word[1:] for word in words) + resource.version.capitalize()
        joined = "".join([words[0], *(word[:1].upper() + word[1:] for word in words[1:])])
        self.tag = f"{joined}_{resource.version}"
        model = resource.model
        self.body = names.definition(model) if model else names.custom(resource)
        listed = names.list_model(resource)
        self.list_body = names.definition(listed) if listed else f"{self.body}List"

    def all(self) -> dict[str, Object]:
        made: dict[str, Object] = {}
        verbs = self.resource.verbs
        collection, item = self._collection(verbs), self._item(verbs)
        if collection:
            made[self.collection] = collection | {"parameters": [*self._place(), _query("pretty")]}
        if "list" in verbs and self.resource.namespaced:
            operation = self._operation("list", "ForAllNamespaces", "list", self.list_body, scoped=False)
            made[self.everywhere] = {
                "get": operation,
                "parameters": [_query(name) for name in sorted([*_LIST, "pretty"])],
            }
        if item:
            made[self.item] = item | {"parameters": [self._name(), *self._place(), _query("pretty")]}
        for sub in self.resource.subresources:
            made |= self._subresource(sub)
        return made

    def _collection(self, verbs: tuple[str, ...]) -> Object:
        made: Object = {}
        if "list" in verbs:
            operation = self._operation("list", "", "list", self.list_body)
            made["get"] = operation | {"parameters": [_query(name) for name in _LIST]}
        if "create" in verbs:
            made["post"] = self._writing("create", "", "post", self.body, (200, 201, 202))
        if "deletecollection" in verbs:
            operation = self._operation("deleteCollection", "", "deletecollection", f"{names.META}.Status")
            query = [name for name in _LIST if name not in ("allowWatchBookmarks", "watch")]
            operation["parameters"] = [_query(name) for name in sorted([*query, *_DELETE])]
            made["delete"] = operation | _delete_body()
        return made

    def _item(self, verbs: tuple[str, ...]) -> Object:
        made: Object = {}
        if "get" in verbs:
            made["get"] = self._operation("read", "", "get", self.body)
        if "update" in verbs:
            made["put"] = self._writing("replace", "", "put", self.body, (200, 201))
        if "delete" in verbs:
            operation = self._operation("delete", "", "delete", f"{names.META}.Status", codes=(200, 202))
            made["delete"] = operation | {"parameters": [_query(name) for name in _DELETE]} | _delete_body()
        if "patch" in verbs:
            made["patch"] = self._patching("")
        return made

    def _subresource(self, sub: Subresource) -> dict[str, Object]:
        path, suffix = f"{self.item}/{sub.name}", sub.name[:1].upper() + sub.name[1:]
        suffix = {"Portforward": "Portforward", "Ephemeralcontainers": "Ephemeralcontainers"}.get(suffix, suffix)
        parameters = [self._name(), *self._place()]
        if sub.name in _CONNECTIONS:
            return self._connections(path, suffix, sub, parameters)
        body = names.definition(sub.model) if sub.model else self.body
        kind = (sub.group, sub.version, sub.kind)
        made: Object = {}
        for verb, method, name in (("get", "get", "read"), ("create", "post", "create"), ("update", "put", "replace")):
            if verb not in sub.verbs:
                continue
            if method == "get":
                made[method] = self._operation(name, suffix, method, body, kind=kind)
            else:
                codes = (200, 201, 202) if method == "post" else (200, 201)
                made[method] = self._writing(name, suffix, method, body, codes, kind=kind)
        if "patch" in sub.verbs:
            made["patch"] = self._patching(suffix, body=body, kind=kind)
        if sub.name == "log":
            made["get"]["responses"]["200"] = {"description": "OK", "content": {"text/plain": _content("string")}}
            parameters += [_query(name) for name in _LOG]
        return {path: made | {"parameters": [*parameters, _query("pretty")]}}

    def _connections(self, path: str, suffix: str, sub: Subresource, parameters: list[Object]) -> dict[str, Object]:
        methods = (
            ("delete", "get", "head", "options", "patch", "post", "put") if sub.name == "proxy" else ("get", "post")
        )
        kind = (sub.group, sub.version, sub.kind)
        made = {}
        for tail in ("", "/{path}") if sub.name == "proxy" else ("",):
            with_path = "WithPath" if tail else ""
            operations: Object = {
                method: self._operation(
                    f"connect{method.capitalize()}", f"{suffix}{with_path}", "connect", "", kind=kind
                )
                for method in methods
            }
            extra = [_parameter("path", "path", "s", "The path that is passed on.")] if tail else []
            queries = [_query(name) for name in _CONNECTIONS[sub.name]]
            made[path + tail] = operations | {"parameters": [*parameters, *extra, *queries]}
        return made

    def _operation(
        self,
        verb: str,
        suffix: str,
        action: str,
        body: str,
        *,
        codes: tuple[int, ...] = (200,),
        kind: tuple[str, str, str] | None = None,
        scoped: bool = True,
    ) -> Object:
        resource = self.resource
        group, version, name = kind or (resource.group, resource.version, resource.kind)
        responses: Object = {str(code): _response(code, body) for code in codes}
        responses["401"] = {"description": "Unauthorized"}
        return {
            "tags": [self.tag],
            "description": f"{_WORDS[action]} {resource.kind}{f' ({suffix})' if suffix else ''}",
            "operationId": self._id(verb, suffix, scoped=scoped),
            "responses": responses,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": {"group": group, "kind": name, "version": version},
        }

    def _id(self, verb: str, suffix: str, *, scoped: bool) -> str:
        """Put the group and version behind the first word of the verb: ``deleteCoreV1CollectionNamespacedPod``."""
        first, rest = verb, ""
        for head in ("delete", "connect"):
            if verb.startswith(head):
                first, rest = head, verb.removeprefix(head)
        return f"{first}{self.prefix}{rest}{self.scoped if scoped else ''}{self.resource.kind}{suffix}"

    def _writing(
        self,
        verb: str,
        suffix: str,
        method: str,
        body: str,
        codes: tuple[int, ...],
        kind: tuple[str, str, str] | None = None,
    ) -> Object:
        operation = self._operation(verb, suffix, method, body, codes=codes, kind=kind)
        content = {media_type: {"schema": {"$ref": f"{V3_PREFIX}{body}"}} for media_type in _JSON_TYPES}
        operation["parameters"] = [_query(name) for name in _WRITE]
        return operation | {"requestBody": {"content": content, "required": True}}

    def _patching(self, suffix: str, *, body: str = "", kind: tuple[str, str, str] | None = None) -> Object:
        operation = self._operation("patch", suffix, "patch", body or self.body, codes=(200, 201), kind=kind)
        kinds = _PATCHES if self.resource.model else _PATCHES[:-1]
        content = {media_type: {"schema": {"$ref": f"{V3_PREFIX}{names.META}.Patch"}} for media_type in kinds}
        operation["parameters"] = [_query(name) for name in (*_WRITE, "force")]
        return operation | {"requestBody": {"content": content, "required": True}}

    def _name(self) -> Object:
        return _parameter("name", "path", "s", f"The name of the {self.resource.kind}.")

    def _place(self) -> list[Object]:
        named = _parameter("namespace", "path", "s", "The namespace of the object.")
        return [named] if self.resource.namespaced else []


_WORDS = {
    "list": "list or watch",
    "get": "read",
    "post": "create",
    "put": "replace",
    "patch": "partially update",
    "delete": "delete",
    "deletecollection": "delete a collection of",
    "connect": "connect to",
}
_CODES = {200: "OK", 201: "Created", 202: "Accepted"}


def _response(code: int, body: str) -> Object:
    if not body:
        return {"description": _CODES[code], "content": {"*/*": _content("string")}}
    link = {"schema": {"$ref": f"{V3_PREFIX}{body}"}}
    return {"description": _CODES[code], "content": {media_type: dict(link) for media_type in _JSON_TYPES}}


def _content(kind: str) -> Object:
    return {"schema": {"type": kind}}


def _delete_body() -> Object:
    link = {"schema": {"$ref": f"{V3_PREFIX}{names.META}.DeleteOptions"}}
    return {"requestBody": {"content": {media_type: dict(link) for media_type in _JSON_TYPES}}}


def _query(name: str) -> Object:
    kind, description = _PARAMETERS[name]
    return _parameter(name, "query", kind, description)


def _parameter(name: str, where: str, kind: str, description: str) -> Object:
    made: Object = {"name": name, "in": where, "description": description}
    if where == "path":
        made["required"] = True
    return made | {"schema": {"type": _TYPES[kind], "uniqueItems": True}}


def to_v2_paths(made: Mapping[str, Object]) -> dict[str, Object]:
    """Return paths in the form of v2: bodies are parameters, media types are lists."""
    converted = {}
    for path, operations in made.items():
        entry: Object = {
            method: _to_v2_operation(operation) for method, operation in operations.items() if method != "parameters"
        }
        entry["parameters"] = [_to_v2_parameter(parameter) for parameter in operations.get("parameters", ())]
        converted[path] = entry
    return converted


def _to_v2_operation(operation: Object) -> Object:
    made = {name: value for name, value in operation.items() if name not in ("requestBody", "responses", "parameters")}
    parameters = [_to_v2_parameter(parameter) for parameter in operation.get("parameters", ())]
    made["consumes"] = ["*/*"]
    if body := operation.get("requestBody"):
        made["consumes"] = list(body["content"]) if operation["x-kubernetes-action"] == "patch" else ["*/*"]
        schema = to_v2(next(iter(body["content"].values()))["schema"])
        one: Object = {"name": "body", "in": "body", "schema": schema}
        parameters.insert(0, one | ({"required": True} if body.get("required") else {}))
    made["parameters"] = parameters
    made["produces"] = list(_JSON_TYPES)
    made["schemes"] = ["https"]
    made["responses"] = {code: _to_v2_response(response) for code, response in operation["responses"].items()}
    return made


def _to_v2_parameter(parameter: Object) -> Object:
    made = {name: value for name, value in parameter.items() if name != "schema"}
    return made | dict(parameter["schema"])


def _to_v2_response(response: Object) -> Object:
    made: Object = {"description": response["description"]}
    contents: list[Any] = list((response.get("content") or {}).values())
    return made | ({"schema": to_v2(contents[0]["schema"])} if contents else {})
