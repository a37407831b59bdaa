"""What an assignment says of itself in its source notebook; a submission is not asked."""

from __future__ import annotations

from pathlib import Path

from grader import notebooks
from podwalk.facade.scope import NOTHING, Scope

__all__ = ["NOTHING", "Scope", "read"]


def read(source: Path) -> Scope:
    """Read the scope of an assignment from its source notebook; an empty one if there is no such file."""
    return Scope.of(notebooks.read(source).metadata) if source.exists() else NOTHING
