"""YAML as kubectl and the API server read and write it: the dialect of sigs.k8s.io/yaml, which is not PyYAML's.

``y`` and ``n`` are booleans, ``1e3`` and ``0o17`` are numbers, ``12:30`` and ``2026-01-01`` are text. Only plain
scalars differ; the grammar is PyYAML's.

Source: sigs.k8s.io/yaml/goyaml.v2/resolve.go and its answers, seen on a real cluster.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {
    **{word: True for stem in ("y", "yes", "true", "on") for word in (stem, stem.capitalize(), stem.upper())},
    **{word: False for stem in ("n", "no", "false", "off") for word in (stem, stem.capitalize(), stem.upper())},
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LEAST, _MOST = -(2**63), 2**64 - 1
_EXPONENT_FROM = 1e21  # as Go's encoder of JSON


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    if (integer := _integer(plain)) is not None:
        return integer
    if _FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        return int(number) if number.is_integer() and abs(number) < _EXPONENT_FROM else number
    return text


def _integer(plain: str) -> int | None:
    found = _INTEGER.fullmatch(plain)
    if found is None:
        return None
    number = next(int(found[name], base) for name, base in _BASES.items() if found[name])
    number = -number if found["sign"] == "-" else number
    return number if _LEAST <= number <= _MOST else None


def _tag(text: str) -> str:
    if text == "<<":
        return f"{_TAG}merge"
    kinds = {bool: "bool", int: "int", float: "float", type(None): "null"}
    return _TAG + kinds.get(type(resolve(text)), "str")


class Loader(_SAFE):  # type: ignore[misc]  # the C one where it is there
    """The safe loader, with scalars as kubectl reads them."""

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
        """Return the tag of a node that has none."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _tag(value)
        return str(super().resolve(kind, value, implicit))

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        value = resolve(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            shown = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
            raise yaml.constructor.ConstructorError(None, None, f"json: unsupported value: {shown}", node.start_mark)
        return value

    def _text(self, node: yaml.ScalarNode) -> str:
        return str(node.value)

    def _binary(self, node: yaml.ScalarNode) -> str:
        try:
            return base64.b64decode(node.value, validate=True).decode()
        except ValueError as error:
            why = "!!binary value contains invalid base64 data"
            raise yaml.constructor.ConstructorError(None, None, why, node.start_mark) from error


for _kind in ("bool", "int", "float", "null"):
    Loader.add_constructor(_TAG + _kind, Loader._scalar)
for _kind in ("merge", "timestamp", "value"):
    Loader.add_constructor(_TAG + _kind, Loader._text)
Loader.add_constructor(f"{_TAG}binary", Loader._binary)


class Dumper(yaml.SafeDumper):
    """The safe dumper, which puts in quotes whatever text either dialect would read as something else."""

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
        """Return the tag that a plain scalar would be read with."""
        if kind is yaml.ScalarNode and implicit[0] and (tag := _tag(value)) != f"{_TAG}str":
            return tag
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]  # PyYAML's stubs

    def text(self, value: str) -> yaml.ScalarNode:
        """Put text that would be read as something else in double quotes, as kubectl does."""
        plain = self.resolve(yaml.ScalarNode, value, (True, False))
        style = None if "\n" in value or plain == f"{_TAG}str" else '"'
        return self.represent_scalar(f"{_TAG}str", value, style=style)


Dumper.add_representer(str, Dumper.text)


def dump(value: object, *, sort_keys: bool = True) -> str:
    """Return a value as YAML, in block style."""
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=sort_keys, allow_unicode=True))


def dump_all(values: Iterable[object]) -> str:
    """Return values as the documents of one YAML text, their fields in the order they have."""
    return str(yaml.dump_all(values, Dumper=Dumper, sort_keys=False, allow_unicode=True))
