"""nbgrader's Execute, in two processes: the answers in the student's kernel, the tests in the checker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Float, Integer, Unicode

from grader import notebooks, seeds
from grader import scope as scopes
from grader.conversion import saved
from grader.isolation.bench import mark
from grader.isolation.job import Job, Marked, timeouts_s
from grader.scope import Scope

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class IsolatedExecute(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Takes the place of Execute in ``Autograde.autograde_preprocessors``; :class:`.Restore` must have gone before."""

    backend = Unicode("in-process", help="The cluster that each submission gets, as in PODWALK_BACKEND.").tag(
        config=True
    )
    sandboxed = Bool(True, help="Whether submissions run in a sandbox (bubblewrap).").tag(config=True)
    cell_timeout_s = Float(
        0.0, help="Seconds that one cell of a submission may take; 0 for 60, and 180 on a real cluster."
    ).tag(config=True)
    timeout_s = Float(
        0.0,
        help="Seconds that a whole submission may take, and again its checks; 0 for 180, and 900 on a real cluster.",
    ).tag(config=True)
    memory_mb = Integer(2048, help="Megabytes of address space of the student's kernel.").tag(config=True)
    processes = Integer(64, help="Processes that the student's kernel may have at once.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: NotebookNode) -> tuple[NotebookNode, NotebookNode]:
        """Run a submission's notebook and fill in the outputs.

        Raises:
            NotGradableError: when something of ours broke; nbgrader then keeps no mark.
        """
        about = resources["nbgrader"]
        folder, scope = self._course(about["assignment"], about["notebook"])
        kept = saved.read(self._submitted(about["student"], about["assignment"]), about["notebook"])
        seed = seeds.seed_of(folder, about["student"], about["assignment"]) if scope.seeded else None
        nb.cells = saved.insert(nb.cells, kept, scope)
        answers, tests = split(nb)
        job = make_job(
            answers,
            tests,
            backend=self.backend,
            scope=scope,
            seed=seed,
            saved=kept,
            sandboxed=self.sandboxed,
            **self.limits,
        )
        fill(answers, tests, mark(job))
        return nb, resources

    @property
    def limits(self) -> dict[str, float]:
        """What a submission may take, in the words of :class:`.Job`."""
        cell_timeout_s, timeout_s = timeouts_s(self.backend)
        return {
            "cell_timeout_s": self.cell_timeout_s or cell_timeout_s,
            "timeout_s": self.timeout_s or timeout_s,
            "memory_bytes": self.memory_mb * 1024**2,
            "processes": self.processes,
        }

    def _submitted(self, student: str, assignment: str) -> Path:
        """Return the folder that the student submitted; nbgrader's copy of it has followed links."""
        course = self.parent.parent.coursedir
        return Path(course.format_path(course.submitted_directory, student, assignment))

    def _course(self, assignment: str, notebook: str) -> tuple[Path, Scope]:
        """Return the course's folder, and what the teacher's notebook says of itself."""
        course = self.parent.parent.coursedir
        source = Path(course.format_path(course.source_directory, ".", assignment))
        return Path(course.root), scopes.read(source / f"{notebook}.ipynb")


def split(notebook: NotebookNode) -> tuple[list[NotebookNode], list[NotebookNode]]:
    """Return a restored notebook's code cells: the student's kernel's, and the checker's."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in code if not is_test(cell)], [cell for cell in code if is_test(cell)]


def make_job(
    answers: list[NotebookNode],
    tests: list[NotebookNode],
    *,
    scope: Scope,
    saved: saved.Saved = saved.NONE,
    **settings: Any,
) -> Job:
    """Return what the judge is given; the settings are those of :class:`.Job`."""
    given = tuple(number for number, cell in enumerate(answers) if utils.is_locked(cell))
    return Job(
        tuple(cell.source for cell in answers),
        tuple(cell.source for cell in tests),
        given=given,
        namespaces=scope.namespaces,
        cluster=scope.cluster,
        allowed=scope.allowed,
        addons=scope.addons,
        files={saved.name: saved.text} if saved.text else {},
        **settings,
    )


def fill(answers: list[NotebookNode], tests: list[NotebookNode], marked: Marked) -> None:
    """Put the outputs into the cells."""
    for number, (cell, outputs) in enumerate(zip(answers, marked.answers, strict=True), 1):
        cell.outputs, cell.execution_count = [notebooks.node(output) for output in outputs], number
    for cell, outputs in zip(tests, marked.tests, strict=True):
        cell.outputs, cell.execution_count = [notebooks.node(output) for output in outputs], None


def is_test(cell: NotebookNode) -> bool:
    """Whether a code cell is a trusted test and not the student's."""
    return bool(utils.is_grade(cell) and not utils.is_solution(cell))
