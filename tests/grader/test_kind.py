"""Grading on a real cluster: the same marks, a student kept to the assignment's namespaces, nothing left."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import podwalk
from grader.course import Course
from grader.isolation.bench import Judge
from grader.isolation.job import timeouts_s
from podwalk.facade import Cluster
from tests.conformance.conftest import kind_name
from tests.grader.conftest import Assignment, Outcome, released
from tests.grader.test_references import REFERENCES, TOGETHER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def kind() -> Cluster:
    name = kind_name()
    if not name:
        pytest.skip("no kind cluster is up: `podwalk up --kind`, or set KUBECONFIG to one")
    return podwalk.cluster(f"kind:{name}", quiet=True)


def _real() -> dict[str, Any]:
    cell_timeout_s, timeout_s = timeouts_s("kind")
    return {"backend": f"kind:{kind_name()}", "cell_timeout_s": cell_timeout_s, "timeout_s": timeout_s}


def _mark(assignment: Assignment, answers: dict[str, str], kind: Cluster) -> Outcome:
    seed = REFERENCES[assignment.name].seed
    before = set(kind.get("pods", namespace="default").names)
    outcome = assignment.mark(answers, **_real(), **({} if seed is None else {"seed": seed}))
    print(assignment.name, outcome.marked.timings_s)
    left = set(kind.get("pods", namespace="default").names) - before
    assert not left, "a check has called from there"
    return outcome


@pytest.fixture(scope="module")
def release(course: Course, judge: Judge, root: Path) -> Callable[[str], Assignment]:
    return cache(lambda name: released(course, judge, root / "notebooks" / "source" / name))


Release = Callable[[str], Assignment]
WAYS = [(name, way) for name, reference in REFERENCES.items() for way in reference.ways]


@pytest.mark.parametrize("name", REFERENCES)
def test_a_real_cluster_gives_the_right_answers_all_points(name: str, kind: Cluster, release: Release) -> None:
    outcome = _mark(release(name), release(name).solutions, kind)
    assert outcome.points == REFERENCES[name].full, outcome.reasons


@pytest.mark.parametrize(("name", "way"), [pytest.param(*row, id=": ".join(row)) for row in WAYS])
def test_a_real_cluster_gives_other_right_answers_all_points(
    name: str, way: str, kind: Cluster, release: Release
) -> None:
    reference = REFERENCES[name]
    outcome = _mark(release(name), reference.way(release(name).solutions, way), kind)
    assert reference.everywhere(outcome.points, way) == reference.everywhere(reference.full, way), outcome.reasons


@pytest.mark.parametrize("name", REFERENCES)
def test_a_real_cluster_gives_an_untouched_notebook_nothing(name: str, kind: Cluster, release: Release) -> None:
    outcome = _mark(release(name), {}, kind)
    assert outcome.points == dict.fromkeys(REFERENCES[name].full, 0.0), outcome.reasons


@pytest.mark.parametrize("which", TOGETHER)
def test_a_real_cluster_marks_every_mistake_like_the_embedded_one(which: str, kind: Cluster, release: Release) -> None:
    name, mistakes = TOGETHER[which]
    reference = REFERENCES[name]
    outcome = _mark(release(name), reference.mistake(release(name).solutions, *mistakes), kind)
    expected = reference.everywhere(reference.marks(*mistakes), *mistakes)
    assert reference.everywhere(outcome.points, *mistakes) == expected, (mistakes, outcome.reasons)


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
        **_real(),
    )
    said = "".join(str(output.get("text", "")) for cell in outcome.marked.answers for output in cell)
    assert said.count("refused") == 5, said
    assert "reached" not in said
    assert outcome.points == {"backend": 3.0, "service": 4.0, "affinity": 3.0, "headless": 0.0}
    after = set(kind.get("namespaces").names)
    assert not {"shop", "mine", "podwalk-grading"} & after, before
    assert not [name for name in kind.get("clusterroles").names if name.startswith("podwalk-grading")]
