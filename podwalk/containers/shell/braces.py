"""Brace expansion of bash: ``{a,b}`` and ``{1..5}``; ash has none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podwalk.containers.shell.syntax import Literal, Word

GROUP = re.compile(r"\{([^{}]*,[^{}]*|-?\d+\.\.-?\d+|[a-zA-Z]\.\.[a-zA-Z])\}")


def expand_braces(word: Word) -> Iterator[Word]:
    """Yield the words that a word stands for: itself, if there is nothing to expand."""
    for index, part in enumerate(word.parts):
        match = GROUP.search(part.text) if isinstance(part, Literal) and not part.quoted else None
        if match is not None and isinstance(part, Literal):
            for choice in _choices(match.group(1)):
                text = part.text[: match.start()] + choice + part.text[match.end() :]
                yield from expand_braces(Word((*word.parts[:index], Literal(text), *word.parts[index + 1 :])))
            return
    yield word


def _choices(body: str) -> list[str]:
    if "," in body:
        return body.split(",")
    first, last = body.split("..")
    if not re.fullmatch(r"-?\d+", first):
        step = 1 if first <= last else -1
        return [chr(code) for code in range(ord(first), ord(last) + step, step)]
    step = 1 if int(first) <= int(last) else -1
    return [str(number) for number in range(int(first), int(last) + step, step)]
