"""What a student is shown: the graded notebook without the hidden tests.

The report under a test cell says in words what was found; the tests' source stays with the teacher.
"""

from __future__ import annotations

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests


class HideTests(ClearHiddenTests):  # type: ignore[misc]  # nbgrader has no types
    """Takes hidden tests out of graded cells before feedback is made of them."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: NotebookNode, cell_index: int
    ) -> tuple[NotebookNode, NotebookNode]:
        """Take them out of the cells that have them; the others may be of a student who wrote such a line."""
        grade = cell.metadata.get("nbgrader", {})
        if grade.get("grade") and not grade.get("solution"):
            self._remove_hidden_test_region(cell)
        return cell, resources
