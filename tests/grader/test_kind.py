"""Grading on a real cluster: the same marks, a student kept to the assignment's namespaces, nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest

import podwalk
from grader.course import Course
from grader.isolation.bench import Judge
from podwalk.facade import Cluster
from tests.conformance.conftest import kind_name
from tests.grader.conftest import Assignment, released

FULL = {
    "services": {"backend": 3.0, "service": 4.0, "affinity": 3.0, "headless": 3.0},
    "dns": {"members": 4.0, "port": 2.0, "alias": 2.0, "search": 3.0},
    "policies": {"tiers": 5.0, "metrics": 4.0, "egress": 4.0},
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def kind() -> Cluster:
    name = kind_name()
    if not name:
        pytest.skip("no kind cluster is up: `podwalk up --kind`, or set KUBECONFIG to one")
    return podwalk.cluster(f"kind:{name}", quiet=True)


def _mark(assignment: Assignment, kind: Cluster, answers: dict[str, str]) -> dict[str, float]:
    outcome = assignment.mark(answers, backend=f"kind:{kind_name()}", cell_timeout_s=180.0, timeout_s=600.0)
    print(outcome.reasons, outcome.marked.timings_s)
    return dict(outcome.points)


@pytest.mark.parametrize("name", FULL)
def test_a_real_cluster_gives_the_marks_of_the_embedded_one(
    name: str, kind: Cluster, course: Course, judge: Judge, root: Path
) -> None:
    assignment = released(course, judge, root / "notebooks" / "source" / name)
    right = _mark(assignment, kind, assignment.solutions)
    assert right == assignment.mark(assignment.solutions).points
    assert set(FULL[name].items()) <= set(right.items())


def test_a_submission_reaches_its_own_namespaces_only_and_leaves_nothing(services: Assignment, kind: Cluster) -> None:
    attack = """
for tried in (
    lambda: cluster.get("secrets", namespace="kube-system"),
    lambda: cluster.delete("deployment/coredns", namespace="kube-system"),
    lambda: cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}),
    lambda: cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "default"}}),
    lambda: cluster.api.rest_client.pool_manager.request(
        "GET", cluster.api.configuration.host + "/api/v1/namespaces/kube-system/secrets",
        headers={"Impersonate-User": "kubernetes-admin", "Impersonate-Group": "system:masters"}).json()["items"],
):
    try:
        tried()
        print("reached")
    except Exception as error:
        print("refused", type(error).__name__, str(error)[:120])
"""
    before = set(kind.get("namespaces").names)
    outcome = services.mark(
        services.solutions | {"headless-answer": attack},
        backend=f"kind:{kind_name()}",
        cell_timeout_s=180.0,
        timeout_s=600.0,
    )
    said = "".join(str(output.get("text", "")) for cell in outcome.marked.answers for output in cell)
    assert said.count("refused") == 5, said
    assert "reached" not in said
    assert outcome.points == {"backend": 3.0, "service": 4.0, "affinity": 3.0, "headless": 0.0}
    after = set(kind.get("namespaces").names)
    assert not {"shop", "mine", "podwalk-grading"} & after, before
    assert not [name for name in kind.get("clusterroles").names if name.startswith("podwalk-grading")]
