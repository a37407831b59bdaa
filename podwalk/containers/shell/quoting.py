"""Quotes a word so that a shell would read it back."""

from __future__ import annotations

import re


def quote(word: str) -> str:
    """Return a word as ``set -x`` and ``alias`` print it: as it is, or in single quotes."""
    return word if re.fullmatch(r"[+,./0-9:@A-Z\]^_a-z-]+", word) else single(word)


def single(word: str) -> str:
    """Return a word in single quotes."""
    return "'" + word.replace("'", "'\\''") + "'"
