"""The schemas of types, made from the models: in the form of OpenAPI v3, and of v2.

Source: k8s.io/kube-openapi.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from podwalk.api import fields
from podwalk.api.fields import FieldType
from podwalk.api.openapi import names
from podwalk.api.registry import RESOURCES, Resource
from podwalk.types import Object

V3_PREFIX = "#/components/schemas/"
_V2_PREFIX = "#/definitions/"
_EVERY_KIND = ("V1DeleteOptions", "V1Status")

# Types that have no model, or that a model holds as any value.
_JSON = f"{names.EXTENSIONS}.JSON"
_ONE_OR_MORE = f"{names.EXTENSIONS}.JSONSchemaPropsOrArray"
_ONE_OR_BOOL = f"{names.EXTENSIONS}.JSONSchemaPropsOrBool"
_ONE_OR_NAMES = f"{names.EXTENSIONS}.JSONSchemaPropsOrStringArray"
_FIELDS = f"{names.META}.FieldsV1"
_REFERENCES: Mapping[tuple[str, str], str] = {
    ("V1ManagedFieldsEntry", "fieldsV1"): _FIELDS,
    ("V1ControllerRevision", "data"): names.RAW,
    ("V1JSONSchemaProps", "items"): _ONE_OR_MORE,
    ("V1JSONSchemaProps", "additionalItems"): _ONE_OR_BOOL,
    ("V1JSONSchemaProps", "additionalProperties"): _ONE_OR_BOOL,
    ("V1JSONSchemaProps", "default"): _JSON,
    ("V1JSONSchemaProps", "example"): _JSON,
    ("V1JSONSchemaProps", "enum"): _JSON,
    ("V1JSONSchemaProps", "dependencies"): _ONE_OR_NAMES,
    ("V1CustomResourceSubresources", "status"): f"{names.EXTENSIONS}.CustomResourceSubresourceStatus",
}
_EXTRAS: Mapping[str, Object] = {
    names.QUANTITY: {
        "description": "A number with an optional suffix: m, k, M, G…, or Ki, Mi, Gi…; stored in canonical form.",
        "oneOf": [{"type": "string"}, {"type": "number"}],
    },
    names.INT_OR_STRING: {
        "description": "A whole number or a text, such as the number or the name of a port.",
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    names.RAW: {"description": "Any object.", "type": "object"},
    f"{names.META}.Time": {"description": "A moment to the second.", "type": "string", "format": "date-time"},
    f"{names.META}.MicroTime": {"description": "A moment to the microsecond.", "type": "string", "format": "date-time"},
    f"{names.META}.Patch": {"description": "What is to change, in the form its media type says.", "type": "object"},
    _FIELDS: {"description": "The set of fields that a manager owns.", "type": "object"},
    f"{names.META}.WatchEvent": {
        "description": "One change of a watch.",
        "type": "object",
        "required": ["type", "object"],
        "properties": {
            "object": {"allOf": [{"$ref": f"{V3_PREFIX}{names.RAW}"}], "description": "The object after the change."},
            "type": {"description": "ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.", "type": "string", "default": ""},
        },
    },
    _JSON: {"description": "Any JSON value."},
    _ONE_OR_MORE: {"description": "A schema, or a list of them."},
    _ONE_OR_BOOL: {"description": "A schema, or whether any value is allowed."},
    _ONE_OR_NAMES: {"description": "A schema, or a list of the names of properties."},
    f"{names.EXTENSIONS}.CustomResourceSubresourceStatus": {
        "description": "Whether status is written through a path of its own.",
        "type": "object",
    },
}


def schemas(resources: Iterable[Resource], custom: Mapping[Resource, Object]) -> dict[str, Object]:
    """Return the schemas of resources by name, with all that they refer to, in the form of v3.

    Args:
        resources: built-in and custom ones.
        custom: the ``openAPIV3Schema`` of each custom one.
    """
    models = set(_EVERY_KIND)
    made: dict[str, Object] = {}
    for resource in resources:
        if resource.model:
            models |= {resource.model, names.list_model(resource)}
        else:
            models.add("V1ListMeta")
            made |= _custom(resource, custom.get(resource) or {})
        models |= {sub.model for sub in resource.subresources if sub.model}
    for root in models - {""}:
        for model in names.reachable(root):
            made[names.definition(model)] = _schema(model)
    made[f"{names.META}.Patch"] = _EXTRAS[f"{names.META}.Patch"]
    made[f"{names.META}.WatchEvent"] = _EXTRAS[f"{names.META}.WatchEvent"]
    return dict(sorted(_complete(made).items()))


def _complete(made: dict[str, Object]) -> dict[str, Object]:
    """Add the types without a model that the others refer to."""
    wanted = {name for schema in made.values() for name in _mentioned(schema)}
    return made | {name: _EXTRAS[name] for name in wanted if name in _EXTRAS} | {names.RAW: _EXTRAS[names.RAW]}


def _mentioned(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(V3_PREFIX)
        for value in schema.values():
            yield from _mentioned(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _mentioned(value)


@cache
def _schema(model: str) -> Object:
    properties = {name: _property(model, name, field) for name, field in sorted(fields.struct(model).items())}
    schema: Object = {"description": fields.describe(model), "type": "object"}
    needed = sorted(name for name, field in fields.struct(model).items() if field.required)
    if needed:
        schema["required"] = needed
    if properties:
        schema["properties"] = properties
    if fields.structure(model).map_type == "atomic":
        schema["x-kubernetes-map-type"] = "atomic"
    kinds = _kinds().get(model)
    if kinds:
        schema["x-kubernetes-group-version-kind"] = kinds
    return schema


@cache
def _kinds() -> Mapping[str, list[Object]]:
    """Return model → the kinds that it is the body of."""
    kinds: dict[str, list[Object]] = {}
    for resource in RESOURCES.values():
        one = {"group": resource.group, "version": resource.version}
        kinds[resource.model] = [{**one, "kind": resource.kind}]
        if listed := names.list_model(resource):
            kinds[listed] = [{**one, "kind": f"{resource.kind}List"}]
        for sub in resource.subresources:
            if sub.model and sub.model not in kinds:
                kinds[sub.model] = [{"group": sub.group, "version": sub.version, "kind": sub.kind}]
    versions = {(resource.group, resource.version): None for resource in RESOURCES.values()}
    kinds["V1DeleteOptions"] = [{"group": g, "version": v, "kind": "DeleteOptions"} for g, v in sorted(versions)]
    kinds["V1Status"] = [{"group": "", "version": "v1", "kind": "Status"}]
    return {model: [dict(sorted(kind.items())) for kind in listed] for model, listed in kinds.items()}


def _property(model: str, name: str, field: FieldType) -> Object:
    made: Object = {}
    # The models say nothing of fields that hold a structure: what is said of the structure is better than nothing.
    description = field.description or (fields.describe(field.model) if field.model else "")
    if field.enum and field.kind != "list":
        description += "\n\nPossible enum values:" + "".join(f'\n - `"{value}"`' for value in field.enum)
    if description:
        made["description"] = description
    reference = _REFERENCES.get((model, name))
    made |= _form(field, reference, nested=False)
    default = _default(field)
    if default is not None:
        made["default"] = default
    if field.kind == "list":
        if not (name == "items" and model.endswith("List")):
            made["x-kubernetes-list-type"] = field.list_type
        if field.list_map_keys:
            made["x-kubernetes-list-map-keys"] = list(field.list_map_keys)
    if field.kind == "map" and field.map_type == "atomic":
        made["x-kubernetes-map-type"] = "atomic"
    if field.merge_key:
        made["x-kubernetes-patch-merge-key"] = field.merge_key
    if field.patch_strategy:
        made["x-kubernetes-patch-strategy"] = field.patch_strategy
    return made


def _default(field: FieldType) -> Any:
    if field.presence == "value" and field.kind == "struct":
        return {}
    if field.presence == "always":
        return {"string": "", "integer": 0, "boolean": False}.get(field.kind)
    return None


_SCALARS: Mapping[str, Object] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "number": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
}


def _form(field: FieldType, reference: str | None, *, nested: bool) -> Object:
    if field.kind in ("list", "map") and field.item is not None:
        inner = _form(field.item, reference, nested=True)
        if field.kind == "map":
            return {"type": "object", "additionalProperties": inner}
        if field.enum:
            inner["enum"] = list(field.enum)
        return {"type": "array", "items": inner}
    if field.kind == "integer":
        return {"type": "integer", "format": field.format}
    if field.kind in _SCALARS:
        made = dict(_SCALARS[field.kind])
        return made | {"enum": list(field.enum)} if field.enum else made
    target = reference or _target(field)
    if not target:
        return {}
    link = {"$ref": f"{V3_PREFIX}{target}"}
    return link if nested else {"allOf": [link]}


def _target(field: FieldType) -> str:
    if field.kind == "time":
        return f"{names.META}.MicroTime" if field.format == "micro" else f"{names.META}.Time"
    kinds = {"quantity": names.QUANTITY, "int-or-string": names.INT_OR_STRING}
    return names.definition(field.model) if field.kind == "struct" else kinds.get(field.kind, "")


def _custom(resource: Resource, schema: Object) -> dict[str, Object]:
    name, listed = names.custom(resource), f"{names.custom(resource)}List"
    heads = {field: _property("V1ConfigMap", field, fields.struct("V1ConfigMap")[field]) for field in _HEADS}
    metadata = {**heads["metadata"]}
    kind = {"group": resource.group, "kind": resource.kind, "version": resource.version}
    own: Object = {"type": "object", **schema}
    own["properties"] = {**(schema.get("properties") or {}), **heads, "metadata": metadata}
    own["x-kubernetes-group-version-kind"] = [kind]
    items = {"type": "array", "items": {"$ref": f"{V3_PREFIX}{name}"}, "description": f"List of {resource.plural}."}
    list_meta = {"allOf": [{"$ref": f"{V3_PREFIX}{names.META}.ListMeta"}], "description": "Metadata of the list."}
    collection: Object = {
        "description": f"{resource.kind}List is a list of {resource.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {"apiVersion": heads["apiVersion"], "items": items, "kind": heads["kind"], "metadata": list_meta},
        "x-kubernetes-group-version-kind": [{**kind, "kind": f"{resource.kind}List"}],
    }
    extra = {names.definition(model): _schema(model) for model in names.reachable("V1ObjectMeta")}
    return {name: own, listed: collection, **extra}


_HEADS = ("apiVersion", "kind", "metadata")


def to_v2(schema: Any) -> Any:
    """Return a schema in the form of v2, which has neither ``allOf`` nor default here."""
    if isinstance(schema, list):
        return [to_v2(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: to_v2(value) for name, value in schema.items() if name not in ("default", "oneOf", "properties")}
    if isinstance(properties := schema.get("properties"), dict):
        # A field may have the name of a keyword, such as a LimitRange's default.
        converted["properties"] = {name: to_v2(value) for name, value in properties.items()}
    links = schema.get("allOf")
    if isinstance(links, list) and len(links) == 1:
        converted.pop("allOf")
        converted |= to_v2(links[0])
    if isinstance(schema.get("oneOf"), list):
        converted["type"] = "string"
    if isinstance(converted.get("$ref"), str):
        converted["$ref"] = converted["$ref"].replace(V3_PREFIX, _V2_PREFIX)
    return converted
