"""Notebook files: nbformat's functions, with types, and without its complaints about cells that it mends by itself."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell


def read(path: Path) -> NotebookNode:
    """Read a notebook of any version as version 4."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cast(NotebookNode, nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]  # no types


def parse(text: str) -> NotebookNode:
    """Read the text of a notebook of any version as version 4."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cast(NotebookNode, nbformat.reads(text, as_version=4))  # type: ignore[no-untyped-call]  # no types


def text(notebook: NotebookNode) -> str:
    """Return a notebook as the text of its file; what UTF-8 cannot hold (half a surrogate pair) becomes a ``?``."""
    made = str(nbformat.writes(notebook))  # type: ignore[no-untyped-call]  # no types
    return made.encode("utf-8", "replace").decode()


def cell(cell_type: str, source: str) -> NotebookNode:
    """Return a new cell of type ``code`` or ``markdown``."""
    make = new_code_cell if cell_type == "code" else new_markdown_cell
    return cast(NotebookNode, make(source))  # type: ignore[no-untyped-call]  # no types


def node(values: dict[str, Any]) -> NotebookNode:
    """Return a dictionary in nbformat's form."""
    return NotebookNode(values)  # type: ignore[no-untyped-call]  # no types


def about(cell: NotebookNode) -> dict[str, Any]:
    """Return nbgrader's metadata of a cell; empty if it has none."""
    found = cell.metadata.get("nbgrader")
    return dict(found) if isinstance(found, dict) else {}
