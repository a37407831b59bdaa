"""Label selectors, and which of their requirements some labels fail.

Source: k8s.io/apimachinery/pkg/apis/meta/v1 (LabelSelector). An absent key satisfies ``NotIn`` and ``DoesNotExist``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Requirement:
    """One requirement of a selector.

    Attributes:
        path: where it stands in the selector, e.g. ``matchLabels`` or ``matchExpressions[0]``.
        key: the label's key.
        operator: ``In``, ``NotIn``, ``Exists`` or ``DoesNotExist``.
        values: the values, for ``In`` and ``NotIn``.
    """

    path: str
    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy it."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False

    def __str__(self) -> str:
        """Render as kubectl writes a selector."""
        values = ",".join(self.values)
        match self.operator:
            case "In":
                return f"{self.key}={values}" if len(self.values) == 1 else f"{self.key} in ({values})"
            case "NotIn":
                return f"{self.key}!={values}" if len(self.values) == 1 else f"{self.key} notin ({values})"
            case "DoesNotExist":
                return f"!{self.key}"
        return self.key


def requirements(selector: Mapping[str, Any]) -> Iterator[Requirement]:
    """Return every requirement of a selector; an empty selector has none, and selects everything."""
    for key, value in (selector.get("matchLabels") or {}).items():
        yield Requirement("matchLabels", key, "In", (value,))
    for index, entry in enumerate(selector.get("matchExpressions") or ()):
        values = tuple(entry.get("values") or ())
        yield Requirement(f"matchExpressions[{index}]", entry["key"], entry["operator"], values)


def failures(selector: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[Requirement, ...]:
    """Return the requirements that labels fail."""
    return tuple(requirement for requirement in requirements(selector) if not requirement.holds(labels))


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector selects labels."""
    return all(requirement.holds(labels) for requirement in requirements(selector))


def write(selector: Mapping[str, Any]) -> str:
    """Render a selector in one line."""
    return ",".join(str(requirement) for requirement in requirements(selector)) or "everything"


def write_labels(labels: Mapping[str, str]) -> str:
    """Render labels in one line."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no labels"
