"""Between protobuf and the JSON form of objects."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError, Message

from podwalk.api.protobuf.messages import SCALARS, new, table
from podwalk.errors import ApiError
from podwalk.types import Object

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
WATCH_MEDIA_TYPE = f"{MEDIA_TYPE};stream=watch"

MAGIC = b"k8s\x00"

PACKAGES: Mapping[str, str] = {
    "v1": "core.v1",
    "rbac.authorization.k8s.io/v1": "rbac.v1",
    "meta.k8s.io/v1": "meta.v1",
}
"""The package of an ``apiVersion`` where it is not simply the group's first word and the version."""

INLINED = frozenset(
    {
        "core.v1.LocalObjectReference localObjectReference",
        "core.v1.EphemeralContainerCommon ephemeralContainerCommon",
        "core.v1.PersistentVolumeSource persistentVolumeSource",
        "core.v1.ProbeHandler handler",
        "core.v1.VolumeSource volumeSource",
        "networking.v1.IngressRuleValue ingressRuleValue",
    }
)
"""Fields whose own fields stand in the parent's JSON: Go's embedded structs."""

RENAMED: Mapping[str, str] = {"aPIGroup": "apiGroup", "uID": "uid"}
"""Fields that JSON calls otherwise."""

UNNAMED = frozenset({"authentication.v1.ExtraValue", "authorization.v1.ExtraValue"})
"""Messages that are a list and nothing else in JSON."""


def serves(path: str) -> bool:
    """Whether the resources below a URL path have messages; custom ones have none."""
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        return True
    package = _package("/".join(parts[1:3]))
    return parts[0] == "apis" and any(name.startswith(f"{package}.") for name in table())


def decode(data: bytes) -> Object:
    """Return the object in a body, with ``apiVersion`` and ``kind``; zero values are kept for the schema to judge.

    Raises:
        ApiError: 400 when it cannot be read.
    """
    if not data.startswith(MAGIC):
        message = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        raise ApiError(400, "BadRequest", message)
    try:
        envelope: Any = new("runtime.Unknown")
        envelope.ParseFromString(data[len(MAGIC) :])
        api_version, kind = envelope.typeMeta.apiVersion, envelope.typeMeta.kind
        name = _name(api_version, kind)
        if name is None:
            raise ApiError(400, "BadRequest", f'no kind "{kind}" is registered for version "{api_version}"')
        message_ = new(name)
        message_.ParseFromString(envelope.raw)
        return {"kind": kind, "apiVersion": api_version, **_read(message_, name)}
    except (DecodeError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise ApiError(400, "BadRequest", f"the protobuf body cannot be read: {error}") from error


def encode(obj: Object) -> bytes:
    """Return an object, a list or a ``Status`` as a body.

    Raises:
        ApiError: 406 when there is no message for its kind.
    """
    api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
    name = _name(api_version, kind)
    if name is None:
        raise ApiError(406, "NotAcceptable", f"{kind} of {api_version} has no protobuf form; ask for application/json")
    envelope: Any = new("runtime.Unknown")
    envelope.typeMeta.apiVersion, envelope.typeMeta.kind = api_version, kind
    envelope.raw = _write(obj, name).SerializeToString()
    envelope.contentEncoding = envelope.contentType = ""
    return MAGIC + bytes(envelope.SerializeToString())


def encode_event(kind: str, obj: Object) -> bytes:
    """Return one event of a watch, framed by its length.

    Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf, LengthDelimitedFramer.
    """
    event: Any = new("meta.v1.WatchEvent")
    event.type = kind
    event.object.raw = encode(obj)
    data = bytes(event.SerializeToString())
    return struct.pack(">I", len(data)) + data


def _name(api_version: str, kind: str) -> str | None:
    package = _package(api_version)
    return next((name for name in (f"{package}.{kind}", f"meta.v1.{kind}") if name in table()), None)


def _package(api_version: str) -> str:
    group, _, version = api_version.rpartition("/")
    return PACKAGES.get(api_version) or f"{group.split('.')[0]}.{version}"


def _read(message: Message, name: str) -> Object:
    kinds = {field: kind for _, field, kind in table()[name]}
    obj: Object = {}
    for descriptor, value in message.ListFields():
        field, kind = descriptor.name, kinds[descriptor.name]
        plain = kind.lstrip("[]{}")
        if f"{plain} {field}" in INLINED:
            obj |= _read(value, plain)
        elif kind.startswith("[]"):
            obj[field] = [_value(item, plain) for item in value]
        elif kind.startswith("{}"):
            obj[field] = {key: _value(value[key], plain) for key in sorted(value)}
        else:
            obj[RENAMED.get(field, field)] = _value(value, plain)
    return obj


def _value(value: Any, kind: str) -> Any:
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if kind in SCALARS:
        return value
    if kind in READERS:
        return READERS[kind](value)
    return list(value.items) if kind in UNNAMED else _read(value, kind)


def _read_time(value: Any) -> str | None:
    if not value.HasField("seconds"):
        return None
    return datetime.fromtimestamp(value.seconds, UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _read_microtime(value: Any) -> str | None:
    if not value.HasField("seconds"):
        return None
    moment = datetime.fromtimestamp(value.seconds, UTC).replace(microsecond=value.nanos // 1000)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _read_raw(value: Any) -> Any:
    return json.loads(value.raw) if value.raw else None


READERS: Mapping[str, Callable[[Any], Any]] = {
    "meta.v1.Time": _read_time,
    "meta.v1.MicroTime": _read_microtime,
    "meta.v1.FieldsV1": lambda value: json.loads(value.Raw) if value.Raw else {},
    "meta.v1.Duration": lambda value: f"{value.duration / 1e9:g}s",
    "resource.Quantity": lambda value: value.string,
    "intstr.IntOrString": lambda value: value.strVal if value.type else value.intVal,
    "runtime.RawExtension": _read_raw,
}
"""Types that JSON writes in a way of their own."""


def _write(obj: Mapping[str, Any], name: str) -> Message:
    message = new(name)
    _fill(message, obj, name)
    return message


def _fill(message: Any, obj: Mapping[str, Any], name: str) -> None:
    for _, field, kind in table()[name]:
        plain = kind.lstrip("[]{}")
        if f"{plain} {field}" in INLINED:
            _fill(getattr(message, field), obj, plain)
            continue
        value = obj.get(RENAMED.get(field, field))
        if value is None:
            continue
        if kind.startswith("[]"):
            _fill_list(getattr(message, field), value, plain)
        elif kind.startswith("{}"):
            _fill_map(getattr(message, field), value, plain)
        elif plain in SCALARS:
            setattr(message, field, base64.b64decode(value) if plain == "bytes" else value)
        else:
            part = getattr(message, field)
            part.SetInParent()
            _put(part, value, plain)


def _fill_list(target: Any, values: list[Any], kind: str) -> None:
    if kind in SCALARS:
        target.extend(base64.b64decode(value) if kind == "bytes" else value for value in values)
    else:
        for value in values:
            _put(target.add(), value, kind)


def _fill_map(target: Any, values: Mapping[str, Any], kind: str) -> None:
    for key, value in values.items():
        if kind in SCALARS:
            target[key] = base64.b64decode(value) if kind == "bytes" else value
        else:
            _put(target[key], value, kind)


def _put(part: Any, value: Any, kind: str) -> None:
    if kind in WRITERS:
        WRITERS[kind](part, value)
    elif kind in UNNAMED:
        part.items.extend(value)
    else:
        _fill(part, value, kind)


def _write_time(part: Any, value: str) -> None:
    moment = datetime.fromisoformat(value)
    part.seconds = int(moment.timestamp())
    part.nanos = moment.microsecond * 1000


def _write_int_or_string(part: Any, value: int | str) -> None:
    if isinstance(value, str):
        part.type, part.intVal, part.strVal = 1, 0, value
    else:
        part.type, part.intVal, part.strVal = 0, value, ""


def _write_duration(part: Any, value: str) -> None:
    part.duration = int(float(value.removesuffix("s")) * 1e9)


def _write_quantity(part: Any, value: object) -> None:
    part.string = str(value)


def _write_fields(part: Any, value: object) -> None:
    part.Raw = json.dumps(value, separators=(",", ":")).encode()


def _write_raw(part: Any, value: object) -> None:
    part.raw = json.dumps(value, separators=(",", ":")).encode()


WRITERS: Mapping[str, Callable[[Any, Any], None]] = {
    "meta.v1.Time": _write_time,
    "meta.v1.MicroTime": _write_time,
    "meta.v1.FieldsV1": _write_fields,
    "meta.v1.Duration": _write_duration,
    "resource.Quantity": _write_quantity,
    "intstr.IntOrString": _write_int_or_string,
    "runtime.RawExtension": _write_raw,
}
"""The other way of :data:`READERS`."""
