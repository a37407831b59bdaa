"""Structural schemas of custom resources at work: which fields there are, which are dropped, which are filled in.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema (pruning, defaulting, objectmeta).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from podwalk.api.fields import FieldType
from podwalk.api.trees import clone
from podwalk.types import Object

Schema = Mapping[str, Any]
_RAW = FieldType("raw")
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_SCALARS = ("string", "integer", "number", "boolean")


@dataclass(frozen=True, eq=False)
class CustomType(FieldType):
    """The type of a structure that a definition describes, not a model."""

    properties: Mapping[str, FieldType] = field(default_factory=dict)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def fields(self) -> Mapping[str, FieldType]:
        """Return the fields by their names."""
        return self.properties


def root_type(schema: Schema | None, metadata: FieldType) -> FieldType:
    """Return the type of a custom resource's objects.

    Args:
        schema: ``openAPIV3Schema`` of the version; None where there is none.
        metadata: the type of ``metadata``, which no schema may change.
    """
    described = field_type(schema or {_PRESERVE: True})
    text = FieldType("string", "string")
    fixed: dict[str, FieldType] = {"apiVersion": text, "kind": text, "metadata": metadata}
    if described.kind != "struct":
        return CustomType("struct", properties=_Open(fixed))
    return CustomType("struct", properties={**described.fields, **fixed})


class _Open(dict[str, FieldType]):
    """Fields of a structure that takes any other field too."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a field's type; any JSON for those not named."""
        return super().get(key, _RAW)


def field_type(schema: Schema) -> FieldType:
    """Return the type that a part of a schema describes."""
    if schema.get("x-kubernetes-int-or-string"):
        return FieldType("int-or-string", "intstr.IntOrString")
    kind = schema.get("type")
    if kind in _SCALARS:
        return FieldType(kind, kind)
    if kind == "array":
        keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        items = field_type(schema.get("items") or {})
        return FieldType(
            "list", item=items, list_type=schema.get("x-kubernetes-list-type", "atomic"), list_map_keys=keys
        )
    map_type = schema.get("x-kubernetes-map-type", "granular")
    if schema.get(_PRESERVE):
        return FieldType("raw", map_type=map_type)
    if isinstance(extra := schema.get("additionalProperties"), dict):
        return FieldType("map", item=field_type(extra), map_type=map_type)
    if kind == "object" and extra is None:
        properties = {name: field_type(part) for name, part in (schema.get("properties") or {}).items()}
        return CustomType("struct", map_type=map_type, properties=properties)
    return FieldType("raw", map_type=map_type)


def prune(value: Any, schema: Schema, path: str, unknown: list[str]) -> Any:
    """Return a value less the fields that its schema does not know.

    Args:
        value: any JSON; it is not changed.
        schema: of the value.
        path: of the value, for ``unknown``.
        unknown: collects the paths of what was dropped.
    """
    if isinstance(value, list):
        items = schema.get("items")
        return [prune(item, items or {}, f"{path}[{i}]", unknown) for i, item in enumerate(value)] if items else value
    if not isinstance(value, dict):
        return value
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    keep_unknown = schema.get(_PRESERVE) or extra is True or (not properties and extra is None and "type" not in schema)
    result = {}
    for key, part in value.items():
        below = f"{path}.{key}" if path else key
        if key in properties:
            result[key] = prune(part, properties[key], below, unknown)
        elif isinstance(extra, dict):
            result[key] = prune(part, extra, below, unknown)
        elif keep_unknown or (
            schema.get("x-kubernetes-embedded-resource") and key in ("apiVersion", "kind", "metadata")
        ):
            result[key] = part
        else:
            unknown.append(below)
    return result


def default(value: Any, schema: Schema) -> None:
    """Fill in the defaults of a schema, in place; a null that may not be one counts as absent."""
    if isinstance(value, dict):
        for name, part in (schema.get("properties") or {}).items():
            if "default" in part and (name not in value or (value[name] is None and not part.get("nullable"))):
                value[name] = clone(part["default"])
            if name in value:
                default(value[name], part)
        if isinstance(extra := schema.get("additionalProperties"), dict):
            for key, part in value.items():
                if key not in (schema.get("properties") or {}):
                    default(part, extra)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for item in value:
            default(item, items)


def without_metadata(schema: Schema | None) -> Object:
    """Return the schema of everything but ``apiVersion``, ``kind`` and ``metadata``, which have rules of their own."""
    if schema is None:
        return {_PRESERVE: True}
    properties = {
        key: part
        for key, part in (schema.get("properties") or {}).items()
        if key not in ("apiVersion", "kind", "metadata")
    }
    return cast("Object", {**schema, "properties": properties})
