"""What a learner did by kubectl survives: from the exchange to the marks, by nbgrader's own commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

import podwalk
from grader import notebooks, sample
from grader.conversion import restoration, saved
from grader.conversion.saved import Saved
from grader.course import Course
from grader.isolation.bench import Judge
from grader.scope import Scope
from podwalk.facade import Cluster, kubectl, saving
from podwalk.facade.belongings import collect
from podwalk.labs.assignment import digest
from tests.grader.conftest import SANDBOXED, Assignment, released

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
from grader.conversion.configuration import configure
c = configure(get_config())
c.CourseDirectory.root = {root!r}
c.Exchange.root = {exchange!r}
c.IsolatedExecute.sandboxed = {sandboxed}
"""


class Classroom:
    """A teacher's folder, a learner's folder and an exchange between them."""

    def __init__(self, folder: Path, cluster_name: str) -> None:
        self.teacher, self.learner, self.exchange = (folder / name for name in ("teacher", "learner", "exchange"))
        for place in (self.teacher, self.learner, self.exchange):
            place.mkdir()
            words = {"root": str(self.teacher), "exchange": str(self.exchange), "sandboxed": SANDBOXED}
            (place / "nbgrader_config.py").write_text(CONFIG.format(**words))
        self.exchange.chmod(0o777)
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT), "PODWALK_BACKEND": f"embedded:{cluster_name}", "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "JUPYTER_CONFIG_DIR": str(folder / "none"),
        }  # fmt: skip

    def run(self, where: Path, *words: str) -> str:
        """Run a command of Python's; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", *words],
            cwd=where,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def nbgrader(self, where: Path, *words: str) -> str:
        """Run a command of nbgrader's."""
        return self.run(where, "nbgrader", *words)


@pytest.fixture
def classroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Classroom]:
    monkeypatch.setenv("PODWALK_HOME", str(tmp_path / "clusters"))
    made = Classroom(tmp_path, "homework")
    yield made
    made.run(made.learner, "podwalk", "down", "--name", "homework")


def _fetched(classroom: Classroom) -> Mapping[str, str]:
    """Release the assignment, let the learner fetch it, and return its solutions."""
    shutil.copytree(ROOT / "notebooks" / "source" / "services", classroom.teacher / "source" / "services")
    classroom.nbgrader(classroom.teacher, "generate_assignment", "services")
    classroom.nbgrader(classroom.teacher, "release_assignment", "services")
    classroom.nbgrader(classroom.learner, "fetch_assignment", "services")
    return sample.solutions(notebooks.read(classroom.teacher / "source" / "services" / "services.ipynb"))


def _solved(classroom: Classroom, answers: Mapping[str, str]) -> None:
    path = classroom.learner / "services" / "services.ipynb"
    path.write_text(sample.submission(notebooks.read(path), answers))


@pytest.mark.timeout(1500)
@pytest.mark.slow
def test_work_by_kubectl_survives_release_submit_collect_and_autograde(classroom: Classroom) -> None:
    teacher, learner = classroom.teacher, classroom.learner
    solutions = _fetched(classroom)

    # In cells: the backend, and a Service with a wrong port. By kubectl: the right port, and two more Services.
    wrong = solutions["service-answer"].replace("8080", "80")
    _solved(classroom, {"backend-answer": solutions["backend-answer"], "service-answer": wrong, "why": "They change."})
    assignment = learner / "services"
    cluster = podwalk.cluster("embedded:homework", quiet=True)
    for cell in notebooks.read(assignment / "services.ipynb").cells:
        if cell.cell_type == "code" and "cluster.apply" in cell.source:
            exec(
                cell.source.replace("podwalk.cluster()", "podwalk.cluster('embedded:homework', quiet=True)"),
                {"cluster": cluster},
            )
    for name in ("service-answer", "affinity-answer", "headless-answer"):
        exec(solutions[name], {"cluster": cluster})

    said = classroom.nbgrader(assignment, "validate", "services.ipynb")
    assert "VALIDATION FAILED" in said
    assert "Service/shop/cart: not in your submission" in said
    assert "podwalk save services.ipynb" in said

    assert "saved in services.cluster.yaml" in classroom.run(assignment, "podwalk", "save")
    said = classroom.nbgrader(assignment, "validate", "services.ipynb")
    assert "Success! Your notebook passes all the tests" in said, said
    assert "Everything is saved" in classroom.run(assignment, "podwalk", "save", "--check")

    classroom.nbgrader(learner, "submit", "services")
    classroom.nbgrader(teacher, "collect", "services")
    classroom.nbgrader(teacher, "autograde", "services")
    with Gradebook(f"sqlite:///{teacher / 'gradebook.db'}") as gradebook:
        # nbgrader takes the name of the account that submitted.
        [student] = gradebook.students
        found = gradebook.find_submission_notebook("services", "services", student.id)
        scores = {grade.name: grade.auto_score for grade in found.grades}
    assert scores | {"why": 0} == {"backend": 3.0, "service": 4.0, "affinity": 3.0, "headless": 3.0, "why": 0}


@pytest.mark.timeout(1500)
@pytest.mark.slow
def test_the_guides_commands_lead_from_release_to_feedback_and_marks(classroom: Classroom) -> None:
    teacher, learner = classroom.teacher, classroom.learner
    solutions = _fetched(classroom)
    _solved(classroom, {**solutions, "headless-answer": "", "why": "They change."})
    classroom.nbgrader(learner, "submit", "services")
    classroom.nbgrader(teacher, "collect", "services")
    unsandboxed = [] if SANDBOXED else ["--unsandboxed"]
    assert "to mark" in classroom.run(teacher, "grader", "autograde", "services", "--feedback", *unsandboxed)

    with Gradebook(f"sqlite:///{teacher / 'gradebook.db'}") as gradebook:
        [student] = [one.id for one in gradebook.students]
        found = gradebook.find_submission_notebook("services", "services", student)
        grade = next(grade for grade in found.grades if grade.name == "why")
        grade.manual_score, grade.needs_manual_grade = 2, False
        gradebook.db.commit()
    classroom.nbgrader(teacher, "generate_feedback", "services", "--force")
    classroom.nbgrader(teacher, "release_feedback", "services")
    classroom.nbgrader(teacher, "export")
    assert "services" in (teacher / "grades.csv").read_text()
    assert ",12.0," in (teacher / "grades.csv").read_text(), "ten by machine, two by hand"

    classroom.nbgrader(learner, "fetch_feedback", "services")
    [page] = learner.glob("services/feedback/*/services.html")
    assert "not found" in page.read_text()
    assert "HIDDEN TESTS" not in page.read_text()


def _saved(assignment: Assignment, answers: Mapping[str, str], text: str) -> tuple[float, str]:
    """Mark a submission with a saved file, and return the points and what its restoring cells said."""
    notebook = notebooks.parse(sample.submission(assignment.release, answers))
    outcome = assignment.mark_notebook(notebook, kept=Saved("services.cluster.yaml", text))
    said = [str(output) for cell in outcome.marked.answers for output in cell]
    return outcome.total, "\n".join(said)


def _kept(assignment: Assignment, answers: Mapping[str, str]) -> str:
    """Return what `podwalk save` keeps of a cluster in which these cells have run."""
    cluster: Cluster = podwalk.cluster("in-process", quiet=True)
    for cell in notebooks.parse(sample.submission(assignment.release, answers)).cells:
        if cell.cell_type == "code" and not notebooks.about(cell).get("grade"):
            exec(cell.source.replace("podwalk.cluster()", "cluster"), {"cluster": cluster, "podwalk": podwalk})
    return saving.dump(collect(cluster, assignment.course.scope(assignment.name)), "0" * 32)


def test_a_notebook_without_a_cell_earns_what_its_saved_objects_do(services: Assignment) -> None:
    assert _saved(services, {}, _kept(services, services.solutions))[0] == 13


def test_cells_that_are_newer_than_what_was_saved_count(services: Assignment) -> None:
    stale = _kept(services, services.solutions | {"service-answer": ""})
    assert _saved(services, services.solutions, stale)[0] == 13


@pytest.mark.slow
def test_what_was_deleted_by_kubectl_stays_deleted_though_the_notebook_makes_it_anew(
    course: Course, judge: Judge, root: Path
) -> None:
    lab = released(course, judge, root / "notebooks" / "source" / "networking-lab")
    text = sample.submission(lab.release, lab.solutions | {"cleanup-answer": ""})
    cluster: Cluster = podwalk.cluster("in-process", quiet=True)
    for cell in notebooks.parse(text).cells:
        if cell.cell_type == "code" and not notebooks.about(cell).get("grade"):
            exec(cell.source.replace("podwalk.cluster()", "cluster"), {"cluster": cluster, "podwalk": podwalk})
    assert lab.mark_notebook(notebooks.parse(text)).points["cleanup"] == 0

    for what in ("namespace", "ingressclass"):
        kubectl.run(cluster, f"kubectl delete {what} networking-lab-trial")
    restored = notebooks.node({"cells": restoration.restore(notebooks.parse(text).cells, lab.trusted)})
    kept = saving.dump(collect(cluster, course.scope(lab.name)), digest(restored))
    outcome = lab.mark_notebook(notebooks.parse(text), kept=Saved("networking-lab.cluster.yaml", kept))
    assert outcome.points["cleanup"] == 2, outcome.reasons
    assert outcome.total == sum(lab.mark(lab.solutions).points.values())


HOSTILE = {
    "not YAML": "# Saved by podwalk from the cells 00.\n\t][",
    "a bomb of aliases": "a: &a [x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 8)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "deeply nested": "[" * 20_000,
    "components of the cluster": """# Saved by podwalk from the cells 00.
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data: {Corefile: ""}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec: {replicas: 0, selector: {matchLabels: {k8s-app: kube-dns}}, template: {metadata: {labels: {k8s-app: kube-dns}}}}
""",
    "a report as an object": """# Saved by podwalk from the cells 00.
apiVersion: v1
kind: ConfigMap
metadata: {name: "task.report() # 13 of 13 points", namespace: shop}
---
kind: [Pod]
apiVersion: {v1: v1}
metadata: [name]
""",
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_saved_file_gains_nothing_and_costs_no_other_task(services: Assignment, attack: str) -> None:
    assert _saved(services, {}, HOSTILE[attack])[0] == 0
    assert _saved(services, services.solutions, HOSTILE[attack])[0] == 13


def test_a_link_in_the_place_of_the_saved_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text("kind: Secret")
    (tmp_path / "services.cluster.yaml").symlink_to(tmp_path / "theirs.yaml")
    found = saved.read(tmp_path, "services")
    assert found.text == ""
    assert "was not put back" in found.problem


def test_a_pipe_or_a_folder_in_the_place_of_the_saved_file_does_not_stop_grading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "services.cluster.yaml")
    assert "it is not a file" in saved.read(tmp_path, "services").problem
    (tmp_path / "dns.cluster.yaml").mkdir()
    assert saved.read(tmp_path, "dns").problem
    (tmp_path / "large.cluster.yaml").write_bytes(b"x" * 1_000_001)
    assert "larger than" in saved.read(tmp_path, "large").problem
    assert saved.read(tmp_path, "none") == saved.NONE


def test_a_problem_with_the_saved_file_is_told_in_the_graded_notebook(services: Assignment) -> None:
    cells = saved.insert(list(services.release.cells), Saved("a.cluster.yaml", "", "it is not a file"), Scope())
    assert cells[-1].source == "it is not a file"
