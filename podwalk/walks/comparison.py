"""Two matrices side by side: what a policy opened and closed, and where a namespace is more open than it should be.

An intent is written as a mapping from sources to the targets that they may reach; what is not in it may not. A flow
that the policies allow and the intent does not is a counter-example: one such flow says more than a list of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from podwalk.errors import PodwalkError
from podwalk.walks.reachability import Cell, Reachability, leads, names
from podwalk.walks.walk import Walk

Intent = Mapping[str, str | Iterable[str]]
"""For each source, a target or several: ``{"frontend": "backend:8080", "*": "kube-system/coredns:53"}``."""


@dataclass(frozen=True)
class Comparison:
    """What became of the flows of a matrix.

    Attributes:
        before: the matrix as it was.
        after: the matrix as it is.
        opened: cells that were closed and are open, as they are now.
        closed: cells that were open and are closed, as they are now.
    """

    before: Reachability
    after: Reachability
    opened: tuple[Cell, ...]
    closed: tuple[Cell, ...]

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.opened or self.closed)

    def data(self) -> dict[str, Any]:
        """Return the changes as JSON values."""
        return {"opened": [str(cell) for cell in self.opened], "closed": [str(cell) for cell in self.closed]}

    def __str__(self) -> str:
        """Render as a line for each change."""
        lines = [f"+ {cell}" for cell in self.opened] + [f"- {cell}" for cell in self.closed]
        return "\n".join(lines) or "Nothing changed."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from podwalk.walks.changes import render

        return render(self)


def compare(before: Reachability, after: Reachability) -> Comparison:
    """Return what changed from one matrix to another; cells that only one of them has are passed over."""
    was = {cell.key: cell.allowed for cell in before}
    changed = [cell for cell in after if was.get(cell.key, cell.allowed) != cell.allowed]
    opened = tuple(cell for cell in changed if cell.allowed)
    return Comparison(before, after, opened, tuple(cell for cell in changed if not cell.allowed))


@dataclass(frozen=True)
class Assessment:
    """A matrix held against what is meant.

    Attributes:
        matrix: the matrix.
        meant: the keys of the cells that should be open.
        too_open: cells that are open and should not be.
        too_closed: cells that are closed and should be open.
    """

    matrix: Reachability
    meant: frozenset[tuple[str, str, int, str]]
    too_open: tuple[Cell, ...]
    too_closed: tuple[Cell, ...]

    @property
    def ok(self) -> bool:
        """Whether the policies allow what is meant, and nothing else."""
        return not self.too_open and not self.too_closed

    @property
    def counterexample(self) -> Walk | None:
        """The walk of a flow that gets through and should not; None if there is none."""
        return self.matrix.walk(self.too_open[0]) if self.too_open else None

    def reason(self, cell: Cell) -> str:
        """Say which policies let a flow through, or which do not."""
        hops = self.matrix.why(cell)
        shown = [hop for hop in hops if not hop.ok] or hops
        return " ".join(hop.detail for hop in shown)

    def data(self) -> dict[str, Any]:
        """Return the judgement as JSON values."""
        return {
            "ok": self.ok,
            "too_open": [{"flow": str(cell), "reason": self.reason(cell)} for cell in self.too_open],
            "too_closed": [{"flow": str(cell), "reason": self.reason(cell)} for cell in self.too_closed],
        }

    def __str__(self) -> str:
        """Render as a sentence for each flow that is not as meant."""
        lines = [f"✗ {cell} gets through, and should not. {self.reason(cell)}" for cell in self.too_open]
        lines += [f"✗ {cell} should get through, and does not. {self.reason(cell)}" for cell in self.too_closed]
        return "\n".join(lines) or "✓ The policies allow what is meant, and nothing else."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from podwalk.walks.changes import render_assessment

        return render_assessment(self)


def assess(matrix: Reachability, intent: Intent | Reachability) -> Assessment:
    """Hold a matrix against an intent, or against a matrix that is as it should be.

    Raises:
        PodwalkError: when the intent names a source or a target that the matrix does not have.
    """
    if isinstance(intent, Reachability):
        meant = frozenset(cell.key for cell in intent if cell.allowed)
    else:
        meant = frozenset(_meant(matrix, intent))
    cells = [cell for cell in matrix if not cell.itself]
    return Assessment(
        matrix,
        meant,
        tuple(cell for cell in cells if cell.allowed and cell.key not in meant),
        tuple(cell for cell in cells if not cell.allowed and cell.key in meant),
    )


def _meant(matrix: Reachability, intent: Intent) -> Iterable[tuple[str, str, int, str]]:
    for source, targets in intent.items():
        for target in [targets] if isinstance(targets, str) else targets:
            found = [cell for cell in matrix if names(cell.source, source) and leads(cell.target, target)]
            if not found:
                rows = ", ".join(group.name for group in matrix.sources)
                columns = ", ".join(f"{door.group.name}:{door.port}" for door in matrix.targets)
                said = f"{source!r} → {target!r} of the intent is no cell of the matrix"
                raise PodwalkError(f"{said}; its rows are {rows}; its columns are {columns}")
            yield from (cell.key for cell in found)
