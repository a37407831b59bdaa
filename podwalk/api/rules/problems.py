"""What is wrong with the rules of a definition, or not simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podwalk.api.rules.program import RuleError, UnsimulatedError, compile_rule
from podwalk.types import Object


@dataclass(frozen=True)
class Problem:
    """A rule that will not be enforced.

    Attributes:
        path: the field path of the expression.
        rule: the entry of ``x-kubernetes-validations``.
        said: what the compiler says.
        missing: there is no expression.
        unsimulated: it may be right, but needs what is not simulated.
    """

    path: str
    rule: Object
    said: str = ""
    missing: bool = False
    unsimulated: bool = False


def problems(schema: Any, path: str) -> Iterator[Problem]:
    """Yield the problems of a schema's rules.

    Args:
        schema: an ``openAPIV3Schema``.
        path: of the schema in its definition.
    """
    if not isinstance(schema, Mapping):
        return
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        yield from _of_rule(rule, f"{path}.x-kubernetes-validations[{index}]")
    for name, part in (schema.get("properties") or {}).items():
        yield from problems(part, f"{path}.properties[{name}]")
    yield from problems(schema.get("additionalProperties"), f"{path}.additionalProperties")
    yield from problems(schema.get("items"), f"{path}.items")


def of_definition(definition: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of the rules of a CustomResourceDefinition, by their field paths there."""
    versions = (definition.get("spec") or {}).get("versions") or []
    for index, version in enumerate(versions):
        # The API server moves the schema of an only version to where v1beta1 had it, and names it by that place.
        path = "spec.validation" if len(versions) == 1 else f"spec.versions[{index}].schema"
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        yield from problems(schema, f"{path}.openAPIV3Schema")


def _of_rule(rule: Object, path: str) -> Iterator[Problem]:
    if not (rule.get("rule") or "").strip():
        yield Problem(f"{path}.rule", rule, missing=True)
    for key in ("rule", "messageExpression"):
        try:
            if (rule.get(key) or "").strip():
                compile_rule(rule[key])
        except RuleError as error:
            yield Problem(f"{path}.{key}", rule, str(error), unsimulated=isinstance(error, UnsimulatedError))
