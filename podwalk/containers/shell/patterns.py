"""The shell's patterns (``*``, ``?``, ``[…]``) as regular expressions, with quoted characters standing for themselves.

``fnmatch`` is not used, because it knows neither quoting nor ``[!…]`` with character classes.

Source: POSIX.1-2024, Shell Command Language, 2.14 Pattern Matching Notation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from podwalk.containers.files import FileError, FileSystem, normal

CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
}

Piece = tuple[str, bool]
"""Text, and whether it is quoted."""


def escape(pieces: Iterable[Piece]) -> str:
    """Return a pattern in which quoted characters carry a backslash."""
    return "".join(re.sub(r"([\\*?\[\]])", r"\\\1", text) if quoted else text for text, quoted in pieces)


def magic(pieces: Iterable[Piece]) -> bool:
    """Whether anything unquoted is a pattern."""
    plain = "".join(text for text, quoted in pieces if not quoted)
    return "*" in plain or "?" in plain or ("[" in plain and "]" in plain)


@lru_cache(maxsize=512)
def regex(pattern: str, *, greedy: bool = True) -> str:
    """Return the regular expression of a pattern as :func:`escape` gives it, without anchors."""
    out, i, star = [], 0, ".*" if greedy else ".*?"
    while i < len(pattern):
        character = pattern[i]
        i += 1
        if character == "\\" and i < len(pattern):
            out.append(re.escape(pattern[i]))
            i += 1
        elif character == "*":
            out.append(star)
        elif character == "?":
            out.append(".")
        elif character == "[" and (bracket := _bracket(pattern, i)) is not None:
            text, i = bracket
            out.append(text)
        else:
            out.append(re.escape(character))
    return "(?s:" + "".join(out) + ")"


def _bracket(pattern: str, start: int) -> tuple[str, int] | None:
    negated = pattern[start : start + 1] in ("!", "^") and pattern[start : start + 1] != ""
    i = start + negated
    out = ""
    while i < len(pattern) and (pattern[i] != "]" or not out):
        named = re.compile(r"\[:(\w+):\]").match(pattern, i)
        if named:
            out += CLASSES.get(named.group(1), "")
            i = named.end()
            continue
        if pattern[i] == "\\" and i + 1 < len(pattern):
            i += 1
        out += (
            "\\" + pattern[i] if pattern[i] in "\\[]^" or (pattern[i] == "-" and pattern[i - 1] == "\\") else pattern[i]
        )
        i += 1
    if i >= len(pattern):
        return None
    return f"[{'^' if negated else ''}{out}]", i + 1


def matches(pattern: str, text: str) -> bool:
    """Whether a text as a whole matches a pattern."""
    try:
        return re.fullmatch(regex(pattern), text) is not None
    except re.error:
        return False


def expand(files: FileSystem, cwd: str, pieces: Sequence[Piece]) -> list[str]:
    """Return the paths that match, sorted; empty if none does."""
    pattern = escape(pieces)
    absolute = pattern.startswith("/")
    found = ["/" if absolute else ""]
    parts = [part for part in pattern.split("/") if part]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        found = [path for base in found for path in _step(files, cwd, base, part, last, pattern.endswith("/"))]
    return sorted(found)


def _step(files: FileSystem, cwd: str, base: str, part: str, last: bool, slash: bool) -> list[str]:
    """Extend a path by one part of the pattern."""
    literal = re.sub(r"\\(.)", r"\1", part)
    if not re.search(r"(?<!\\)[*?\[]", part):
        names = [literal]
    else:
        try:
            names = files.list(normal(base or ".", cwd))
        except FileError:
            return []
        names = [name for name in names if matches(part, name) and (part.startswith(".") or not name.startswith("."))]
    out = []
    for name in names:
        path = f"{base}{name}"
        if not last or slash:
            if files.is_dir(normal(path, cwd)):
                out.append(path + "/")
        elif name in names and _present(files, normal(path, cwd)):
            out.append(path)
    return out


def _present(files: FileSystem, path: str) -> bool:
    try:
        return files.find(path, follow=False).node is not None
    except FileError:
        return False
