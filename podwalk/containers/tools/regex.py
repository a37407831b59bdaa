r"""POSIX regular expressions, basic and extended, as Python's.

Left out: equivalence classes and collating symbols. Alternatives are tried in order, where POSIX takes the longest.

Source: POSIX.1-2024, Base Definitions, chapter 9; glibc for ``\w``, ``\b``, ``\+`` in basic ones.
"""

from __future__ import annotations

import re
from functools import lru_cache

from podwalk.containers.shell.patterns import CLASSES

SAME = frozenset("wWsSbB")


class RegexError(Exception):
    """The expression is none; the text is the C library's."""


@lru_cache(maxsize=256)
def compile_regex(text: str, *, extended: bool = False, ignore_case: bool = False) -> re.Pattern[str]:
    """Return a POSIX expression as a compiled pattern.

    Raises:
        RegexError: with the words of ``regerror``.
    """
    flags = re.IGNORECASE if ignore_case else 0
    try:
        return re.compile(_translate(text, extended), flags)
    except re.error as error:
        raise RegexError(_reason(str(error))) from error


def _reason(message: str) -> str:
    if "unterminated subpattern" in message or "missing )" in message:
        return "Unmatched ( or \\("
    if "unbalanced parenthesis" in message:
        return "Unmatched ) or \\)"
    if "unterminated character set" in message:
        return "Unmatched [, [^, [:, [., or [="
    if "invalid group reference" in message:
        return "Invalid back reference"
    if "nothing to repeat" in message or "multiple repeat" in message:
        return "Invalid preceding regular expression"
    return "Invalid regular expression"


def _translate(text: str, extended: bool) -> str:
    out: list[str] = []
    i, start = 0, True
    while i < len(text):
        character = text[i]
        i += 1
        token, special = character, False
        if character == "\\":
            if i >= len(text):
                raise RegexError("Trailing backslash")
            token, i = text[i], i + 1
            special = not extended and token in "(){}|+?"
            if token.isdigit() and token != "0":
                out.append(f"(?:\\{token})")
            elif token in SAME:
                out.append(f"\\{token}")
            elif token in "<>":
                out.append(r"\b(?=\w)" if token == "<" else r"\b(?<=\w)")
            elif token in "nt":
                out.append(f"\\{token}")
            elif token in "`'":
                out.append(r"\A" if token == "`" else r"\Z")
            elif not special:
                out.append(re.escape(token))
            if not special:
                start = False
                continue
        elif character == "[":
            bracket, i = _bracket(text, i)
            out.append(bracket)
            start = False
            continue
        else:
            special = character in ".*^$" or (extended and character in "(){}|+?")
        piece, start, i = _special(text, i, token, start, extended) if special else (re.escape(token), False, i)
        out.append(piece)
    return "".join(out)


def _special(text: str, i: int, token: str, start: bool, extended: bool) -> tuple[str, bool, int]:
    """Return what a special character becomes, whether an expression begins after it, and where to go on."""
    if token in "(|":
        return token, True, i
    if token == "^":
        return ("^", True, i) if start or extended else (r"\^", False, i)
    if token == "$":
        rest = text[i:]
        last = not rest or extended or rest.startswith(("\\)", "\\|"))
        return (r"$", False, i) if last else (r"\$", False, i)
    if token == "*" and start:
        return r"\*", False, i
    if token in "+?" and start:
        return "\\" + token, False, i
    if token == "{":
        match = re.compile(r"(\d*)(,?)(\d*)\}" if extended else r"(\d*)(,?)(\d*)\\\}").match(text, i)
        if match is None or start:
            return r"\{", False, i
        return "{" + (match.group(1) or "0") + match.group(2) + match.group(3) + "}", False, match.end()
    if token == "}":
        return r"\}", False, i
    return token, False, i


def _bracket(text: str, i: int) -> tuple[str, int]:
    negated = text.startswith("^", i)
    i += negated
    out = ""
    first = True
    while i < len(text) and (text[i] != "]" or first):
        first = False
        named = re.compile(r"\[:(\w+):\]").match(text, i)
        if named:
            if named.group(1) not in CLASSES:
                raise RegexError("Invalid character class name")
            out += CLASSES[named.group(1)]
            i = named.end()
            continue
        if text.startswith("\\n", i) or text.startswith("\\t", i):
            out += text[i : i + 2]
            i += 2
            continue
        out += "\\" + text[i] if text[i] in "\\[]^&~|" else text[i]
        i += 1
    if i >= len(text):
        raise RegexError("Unmatched [, [^, [:, [., or [=")
    return f"[{'^' if negated else ''}{out}]", i + 1
