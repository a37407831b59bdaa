"""Label selectors, and an index that finds the selectors which choose a set of labels without asking each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from podwalk.controllers.queue import Key

Selector = Mapping[str, Any]
"""A ``LabelSelector``: ``matchLabels`` and ``matchExpressions``."""


def matches(selector: Selector | None, labels: Mapping[str, str] | None) -> bool:
    """Tell whether a label selector chooses labels; None chooses nothing, an empty one everything.

    Source: k8s.io/apimachinery/pkg/apis/meta/v1, LabelSelectorAsSelector.
    """
    if selector is None:
        return False
    labels = labels or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_matches_expression(term, labels) for term in selector.get("matchExpressions") or ())


def _matches_expression(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = term["key"], term["operator"], term.get("values") or ()
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels


class SelectorIndex:
    """Which of many selectors choose some labels: each is filed under one of its required pairs."""

    def __init__(self) -> None:
        """Start empty."""
        self._selectors: dict[Key, Selector] = {}
        self._by_pair: dict[tuple[str, str, str], set[Key]] = {}
        self._by_namespace: dict[str, set[Key]] = {}

    def put(self, key: Key, selector: Selector | None) -> None:
        """File, replace, or with None drop the selector of a key."""
        if (old := self._selectors.get(key)) is not None:
            if old == selector:
                return
            self._drop(key, old)
        if selector is not None:
            self._selectors[key] = selector
            self._shelf(key, selector).add(key)

    def matching(self, namespace: str, labels: Mapping[str, str] | None) -> Iterable[Key]:
        """Return the keys in a namespace whose selectors choose the labels, in order."""
        found = set(self._by_namespace.get(namespace, ()))
        for name, value in (labels or {}).items():
            found |= self._by_pair.get((namespace, name, value), set())
        return sorted(key for key in found if matches(self._selectors[key], labels))

    def _drop(self, key: Key, selector: Selector) -> None:
        self._shelf(key, selector).discard(key)
        del self._selectors[key]

    def _shelf(self, key: Key, selector: Selector) -> set[Key]:
        pairs = selector.get("matchLabels") or {}
        if not pairs:
            return self._by_namespace.setdefault(key[0], set())
        # The last pair in order, so that a name that all of a team's selectors share is rarely the one.
        name = max(pairs)
        return self._by_pair.setdefault((key[0], name, pairs[name]), set())
