"""Each student's own variant: the same at the start and at grading, another for everybody, the secret in no hands."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from click.testing import CliRunner

import podwalk
from grader import classroom, cli, notebooks, seeds
from grader.classroom import Settings, Submission
from grader.conversion import restoration
from grader.course import Course
from grader.isolation import bench
from grader.isolation.bench import Judge
from grader.marks import StudentMarks
from grader.scope import Scope
from podwalk.errors import PodwalkError
from podwalk.facade import seeds as own
from podwalk.facade.errors import LearnerError
from tests.grader.conftest import SANDBOXED

SECRET = "a secret of more than enough words"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (own.SEED_VARIABLE, own.KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_a_seed_is_the_same_every_time_and_differs_by_student_assignment_and_secret() -> None:
    assert seeds.seed(SECRET, "ada", "incident") == seeds.seed(SECRET, "ada", "incident") == 42633312343563
    others = [(SECRET, "bob", "incident"), (SECRET, "ada", "capstone"), (SECRET + "!", "ada", "incident")]
    assert len({seeds.seed(*words) for words in [(SECRET, "ada", "incident"), *others]}) == 4


def test_a_name_cannot_be_chosen_so_that_it_gives_the_key_of_another() -> None:
    key = seeds.key(SECRET, "ada")
    assert seeds.key(SECRET, "student\0ada") != key
    assert own.digest(SECRET, "assignment", "ada").hex() != key


@pytest.mark.parametrize("way", ["variable", "file beside the notebook", "file in the home folder"])
def test_the_key_that_a_student_gets_gives_the_seed_that_grading_computes(
    way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = seeds.key(SECRET, "ada")
    if way == "variable":
        monkeypatch.setenv(own.KEY_VARIABLE, key)
    else:
        folder = tmp_path if "beside" in way else tmp_path / "home"
        folder.mkdir(exist_ok=True)
        (folder / own.KEY_FILE).write_text(key + "\n")
    assert podwalk.seed("incident") == seeds.seed(SECRET, "ada", "incident")


def test_a_number_given_comes_first_and_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(own.KEY_VARIABLE, seeds.key(SECRET, "ada"))
    monkeypatch.setenv(own.SEED_VARIABLE, "7")
    assert podwalk.seed("incident") == 7
    monkeypatch.setenv(own.SEED_VARIABLE, "seven")
    with pytest.raises(LearnerError, match="whole number"):
        podwalk.seed("incident")


def test_without_a_key_a_learner_is_told_what_to_do() -> None:
    with pytest.raises(LearnerError, match=own.KEY_FILE) as refused:
        podwalk.seed("incident")
    assert f"%env {own.SEED_VARIABLE}=1" in refused.value.hint


def test_the_secret_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    with pytest.raises(PodwalkError, match="grader seeds"):
        seeds.secret(tmp_path)
    made = seeds.secret(tmp_path, make=True)
    assert seeds.secret(tmp_path, make=True) == seeds.secret(tmp_path) == made
    assert stat.S_IMODE((tmp_path / seeds.SECRET_FILE).stat().st_mode) == 0o600
    (tmp_path / seeds.SECRET_FILE).write_text("short\n")
    with pytest.raises(PodwalkError, match="too short"):
        seeds.secret(tmp_path)


def test_a_hub_gives_each_user_the_key_of_that_user(tmp_path: Path) -> None:
    secret = seeds.secret(tmp_path, make=True)
    value = seeds.spawner_key(tmp_path)
    assert value(SimpleNamespace(user=SimpleNamespace(name="ada"))) == seeds.key(secret, "ada")


def test_the_command_writes_a_file_a_student_that_holds_the_key_and_not_the_secret(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.main, ["seeds", "--course", str(tmp_path), "ada", "bob"], catch_exceptions=False)
    assert done.exit_code == 0
    secret = seeds.secret(tmp_path)
    for student in ("ada", "bob"):
        assert (tmp_path / "seeds" / student / own.KEY_FILE).read_text().strip() == seeds.key(secret, student)
    written = [path.read_text() for path in (tmp_path / "seeds").rglob("*") if path.is_file()]
    assert len(written) == 2
    assert not any(secret in text for text in written)
    with pytest.raises(PodwalkError, match="cannot be a student's id"):
        seeds.write(tmp_path, ["../../home"])


def _mark(judge: Judge, monkeypatch: pytest.MonkeyPatch, answer: str, seed: int | None) -> Mapping[str, object]:
    """Mark a submission whose test earns a point for a ConfigMap named after the seed."""
    notebook = notebooks.node(nbformat.v4.new_notebook())  # type: ignore[no-untyped-call]  # no types
    test = notebooks.cell("code", "task = Task(cluster, points=1)\nname = f\"seed-{podwalk.seed('incident')}\"")
    test.source += '\ntask.check(checks.exists(f"configmap/{name}"))\ntask.report()'
    test.metadata["nbgrader"] = {"grade": True, "solution": False, "locked": True, "points": 1, "grade_id": "test"}
    notebook.cells = [notebooks.cell("code", answer), test]
    monkeypatch.setattr(bench, "judge", lambda: judge)
    monkeypatch.setattr(restoration, "restore", lambda cells, trusted: cells)
    settings = Settings(sandboxed=SANDBOXED, scope=Scope(seeded=True))
    graded = classroom.mark(Submission("ada", notebooks.text(notebook), (), settings, seed=seed))
    assert not graded.fault, graded.fault
    outputs: Mapping[str, object] = notebooks.parse(graded.text).cells[-1].outputs[-1].data
    return outputs


APPLY = """
import podwalk
cluster = podwalk.cluster(quiet=True)
cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"seed-{podwalk.seed('incident')}"}})
"""


def test_a_submission_and_its_tests_run_with_the_seed_of_its_student(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _mark(judge, monkeypatch, APPLY, 42)["text/plain"] == "1.0"


@pytest.mark.parametrize(
    "attack",
    [
        'import os\nos.environ["PODWALK_SEED"] = "1"',
        'import os\nos.environ.pop("PODWALK_SEED")\nopen("podwalk-seed.key", "w").write("chosen")',
        "import podwalk\npodwalk.seed = lambda assignment: 1",
    ],
)
def test_a_submission_that_chooses_another_seed_is_marked_by_its_own(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    assert _mark(judge, monkeypatch, attack + APPLY, 42)["text/plain"] == "0.0"


def test_a_course_without_a_secret_cannot_grade_a_seeded_assignment(course: Course, tmp_path: Path) -> None:
    place = tmp_path / "submitted" / "ada" / "incident"
    place.mkdir(parents=True)
    (place / "incident.ipynb").write_text("{}")
    found = classroom._read(Course(tmp_path), "incident", "ada", (), Settings(scope=Scope(seeded=True)))
    assert isinstance(found, StudentMarks)
    assert "grader seeds" in found.fault
