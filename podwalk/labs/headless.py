"""Running a lab without anybody before it: for tests, for the book, for a teacher who changed a step.

The notebook itself runs, cell by cell, in a kernel of its own, as a learner's would.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import podwalk
from podwalk.facade.errors import LearnerError
from podwalk.labs import notebook, source
from podwalk.labs.lab import Lab
from podwalk.labs.progress import FOLDER_VARIABLE, load
from podwalk.labs.session import Session

CELL_TIMEOUT_S = 600


class LabFailedError(LearnerError):
    """A cell of a lab failed."""


def execute(nb: Any, folder: Path, **settings: Any) -> None:
    """Run the cells of a notebook in a kernel of its own; what they print is in the notebook then.

    Args:
        nb: the notebook.
        folder: where its kernel runs.
        settings: what else nbclient's client takes, e.g. ``on_cell_executed``.

    Raises:
        CellExecutionError: when a cell fails that is not said to.
    """
    client = NotebookClient(
        nb,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(folder)}},
        **{"timeout": CELL_TIMEOUT_S, **settings},
    )
    asyncio.run(client.async_execute())


def run(
    path: str | Path, backend: str | None = None, *, out: Callable[[str], None] = print, save: Path | None = None
) -> Lab:
    """Run a lab's notebook top to bottom, saying a line a step, and put the cluster back as it was.

    Args:
        path: the notebook.
        backend: as for :func:`podwalk.cluster`.
        out: what is called with each line.
        save: where to write the notebook with its outputs; nowhere by default.

    Returns:
        The lab that ran.

    Raises:
        LabError: when the notebook holds no lab, or a wrong one.
        LabFailedError: when a cell failed, with what it said.
    """
    path = Path(path)
    lab = source.read(path)
    nb = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # ships no types
    out(f"{lab.title} ({len(lab.steps)} steps)")
    with tempfile.TemporaryDirectory() as folder, _environment(backend, Path(folder)):
        try:
            _execute(nb, path, lab, out)
        finally:
            if save is not None:
                nbformat.write(nb, save)  # type: ignore[no-untyped-call]  # ships no types
            _put_back(lab, backend, Path(folder))
    out(f"done: {len(lab.steps)} of {len(lab.steps)} steps")
    return lab


@contextmanager
def _environment(backend: str | None, folder: Path) -> Iterator[None]:
    """Tell the kernel, which inherits our environment, how to run, on which backend, and where to keep progress."""
    wanted = {notebook.MODE_VARIABLE: "headless", FOLDER_VARIABLE: str(folder)}
    wanted |= {"PODWALK_BACKEND": backend} if backend else {}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _execute(nb: Any, path: Path, lab: Lab, out: Callable[[str], None]) -> None:
    started_s = time.monotonic()

    def report(cell: Any, cell_index: int, execute_reply: Any = None, **_: Any) -> None:
        nonlocal started_s
        words = cell.source.split("\n", 1)[0].split()
        if words[:1] == [source.STEP]:
            step = lab.step(words[-1])
            number = lab.steps.index(step) + 1 if step else 0
            outcome = "ok    " if execute_reply["content"]["status"] == "ok" else "FAILED"
            title = step.title if step else words[-1]
            out(f"  [{number}/{len(lab.steps)}] {outcome} {title} ({time.monotonic() - started_s:.1f} s)")
        started_s = time.monotonic()

    try:
        execute(nb, path.parent, on_cell_executed=report)
    except CellExecutionError as error:
        said = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
        raise LabFailedError(f"{path.name}: {said}", hint="open it in JupyterLab and run the step there") from error


def _put_back(lab: Lab, backend: str | None, folder: Path) -> None:
    """Undo what the run did; an in-process cluster ended with its kernel."""
    progress = load(folder / f"{lab.name}.json")
    if not progress.steps or (backend or os.environ.get("PODWALK_BACKEND", "")).startswith("in-process"):
        return
    Session(podwalk.cluster(backend, quiet=True), lab, progress).reset()


def main(argv: list[str]) -> int:
    """Run the labs named on the command line; for tests that need a process of their own."""
    for name in argv:
        run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
