"""The rules together, and the value that they give: findings, shown as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from podwalk.errors import PodwalkError
from podwalk.reviews import access, policies, services
from podwalk.reviews.finding import Finding, Subject
from podwalk.types import ClusterOptions, View

Rule = Callable[[Subject], Iterator[Finding]]

RULES: Mapping[str, Rule] = {
    "default-deny": policies.default_deny,
    "open-rule": policies.open_rules,
    "dns-egress": policies.dns,
    "reason": policies.reason,
    "exposure": services.exposure,
    "tls": services.tls,
    "readiness": services.readiness,
    "endpoints": services.endpoints,
    "rbac": access.rbac,
    "pod-security": access.pod_security,
}
"""Every rule by its name, in the order in which findings are listed."""


@dataclass(frozen=True)
class Review:
    """What the rules say of a namespace.

    Attributes:
        namespace: the namespace.
        findings: what could be better, in the order of the rules.
        rules: which rules were run.
        unread: what this user may not read, so that the rules saw none of it.
    """

    namespace: str
    findings: tuple[Finding, ...]
    rules: tuple[str, ...]
    unread: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Finding]:
        """Go over the findings."""
        return iter(self.findings)

    def __len__(self) -> int:
        """Count the findings."""
        return len(self.findings)

    def of(self, rule: str) -> tuple[Finding, ...]:
        """Return the findings of one rule."""
        return tuple(finding for finding in self.findings if finding.rule == rule)

    def data(self) -> dict[str, Any]:
        """Return the review as JSON can hold it."""
        return asdict(self)

    @property
    def summary(self) -> str:
        """How many rules hold, and what was not seen."""
        broken = len({finding.rule for finding in self.findings})
        held = f"{len(self.rules) - broken} of {len(self.rules)} rules hold in namespace {self.namespace}"
        unread = f"; you may not read {', '.join(self.unread)}, so what they would show is not in it"
        return held + (unread if self.unread else "")

    def __repr__(self) -> str:
        """List the findings, rule by rule, and count the rules that hold."""
        lines = []
        for rule in self.rules:
            if found := self.of(rule):
                lines += [f"✗ {rule}", *(f"  {line}" for finding in found for line in str(finding).splitlines())]
        return "\n".join([*lines, self.summary])

    def _repr_html_(self) -> str:
        from podwalk.reviews import picture

        return picture.draw(self)


def review(view: View, namespace: str, *, rules: tuple[str, ...] = (), options: ClusterOptions) -> Review:
    """Run rules on a namespace.

    Args:
        view: the cluster's objects.
        namespace: which namespace.
        rules: names of :data:`RULES`; none for all.
        options: the cluster's; its CNI plugin decides whether policies count.

    Raises:
        PodwalkError: when there is no such rule.
    """
    chosen = rules or tuple(RULES)
    for name in chosen:
        if name not in RULES:
            raise PodwalkError(f"there is no rule {name!r}; there are: {', '.join(RULES)}")
    subject = Subject(view, namespace, options)
    return Review(namespace, tuple(found for name in chosen for found in RULES[name](subject)), tuple(chosen))
