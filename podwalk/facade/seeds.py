"""The seed of a learner's own variant of an assignment: the same notebook for everybody, another incident for each.

The course's secret never leaves the teacher. A student gets a key, which is an HMAC of that secret and the student's
id; the seed of an assignment is an HMAC of the key and the assignment's name. Grading computes both again from the id
of the submission, so that another seed, however it was come by, gains nothing.

Source: RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from podwalk.facade.errors import LearnerError

SEED_VARIABLE = "PODWALK_SEED"
"""The environment variable that holds a seed, a whole number: set by grading, or by whoever wants to practise."""

KEY_VARIABLE = "PODWALK_SEED_KEY"
"""The environment variable that holds a student's key, as a JupyterHub sets it."""

KEY_FILE = "podwalk-seed.key"
"""The file that holds a student's key, beside the notebook or in the home folder."""

SEED_BYTES = 6
"""A seed fits into a number of JSON."""


def read(assignment: str) -> int:
    """Return the seed of this learner's variant of an assignment.

    Args:
        assignment: its name, e.g. ``incident``.

    Raises:
        LearnerError: when nothing says whose variant it is.
    """
    given = os.environ.get(SEED_VARIABLE, "").strip()
    if given:
        return _number(given)
    key = os.environ.get(KEY_VARIABLE, "").strip() or _key_file()
    if not key:
        raise LearnerError(
            f"there is no seed for {assignment}: each student's differs, and nothing here says which is yours",
            hint=f"put {KEY_FILE}, which your teacher gave you, beside this notebook; "
            f"to practise without a course, begin with\n%env {SEED_VARIABLE}=1",
        )
    return derive(key, assignment)


def derive(key: str, assignment: str) -> int:
    """Return the seed that a student's key gives for an assignment: the same number every time, from 0 to 2⁴⁸ − 1."""
    return int.from_bytes(digest(key, "assignment", assignment)[:SEED_BYTES], "big")


def digest(key: str, purpose: str, name: str) -> bytes:
    """Return the HMAC-SHA256 of a name, which differs for each purpose."""
    return hmac.digest(key.encode(), f"{purpose}\0{name}".encode(), hashlib.sha256)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise LearnerError(f"{SEED_VARIABLE} must be a whole number, and is {text!r}")
    return int(text)


def _key_file() -> str:
    for folder in (Path(), Path.home()):
        try:
            return (folder / KEY_FILE).read_text(encoding="utf-8").strip()
        except OSError:
            continue
    return ""
