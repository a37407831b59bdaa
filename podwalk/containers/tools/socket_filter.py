"""The filters of iproute2's ``ss``: which ports a socket may have, as ``'( sport = :80 or dport != :443 )'``.

Left out: addresses, states and devices, which are refused by name.

Source: man 8 ss, "EXPRESSION"; iproute2, misc/ss.c and ssfilter.y; outputs as a real one prints them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence

Filter = Callable[[int, int], bool]
"""Takes a socket's own port and its peer's."""

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq, "==": operator.eq, "eq": operator.eq,
    "!=": operator.ne, "ne": operator.ne, "neq": operator.ne,
    "<": operator.lt, "lt": operator.lt, ">": operator.gt, "gt": operator.gt,
    "<=": operator.le, "le": operator.le, ">=": operator.ge, "ge": operator.ge,
}  # fmt: skip
AND, OR, NOT = ("and", "&", "&&"), ("or", "|", "||"), ("not", "!")


class FilterError(ValueError):
    """A filter that cannot be read; the text is what ``ss`` says."""


def read(words: Sequence[str]) -> Filter:
    """Read the words behind the options; none lets every socket pass.

    Raises:
        FilterError: as ``ss`` says it, or because it is not simulated.
    """
    tokens = re.findall(r"[()]|[^\s()]+", " ".join(words))
    if not tokens:
        return lambda own, other: True
    found = _alternatives(tokens)
    if tokens:
        raise FilterError('ss: bison bellows (while parsing filter): "syntax error!" Sorry.')
    return found


def _alternatives(tokens: list[str]) -> Filter:
    found = [_conjunction(tokens)]
    while tokens and tokens[0] in OR:
        tokens.pop(0)
        found.append(_conjunction(tokens))
    return lambda own, other: any(one(own, other) for one in found)


def _conjunction(tokens: list[str]) -> Filter:
    found = [_one(tokens)]
    while tokens and tokens[0] not in OR and tokens[0] != ")":
        if tokens[0] in AND:
            tokens.pop(0)
        found.append(_one(tokens))
    return lambda own, other: all(one(own, other) for one in found)


def _one(tokens: list[str]) -> Filter:
    word = tokens.pop(0) if tokens else ""
    if word in NOT:
        inner = _one(tokens)
        return lambda own, other: not inner(own, other)
    if word == "(":
        inner = _alternatives(tokens)
        if not tokens or tokens.pop(0) != ")":
            raise FilterError('ss: bison bellows (while parsing filter): "syntax error!" Sorry.')
        return inner
    if word not in ("sport", "dport"):
        raise FilterError(f"ss: podwalk simulates filters by sport and dport, not by {word or 'nothing'!r}")
    compare = COMPARISONS[tokens.pop(0)] if tokens and tokens[0] in COMPARISONS else operator.eq
    port = _port(tokens.pop(0) if tokens else "")
    return (lambda own, other: compare(own, port)) if word == "sport" else (lambda own, other: compare(other, port))


def _port(text: str) -> int:
    number = text.removeprefix(":")
    if not number.isdigit():
        raise FilterError(f'Error: "{number}" does not look like a port.\nCannot parse dst/src address.')
    return int(number)
