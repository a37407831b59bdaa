"""Whether a context looks like production, where a course has no business.

The words of the context's, the cluster's and the server's names decide: ``prod``, ``production``, ``prd`` or ``live``
as a word of its own, unless ``non`` or ``not`` stands before it. A learner who means it says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from podwalk.errors import PodwalkError

VARIABLE = "PODWALK_YES_REALLY"
"""The environment variable that names a context that may be used although it looks like production."""

ANY = "*"
"""The value that allows every context: what ``--yes-really`` sets for one command."""

WORDS = frozenset({"prod", "production", "prd", "live"})
DENIALS = frozenset({"non", "not"})


class ProductionError(PodwalkError):
    """A context that looks like production."""


def looks_like(names: Iterable[str]) -> str:
    """Return the first name that looks like production; empty if none does."""
    for name in names:
        words = [word.lower() for word in re.split(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])", name) if word]
        words = [re.sub(r"(?<=[a-z])\d+$", "", word) for word in words]
        for before, word in zip(["", *words], words, strict=False):
            if word in WORDS and before not in DENIALS:
                return name
    return ""


def check(context: str, names: Iterable[str], environ: Mapping[str, str] | None = None) -> None:
    """Refuse a context that looks like production, unless its use was confirmed.

    Args:
        context: its name.
        names: the names of the context, its cluster and its server.
        environ: the environment, by default the process's.

    Raises:
        ProductionError: when it looks so.
    """
    found = looks_like(names)
    if found and (os.environ if environ is None else environ).get(VARIABLE) not in (context, ANY):
        raise ProductionError(
            f'context "{context}" looks like production (“{found}”), and a course has no business there; nothing was '
            f"changed. If you mean it: `--yes-really`, or {VARIABLE}={context} in a notebook's environment"
        )
