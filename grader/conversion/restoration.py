"""Puts back what a submission may not change: the tests, their points, who is graded for what.

A submission is a file that its author can edit freely. From here on only the answers are the student's; everything that
bears on marks comes from the gradebook, where ``nbgrader generate_assignment`` wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from grader import notebooks

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Trusted:
    """A cell as the gradebook knows it.

    Attributes:
        name: its ``grade_id``.
        cell_type: ``code`` or ``markdown``.
        source: its text; of an answer, that of the student's version.
        checksum: of that text.
        locked: whether the student may not change it.
        grade: whether it has points.
        solution: whether it is an answer.
        task: whether it is nbgrader's "manually graded task".
        points: the maximum; None if it has none.
    """

    name: str
    cell_type: str
    source: str
    checksum: str
    locked: bool
    grade: bool
    solution: bool
    task: bool
    points: float | None

    @property
    def metadata(self) -> NotebookNode:
        """Nbgrader's metadata of the cell."""
        made = notebooks.node(
            {
                "grade_id": self.name,
                "grade": self.grade,
                "solution": self.solution,
                "task": self.task,
                "locked": self.locked,
                "checksum": self.checksum,
                "cell_type": self.cell_type,
                "schema_version": SCHEMA_VERSION,
            }
        )
        if self.points is not None:
            made.points = self.points
        return made


class Restore(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Replaces nbgrader's DeduplicateIds and OverwriteCells, and takes no metadata from the submission."""

    def preprocess(self, nb: NotebookNode, resources: NotebookNode) -> tuple[NotebookNode, NotebookNode]:
        """Restore a submission's notebook."""
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            trusted = read(gradebook, about["notebook"], about["assignment"])
        nb.cells = restore(nb.cells, trusted)
        return nb, resources


def read(gradebook: Gradebook, notebook: str, assignment: str) -> list[Trusted]:
    """Return the cells of an assignment's notebook from the gradebook."""
    found = gradebook.find_notebook(notebook, assignment)
    solutions = {cell.name for cell in found.solution_cells}
    tasks = {cell.name for cell in found.task_cells}
    points = {cell.name: cell.max_score for cell in (*found.grade_cells, *found.task_cells)}
    graded = {cell.name for cell in found.grade_cells}
    return [
        Trusted(
            cell.name, cell.cell_type, cell.source or "", cell.checksum or "", bool(cell.locked), cell.name in graded,
            cell.name in solutions, cell.name in tasks, points.get(cell.name),
        )
        for cell in found.source_cells
    ]  # fmt: skip


def restore(cells: list[NotebookNode], trusted: list[Trusted]) -> list[NotebookNode]:
    """Return a submission's cells with everything but the answers as the gradebook has it.

    A ``grade_id`` counts once, at its first cell; a cell that claims another, or none that exists, is plain text or
    code of the student's. What is missing comes back at the end.
    """
    left = {cell.name: cell for cell in trusted}
    restored = []
    for cell in cells:
        claimed = cell.metadata.pop("nbgrader", None)
        name = claimed.get("grade_id") if isinstance(claimed, dict) else None
        known = left.pop(name, None) if isinstance(name, str) else None
        restored.append(cell if known is None else _trusted(known, cell.source if known.solution else known.source))
    restored += [_trusted(cell, cell.source) for cell in left.values()]
    return restored


def _trusted(cell: Trusted, source: str) -> NotebookNode:
    made = notebooks.cell(cell.cell_type, source)
    made.metadata["nbgrader"] = cell.metadata
    return made
