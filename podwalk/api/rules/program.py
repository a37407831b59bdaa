"""One rule in CEL, compiled: from its text to what it says of a value.

Chosen: cel-python, pure Python over lark and re2 (whose regular expressions are Go's). Turned down:
common-expression-language, a hundred times faster, but its values cannot be objects of ours, such as an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import celpy

_STANDARD = [
    "all",
    "exists",
    "exists_one",
    "filter",
    "map",
    "has",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "type",
    "dyn",
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "null_type",
    "string",
    "timestamp",
    "uint",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getMonth",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getSeconds",
]
_UNSIMULATED = [
    "format",
    "named",
    "equivalent",
    "intersects",
    "bind",
    "base64",
    "encode",
    "decode",
    "quote",
    "semver",
    "isSemver",
    "major",
    "minor",
    "patch",
    "getQuery",
    "greatest",
    "least",
    "transformList",
    "transformMap",
    "sortBy",
    "distinct",
    "flatten",
    "range",
    "slice",
]
"""The functions of a 1.37 API server that are missing here."""

_CALLS = ("ident_arg", "member_dot_arg", "dot_ident_arg")
_OPTIONAL = re.compile(r"\.\?|\[\?|optional\.")
_KEY = re.compile(r"no such member in mapping: '(.*)'")


class RuleError(ValueError):
    """A rule is no CEL, or could not be evaluated; the message says why."""


class UnsimulatedError(RuleError):
    """A rule needs a part of CEL that is not simulated."""


@dataclass(frozen=True)
class Program:
    """A compiled rule.

    Attributes:
        text: as it was written.
        about_change: whether it reads ``oldSelf``.
    """

    text: str
    about_change: bool
    _runner: celpy.Runner = field(repr=False, compare=False)

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return the rule's value.

        Args:
            variables: CEL values by their names.

        Raises:
            RuleError: when evaluation fails, e.g. for a key that is not there.
        """
        from celpy.evaluation import CELEvalError

        try:
            return self._runner.evaluate(dict(variables))
        except CELEvalError as error:
            raise RuleError(_reason(error)) from error
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
            raise RuleError(str(error)) from error


@cache
def compile_rule(text: str) -> Program:
    """Compile a rule.

    Raises:
        UnsimulatedError: it needs a function or syntax that is not simulated.
        RuleError: it is no CEL.
    """
    from celpy.celparser import CELParseError

    from podwalk.api.rules.functions import FUNCTIONS

    try:
        tree = _environment().compile(text)
    except CELParseError as error:
        if _OPTIONAL.search(text):
            raise UnsimulatedError("optional fields (`.?`, `[?`)") from error
        where = f"<input>:{error.line or 1}:{error.column or 1}"
        raise RuleError(f"{where}: Syntax error: {_syntax(error)}") from error
    for name in _called(tree):
        if name in _UNSIMULATED:
            raise UnsimulatedError(f"the function {name}()")
        if name not in _STANDARD and name not in FUNCTIONS:
            where = f"<input>:{name.line}:{(name.end_column or 0)}"
            raise RuleError(f"{where}: undeclared reference to '{name}' (in container '')")
    runner = _environment().program(tree, functions=dict(FUNCTIONS))
    return Program(text, "oldSelf" in _names(tree), runner)


@cache
def _environment() -> celpy.Environment:
    # Imported here: it loads more slowly than a cluster starts, and many clusters never need it.
    import celpy

    return celpy.Environment()


def _syntax(error: Exception) -> str:
    """Return what the parser stumbled over, without its list of all that it would have taken."""
    return str(error.args[0]).strip().splitlines()[0].rstrip(":")


def _called(tree: Any) -> Iterator[Any]:
    for node in tree.iter_subtrees():
        if node.data in _CALLS:
            yield from (token for token in node.children if getattr(token, "type", "") == "IDENT")


def _names(tree: Any) -> set[str]:
    return {str(token) for token in tree.scan_values(lambda token: getattr(token, "type", "") == "IDENT")}


def _reason(error: Exception) -> str:
    """Return why an evaluation failed, in cel-go's words for a missing key."""
    said = str(error.args[0]) if error.args else str(error)
    key = _KEY.search(said)
    if key:
        return f"no such key: {key[1]}"
    nested = error.args[2] if len(error.args) > 2 else None
    if isinstance(nested, tuple) and nested and isinstance(nested[0], str):
        return nested[0]
    return said.splitlines()[0]
