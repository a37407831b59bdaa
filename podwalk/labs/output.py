"""What a cell shows, typed: IPython's display functions ship no types."""

from __future__ import annotations

from typing import Any

from IPython.display import HTML, Markdown, display


def emit(result: Any) -> None:
    """Show a result as the front end likes it best."""
    display(result)  # type: ignore[no-untyped-call]  # IPython ships no types


def emit_markdown(text: str) -> None:
    """Show Markdown."""
    emit(Markdown(text))  # type: ignore[no-untyped-call]  # IPython ships no types


def emit_html(text: str) -> None:
    """Show HTML."""
    emit(HTML(text))  # type: ignore[no-untyped-call]  # IPython ships no types
