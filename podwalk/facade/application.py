"""Applying and deleting manifests, with what changed.

Apply is server-side apply with field validation ``Strict``: the server merges, finds typos, and keeps what others
set. Conflicts are forced, because in a course the manifest at hand is the one that counts; for the same reason an
object that was read from a cluster is taken as a manifest, without what only the server writes.

Source: kubernetes.io/docs/reference/using-api/server-side-apply/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes.client import ApiClient

from podwalk.facade import display, wire
from podwalk.facade.errors import LearnerError, ManifestError, NotFoundError
from podwalk.facade.kinds import Kind, Kinds
from podwalk.facade.manifest import Document
from podwalk.types import Object

MANAGER = "podwalk"

LONG_VALUE = re.compile(r"Invalid value: \{.{200,}\}: ")
"""A whole template as Go prints it, which a real cluster puts before the words that matter."""

_SERVERS_OWN = {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"}


@dataclass(frozen=True)
class Applied:
    """What became of one object of a manifest.

    Attributes:
        label: the object as kubectl names it, e.g. ``deployment.apps/backend``.
        change: ``created``, ``configured``, ``unchanged`` or ``deleted``; ``replaced`` if it was deleted and made anew.
        object: the object as it now is; as it was, if deleted.
        before: the object as it was; None if it is new.
        kind: its kind.
    """

    label: str
    change: str
    object: Object
    before: Object | None
    kind: Kind


@dataclass(frozen=True)
class Changes:
    """What became of a manifest, an entry for each object; shows itself as kubectl's lines."""

    entries: tuple[Applied, ...]

    def __iter__(self) -> Any:
        """Go over the entries."""
        return iter(self.entries)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self.entries)

    def __repr__(self) -> str:
        """Render as ``kubectl apply`` prints it."""
        return "\n".join(f"{entry.label} {entry.change}" for entry in self.entries)

    def _repr_html_(self) -> str:
        return display.table(("OBJECT", "CHANGE"), [(entry.label, entry.change) for entry in self.entries])


def locate(document: Document, kind: Kind, namespace: str) -> str:
    """Return the URL path of the object that a document describes."""
    metadata = document.value["metadata"]
    return kind.path(metadata.get("namespace") or namespace, metadata.get("name", ""))


def apply(api: ApiClient, kinds: Kinds, document: Document, namespace: str) -> Applied:
    """Create or change one object.

    Raises:
        LearnerError: when the API refuses, with the line of the manifest where that can be told.
    """
    kind = _kind(kinds, document)
    value = _wanted(document, kind, namespace)
    path = locate(document, kind, namespace)
    before = find(api, path)
    query: Mapping[str, Any] = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true"}
    try:
        after = wire.call(api, "PATCH", path, query=query, body=value, content_type="application/apply-patch+yaml")
    except wire.StatusError as error:
        raise refusal(error, document, value) from error
    return Applied(f"{kind.label}/{after['metadata']['name']}", _change(before, after), after, before, kind)


def _wanted(document: Document, kind: Kind, namespace: str) -> Object:
    """Return the object that a document describes, without what only the server writes."""
    value = {key: part for key, part in document.value.items() if key != "status"}
    value["metadata"] = {
        **{key: part for key, part in value["metadata"].items() if key not in _SERVERS_OWN},
        **({"namespace": value["metadata"].get("namespace") or namespace} if kind.namespaced else {}),
    }
    return value


def valid_anew(api: ApiClient, kinds: Kinds, document: Document, namespace: str) -> bool:
    """Ask the API whether it would take a document as a new object, by a dry run under another name."""
    kind = _kind(kinds, document)
    value = _wanted(document, kind, namespace)
    name = value["metadata"].pop("name", "")
    value["metadata"]["generateName"] = f"{name}-"
    query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "dryRun": "All"}
    try:
        wire.call(api, "POST", kind.path(value["metadata"].get("namespace", "")), query=query, body=value)
    except wire.StatusError:
        return False
    return True


def _kind(kinds: Kinds, document: Document) -> Kind:
    """Find the kind of a document; that there is none is said with the line that names it."""
    try:
        return kinds.of(document.value)
    except ManifestError as error:
        line, _ = document.locate("kind")
        raise ManifestError(error.problem, where=document.where("kind"), hint=error.hint, line=line) from error


def find(api: ApiClient, path: str) -> Object | None:
    """Read an object; None if it is not there.

    Raises:
        StatusError: when the API answers with another error.
    """
    try:
        return wire.call(api, "GET", path)
    except wire.StatusError as error:
        if error.code == 404:
            return None
        raise


def _change(before: Object | None, after: Object) -> str:
    if before is None:
        return "created"
    return "unchanged" if _declared(before) == _declared(after) else "configured"


def _declared(obj: Object) -> Object:
    """Leave out what controllers write: between two requests it changes without any apply."""
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in {"resourceVersion", "managedFields", "annotations"}
    }
    annotations = {
        key: value
        for key, value in obj["metadata"].get("annotations", {}).items()
        if key != "deployment.kubernetes.io/revision"
    }
    declared = {key: value for key, value in obj.items() if key != "status"}
    if obj["kind"] == "Pod":
        # The scheduler's choice.
        declared["spec"] = {key: value for key, value in obj["spec"].items() if key != "nodeName"}
    return declared | {"metadata": metadata | {"annotations": annotations}}


def refusal(error: wire.StatusError, document: Document, value: Object) -> LearnerError:
    """Say why the API refuses a manifest, and at which line."""
    if error.code == 404 and (error.status.get("details") or {}).get("kind") == "namespaces":
        namespace = str(value["metadata"].get("namespace"))
        hint = f"apply the Namespace first, or correct the name: `kind: Namespace`, `name: {namespace}`"
        return NotFoundError(
            f'there is no namespace "{namespace}"', where=document.where("metadata.namespace"), hint=hint
        )
    fields = _fields(error)
    line = document.locate(fields[0])[0] if fields else 0
    where = "\n".join(document.where(name) for name in fields)
    return ManifestError(_sentence(error, value), where=where, hint=_hint(error), line=line)


def _fields(error: wire.StatusError) -> list[str]:
    """Return the paths of the fields at fault.

    The API names them in ``details.causes``; what its decoder finds (unknown fields, wrong types) it names in the
    message only.
    """
    causes = [cause["field"] for cause in (error.status.get("details") or {}).get("causes", ()) if cause.get("field")]
    named = re.findall(r'(?:unknown field "|duplicate field "|(?:^|[\s:])\.)([A-Za-z][\w.\[\]="/-]*)', error.problem)
    return list(dict.fromkeys(causes or [name.rstrip(":.") for name in named]))


def _sentence(error: wire.StatusError, value: Object) -> str:
    name = f"{value['kind']} {value['metadata'].get('name', '')}"
    message = re.sub(r"^failed to create typed patch object \([^)]*\): ", "", error.problem)
    message = message.replace("field not declared in schema", "there is no such field")
    message = LONG_VALUE.sub("Invalid value: {…}: ", message)
    return f"the API refuses {name}: {message}"


def _hint(error: wire.StatusError) -> str:
    if "not declared in schema" in error.problem or "unknown field" in error.problem:
        return "look at the spelling and the indentation of this field"
    if "immutable" in error.problem:
        return "this field cannot change: delete the object and apply it again"
    if "Unstructured{Value:true}" in error.problem or "Unstructured{Value:false}" in error.problem:
        return (
            "YAML reads y, yes, on, true and n, no, off, false as true or false: where text is meant, put it in quotes"
        )
    if "expected" in error.problem and "got" in error.problem:
        return "give the field the type that is expected (a number has no quotes; text that looks like a number has)"
    return ""
