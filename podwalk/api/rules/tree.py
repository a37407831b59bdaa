"""The rules of a schema, by the place in the schema where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from podwalk.api.rules.program import Program, RuleError, compile_rule

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A rule with what is said when it is broken."""

    program: Program
    message: str = ""
    message_expression: Program | None = None
    reason: str = "FieldValueInvalid"
    field_path: str = ""
    optional_old: bool = False


@dataclass(frozen=True)
class Node:
    """A part of a schema that has rules, or has them below it."""

    schema: Schema
    rules: tuple[Rule, ...] = ()
    properties: Mapping[str, Node] = field(default_factory=dict)
    extra: Node | None = None
    items: Node | None = None


def build(schema: Schema | None) -> Node | None:
    """Return the rules of a schema, compiled; None where there are none. What cannot be compiled is left out."""
    if not isinstance(schema, Mapping):
        return None
    rules = tuple(_rules(schema))
    named = {name: build(part) for name, part in sorted((schema.get("properties") or {}).items())}
    properties = {name: node for name, node in named.items() if node}
    extra = schema.get("additionalProperties")
    below = build(extra) if isinstance(extra, Mapping) else None
    items = build(schema.get("items"))
    if not (rules or properties or below or items):
        return None
    return Node(schema, rules, properties, below, items)


def _rules(schema: Schema) -> Iterator[Rule]:
    for rule in schema.get("x-kubernetes-validations") or ():
        try:
            program = compile_rule(rule["rule"])
        except RuleError:
            continue
        yield Rule(
            program,
            rule.get("message", "").strip(),
            _message_expression(rule.get("messageExpression", "")),
            rule.get("reason") or "FieldValueInvalid",
            rule.get("fieldPath", ""),
            bool(rule.get("optionalOldSelf")),
        )


def _message_expression(text: str) -> Program | None:
    try:
        return compile_rule(text) if text else None
    except RuleError:
        return None
