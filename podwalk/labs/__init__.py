"""Labs: a notebook's steps as data, their control in JupyterLab, and the same steps without anybody before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podwalk.labs.lab import Lab

__all__ = ["run"]


def run(path: str | Path, backend: str | None = None, *, out: Callable[[str], None] = print) -> Lab:
    """Run a lab headless; see :func:`podwalk.labs.headless.run`."""
    from podwalk.labs import headless

    return headless.run(path, backend, out=out)
