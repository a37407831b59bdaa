"""Submissions whose file was edited: nothing but the answers is taken from it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from nbformat.notebooknode import NotebookNode

from grader import notebooks
from grader.conversion import execution
from grader.conversion.restoration import restore
from tests.grader.conftest import Assignment
from tests.grader.test_saving import HOSTILE
from tests.grader.test_tampering import ATTACKS

Edit = Callable[[NotebookNode], None]


def _cell(notebook: NotebookNode, name: str) -> NotebookNode:
    found: NotebookNode = next(cell for cell in notebook.cells if notebooks.about(cell).get("grade_id") == name)
    return found


def _tests(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if notebooks.about(cell).get("grade")]


def _delete_tests(notebook: NotebookNode) -> None:
    notebook.cells = [cell for cell in notebook.cells if not notebooks.about(cell).get("grade")]


def _rewrite_tests(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.source = "4.0"


def _raise_points(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.metadata.nbgrader.points = 1000


def _lower_points_of_what_is_wrong(notebook: NotebookNode) -> None:
    _cell(notebook, "affinity").metadata.nbgrader.points = 0


def _call_tests_ungraded(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.metadata.nbgrader.grade = False


def _call_tests_answers(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.metadata.nbgrader.update(solution=True, locked=False)
        cell.source = "4.0"


def _duplicate_tests_in_front(notebook: NotebookNode) -> None:
    doubles = copy.deepcopy(_tests(notebook))
    for cell in doubles:
        cell.source = "4.0"
    notebook.cells = [*doubles, *notebook.cells]


def _duplicate_tests_behind(notebook: NotebookNode) -> None:
    doubles = copy.deepcopy(_tests(notebook))
    for cell in doubles:
        cell.source = "4.0"
    notebook.cells = [*notebook.cells, *doubles]


def _turn_tests_into_text(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.cell_type = "markdown"


def _rename_tests(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.metadata.nbgrader.grade_id += "-mine"


def _swap_tests(notebook: NotebookNode) -> None:
    one, other = _cell(notebook, "backend"), _cell(notebook, "service")
    one.metadata.nbgrader.grade_id, other.metadata.nbgrader.grade_id = "service", "backend"


def _call_an_answer_a_test(notebook: NotebookNode) -> None:
    cell = _cell(notebook, "backend-answer")
    cell.metadata.nbgrader.update(grade=True, solution=False, locked=True, points=100)
    cell.source = "100.0"


def _give_an_answer_the_name_of_a_test(notebook: NotebookNode) -> None:
    cell = _cell(notebook, "backend-answer")
    cell.metadata.nbgrader.grade_id = "backend"
    cell.source = "3.0"


def _reverse(notebook: NotebookNode) -> None:
    notebook.cells.reverse()


def _forge_checksums(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.source, cell.metadata.nbgrader.checksum = "4.0", "0" * 32


def _forge_outputs(notebook: NotebookNode) -> None:
    value = {"output_type": "execute_result", "data": {"text/plain": "4.0"}, "metadata": {}, "execution_count": 1}
    for cell in _tests(notebook):
        if cell.cell_type == "code":
            cell.outputs = [notebooks.node(value)]


def _replace_metadata(notebook: NotebookNode) -> None:
    garbages: list[object] = ["x", 3, None, [], {"grade_id": ["backend"]}]
    for cell, garbage in zip(notebook.cells, garbages * 9, strict=False):
        cell.metadata.nbgrader = garbage


def _unlock_the_setup(notebook: NotebookNode) -> None:
    cell = _cell(notebook, "setup")
    cell.metadata.nbgrader.locked = False
    cell.source = "cluster = None"


def _append_a_test(notebook: NotebookNode) -> None:
    cell = copy.deepcopy(_cell(notebook, "backend"))
    cell.metadata.nbgrader.update(grade_id="bonus", points=50)
    cell.source = "50.0"
    notebook.cells.append(cell)


EDITS: list[Edit] = [
    _delete_tests, _rewrite_tests, _raise_points, _lower_points_of_what_is_wrong, _call_tests_ungraded,
    _call_tests_answers, _duplicate_tests_in_front, _duplicate_tests_behind, _turn_tests_into_text, _rename_tests,
    _swap_tests, _call_an_answer_a_test, _give_an_answer_the_name_of_a_test, _reverse, _forge_checksums,
    _forge_outputs, _replace_metadata, _unlock_the_setup, _append_a_test,
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_"))
def test_an_edited_file_is_marked_by_the_true_tests_for_the_true_points(services: Assignment, edit: Edit) -> None:
    notebook = copy.deepcopy(services.release)
    edit(notebook)

    notebook.cells = restore(notebook.cells, services.trusted)

    true = {cell.name: cell for cell in services.trusted}
    _, tests = execution.split(notebook)
    assert {notebooks.about(cell)["grade_id"]: cell.source for cell in tests} == {
        name: cell.source for name, cell in true.items() if cell.grade and not cell.solution
    }
    for cell in notebook.cells:
        about = notebooks.about(cell)
        if about:
            assert about == true[about["grade_id"]].metadata
            assert not cell.get("outputs")
    names = [notebooks.about(cell)["grade_id"] for cell in notebook.cells if notebooks.about(cell)]
    assert sorted(names) == sorted(true), "each cell of the assignment is there, once"
    assert next(cell for cell in notebook.cells if notebooks.about(cell).get("grade_id") == "setup").source == (
        true["setup"].source
    )


def test_the_corpus_holds_forty_attacks() -> None:
    sources = {*ATTACKS.values(), *HOSTILE.values(), *EDITS}
    assert len(sources) == len(ATTACKS) + len(HOSTILE) + len(EDITS), "each is another"
    assert len(sources) >= 40
