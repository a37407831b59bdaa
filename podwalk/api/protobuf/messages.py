"""The messages of ``messages.txt`` as classes, made when they are first needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_SCALARS = descriptor_pb2.FieldDescriptorProto
SCALARS: Mapping[str, Any] = {
    "string": _SCALARS.TYPE_STRING,
    "bool": _SCALARS.TYPE_BOOL,
    "bytes": _SCALARS.TYPE_BYTES,
    "double": _SCALARS.TYPE_DOUBLE,
    "int32": _SCALARS.TYPE_INT32,
    "int64": _SCALARS.TYPE_INT64,
}


@cache
def table() -> Mapping[str, tuple[tuple[int, str, str], ...]]:
    """Return each message's fields as (number, name, type); ``[]`` before a type is repeated, ``{}`` a map."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    fields: list[tuple[int, str, str]] = []
    text = resources.files(__package__ or "").joinpath("messages.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith(" "):
            number, name, kind = line.split()
            fields.append((int(number), name, kind))
        else:
            fields = found.setdefault(line, [])
    return {name: tuple(listed) for name, listed in found.items()}


def new(name: str) -> Message:
    """Return an empty message of a type such as ``core.v1.Pod``."""
    made: Message = _class(name)()
    return made


@cache
def _class(name: str) -> type[Message]:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(_flat(name)))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="kubernetes.proto", syntax="proto2")
    for name, fields in table().items():
        message = file.message_type.add(name=_flat(name))
        for number, field, kind in fields:
            _add_field(message, number, field, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add_field(message: descriptor_pb2.DescriptorProto, number: int, field: str, kind: str) -> None:
    label = _SCALARS.LABEL_OPTIONAL if kind[:2] not in ("[]", "{}") else _SCALARS.LABEL_REPEATED
    plain = kind.lstrip("[]{}")
    if kind.startswith("{}"):
        entry = message.nested_type.add(name=f"{field[0].upper()}{field[1:]}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=_SCALARS.LABEL_OPTIONAL, type=_SCALARS.TYPE_STRING)
        _typed(entry.field.add(name="value", number=2, label=_SCALARS.LABEL_OPTIONAL), plain)
        made = message.field.add(name=field, number=number, label=label, type=_SCALARS.TYPE_MESSAGE)
        made.type_name = f".{message.name}.{entry.name}"
        return
    _typed(message.field.add(name=field, number=number, label=label), plain)


def _typed(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in SCALARS:
        field.type = SCALARS[kind]
    else:
        field.type = _SCALARS.TYPE_MESSAGE
        field.type_name = f".{_flat(kind)}"


def _flat(name: str) -> str:
    return name.replace(".", "_")
