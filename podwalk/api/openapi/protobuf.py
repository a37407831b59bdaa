"""The definitions of ``/openapi/v2`` in protobuf: what Go clients fall back to, for kinds that v3 does not have.

Paths are left out: these clients look for types only.

Source: gnostic's ``OpenAPIv2.proto``; the wire is Google's library's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from podwalk.types import Object

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
ASKED_AS = (MEDIA_TYPE, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")

# Message → number, name and type of its fields; ``[]`` before a type is repeated.
_MESSAGES: Mapping[str, tuple[tuple[int, str, str], ...]] = {
    "Document": ((1, "swagger", "string"), (2, "info", "Info"), (9, "definitions", "Properties")),
    "Info": ((1, "title", "string"), (2, "version", "string")),
    "Properties": ((1, "additional_properties", "[]NamedSchema"),),
    "NamedSchema": ((1, "name", "string"), (2, "value", "Schema")),
    "Schema": (
        (1, "ref", "string"),
        (2, "format", "string"),
        (4, "description", "string"),
        (19, "required", "[]string"),
        (20, "enum", "[]Any"),
        (21, "additional_properties", "AdditionalPropertiesItem"),
        (22, "type", "TypeItem"),
        (23, "items", "ItemsItem"),
        (25, "properties", "Properties"),
        (31, "vendor_extension", "[]NamedAny"),
    ),
    "AdditionalPropertiesItem": ((1, "schema", "Schema"), (2, "boolean", "bool")),
    "TypeItem": ((1, "value", "[]string"),),
    "ItemsItem": ((1, "schema", "[]Schema"),),
    "NamedAny": ((1, "name", "string"), (2, "value", "Any")),
    "Any": ((2, "yaml", "string"),),
}
_TYPE = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"string": _TYPE.TYPE_STRING, "bool": _TYPE.TYPE_BOOL}


def encode(document: Object) -> bytes:
    """Return a document of OpenAPI v2 in protobuf."""
    message = _new("Document")
    message.swagger = document["swagger"]
    message.info.title, message.info.version = document["info"]["title"], document["info"]["version"]
    _fill_named(message.definitions, document["definitions"])
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def _fill_named(properties: Any, schemas: Mapping[str, Any]) -> None:
    for name, schema in schemas.items():
        entry = properties.additional_properties.add()
        entry.name = name
        _fill(entry.value, schema)


def _fill(message: Any, schema: Object) -> None:
    for name, value in schema.items():
        if name in ("format", "description"):
            setattr(message, name, value)
        elif name == "$ref":
            message.ref = value
        elif name == "type":
            message.type.value.append(value)
        elif name == "required":
            message.required.extend(value)
        elif name == "properties":
            _fill_named(message.properties, value)
        elif name == "items":
            _fill(message.items.schema.add(), value)
        elif name == "additionalProperties":
            _fill_additional(message.additional_properties, value)
        elif name == "enum":
            for one in value:
                message.enum.add().yaml = json.dumps(one)
        elif name.startswith("x-"):
            extension = message.vendor_extension.add()
            extension.name = name
            extension.value.yaml = json.dumps(value)


def _fill_additional(message: Any, value: Any) -> None:
    if isinstance(value, bool):
        message.boolean = value
    else:
        _fill(message.schema, value)


def _new(name: str) -> Any:
    made: Message = message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))()
    return made


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="openapi.proto", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field_name, kind in fields:
            repeated, plain = kind.startswith("[]"), kind.removeprefix("[]")
            label = _TYPE.LABEL_REPEATED if repeated else _TYPE.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            field.type = _SCALARS.get(plain, _TYPE.TYPE_MESSAGE)
            if plain not in _SCALARS:
                field.type_name = f".{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
