"""What a client can read and what it sent: Accept, Content-Type, and the bytes of both.

CBOR is left out: it is alpha, and clients that speak it fall back to JSON after the real 415.

Source: k8s.io/apiserver/pkg/endpoints/handlers/negotiation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from podwalk.api import bodies, failures, goyaml, protobuf
from podwalk.errors import ApiError
from podwalk.types import Object, Request, Response

BODY_LIMIT = 3 * 1024 * 1024
"""Bytes of a body that the API server still reads."""

JSON = "application/json"
YAML = "application/yaml"
_UNREADABLE = (
    "the body of the request was in an unknown format - accepted media types include: "
    "application/json, application/yaml, application/vnd.kubernetes.protobuf"
)
_AVAILABLE = (
    "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf, application/json;stream=watch, "
    "application/vnd.kubernetes.protobuf;stream=watch"
)
_TRANSFORMS = {"Table": ("v1", "v1beta1"), "PartialObjectMetadata": ("v1",), "PartialObjectMetadataList": ("v1",)}


@dataclass(frozen=True)
class Representation:
    """How an answer is to look.

    Attributes:
        media_type: ``application/json``, ``application/yaml`` or ``application/vnd.kubernetes.protobuf``.
        transform: ``Table``, ``PartialObjectMetadata`` or ``PartialObjectMetadataList``; empty for the object itself.
        version: of ``meta.k8s.io``, for a transform.
        pretty: whether JSON is indented.
    """

    media_type: str = JSON
    transform: str = ""
    version: str = ""
    pretty: bool = False


def representation(request: Request) -> Representation:
    """Return what the client asked for that this server has.

    Raises:
        ApiError: 406 when nothing that the client accepts can be had.
    """
    pretty = is_pretty(request)
    accept = request.header("accept")
    if not accept:
        return Representation(pretty=pretty)
    for clause in _by_quality(accept):
        media_type, parameters = _clause(clause)
        if media_type in ("*/*", "application/*", JSON):
            found = JSON
        elif media_type == YAML:
            found = YAML
        elif media_type == protobuf.MEDIA_TYPE and parameters.get("as") != "Table" and protobuf.serves(request.path):
            found = protobuf.MEDIA_TYPE
        else:
            continue
        transform, version = parameters.get("as", ""), parameters.get("v", "")
        if transform and (parameters.get("g") != "meta.k8s.io" or version not in _TRANSFORMS.get(transform, ())):
            continue
        return Representation(found, transform, version, pretty or parameters.get("pretty") == "1")
    raise ApiError(406, "NotAcceptable", _AVAILABLE, details={})


def is_pretty(request: Request) -> bool:
    """Say whether JSON is to be indented: asked for, or read by a person."""
    asked = [value for key, value in request.query if key == "pretty"]
    if asked:
        return asked[0].lower() not in ("false", "0")
    return request.header("user-agent").startswith(("curl", "Wget", "Mozilla/5.0"))


def _by_quality(accept: str) -> list[str]:
    def quality(clause: str) -> float:
        match = re.search(r";\s*q=([0-9.]+)", clause)
        try:
            return float(match[1]) if match else 1.0
        except ValueError:
            return 1.0

    return sorted((clause for clause in accept.split(",") if clause.strip()), key=quality, reverse=True)


def _clause(clause: str) -> tuple[str, Mapping[str, str]]:
    media_type, *parameters = (part.strip() for part in clause.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    return media_type.lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}


def content_type(request: Request) -> str:
    """Return the media type of the body, without parameters; JSON if the client does not say."""
    return request.header("content-type", JSON).split(";")[0].strip().lower() or JSON


def read_body(request: Request, kind: str) -> Object:
    """Parse the body of a create or an update.

    Args:
        request: with a JSON or YAML body.
        kind: what the resource expects, for the message.

    Raises:
        ApiError: 413 for too much, 415 for another format, 400 for a body that cannot be parsed.
    """
    check_size(request)
    media_type = content_type(request)
    if media_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(request.body)
    if media_type not in (JSON, YAML):
        raise ApiError(415, "UnsupportedMediaType", _UNREADABLE)
    return bodies.parse_object(request.body if media_type == JSON else yaml_to_json(request.body), kind)


def check_size(request: Request) -> None:
    """Refuse a body that is over the limit.

    Raises:
        ApiError: 413.
    """
    if len(request.body) > BODY_LIMIT:
        message = f"Request entity too large: limit is {BODY_LIMIT}"
        raise ApiError(413, "RequestEntityTooLarge", message)


def yaml_to_json(data: bytes) -> bytes:
    """Return the JSON of a YAML document.

    Raises:
        ApiError: 400 when it cannot be parsed.
    """
    value = load_yaml(data)
    return json.dumps({} if value is None else value).encode()


def load_yaml(data: bytes) -> Any:
    """Return the value of a YAML document, in JSON's types.

    Raises:
        ApiError: 400 when it cannot be parsed, or is nested too deeply or expands to too much.
    """
    try:
        _check_shape(data)
        value = yaml.load(data, Loader=goyaml.Loader)  # a subclass of the safe loader
        return json.loads(json.dumps(value))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise failures.bad_request(f"error encoding patch: yaml: {' '.join(str(error).split())}") from error


_MAX_DEPTH = 200
_MAX_NODES = 1_000_000


def _check_shape(data: bytes) -> None:
    """Refuse what would exhaust the stack or, by references to references, the memory.

    Raises:
        ValueError: when it is nested too deeply or expands to too many values.
    """
    sizes: dict[str, int] = {}
    anchors: list[tuple[str | None, int]] = []
    nodes = 0
    for event in yaml.parse(data, Loader=goyaml.Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            anchors.append((event.anchor, nodes))
            nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = anchors.pop()
            if anchor is not None:
                sizes[anchor] = nodes - before
        elif isinstance(event, yaml.AliasEvent):
            nodes += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
        if len(anchors) > _MAX_DEPTH:
            raise ValueError("exceeded max depth")
        if nodes > _MAX_NODES:
            raise ValueError("document contains excessive aliasing")


def encode(value: Any, wanted: Representation) -> bytes:
    """Return an answer's bytes in the form the client wants."""
    if wanted.media_type == YAML:
        return goyaml.dump(value).encode()
    if wanted.media_type == protobuf.MEDIA_TYPE:
        return protobuf.encode(value)
    if wanted.pretty:
        return json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace")
    return dump(value)


def encode_event(kind: str, obj: Object, wanted: Representation) -> bytes:
    """Return one event of a watch in the form the client wants: a line of JSON, or a frame of protobuf."""
    if wanted.media_type == protobuf.MEDIA_TYPE:
        return protobuf.encode_event(kind, obj)
    return dump({"type": kind, "object": obj}) + b"\n"


def dump(value: Any) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def answer(value: Object, wanted: Representation, *, status: int = 200, warnings: tuple[str, ...] = ()) -> Response:
    """Return a whole response, with its Warning headers folded into one."""
    headers = {"content-type": wanted.media_type, "cache-control": "no-cache, private"}
    if warnings:
        quoted = (text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for text in dict.fromkeys(warnings))
        headers["warning"] = ", ".join(f'299 - "{text}"' for text in quoted)
    ending = b"\n" if wanted.media_type == JSON and not wanted.pretty else b""
    return Response(status, headers, encode(value, wanted) + ending)
