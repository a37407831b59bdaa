from __future__ import annotations

from typing import Any

import pytest

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, deployment

RESOURCE = "poddisruptionbudgets.policy"


def budget(**spec: Any) -> Object:
    body = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": body}


@pytest.fixture
def web(bench: Bench) -> Bench:
    bench.create("deployments.apps", deployment(replicas=5))
    bench.run_all()
    return bench


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        ({"minAvailable": 2}, 2, 3),
        ({"minAvailable": "50%"}, 3, 2),
        ({"maxUnavailable": 1}, 4, 1),
        ({"maxUnavailable": "30%"}, 3, 2),
        ({"minAvailable": 7}, 7, 0),
    ],
)
def test_a_budget_says_how_many_may_go(web: Bench, spec: Object, desired: int, allowed: int) -> None:
    web.create(RESOURCE, budget(**spec))
    status = web.get(RESOURCE, "web")["status"]
    (condition,) = status.pop("conditions")
    assert status == {
        "currentHealthy": 5,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": 5,
        "observedGeneration": 1,
    }
    assert condition["reason"] == ("SufficientPods" if allowed else "InsufficientPods")
    assert condition["status"] == ("True" if allowed else "False")


def test_a_pod_that_was_told_to_go_is_not_healthy_until_it_is_forgotten(web: Bench) -> None:
    web.create(RESOURCE, budget(minAvailable=2))
    name = web.list("pods")[0]["metadata"]["name"]
    told = {name: web.simulation.timestamp(), "nobody": web.simulation.timestamp()}
    found = web.get(RESOURCE, "web")
    status = {**found["status"], "disruptedPods": told, "disruptionsAllowed": 9}
    web.objects.update(RESOURCE, {**found, "status": status}, subresource="status")
    web.settle()
    status = web.get(RESOURCE, "web")["status"]
    assert (status["disruptedPods"], status["currentHealthy"]) == ({name: told[name]}, 4)
    web.simulation.advance(web.simulation.now + 125)
    status = web.get(RESOURCE, "web")["status"]
    assert ("disruptedPods" in status, status["currentHealthy"]) == (False, 5)


def test_a_pod_that_is_not_ready_uses_the_budget_up(web: Bench) -> None:
    web.create(RESOURCE, budget(maxUnavailable=1))
    web.run(web.list("pods")[0]["metadata"]["name"], ready=False)
    assert web.get(RESOURCE, "web")["status"]["disruptionsAllowed"] == 0


def test_a_share_of_pods_without_a_workload_cannot_be_computed(bench: Bench) -> None:
    spec = {"containers": [{"name": "c", "image": "busybox"}]}
    bench.create("pods", {"metadata": {"name": "lone", "labels": {"app": "web"}}, "spec": spec})
    bench.create(RESOURCE, budget(maxUnavailable=1))
    assert ("CalculateExpectedPodCountFailed", 'found no controllers for pod "lone"') in bench.events("web")
