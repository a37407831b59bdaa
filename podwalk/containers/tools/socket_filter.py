"""The filters of iproute2's ``ss``: ``state established '( dport = :80 or dst 10.0.0.1 )'``.

Left out: devices, marks and groups, which are refused by name.

Source: man 8 ss, "STATE-FILTER" and "EXPRESSION"; iproute2, misc/ss.c and ssfilter.y; outputs as a real one prints.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Sequence

Filter = Callable[[str, str], bool]
"""Takes a socket's own address and its peer's, each with its port."""

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq, "==": operator.eq, "eq": operator.eq,
    "!=": operator.ne, "ne": operator.ne, "neq": operator.ne,
    "<": operator.lt, "lt": operator.lt, ">": operator.gt, "gt": operator.gt,
    "<=": operator.le, "le": operator.le, ">=": operator.ge, "ge": operator.ge,
}  # fmt: skip
AND, OR, NOT = ("and", "&", "&&"), ("or", "|", "||"), ("not", "!")
SYNTAX = 'ss: bison bellows (while parsing filter): "syntax error!" Sorry.'
STATES = {
    "established": "ESTAB", "syn-sent": "SYN-SENT", "syn-recv": "SYN-RECV", "fin-wait-1": "FIN-WAIT-1",
    "fin-wait-2": "FIN-WAIT2", "time-wait": "TIME-WAIT", "closed": "UNCONN", "close-wait": "CLOSE-WAIT",
    "last-ack": "LAST-ACK", "closing": "CLOSING", "listening": "LISTEN", "listen": "LISTEN",
    "unconnected": "UNCONN",
}  # fmt: skip
GROUPS = {
    "all": set(STATES.values()),
    "connected": set(STATES.values()) - {"LISTEN", "UNCONN"},
    "synchronized": set(STATES.values()) - {"LISTEN", "UNCONN", "SYN-SENT"},
    "bucket": {"SYN-RECV", "TIME-WAIT"},
}
GROUPS["big"] = GROUPS["all"] - GROUPS["bucket"]


class FilterError(ValueError):
    """A filter that cannot be read: what ``ss`` says, and its exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code


def states(words: list[str]) -> set[str]:
    """Take the states that are asked for off the words; empty if none are.

    Raises:
        FilterError: when there is no such state.
    """
    found: set[str] = set()
    while len(words) > 1 and words[0] in ("state", "exclude"):
        verb, name = words.pop(0), words.pop(0).lower()
        named = GROUPS[name] if name in GROUPS else {STATES[name]} if name in STATES else None
        if named is None:
            raise FilterError(f"ss: wrong state name: {name}", 255)
        found = found | named if verb == "state" else (found or GROUPS["all"]) - named
    return found


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
        raise FilterError(SYNTAX)
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
            raise FilterError(SYNTAX)
        return inner
    if word in ("src", "dst"):
        return _address(tokens, own=word == "src")
    if word not in ("sport", "dport"):
        raise FilterError(
            f"ss: podwalk simulates filters by state, src, dst, sport and dport, not by {word or 'nothing'!r}"
        )
    compare = COMPARISONS[tokens.pop(0)] if tokens and tokens[0] in COMPARISONS else operator.eq
    port = _port(tokens.pop(0) if tokens else "")
    if word == "sport":
        return lambda own, other: compare(port_of(own), port)
    return lambda own, other: compare(port_of(other), port)


def _address(tokens: list[str], *, own: bool) -> Filter:
    """Read an address, or a block of them, that may have a port."""
    if tokens and tokens[0] in ("=", "==", "eq"):
        tokens.pop(0)
    text = tokens.pop(0) if tokens else ""
    host, _, port = text.partition(":")
    try:
        block = ipaddress.ip_network(host or "0.0.0.0/0", strict=False)
    except ValueError as error:
        raise FilterError(
            f'Error: an inet prefix is expected rather than "{host}".\nCannot parse dst/src address.'
        ) from error
    number = _port(port) if port else 0

    def passes(mine: str, other: str) -> bool:
        address = mine if own else other
        ip = ipaddress.ip_address(address.rpartition(":")[0])
        return ip in block and number in (0, port_of(address))

    return passes


def port_of(text: str) -> int:
    """Return the port of an address; 0 for any."""
    port = text.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def _port(text: str) -> int:
    number = text.removeprefix(":")
    if not number.isdigit():
        raise FilterError(f'Error: "{number}" does not look like a port.\nCannot parse dst/src address.')
    return int(number)
