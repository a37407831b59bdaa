"""Whether a host and a path of a rule match those of a request, and which of several matches comes first.

Source: kubernetes.io, Ingress: "Path types", "Multiple matches", "Hostname wildcards"; for paths that are regular
expressions, ingress-nginx's "Ingress path matching".
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import StrEnum


class PathKind(StrEnum):
    """How a path is compared."""

    EXACT = "Exact"
    PREFIX = "Prefix"
    TEXT = "text prefix"
    REGEX = "regular expression"


@dataclass(frozen=True)
class PathMatch:
    """A path of a rule.

    Attributes:
        kind: how it is compared: element by element, or, for :attr:`PathKind.TEXT`, letter by letter.
        value: the path.
        ignore_case: of a regular expression.
    """

    kind: PathKind
    value: str
    ignore_case: bool = False

    def matches(self, path: str) -> bool:
        """Whether a request's path is meant."""
        if self.kind is PathKind.EXACT:
            return path == self.value
        if self.kind is PathKind.TEXT:
            return path.startswith(self.value)
        if self.kind is PathKind.REGEX:
            pattern = expression(self.value, self.ignore_case)
            return pattern is not None and pattern.match(path) is not None
        prefix = self.value.rstrip("/")
        return path == prefix or path.startswith(f"{prefix}/")

    def __str__(self) -> str:
        """Render as in ``Prefix /shop``."""
        return f"{self.kind} {self.value}"


@functools.lru_cache(maxsize=4096)
def expression(text: str, ignore_case: bool) -> re.Pattern[str] | None:
    """Return a compiled regular expression, or None if it is none."""
    try:
        return re.compile(text, re.IGNORECASE if ignore_case else 0)
    except re.error:
        return None


def host_matches(pattern: str, host: str) -> bool:
    """Whether a rule's host is meant: empty means every host, ``*.`` exactly one label more, ``**.`` at least one."""
    pattern, host = pattern.lower(), host.lower()
    if not pattern:
        return True
    if pattern.startswith("**."):
        return host.endswith(pattern[2:]) and len(host) > len(pattern) - 2
    if not pattern.startswith("*."):
        return pattern == host
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == pattern[2:]


def host_rank(pattern: str) -> tuple[int, int]:
    """Return how specific a rule's host is: exact, then wildcards by length, then every host."""
    if not pattern:
        return (0, 0)
    return (1 if pattern.startswith("*") else 2, len(pattern))


def path_rank(path: PathMatch) -> tuple[int, int]:
    """Return how specific a path is: the longest, then Exact before Prefix."""
    length = len(path.value.rstrip("/")) if path.kind is PathKind.PREFIX else len(path.value)
    return (length, 1 if path.kind is PathKind.EXACT else 0)
