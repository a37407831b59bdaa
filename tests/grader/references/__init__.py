"""Reference answers: for each task the right one (the source notebook's), other right ones, and plausible mistakes.

The notebooks hold the solutions; here is what else is right, and what mistakes earn, a module an assignment.
:mod:`tests.grader.test_references` tries them, and holds that there is enough of everything: two other ways for each
task, and a mistake for each check.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Edit:
    """An answer that is the reference answer with something replaced."""

    right: str
    wrong: str

    def of(self, text: str) -> str:
        """Return the answer."""
        assert self.right in text, f"the edit must change something: {self.right!r}"
        return text.replace(self.right, self.wrong)


Answer = str | Edit | tuple[Edit, ...]
Way = Mapping[str, Answer]
"""A right answer for some cells, by their ``grade_id``."""

Mistake = tuple[str | tuple[str, ...], str, str, Mapping[str, float]]
"""The cells, what is replaced by what, and the marks that differ from the full ones."""


@dataclass(frozen=True)
class Reference:
    """What is known of an assignment's answers.

    Attributes:
        full: the points of each task that is marked by machine.
        ways: other right answers, by what is different.
        mistakes: plausible ones, by what is wrong.
        answered_in: the cells in which a task is answered, where it is not the one named after it.
        seed: of the student's variant.
        by_controller: the tasks, by the way or the mistake, whose marks hang on which controller a real cluster has.
        alone: the mistakes that are marked by themselves, though others touch neither their cells nor their tasks.
    """

    full: Mapping[str, float]
    ways: Mapping[str, Way]
    mistakes: Mapping[str, Mistake] = field(default_factory=dict)
    answered_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int | None = None
    by_controller: Mapping[str, frozenset[str]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()

    def cells(self, task: str) -> tuple[str, ...]:
        """Return the cells in which a task is answered."""
        return self.answered_in.get(task, (f"{task}-answer",))

    def way(self, solutions: Mapping[str, str], name: str) -> dict[str, str]:
        """Return the answers of another right way."""
        return {**solutions, **{cell: _text(answer, solutions[cell]) for cell, answer in self.ways[name].items()}}

    def mistake(self, solutions: Mapping[str, str], *names: str) -> dict[str, str]:
        """Return the answers with one mistake in them, or with several."""
        answers = dict(solutions)
        for name in names:
            _, right, wrong, _ = self.mistakes[name]
            for cell in self._touched(name):
                answers[cell] = Edit(right, wrong).of(answers[cell])
        return answers

    def marks(self, *names: str) -> dict[str, float]:
        """Return what answers with one mistake or several earn."""
        return dict(ChainMap(*(dict(self.mistakes[name][3]) for name in names), dict(self.full)))

    def together(self) -> list[tuple[str, ...]]:
        """Return all mistakes, in as few submissions as will do: those in one share neither a cell nor a task."""
        groups: list[list[str]] = []
        for name in self.mistakes:
            for group in groups:
                if not any(self._meet(name, other) for other in group):
                    group.append(name)
                    break
            else:
                groups.append([name])
        return [tuple(group) for group in groups]

    def everywhere(self, marks: Mapping[str, float], *names: str) -> dict[str, float]:
        """Return of the marks of such answers those that are the same whichever controller a cluster has."""
        loose = frozenset().union(*(self.by_controller.get(name, ()) for name in names))
        return {task: points for task, points in marks.items() if task not in loose}

    def _meet(self, one: str, other: str) -> bool:
        cells = set(self._touched(one)) & set(self._touched(other))
        return bool(cells or self._costs(one) & self._costs(other) or {one, other} & self.alone)

    def _costs(self, mistake: str) -> frozenset[str]:
        return frozenset(self.mistakes[mistake][3]) | self.by_controller.get(mistake, frozenset())

    def _touched(self, mistake: str) -> tuple[str, ...]:
        cells = self.mistakes[mistake][0]
        return (cells,) if isinstance(cells, str) else cells


def _text(answer: Answer, solution: str) -> str:
    if isinstance(answer, str):
        return answer
    for edit in (answer,) if isinstance(answer, Edit) else answer:
        solution = edit.of(solution)
    return solution


def apply(text: str) -> str:
    """Return the cell that applies a manifest."""
    return f'cluster.apply("""{text}""")'
