"""Ingress by the letter of its specification, with no annotations: what every controller has in common."""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.network.ingress.dialects.dialect import Dialect
from podwalk.network.ingress.dialects.translation import backend, default_backend, paths, reference
from podwalk.network.ingress.matching import PathKind, PathMatch
from podwalk.network.ingress.rules import Rule, Unsimulated
from podwalk.types import Object, View

KINDS = {"Exact": PathKind.EXACT, "Prefix": PathKind.PREFIX, "ImplementationSpecific": PathKind.PREFIX}


def rules(view: View, ingresses: Sequence[Object]) -> tuple[Rule, ...]:
    """Translate Ingresses to rules; see :class:`~podwalk.network.ingress.dialects.dialect.Dialect`."""
    made = []
    for ingress in ingresses:
        where = reference(ingress)
        for path in paths(ingress):
            to = backend(ingress, path.entry.get("backend") or {}, f"{path.field}.backend")
            match = PathMatch(KINDS.get(path.type, PathKind.PREFIX), path.value)
            made.append(Rule(path.host, match, (to,), where, path.field))
        if (whole := default_backend(ingress)) is not None:
            root = PathMatch(PathKind.PREFIX, "/")
            made.append(Rule("", root, (whole,), where, "spec.defaultBackend", is_default=True))
    return tuple(made)


def unsimulated(view: View, ingress: Object) -> tuple[Unsimulated, ...]:
    """Return nothing: annotations mean nothing here."""
    return ()


DIALECT = Dialect("plain", ("podwalk.dev/ingress-controller",), rules, unsimulated, host_first=False)
