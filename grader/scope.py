"""What an assignment says of itself in its source notebook's metadata, under ``podwalk``; a submission is not asked.

``{"podwalk": {"namespaces": ["shop"], "cluster": ["ingressclasses"], "allowed": ["configmaps/coredns"]}}``, and
``"seeded": true`` where each student's variant differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import notebooks

KEY = "podwalk"


@dataclass(frozen=True)
class Scope:
    """What an assignment is about.

    Attributes:
        namespaces: where it works; emptied first where the cluster is not a fresh one.
        cluster: kinds without a namespace whose objects the student may make, by their plural.
        allowed: objects of kube-system that the student may change, e.g. ``configmaps/coredns``.
        seeded: whether each student's differs.
    """

    namespaces: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    seeded: bool = False

    @classmethod
    def of(cls, metadata: dict[str, Any]) -> Scope:
        """Read it from a notebook's metadata; what is not there is empty."""
        about = metadata.get(KEY, {})
        lists = {name: tuple(about.get(name, ())) for name in ("namespaces", "cluster", "allowed")}
        return cls(**lists, seeded=bool(about.get("seeded")))


def read(source: Path) -> Scope:
    """Read the scope of an assignment from its source notebook; an empty one if there is no such file."""
    return Scope.of(notebooks.read(source).metadata) if source.exists() else NOTHING


NOTHING = Scope()
"""Of an assignment that says nothing of itself."""
