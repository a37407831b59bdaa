"""From the JSON of a request to a typed object, with the API's own words for every mistake.

Go reads a body in the order of its text: a value of the wrong type is remembered and reading goes on, so that the first
such mistake is reported; a quantity, time or base64 text that cannot be read ends it at once. Unknown and repeated
fields are no mistake of the type: ``fieldValidation`` says what becomes of them.

Source: sigs.k8s.io/json and k8s.io/apimachinery/pkg/runtime/serializer/json.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, NoReturn, cast

from podwalk.api import fields, quantities, registry, times
from podwalk.api.fields import FieldType
from podwalk.api.literals import Literally, Repeated
from podwalk.api.registry import Typed
from podwalk.errors import ApiError
from podwalk.types import Object

FieldValidation = Literal["Ignore", "Warn", "Strict"]
MAX_STRICT_ERRORS = 100


def decode(resource: Typed, obj: Object, strict: FieldValidation = "Warn") -> tuple[Object, list[str]]:
    """Return a new object of the resource's type as the API holds it, and the warnings to send.

    Nulls and empty values are left out or written as Go does; quantities, times and base64 texts become canonical.

    Raises:
        ApiError: 400 BadRequest; a value is of the wrong type, or ``strict`` is ``Strict`` and a field is unknown or
            repeated.
    """
    _check_kind(resource, obj)
    if not resource.model:
        return dict(obj), []
    reader = _Reader(strict != "Ignore")
    try:
        value = reader.struct(fields.root(resource), obj, _Path(None, ""))
    except _FatalError as error:
        raise _unhandled(resource, str(error)) from None
    if reader.saved:
        raise _unhandled(resource, reader.saved)
    if reader.found and strict == "Strict":
        raise _unhandled(resource, "strict decoding error: " + ", ".join(reader.found))
    value["apiVersion"] = f"{resource.group}/{resource.version}" if resource.group else resource.version
    value["kind"] = resource.kind
    return value, reader.found


class _FatalError(ValueError):
    """A value that Go's own reader of its type refuses: nothing after it is read."""


class _Path:
    """Where the reader is: a chain, so that nothing is built unless there is something to say."""

    __slots__ = ("field", "parent", "step")

    def __init__(self, parent: _Path | None, step: str | int, field: FieldType | None = None) -> None:
        self.parent = parent
        self.step = step
        self.field = field

    def dotted(self) -> str:
        """Return the path as strict errors print it: ``spec.containers[0].foo``."""
        if self.parent is None:
            return ""
        before = self.parent.dotted()
        if isinstance(self.step, int):
            return f"{before}[{self.step}]"
        return f"{before}.{self.step}" if before else self.step

    def go(self) -> list[str]:
        """Return the stack of Go fields: neither indexes nor keys of maps, but embedded types."""
        steps = self.parent.go() if self.parent is not None else []
        if self.field is not None:
            steps += [self.field.embedded] if self.field.embedded else []
            steps.append(str(self.step))
        return steps


class _Reader:
    """One reading of a body: what was found on the way."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.saved = ""
        self.found: list[str] = []
        self._structs: list[str] = []

    def value(self, at: FieldType, value: Any, path: _Path) -> Any:
        """Read a value that is not null."""
        return _READERS[at.kind](self, at, value, path)

    def struct(self, at: FieldType, value: Any, path: _Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.mismatch(at, value, path)
            return _zero_struct(at)
        self._structs.append(at.go)
        known = at.fields
        read: dict[str, Any] = {}
        seen: set[str] = set()
        for name, item in value.pairs if isinstance(value, Repeated) else value.items():
            inner = known.get(name)
            if inner is None:
                self.note("unknown", path, name)
                continue
            if name in seen:
                self.note("duplicate", path, name)
            seen.add(name)
            if item is None:
                read.pop(name, None)
            else:
                got = _READERS[inner.kind](self, inner, item, _Path(path, name, inner))
                read[name] = _merged(inner, read[name], got) if name in read else got
        self._structs.pop()
        return _written(at.model, read)

    def list(self, at: FieldType, value: Any, path: _Path) -> list[Any]:
        if type(value) is not list:
            self.mismatch(at, value, path)
            return []
        item = cast(FieldType, at.item)
        read = _READERS[item.kind]
        return [
            _zero(item) if entry is None else read(self, item, entry, _Path(path, index))
            for index, entry in enumerate(value)
        ]

    def map(self, at: FieldType, value: Any, path: _Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.mismatch(at, value, path)
            return {}
        item = cast(FieldType, at.item)
        read = _READERS[item.kind]
        return {
            name: _zero(item) if entry is None else read(self, item, entry, _Path(path, name))
            for name, entry in self.pairs(value, path)
        }

    def string(self, at: FieldType, value: Any, path: _Path) -> str:
        if type(value) is str:
            return value
        self.mismatch(at, value, path)
        return ""

    def boolean(self, at: FieldType, value: Any, path: _Path) -> bool:
        if type(value) is bool:
            return value
        self.mismatch(at, value, path)
        return False

    def integer(self, at: FieldType, value: Any, path: _Path) -> int:
        if type(value) is int and -_LIMITS[at.format] <= value < _LIMITS[at.format]:
            return value
        self.mismatch(at, value, path, quoted=True)
        return 0

    def number(self, at: FieldType, value: Any, path: _Path) -> float:
        if type(value) is int or isinstance(value, float):
            return value
        self.mismatch(at, value, path)
        return 0.0

    def bytes(self, at: FieldType, value: Any, path: _Path) -> str:
        if type(value) is str:
            return _base64(value)
        self.mismatch(at, value, path)
        return ""

    def time(self, at: FieldType, value: Any, path: _Path) -> str:
        if type(value) is not str:
            return self.fail(self.words("string", value, path))
        try:
            return times.canonical(value, micro=at.format == "micro")
        except times.TimeError as error:
            return self.fail(str(error))

    def quantity(self, at: FieldType, value: Any, path: _Path) -> str:
        text = value.strip() if type(value) is str else _literal(value)
        try:
            return quantities.canonical(text)
        except quantities.QuantityError as error:
            return self.fail(str(error))

    def int_or_string(self, at: FieldType, value: Any, path: _Path) -> int | str:
        if type(value) is str:
            return value
        if type(value) is int and -_LIMITS["int32"] <= value < _LIMITS["int32"]:
            return value
        return self.fail(self.words("int32", value, path, quoted=True))

    def json_schema(self, at: FieldType, value: Any, path: _Path) -> Any:
        structure = FieldType("struct", at.go, at.model)
        if isinstance(value, dict):
            return self.struct(structure, value, path)
        if isinstance(value, list):
            return [self.struct(structure, entry, _Path(path, index)) for index, entry in enumerate(value)]
        return value

    def raw(self, at: FieldType, value: Any, path: _Path) -> Any:
        return value

    def pairs(self, value: dict[str, Any], path: _Path) -> Iterable[tuple[str, Any]]:
        """Return the entries of a map, noting the keys that repeat."""
        if not isinstance(value, Repeated):
            return value.items()
        seen: set[str] = set()
        for name, _ in value.pairs:
            if name in seen:
                self.note("duplicate", path, name)
            seen.add(name)
        return value.items()

    def note(self, what: str, path: _Path, name: str) -> None:
        if self.strict and len(self.found) < MAX_STRICT_ERRORS:
            text = f'{what} field "{_Path(path, name).dotted()}"'
            if text not in self.found:
                self.found.append(text)

    def mismatch(self, at: FieldType, value: Any, path: _Path, quoted: bool = False) -> None:
        self.saved = self.saved or self.words(at.go, value, path, quoted=quoted)

    def words(self, go: str, value: Any, path: _Path, *, quoted: bool = False) -> str:
        got = _json_type(value)
        if quoted and got == "number":
            got = f"number {_literal(value)}"
        owner = self._structs[-1].rpartition(".")[2] if self._structs else ""
        return f"json: cannot unmarshal {got} into Go struct field {owner}.{'.'.join(path.go())} of type {go}"

    def fail(self, message: str) -> NoReturn:
        raise _FatalError(message)


def _merged(at: FieldType, before: Any, after: Any) -> Any:
    """Read a field a second time, as Go does: into what is there."""
    if at.kind in ("struct", "map") and isinstance(before, dict) and isinstance(after, dict):
        kinds = at.fields
        item = at.item if at.kind == "map" else None
        merged = dict(before)
        for name, value in after.items():
            inner = item or kinds[name]
            keep = at.kind == "struct" and value in _EMPTY and inner.presence != "pointer" and name in before
            if not keep:
                known = at.kind == "struct" and name in before
                merged[name] = _merged(inner, before[name], value) if known else value
        return merged
    if at.kind == "list" and at.item is not None and at.item.kind == "struct":
        pairs = zip(before, after, strict=False)
        return [_merged(at.item, old, new) for old, new in pairs] + after[len(before) :]
    return after


_LIMITS = {"int32": 2**31, "int64": 2**63}
_READERS: dict[str, Callable[[_Reader, FieldType, Any, _Path], Any]] = {
    "struct": _Reader.struct,
    "list": _Reader.list,
    "map": _Reader.map,
    "string": _Reader.string,
    "boolean": _Reader.boolean,
    "integer": _Reader.integer,
    "number": _Reader.number,
    "bytes": _Reader.bytes,
    "time": _Reader.time,
    "quantity": _Reader.quantity,
    "int-or-string": _Reader.int_or_string,
    "schema": _Reader.json_schema,
    "raw": _Reader.raw,
}

_EMPTY: tuple[Any, ...] = ("", 0, False, None)


def _written(model: str, read: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a structure what Go leaves out, and add what it always writes."""
    kept = {}
    known = fields.struct(model)
    for name, value in read.items():
        at = known[name]
        empty = value in _EMPTY if not isinstance(value, dict | list) else not value
        if not empty or at.presence in ("pointer", "null") or (at.presence == "value" and at.kind in _ALWAYS_KINDS):
            kept[name] = value
    for name, zero in _additions(model):
        if name not in kept:
            kept[name] = zero()
    return kept


_ALWAYS_KINDS = ("struct", "quantity", "int-or-string", "raw", "schema")
_ADDITIONS: dict[str, tuple[tuple[str, Callable[[], Any]], ...]] = {}


def _additions(model: str) -> tuple[tuple[str, Callable[[], Any]], ...]:
    """Return the fields that are written even when absent, with what makes their zero values."""
    if model not in _ADDITIONS:
        _ADDITIONS[model] = tuple(
            (name, _maker(at))
            for name, at in fields.struct(model).items()
            if at.presence in ("always", "null") or (at.presence == "value" and at.kind in (*_ALWAYS_KINDS, "time"))
        )
    return _ADDITIONS[model]


def _maker(at: FieldType) -> Callable[[], Any]:
    if at.presence == "null" or at.kind in ("list", "map", "time", "raw", "bytes"):
        return lambda: None
    return lambda: _zero(at)


def _zero(at: FieldType) -> Any:
    if at.kind == "struct":
        return _zero_struct(at)
    zeros = {
        "string": "",
        "bytes": "",
        "boolean": False,
        "integer": 0,
        "number": 0,
        "quantity": "0",
        "int-or-string": 0,
    }
    return zeros.get(at.kind)


def _zero_struct(at: FieldType) -> dict[str, Any]:
    return _written(at.model, {})


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    for kinds, name in (((bool,), "bool"), ((int, float), "number"), ((str,), "string"), ((list,), "array")):
        if isinstance(value, kinds):
            return name
    return "object"


def _literal(value: Any) -> str:
    return value.text if isinstance(value, Literally) else json.dumps(value)


def _base64(text: str) -> str:
    """Check a base64 text as Go does and return its canonical form.

    Source: Go's ``encoding/base64``: line breaks are skipped, the offset of the first wrong byte is reported.
    """
    packed = text.replace("\r", "").replace("\n", "")
    if _BASE64.fullmatch(packed):
        return base64.b64encode(base64.b64decode(packed)).decode()
    raise _FatalError(f"illegal base64 data at input byte {_wrong_byte(packed)}")


_BASE64 = re.compile(r"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)")


def _wrong_byte(text: str) -> int:
    legal = re.match(r"[A-Za-z0-9+/]*", text)
    length = legal.end() if legal is not None else 0
    if length == len(text):
        return length - length % 4
    if text[length] == "=" and length % 4 >= 2:
        padding = 4 - length % 4
        tail = text[length : length + padding]
        if tail == "=" * padding:
            return length + padding
        return length + 1 if len(tail) > 1 else len(text)
    return length


def _check_kind(resource: Typed, obj: Object) -> None:
    version, kind = obj.get("apiVersion") or "", obj.get("kind") or ""
    wanted = f"{resource.group}/{resource.version}" if resource.group else resource.version
    if version in ("", wanted) and kind in ("", resource.kind):
        return
    version, kind = version or wanted, kind or resource.kind
    other = registry.by_kind(version, kind)
    if other is None:
        problem = f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
    else:
        internal = (resource.group or "core").split(".")[0]
        problem = f"converting ({other.version}.{kind}) to ({internal}.{resource.kind}): unknown conversion"
    head = f'{kind} in version "{version.rpartition("/")[2]}" cannot be handled as a {resource.kind}: '
    raise ApiError(400, "BadRequest", head + problem)


def _unhandled(resource: Typed, problem: str) -> ApiError:
    head = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
    return ApiError(400, "BadRequest", head + problem)
