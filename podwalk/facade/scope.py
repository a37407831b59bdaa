"""What an assignment is about, as its notebook's metadata says under ``podwalk``.

``{"podwalk": {"namespaces": ["shop"], "cluster": ["ingressclasses"], "allowed": ["configmaps/coredns"], "addons":
["ingress"]}}``, and ``"seeded": true`` where each student's variant differs. Grading reads it from the teacher's
notebook, `podwalk save` from the learner's, which is a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "podwalk"


@dataclass(frozen=True)
class Scope:
    """What an assignment is about.

    Attributes:
        namespaces: where it works; emptied first where the cluster is not a fresh one.
        cluster: kinds without a namespace whose objects the student may make, by their plural.
        allowed: objects of kube-system that the student may change, e.g. ``configmaps/coredns``.
        addons: that its setup asks for; who lends a real cluster out sees to them.
        seeded: whether each student's differs.
    """

    namespaces: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()
    seeded: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Scope:
        """Read it from a notebook's metadata; what is not there, or is not what it should be, is empty."""
        about = metadata.get(KEY)
        about = about if isinstance(about, Mapping) else {}
        found = {name: _words(about.get(name)) for name in ("namespaces", "cluster", "allowed", "addons")}
        return cls(**found, seeded=bool(about.get("seeded")))


NOTHING = Scope()
"""Of an assignment that says nothing of itself."""


def _words(value: object) -> tuple[str, ...]:
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list | tuple) else ()
