"""An assignment's notebook on the learner's side: which file it is, what it is about, and saving and putting back.

Validate (nbgrader's button and ``nbgrader validate``) runs the notebook in a kernel of its own. There it gets what
grading gives it: a fresh cluster, and what was saved. At the last test, what the learner's own cluster has beyond that
would be lost, and fails it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.getipython import get_ipython

from podwalk.backends.selection import select
from podwalk.errors import PodwalkError
from podwalk.facade import Cluster, connect, saving
from podwalk.facade.belongings import collect
from podwalk.facade.errors import LearnerError
from podwalk.facade.scope import Scope
from podwalk.types import Object

VALIDATING = "NBGRADER_VALIDATING"
EXECUTION = "NBGRADER_EXECUTION"
SHOWN = 8


class UnsavedError(LearnerError):
    """The learner's cluster has what the submission has not."""


def save(cluster: Cluster, notebook: Path) -> Path:
    """Keep the learner's objects in a file beside the notebook, and return the file.

    Raises:
        LearnerError: when the notebook is no assignment, or the cluster does not answer.
    """
    nb = read(notebook)
    scope = Scope.of(nb.metadata)
    if not scope.namespaces:
        raise LearnerError(
            f"{notebook.name} does not say in which namespaces it works, so there is nothing to save",
            hint="save an assignment's notebook: its metadata has podwalk.namespaces",
        )
    place = notebook.with_suffix(saving.SUFFIX)
    part = place.with_suffix(".part")
    part.write_text(saving.dump(collect(cluster, scope), digest(nb)), encoding="utf-8")
    part.replace(place)
    return place


def unsaved(cluster: Cluster, notebook: Path) -> list[str]:
    """Name what the cluster has and the saved file has not, or has otherwise; everything, if nothing was saved.

    Raises:
        LearnerError: when the notebook cannot be read, or the cluster does not answer.
    """
    place = notebook.with_suffix(saving.SUFFIX)
    text = place.read_text(encoding="utf-8") if place.exists() else ""
    return saving.differences(saving.objects(text), collect(cluster, Scope.of(read(notebook).metadata)))


def read(notebook: Path) -> Any:
    """Read a notebook.

    Raises:
        LearnerError: when there is none, or it is not one.
    """
    try:
        return nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]  # ships no types
    except (
        OSError,
        ValueError,
        AttributeError,
        KeyError,
        nbformat.reader.NotJSONError,
        nbformat.ValidationError,
    ) as error:
        raise LearnerError(f"{notebook} cannot be read as a notebook: {str(error)[:200]}") from error


def digest(nb: Any) -> str:
    """Return what tells whether the learner's code cells are still the same."""
    answers = [cell.source for cell in nb.cells if cell.cell_type == "code" and not is_locked(cell.metadata)]
    return hashlib.sha256("\0".join(answers).encode()).hexdigest()[:32]


def is_locked(metadata: Mapping[str, Any]) -> bool:
    """Whether a cell is the assignment's own: nbgrader's rule."""
    about = metadata.get("nbgrader")
    if not isinstance(about, Mapping) or about.get("solution"):
        return False
    return bool(about.get("grade") or about.get("locked"))


def find(folder: Path | None = None) -> Path:
    """Return the notebook that runs us, or the only assignment in a folder.

    Raises:
        LearnerError: when it is not clear which.
    """
    shell = get_ipython()
    given = (shell.user_ns.get("__vsc_ipynb_file__") if shell else None, os.environ.get("JPY_SESSION_NAME"))
    for name in given:
        if name and Path(str(name)).suffix == ".ipynb" and Path(str(name)).exists():
            return Path(str(name))
    # JupyterLab names it from its own folder, the kernel starts in the notebook's.
    beside = [Path(Path(str(name)).name) for name in given if name]
    found = [path for path in beside if path.suffix == ".ipynb" and path.exists()] or list(
        _assignments(folder or Path())
    )
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found)
    raise LearnerError(
        f"which notebook? Here are {names}" if found else "there is no assignment's notebook here",
        hint="name it: podwalk save NOTEBOOK.ipynb",
    )


def _assignments(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*.ipynb")):
        with contextlib.suppress(LearnerError):
            if Scope.of(read(path).metadata).namespaces:
                yield path


def grading() -> bool:
    """Whether a notebook is being graded, and there is no learner to save for."""
    return os.environ.get(EXECUTION) == "autograde"


def validating() -> bool:
    """Whether nbgrader's Validate runs the notebook."""
    return os.environ.get(VALIDATING) == "1"


class Validation:
    """What Validate adds to a run: what was saved is put back, and what was not is told.

    Attributes:
        cluster: the fresh cluster.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Begin; nothing is put back before the cell that made the cluster has ended."""
        self.cluster = cluster
        self.notebook = find()
        self._nb = read(self.notebook)
        self._scope = Scope.of(self._nb.metadata)
        place = self.notebook.with_suffix(saving.SUFFIX)
        self._saved = place.read_text(encoding="utf-8") if place.exists() else ""
        self._deleted: Sequence[Object] = ()

    def begin(self) -> None:
        """Put back what was saved, as grading does after the assignment's own first cell."""
        if self._saved:
            saving.restore(self.cluster, self._saved, self._scope)

    def before_test(self) -> None:
        """Put it back once more, as grading does after the last answer, if the cells are still those of the saving."""
        if self._saved and saving.digest_of(self._saved) == digest(self._nb):
            self._deleted = saving.restore(self.cluster, self._saved, self._scope, last=True).deleted

    def after_test(self) -> None:
        """Say what would be lost, at the last test; and give the cells that follow what was deleted for this one.

        Raises:
            UnsavedError: when something would be.
        """
        try:
            if self._is_last():
                self._compare()
        finally:
            saving.put_back(self.cluster, self._deleted)
            self._deleted = ()

    def _is_last(self) -> bool:
        tests = [cell.source for cell in self._nb.cells if cell.metadata.get("nbgrader", {}).get("grade")]
        tests = [text for text in tests if "task.report()" in text]
        return bool(tests) and _running_cell().strip() == tests[-1].strip()

    def _compare(self) -> None:
        try:
            own = _own_cluster()
            there = collect(own, self._scope) if own else []
        except PodwalkError:
            there = []
        # A cluster that is down or new has nothing that could be lost.
        found = saving.differences(collect(self.cluster, self._scope), there) if there else []
        if found:
            more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
            raise UnsavedError(
                "your cluster is not what your submission makes:",
                where="\n".join([*found[:SHOWN], *more]),
                hint=f"podwalk save {self.notebook.name}\nthen validate and submit again",
            )


@cache
def validation() -> Validation | None:
    """Return this kernel's validation, if Validate runs it and the notebook is an assignment."""
    if not validating():
        return None
    try:
        made = Validation(connect("in-process", quiet=True))
    except LearnerError:
        return None
    shell = get_ipython()
    if shell is not None:

        def begin(*_: object) -> None:
            shell.events.unregister("post_run_cell", begin)
            made.begin()

        shell.events.register("post_run_cell", begin)
    return made


def _running_cell() -> str:
    """Return the source of the cell that runs."""
    shell = get_ipython()
    return str(shell.user_ns["In"][-1]) if shell else ""


def keeper(cluster: Cluster) -> Callable[[], None]:
    """Return what a lab's control calls when it has changed the cluster: it saves, if the notebook is an assignment."""
    try:
        notebook = find()
        graded = any((cell.metadata.get("nbgrader") or {}).get("grade") for cell in read(notebook).cells)
    except LearnerError:
        graded = False
    if not graded or grading() or validating():
        return lambda: None

    def keep() -> None:
        save(cluster, notebook)

    return keep


def _own_cluster() -> Cluster | None:
    """Return the learner's cluster, as far as another process than the learner's kernel can reach it and it is up."""
    chosen = select(None)
    if chosen.name == "in-process" or not chosen.is_up():
        return None
    return connect(None, quiet=True)


def count(place: Path) -> int:
    """Count the objects in a saved file."""
    return place.read_text(encoding="utf-8").count("\napiVersion: ")
