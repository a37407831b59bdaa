"""A class graded at once against stock ``nbgrader autograde``, on the same submissions in one run.

The stock run has nbgrader's own preprocessors and a real kernel; its submissions reach a cluster in their kernel. What
is told is the ratio; that it is above one is all that is asserted, since a machine may be busy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    Execute,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from grader import classroom, executors, notebooks, sample
from grader.classroom import Settings
from grader.course import Course

CLASS = int(os.environ.get("GRADER_CLASS", "24"))
STOCK = 3
pytestmark = pytest.mark.slow


@pytest.fixture
def course(tmp_path: Path, root: Path) -> Course:
    """A class whose submissions are the sample's, over and over."""
    made = Course(tmp_path)
    source = root / "notebooks" / "source" / "services"
    release = notebooks.read(made.release(made.add(source)))
    answers = list(sample.students(source / "services.ipynb").values())[:4]
    for number in range(CLASS):
        made.submit(f"student-{number:03}", "services", sample.submission(release, answers[number % len(answers)]))
    return made


@pytest.mark.timeout(1200)
def test_a_class_at_once_is_faster_than_stock(
    course: Course, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    with executors.executor(os.cpu_count() or 1) as executor:
        # The processes of the grader start once, however large the class.
        list(executor.map(classroom.mark, classroom.examples(course, "services", Settings(), os.cpu_count() or 1)))
        started = time.monotonic()
        graded = list(classroom.grade(course, "services", executor, settings=Settings()))
        ours_s = (time.monotonic() - started) / CLASS
    assert not [student.fault for student in graded if student.fault]

    monkeypatch.setenv("PODWALK_BACKEND", "in-process")
    config = course.api.config
    config.Autograde.sanitize_preprocessors = [
        ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata,
    ]  # fmt: skip
    config.Autograde.autograde_preprocessors = [Execute, LimitOutput, SaveAutoGrades, CheckCellMetadata]
    config.Execute.timeout = 120
    started = time.monotonic()
    for number in range(STOCK):
        course.autograde("services", f"student-{number:03}")
    stock_s = (time.monotonic() - started) / STOCK
    ratio = stock_s / ours_s
    record_property("ratio", ratio)
    print(f"\na class of {CLASS}: {ours_s:.2f} s a submission; stock: {stock_s:.2f} s; {ratio:.1f} times as fast")
    assert ratio > 1
