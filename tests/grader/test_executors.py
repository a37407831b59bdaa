"""Where submissions are marked: the grader knows `concurrent.futures` only, so a Dask cluster does as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader import classroom, executors, sample
from grader.classroom import Settings
from grader.course import Course
from grader.isolation.bench import Judge
from podwalk.errors import PodwalkError
from tests.grader.conftest import SANDBOXED, released


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a Dask cluster of two processes, on loopback."""
    distributed: Any = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as made:
        yield str(made.scheduler_address)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_marks_that_this_machine_gives(
    scheduler: str, tmp_path: Path, judge: Judge, root: Path
) -> None:
    course = Course(tmp_path)
    made = released(course, judge, root / "notebooks" / "source" / "services")
    answers = {"ada": made.solutions, "bob": {}, "cy": {"backend-answer": made.solutions["backend-answer"]}}
    for student, given in answers.items():
        course.submit(student, made.name, sample.submission(made.release, given))
    course.submit("mal", made.name, "[" * 100_000)
    with executors.executor(1, scheduler) as executor:
        found = classroom.grade(course, made.name, executor, settings=Settings(sandboxed=SANDBOXED))
        marks = {student.student: student for student in found}
    assert {name: marks[name].points for name in answers} == {"ada": 13, "bob": 0, "cy": 3}
    assert marks["mal"].fault


def test_without_dask_a_scheduler_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(PodwalkError, match=r"podwalk\[dask\]"), executors.executor(1, "tcp://127.0.0.1:1"):
        pass
