"""How dash and bash say what ash says in its own words: a phrase book, by the pattern of ash's words.

What is not in it is said as ash says it. Seen in Debian 12's dash 0.5.12 and bash 5.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Phrases = Sequence[tuple[str, str, int | None]]
"""Pattern of ash's words, the other shell's, and its exit code if that differs too."""

DASH: Phrases = (
    (r"syntax error: unexpected (.+?)( \(expecting .*\))?", r"Syntax error: \1 unexpected\2", None),
    (r"syntax error: unterminated quoted string", r"Syntax error: Unterminated quoted string", None),
    (r"syntax error: bad for loop variable", r"Syntax error: Bad for loop variable", None),
    (r"can't open (.*): no such file", r"cannot open \1: No such file", 2),
    (r"can't open (.*): (.*)", r"cannot open \1: \2", 2),
    (r"can't create (.*): nonexistent directory", r"cannot create \1: Directory nonexistent", 2),
    (r"can't create (.*): (.*)", r"cannot create \1: \2", 2),
    (r"dup2\((\d+),\d+\): (.*)", r"\1: \2", 2),
    (r"divide by zero", r"arithmetic expression: division by zero", None),
    (r"arithmetic syntax error", r"arithmetic expression: expecting primary", None),
    (r"(.*): bad number", r"Illegal number: \1", None),
    (r"(.*): unknown operand", r"\1: unexpected operator", None),
    (r"illegal option (.*)", r"Illegal option \1", 2),
)

BASH: Phrases = (
    (r"divide by zero", r"division by 0", 1),
    (r"arithmetic syntax error", r"syntax error: operand expected", 1),
    (r"bad substitution", r"bad substitution", 1),
    (r"(.*): is read only", r"\1: readonly variable", 1),
    (r"(.*): unbound variable", r"\1: unbound variable", 127),
    (r"Illegal number: (.*)", r"\1: numeric argument required", None),
    (r"(.*): bad number", r"\1: integer expression expected", None),
    (r"(.*): unknown operand", r"\1: unary operator expected", None),
    (r"missing \]", r"missing `]'", None),
    (r"not in a function", r"can only be used in a function", 1),
    (r"dup2\((\d+),\d+\): (.*)", r"\1: \2", 1),
    (r"(.*): bad variable name", r"`\1': not a valid identifier", 1),
)

BOOKS: Mapping[str, Phrases] = {"dash": DASH, "bash": BASH}


def phrase(shell: str, message: str, code: int) -> tuple[str, int]:
    """Return what a shell says and returns where ash says a message and returns a code."""
    for pattern, words, other in BOOKS.get(shell, ()):
        match = re.fullmatch(pattern, message)
        if match is not None:
            return match.expand(words), code if other is None else other
    return message, code
