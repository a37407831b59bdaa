from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podwalk.controllers.behaviour import Past, decide
from podwalk.controllers.metrics import Load, pod_metrics
from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, deployment

RESOURCE = "horizontalpodautoscalers.autoscaling"


class Lab(Bench):
    """A cluster with a metrics API: every container uses ``millicores``."""

    def __init__(self) -> None:
        self.millicores: int | None = 100
        super().__init__(usage=lambda pod, container: None if self.millicores is None else (self.millicores, 64 << 20))

    def later(self, seconds: float) -> None:
        self.simulation.advance(self.simulation.now + seconds)
        self.run_all()

    @property
    def replicas(self) -> int:
        return int(self.get("deployments.apps", "web")["spec"]["replicas"])

    def conditions(self) -> dict[str, tuple[str, str, str]]:
        found = self.get(RESOURCE, "web")["status"]["conditions"]
        return {entry["type"]: (entry["status"], entry["reason"], entry["message"]) for entry in found}


def hpa(minimum: int = 1, maximum: int = 10, **spec: Any) -> Object:
    target = {"type": "Utilization", "averageUtilization": 50}
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"scaleTargetRef": reference, "minReplicas": minimum, "maxReplicas": maximum, "metrics": metrics, **spec}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": body,
    }


@pytest.fixture
def lab() -> Lab:
    return prepare(Lab(), 2)


def prepare(bench: Lab, replicas: int) -> Lab:
    body = deployment(replicas=replicas)
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "200m"}}
    bench.create("deployments.apps", body)
    bench.run_all()
    return bench


def test_usage_on_target_changes_nothing_and_says_so_in_kinds_words(lab: Lab) -> None:
    lab.create(RESOURCE, hpa())
    assert lab.replicas == 2
    assert lab.conditions() == {
        "AbleToScale": ("True", "ReadyForNewScale", "recommended size matches current size"),
        "ScaledToZero": ("False", "NotScaledToZero", "the HPA controller did not scale the workload to zero"),
        "ScalingActive": (
            "True",
            "ValidMetricFound",
            (
                "the HPA was able to successfully calculate a replica count from cpu resource utilization "
                "(percentage of request)"
            ),
        ),
        "ScalingLimited": ("False", "DesiredWithinRange", "the desired count is within the acceptable range"),
    }
    status = lab.get(RESOURCE, "web")["status"]
    assert status["currentMetrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 50, "averageValue": "100m"}}}
    ]


def test_twice_the_load_wants_twice_the_replicas(lab: Lab) -> None:
    lab.millicores = 200
    lab.create(RESOURCE, hpa())
    assert lab.replicas == 4
    reason = "cpu resource utilization (percentage of request) above target"
    assert lab.events("web")[-1][0] in ("SuccessfulRescale", "ScalingReplicaSet")
    assert ("SuccessfulRescale", f"New size: 4; reason: {reason}") in lab.events("web")


def test_a_small_difference_is_tolerated(lab: Lab) -> None:
    lab.millicores = 109
    lab.create(RESOURCE, hpa())
    assert lab.replicas == 2


def test_growth_stops_at_the_maximum(lab: Lab) -> None:
    lab.millicores = 1000
    lab.create(RESOURCE, hpa(maximum=5))
    assert lab.replicas == 5
    assert lab.conditions()["ScalingLimited"][1] == "TooManyReplicas"


def test_scaling_down_waits_for_the_stabilisation_window(lab: Lab) -> None:
    lab.create(RESOURCE, hpa())
    lab.millicores = 10
    lab.later(15)
    assert lab.replicas == 2
    assert lab.conditions()["AbleToScale"][1] == "ScaleDownStabilized"
    lab.later(300)
    assert lab.replicas == 1
    assert ("SuccessfulRescale", "New size: 1; reason: All metrics below target") in lab.events("web")


def test_without_a_metrics_api_it_fails_in_kinds_words(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=2))
    bench.create(RESOURCE, hpa())
    cause = (
        "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource "
        "metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
    )
    found = dict(bench.events("web"))
    assert found["FailedGetResourceMetric"] == cause
    assert found["FailedComputeMetricsReplicas"] == (
        f"invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {cause}"
    )
    status = bench.get(RESOURCE, "web")["status"]
    assert status["currentMetrics"] == [{"type": ""}]
    active = next(entry for entry in status["conditions"] if entry["type"] == "ScalingActive")
    assert (active["status"], active["message"]) == (
        "False",
        f"the HPA was unable to compute the replica count: {cause}",
    )


def test_a_target_above_the_maximum_is_cut_even_without_metrics(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=6))
    bench.create(RESOURCE, hpa(maximum=5))
    assert bench.get("deployments.apps", "web")["spec"]["replicas"] == 5
    message = "New size: 5; reason: Current number of replicas above Spec.MaxReplicas"
    assert ("SuccessfulRescale", message) in bench.events("web")


def test_a_missing_target_is_reported(bench: Bench) -> None:
    bench.create(RESOURCE, hpa())
    assert bench.events("web")[0][0] == "FailedGetScale"


@pytest.mark.parametrize(
    ("behavior", "desired", "expected"),
    [
        ({}, 100, 8),
        ({"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}, 100, 5),
        ({"scaleUp": {"selectPolicy": "Disabled"}}, 100, 4),
        (
            {
                "scaleDown": {
                    "stabilizationWindowSeconds": 0,
                    "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
                }
            },
            1,
            2,
        ),
    ],
)
def test_policies_limit_the_pace(behavior: Object, desired: int, expected: int) -> None:
    wish = {"spec": {"maxReplicas": 50, "behavior": behavior}}
    assert decide(wish, Past(), 0.0, 4, desired).replicas == expected


def test_the_load_model_turns_requests_into_cpu_and_forgets_them(bench: Bench) -> None:
    load = Load(bench.simulation)
    pod: Object = {"metadata": {"name": "p", "namespace": "shop", "uid": "u"}, "spec": {"containers": [{"name": "c"}]}}
    assert load.usage(pod, "c") is None
    pod["status"] = {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    _spend(load, pod, 150)
    busy = load.usage(pod, "c")
    assert busy is not None
    assert busy[0] == 101
    bench.simulation.advance(15)
    idle = load.usage(pod, "c")
    assert idle is not None
    assert idle[0] == 1
    shown = pod_metrics(pod, load.usage, bench.simulation.timestamp())
    assert shown is not None
    assert shown["containers"][0]["usage"]["cpu"] == "1m"


def _spend(load: Load, pod: Object, requests: int) -> None:
    record: Callable[..., None] = load.record
    record(pod, "c", requests)


def test_a_limit_bounds_what_requests_make_a_container_use(bench: Bench) -> None:
    load = Load(bench.simulation)
    limits = {"limits": {"cpu": "50m"}}
    pod = {
        "metadata": {"uid": "u", "name": "p"},
        "spec": {"containers": [{"name": "c", "resources": limits}]},
        "status": {"containerStatuses": [{"name": "c", "state": {"running": {}}}]},
    }
    load.record(pod, "c", requests=10_000)
    assert load.usage(pod, "c") == (50, 12 << 20)
