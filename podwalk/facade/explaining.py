"""What a field means, in the layout of ``kubectl explain``, from the cluster's own OpenAPI document.

Source: kubernetes.io/docs/reference/kubectl/generated/kubectl_explain/; the layout is that of kubectl's template
``plaintext.tmpl``, and lines break where its word wrap breaks them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from podwalk.facade import wire
from podwalk.facade.cluster import Cluster, Text
from podwalk.facade.errors import NotFoundError
from podwalk.facade.kinds import Kind
from podwalk.types import Object

INDENT, WIDTH = "    ", 76
SHOWN_VALUES = 4


def explain(cluster: Cluster, path: str) -> Text:
    """Explain a kind or a field.

    Args:
        cluster: whose API.
        path: ``pod``, ``svc.spec.type``.

    Raises:
        NotFoundError: when there is no such kind, or no such field.
    """
    word, *names = path.split(".")
    kind = cluster.kinds.find(word)
    schemas = _schemas(cluster, kind)
    schema: Object = _root(schemas, kind)
    name = ""
    for name in names:
        parent = _resolved(schemas, _inner(schemas, schema))
        if name not in parent.get("properties", {}):
            near = ", ".join(sorted(parent.get("properties", {}))) or "none"
            raise NotFoundError(f'field "{name}" does not exist', hint=f"there it has these fields: {near}")
        schema = parent["properties"][name]
    return Text(_head(kind) + _field(schemas, name, schema) + _body(schemas, schema))


def _schemas(cluster: Cluster, kind: Kind) -> Object:
    root = f"/openapi/v3/apis/{kind.group}/{kind.version}" if kind.group else f"/openapi/v3/api/{kind.version}"
    found: Object = wire.call(cluster.api, "GET", root)["components"]["schemas"]
    return found


def _root(schemas: Object, kind: Kind) -> Object:
    wanted = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    for schema in schemas.values():
        if wanted in schema.get("x-kubernetes-group-version-kind", ()):
            return dict(schema)
    raise NotFoundError(f"the cluster does not say what a {kind.kind} consists of")


def _head(kind: Kind) -> str:
    group = f"GROUP:      {kind.group}\n" if kind.group else ""
    return f"{group}KIND:       {kind.kind}\nVERSION:    {kind.version}\n\n"


def _field(schemas: Object, name: str, schema: Object) -> str:
    if not name:
        return ""
    values = "".join(f"    {value}\n" for value in _values(schemas, schema))
    return f"FIELD: {name} <{_type(schemas, schema)}>\n" + (f"ENUM:\n{values}" if values else "\n") + "\n"


def _body(schemas: Object, schema: Object) -> str:
    text = "".join(f"{_wrapped(part)}\n" for part in _descriptions(schemas, schema)) or "<empty>\n"
    inner = _resolved(schemas, _inner(schemas, schema))
    fields = inner.get("properties", {})
    required = set(inner.get("required", ()))
    listed = "".join(_entry(schemas, name, fields[name], name in required) for name in sorted(fields))
    return f"DESCRIPTION:\n{_indented(text)}{INDENT}\n" + (f"FIELDS:\n{listed}\n" if listed else "\n")


def _entry(schemas: Object, name: str, schema: Object, required: bool) -> str:
    line = f"  {name}\t<{_type(schemas, schema)}>{' -required-' if required else ''}\n"
    values = _values(schemas, schema)
    if values:
        more = [*values[:SHOWN_VALUES], "...."] if len(values) > SHOWN_VALUES else values
        line += f"  enum: {', '.join(more)}\n"
    told = schema.get("description") or "<no description>"
    return line + _indented(_wrapped(told)) + "\n\n"


def _descriptions(schemas: Object, schema: Object) -> Iterator[str]:
    """Yield what a schema says of itself, then what those say that it refers to."""
    if schema.get("description"):
        yield schema["description"]
    for part in _references(schema):
        yield from _descriptions(schemas, _target(schemas, part) if "$ref" in part else part)


def _references(schema: Object) -> Sequence[Object]:
    own = [{"$ref": schema["$ref"]}] if "$ref" in schema else []
    inside = schema.get("items") or schema.get("additionalProperties")
    return [*own, *schema.get("allOf", ()), *([inside] if isinstance(inside, dict) else [])]


def _target(schemas: Object, part: Object) -> Object:
    return dict(schemas.get(str(part["$ref"]).rsplit("/", 1)[-1], {}))


def _resolved(schemas: Object, schema: Object) -> Object:
    """Follow a reference, alone or in ``allOf``, to what has the fields."""
    if "$ref" in schema:
        return _resolved(schemas, _target(schemas, schema))
    if "properties" not in schema and len(schema.get("allOf", ())) == 1:
        return _resolved(schemas, schema["allOf"][0])
    return schema


def _inner(schemas: Object, schema: Object) -> Object:
    """Return the schema of a list's or map's entries; a schema that is neither, itself."""
    schema = _resolved(schemas, schema)
    inside = schema.get("items") or schema.get("additionalProperties")
    return _inner(schemas, inside) if isinstance(inside, dict) else schema


def _values(schemas: Object, schema: Object) -> list[str]:
    return sorted(map(str, _resolved(schemas, schema).get("enum", ())))


def _type(schemas: Object, schema: Object) -> str:
    if isinstance(schema.get("items"), dict):
        return f"[]{_type(schemas, schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map[string]{_type(schemas, schema['additionalProperties'])}"
    if "properties" not in schema and len(schema.get("allOf", ())) == 1:
        return _type(schemas, schema["allOf"][0])
    if "$ref" in schema:
        kind: Any = _target(schemas, schema).get("type", "object")
        return str(schema["$ref"]).rsplit(".", 1)[-1] if kind == "object" else str(kind)
    kind = schema.get("type") or "Object"
    return "Object" if kind == "object" else str(kind)


def _indented(text: str) -> str:
    return textwrap.indent(text, INDENT, lambda line: True)


def _wrapped(text: str) -> str:
    return "\n".join(_wrapped_line(line) for line in text.split("\n"))


def _wrapped_line(line: str) -> str:
    """Break a line at spaces as kubectl's word wrap does: a word that is longer than the line stands alone."""
    done, rest = [""], line
    while rest:
        space = rest[: len(rest) - len(rest.lstrip())]
        word = rest[len(space) :].split(maxsplit=1)[0] if rest.strip() else ""
        rest = rest[len(space) + len(word) :]
        before = len(done[-1]) + len(space)
        if word and before > 1 and before + len(word) > WIDTH:
            done.append(word)
        else:
            done[-1] += space + word
    return "\n".join(done)
