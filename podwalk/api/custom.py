"""Custom resources: the resources, types and rules that the stored CustomResourceDefinitions make.

Not simulated: conversion webhooks (versions differ in ``apiVersion`` alone).

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podwalk.api import conformity, fields, rules, structural
from podwalk.api.decoding import FieldValidation, decode
from podwalk.api.failures import bad_request
from podwalk.api.negotiation import dump
from podwalk.api.registry import READ_WRITE, RESOURCES, Resource, Subresource
from podwalk.api.selectors import field_reader
from podwalk.api.strategy import Strategy
from podwalk.api.tables.column import Column
from podwalk.api.tables.custom import columns
from podwalk.api.trees import dig
from podwalk.api.validation import metadata as check_metadata
from podwalk.errors import Cause
from podwalk.store import Store
from podwalk.types import Change, Object

if TYPE_CHECKING:
    import jsonschema

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
Path = tuple[str, ...]
_BUILT_IN_SCALE: tuple[Path, Path, Path] = (("spec", "replicas"), ("status", "replicas"), ("spec", "selector"))


@dataclass(frozen=True)
class _Version:
    """One served version of a custom resource, ready to work with."""

    resource: Resource
    schema: Object
    full_schema: Object | None
    checker: jsonschema.Draft4Validator
    rules: rules.Node | None
    root: fields.FieldType
    columns: tuple[Column, ...]
    selectable: Mapping[str, Callable[[Object], str]]
    scale: tuple[Path, Path, Path]


class Definitions:
    """All resources that are served: the built-in ones, and those of the stored definitions."""

    def __init__(self, store: Store) -> None:
        """Follow the definitions of a store."""
        self._versions: dict[Resource, _Version] = {}
        self.resources: dict[str, Resource] = dict(RESOURCES)
        self.served: dict[tuple[str, str, str], Resource] = {}
        self.served.update({(row.group, row.version, row.plural): row for row in RESOURCES.values()})
        self.revision = 0
        for crd in store.list(DEFINITIONS):
            self._add(crd)
        store.subscribe(self._follow)

    def all(self) -> Sequence[Resource]:
        """Return every resource in every version that is served."""
        return tuple(self.served.values())

    def schema(self, resource: Resource) -> Object | None:
        """Return the ``openAPIV3Schema`` of a custom resource; None if it has none."""
        return self._versions[resource].full_schema

    def strategy(self, resource: Resource) -> Strategy:
        """Return the rules of a custom resource."""
        return Strategy(generation=True, status=resource.subresource("status") is not None, unconditional_update=False)

    def scale_paths(self, resource: Resource) -> tuple[Path, Path, Path]:
        """Return where the replicas asked for, the replicas there are, and the selector are."""
        return _BUILT_IN_SCALE if resource.model else self._versions[resource].scale

    def selectable_fields(self, resource: Resource) -> Mapping[str, Callable[[Object], str]]:
        """Return the readers of the fields that a custom resource can be selected by."""
        return {} if resource.model else self._versions[resource].selectable

    def columns(self, resource: Resource) -> Sequence[Column] | None:
        """Return the printer columns of a custom resource; None for a built-in one."""
        return None if resource.model else self._versions[resource].columns

    def root(self, resource: Resource) -> fields.FieldType:
        """Return the type of a resource's objects."""
        return fields.root(resource) if resource.model else self._versions[resource].root

    def decode(self, resource: Resource, body: Object, strict: FieldValidation) -> tuple[Object, list[str]]:
        """Return the object of a body, less what the schema does not know, and the warnings for that.

        Raises:
            ApiError: 400 for another version or kind, for metadata of the wrong type, or for unknown fields if
            ``strict`` says so.
        """
        if not body.get("kind"):
            text = dump(body).decode()
            summary = text if len(text) <= 30 else f"{text[:30]} ..."
            problem = f"Object 'Kind' is missing in '{text}' ({summary})"
            raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind}): {problem}")
        if body.get("apiVersion") != resource.api_version:
            raise bad_request(
                f"the API version in the data ({body.get('apiVersion') or ''}) does not match the expected API version "
                f"({resource.api_version})"
            )
        head, unknown = _decode_metadata(resource, body, strict)
        rest = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata")}
        dropped: list[str] = []
        pruned = structural.prune(rest, self._versions[resource].schema, "", dropped)
        unknown += [f'unknown field "{path}"' for path in dropped] if strict != "Ignore" else []
        if unknown and strict == "Strict":
            problem = f"strict decoding error: {', '.join(unknown)}"
            raise bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {problem}'
            )
        return {"apiVersion": resource.api_version, "kind": body.get("kind", ""), "metadata": head, **pruned}, unknown

    def default(self, resource: Resource, obj: Object) -> None:
        """Fill in the defaults of the schema, in place."""
        structural.default(obj, self._versions[resource].schema)

    def validate(self, resource: Resource, new: Object, old: Object | None) -> list[Cause]:
        """Return what breaks the rules of metadata and the schema."""
        version = self._versions[resource]
        causes = list(check_metadata(resource, new, old))
        if new.get("kind") != resource.kind:
            causes.append(
                Cause("FieldValueInvalid", "kind", f'Invalid value: "{new.get("kind")}": must be {resource.kind}')
            )
        rest = {key: value for key, value in new.items() if key not in ("apiVersion", "kind", "metadata")}
        causes += conformity.check(rest, version.checker, version.schema)
        if version.rules and not conformity.blocks_rules(causes):
            before = rules.ABSENT if old is None else rules.visible(old)
            causes += rules.check(version.rules, rules.visible(new), before)
        return causes

    def _follow(self, change: Change) -> None:
        if change.resource != DEFINITIONS:
            return
        if change.old is not None:
            self._remove(change.old)
        if change.type != "DELETED":
            self._add(change.object)

    def _remove(self, crd: Object) -> None:
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        self.revision += 1
        for key in [key for key in self.served if key[0] == group and key[2] == plural and key not in _BUILT_IN]:
            self._versions.pop(self.served.pop(key), None)
        if f"{plural}.{group}" not in RESOURCES:
            self.resources.pop(f"{plural}.{group}", None)

    def _add(self, crd: Object) -> None:
        self.revision += 1
        for version in crd["spec"].get("versions") or ():
            if version.get("served"):
                built = _build(crd, version)
                resource = built.resource
                self._versions[resource] = built
                self.served[resource.group, resource.version, resource.plural] = resource
                if version.get("storage") or resource.key not in self.resources:
                    self.resources[resource.key] = resource


_BUILT_IN = {(row.group, row.version, row.plural) for row in RESOURCES.values()}


def _decode_metadata(resource: Resource, body: Object, strict: FieldValidation) -> tuple[Object, list[str]]:
    stand_in = Resource(
        resource.group,
        resource.version,
        resource.kind,
        resource.plural,
        resource.singular,
        resource.namespaced,
        model="V1ConfigMap",
    )
    typed, warnings = decode(stand_in, {"metadata": body.get("metadata")}, strict)
    return typed.get("metadata") or {}, list(warnings)


def _build(crd: Object, version: Object) -> _Version:
    resource = _resource(crd, version)
    full = dig(version, "schema", "openAPIV3Schema")
    schema = structural.without_metadata(None if crd["spec"].get("preserveUnknownFields") else full)
    metadata = fields.root(RESOURCES["configmaps"]).fields["metadata"]
    readers = {
        one["jsonPath"].lstrip("."): field_reader(one["jsonPath"]) for one in version.get("selectableFields") or ()
    }
    return _Version(
        resource=resource,
        schema=schema,
        full_schema=full,
        checker=conformity.validator(schema),
        rules=rules.build(full),
        root=structural.root_type(full, metadata),
        columns=columns(version.get("additionalPrinterColumns")),
        selectable=readers,
        scale=_scale(dig(version, "subresources", "scale") or {}),
    )


def _scale(scale: Object) -> tuple[Path, Path, Path]:
    def path(name: str) -> Path:
        return tuple(part for part in scale.get(name, "").split(".") if part)

    return path("specReplicasPath"), path("statusReplicasPath"), path("labelSelectorPath")


def _resource(crd: Object, version: Object) -> Resource:
    spec = crd["spec"]
    names, group, name = spec["names"], spec["group"], version["name"]
    offered = version.get("subresources") or {}
    subresources = []
    if offered.get("status") is not None:
        subresources.append(Subresource("status", READ_WRITE, group, name, names["kind"], ""))
    if offered.get("scale") is not None:
        subresources.append(Subresource("scale", READ_WRITE, "autoscaling", "v1", "Scale", "V1Scale"))
    return Resource(
        group=group,
        version=name,
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        namespaced=spec.get("scope") == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(subresources),
    )
