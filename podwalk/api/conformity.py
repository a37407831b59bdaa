"""Whether a custom resource keeps to its schema.

The jsonschema library finds what breaks it; the words are those of the API server.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/validation, k8s.io/kube-openapi/pkg/validation.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from podwalk.api.bodies import json_kind
from podwalk.errors import Cause
from podwalk.types import Object

if TYPE_CHECKING:
    import jsonschema

_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
_BLOCKING = (
    "FieldValueRequired",
    "FieldValueNotSupported",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
)


def _is_datetime(value: object) -> bool:
    return not isinstance(value, str) or bool("T" in value.upper() and datetime.fromisoformat(value))


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


def _is_ipv4(value: object) -> bool:
    return not isinstance(value, str) or bool(ipaddress.IPv4Address(value))


def _is_ipv6(value: object) -> bool:
    return not isinstance(value, str) or bool(ipaddress.IPv6Address(value))


def _is_cidr(value: object) -> bool:
    return not isinstance(value, str) or bool(ipaddress.ip_network(value, strict=False))


def _is_base64(value: object) -> bool:
    return not isinstance(value, str) or base64.b64decode(value, validate=True) is not None


def _is_uuid(value: object) -> bool:
    return (
        not isinstance(value, str)
        or re.fullmatch(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", value) is not None
    )


def _is_duration(value: object) -> bool:
    return (
        not isinstance(value, str) or re.fullmatch(r"[-+]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+|0", value) is not None
    )


_FORMATS: Mapping[str, Callable[[object], bool]] = {
    "date-time": _is_datetime,
    "date": _is_date,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "cidr": _is_cidr,
    "byte": _is_base64,
    "uuid": _is_uuid,
    "duration": _is_duration,
}
"""The formats that the API server checks."""


def validator(schema: Mapping[str, Any]) -> jsonschema.Draft4Validator:
    """Return what checks objects against a structural schema."""
    # Imported here: with all that it brings it loads more slowly than a cluster starts,
    # and many clusters never need it.
    import jsonschema

    formats = jsonschema.FormatChecker(formats=())
    for name, is_of_format in _FORMATS.items():
        formats.checks(name, raises=(ValueError, binascii.Error))(is_of_format)
    return jsonschema.Draft4Validator(_plain(schema), format_checker=formats)


def _plain(schema: Any) -> Any:
    """Translate Kubernetes' extensions of JSON Schema into JSON Schema."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, part in schema.items():
        if key in ("properties", "patternProperties", "definitions"):
            result[key] = {name: _plain(below) for name, below in part.items()}
        elif key in ("items", "additionalProperties", "not", "allOf", "anyOf", "oneOf"):
            result[key] = _plain(part)
        elif key != "default":
            result[key] = part
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    if schema.get("nullable") and "type" in result:
        kinds = result["type"] if isinstance(result["type"], list) else [result["type"]]
        result["type"] = [*kinds, "null"]
        if "enum" in result:
            result["enum"] = [*result["enum"], None]
    return result


def check(obj: Object, checker: jsonschema.Draft4Validator, schema: Mapping[str, Any]) -> list[Cause]:
    """Return what breaks the schema, in order of the fields."""
    errors = sorted(checker.iter_errors(obj), key=lambda error: [str(step) for step in error.absolute_path])
    errors = [error for error in errors if not _shadowed(error, errors)]
    causes = [cause for error in errors for cause in _causes(error)]
    causes += _repeated(obj, schema, "")
    if blocks_rules(causes) and has_rules(schema):
        causes.append(Cause("FieldValueInvalid", "<nil>", f"Invalid value: null: {_UNCHECKED}"))
    return causes


def blocks_rules(causes: Sequence[Cause]) -> bool:
    """Say whether an object is so wrong that its rules in CEL are not looked at."""
    return any(cause.reason in _BLOCKING for cause in causes)


_TEXT_CHECKS = ("maxLength", "minLength", "pattern")


def _shadowed(error: jsonschema.ValidationError, errors: Sequence[jsonschema.ValidationError]) -> bool:
    """Say whether a text has a problem that is looked for first: the API server stops there."""
    if error.validator not in _TEXT_CHECKS[1:]:
        return False
    before = _TEXT_CHECKS[: _TEXT_CHECKS.index(error.validator)]
    return any(one.validator in before and one.absolute_path == error.absolute_path for one in errors)


def has_rules(schema: Any) -> bool:
    """Say whether a schema has rules in CEL anywhere."""
    if isinstance(schema, dict):
        return "x-kubernetes-validations" in schema or any(has_rules(part) for part in schema.values())
    return isinstance(schema, list) and any(has_rules(part) for part in schema)


def _path(steps: Sequence[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _causes(error: jsonschema.ValidationError) -> Iterator[Cause]:
    where, kind, value = _path(list(error.absolute_path)), str(error.validator), error.instance
    wanted: Any = error.validator_value
    shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if kind == "required":
        name = re.match(r"'(.*)' is a required property", error.message)
        field = f"{where}.{name[1]}" if name and where else name[1] if name else where
        yield Cause("FieldValueRequired", field, "Required value")
    elif kind == "type":
        names = ",".join(one for one in (wanted if isinstance(wanted, list) else [wanted]) if one != "null")
        got = {"bool": "boolean", "number": "integer" if isinstance(value, int) else "number"}.get(
            json_kind(value), json_kind(value)
        )
        text = f'Invalid value: "{got}": {where} in body must be of type {names}: "{got}"'
        yield Cause("FieldValueTypeInvalid", where, text)
    elif kind == "enum":
        options = ", ".join(
            f'"{one}"' if isinstance(one, str) else json.dumps(one) for one in wanted if one is not None
        )
        yield Cause("FieldValueNotSupported", where, f"Unsupported value: {shown}: supported values: {options}")
    elif kind in ("maxLength", "maxItems", "maxProperties"):
        yield _too_much(where, kind, wanted, value)
    elif kind in ("oneOf", "anyOf", "allOf", "not"):
        yield from _combined(error, where)
    elif kind == "format":
        text = f"Invalid value: {shown}: {where} in body must be of type {wanted}: {shown}"
        yield Cause("FieldValueTypeInvalid", where, text)
    else:
        yield Cause("FieldValueInvalid", where, _words(error, where, shown))


def _too_much(where: str, kind: str, wanted: int, value: Any) -> Cause:
    if kind == "maxLength":
        return Cause(
            "FieldValueTooLong", where, f"Too long: may not be more than {wanted} byte{'s' if wanted != 1 else ''}"
        )
    items = f"{wanted} item{'s' if wanted != 1 else ''}"
    return Cause("FieldValueTooMany", where, f"Too many: {len(value)}: must have at most {items}")


def _words(error: jsonschema.ValidationError, where: str, shown: str) -> str:
    wanted, value, kind = error.validator_value, error.instance, str(error.validator)
    exclusive = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}.get(kind)
    or_equal = "" if exclusive and isinstance(error.schema, dict) and error.schema.get(exclusive) else " or equal to"
    counted = len(value) if isinstance(value, list | dict) else shown
    texts = {
        "minimum": f"{shown}: {where} in body should be greater than{or_equal} {wanted}",
        "maximum": f"{shown}: {where} in body should be less than{or_equal} {wanted}",
        "multipleOf": f"{shown}: {where} in body should be a multiple of {wanted}",
        "minLength": f"{shown}: {where} in body should be at least {wanted} chars long",
        "pattern": f"{shown}: {where} in body should match '{wanted}'",
        "minItems": f"{counted}: {where} in body should have at least {wanted} items",
        "minProperties": f"{counted}: {where} in body should have at least {wanted} properties",
        "uniqueItems": f"{shown}: {where} in body shouldn't contain duplicates",
        "additionalProperties": f'"": {where} in body is a forbidden property',
    }
    return "Invalid value: " + texts.get(kind, f"{shown}: {error.message}")


def _combined(error: jsonschema.ValidationError, where: str) -> Iterator[Cause]:
    kind = str(error.validator)
    subject = f'"{where}" ' if where else '"" '
    if kind == "oneOf":
        found = "Found none valid" if error.context else "Found 2 valid alternatives"
        text = f"{subject}must validate one and only one schema (oneOf). {found}"
    elif kind == "anyOf":
        text = f"{subject}must validate at least one schema (anyOf)"
    elif kind == "not":
        text = f"{subject}must not validate the schema (not)"
    else:
        text = f"{subject}must validate all the schemas (allOf)"
    yield Cause("FieldValueInvalid", "<nil>", f'Invalid value: "": {text}')
    if error.context and kind != "not":
        branch = min(one.relative_schema_path[0] for one in error.context)
        for nested in error.context:
            if nested.relative_schema_path[0] == branch:
                yield from _causes(nested)


def _repeated(value: Any, schema: Any, where: str) -> Iterator[Cause]:
    """Yield the repeated items of lists that are sets or maps."""
    if not isinstance(schema, dict):
        return
    if isinstance(value, dict):
        for key, part in value.items():
            below = (schema.get("properties") or {}).get(key, schema.get("additionalProperties"))
            yield from _repeated(part, below, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        keys, kind, seen = schema.get("x-kubernetes-list-map-keys") or (), schema.get("x-kubernetes-list-type"), set()
        for index, item in enumerate(value):
            if kind in ("set", "map"):
                named = {key: item.get(key) for key in keys} if kind == "map" and isinstance(item, dict) else item
                text = json.dumps(named, sort_keys=True, separators=(",", ":"))
                if text in seen:
                    yield Cause("FieldValueDuplicate", f"{where}[{index}]", f"Duplicate value: {text}")
                seen.add(text)
            yield from _repeated(item, schema.get("items"), f"{where}[{index}]")
