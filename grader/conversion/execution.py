"""nbgrader's Execute, in two processes: the answers in the student's kernel, the tests in the checker."""

from __future__ import annotations

from pathlib import Path

from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Float, Integer, Unicode

from grader import notebooks
from grader.isolation.bench import judge
from grader.isolation.job import Job, Output


class IsolatedExecute(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Takes the place of Execute in ``Autograde.autograde_preprocessors``; :class:`.Restore` must have gone before."""

    backend = Unicode("in-process", help="The cluster that each submission gets, as in PODWALK_BACKEND.").tag(
        config=True
    )
    sandboxed = Bool(True, help="Whether submissions run in a sandbox (bubblewrap).").tag(config=True)
    cell_timeout_s = Float(60.0, help="Seconds that one cell of a submission may take.").tag(config=True)
    timeout_s = Float(180.0, help="Seconds that a whole submission may take, and again its checks.").tag(config=True)
    memory_mb = Integer(2048, help="Megabytes of address space of the student's kernel.").tag(config=True)
    processes = Integer(64, help="Processes that the student's kernel may have at once.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: NotebookNode) -> tuple[NotebookNode, NotebookNode]:
        """Run a submission's notebook and fill in the outputs.

        Raises:
            NotGradableError: when something of ours broke; nbgrader then keeps no mark.
        """
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        tests = [cell for cell in code if is_test(cell)]
        answers = [cell for cell in code if not is_test(cell)]
        about = resources["nbgrader"]
        marked = judge().mark(self.job(answers, tests, self._namespaces(about["assignment"], about["notebook"])))
        for number, (cell, outputs) in enumerate(zip(answers, marked.answers, strict=True), 1):
            _fill(cell, outputs, number)
        for cell, outputs in zip(tests, marked.tests, strict=True):
            _fill(cell, outputs, None)
        return nb, resources

    def job(self, answers: list[NotebookNode], tests: list[NotebookNode], namespaces: tuple[str, ...]) -> Job:
        """Return what the judge is given."""
        return Job(
            tuple(cell.source for cell in answers),
            tuple(cell.source for cell in tests),
            given=tuple(number for number, cell in enumerate(answers) if utils.is_locked(cell)),
            backend=self.backend,
            namespaces=namespaces,
            sandboxed=self.sandboxed,
            cell_timeout_s=self.cell_timeout_s,
            timeout_s=self.timeout_s,
            memory_bytes=self.memory_mb * 1024**2,
            processes=self.processes,
        )

    def _namespaces(self, assignment: str, notebook: str) -> tuple[str, ...]:
        """Return what the teacher's notebook says of itself; the submission is not asked."""
        course = self.parent.parent.coursedir
        source = Path(course.format_path(course.source_directory, ".", assignment)) / f"{notebook}.ipynb"
        if not source.exists():
            return ()
        return tuple(notebooks.read(source).metadata.get("podwalk", {}).get("namespaces", ()))


def is_test(cell: NotebookNode) -> bool:
    """Whether a code cell is a trusted test and not the student's."""
    return bool(utils.is_grade(cell) and not utils.is_solution(cell))


def _fill(cell: NotebookNode, outputs: tuple[Output, ...], count: int | None) -> None:
    cell.outputs = [notebooks.node(output) for output in outputs]
    cell.execution_count = count
