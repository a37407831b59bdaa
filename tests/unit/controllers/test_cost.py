"""The cost of a change follows the change: the thousandth Pod is no more work than the tenth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench, deployment, template


class Meter:
    """Counts what the controllers read and write, and how often they reconcile."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench, self.read = bench, 0
        for name in ("get", "list", "lookup"):
            monkeypatch.setattr(bench.store, name, self._counting(getattr(bench.store, name)))

    def _counting(self, method: Callable[..., Object | Sequence[Object] | None]) -> Callable[..., object]:
        def counted(*args: object, **named: object) -> object:
            found = method(*args, **named)
            self.read += len(found) if isinstance(found, list) else 1
            return found

        return counted

    def measure(self, action: Callable[[], None]) -> tuple[int, int, int]:
        """Return objects read, writes made, and reconciles done by an action."""
        before = self._now()
        action()
        after = self._now()
        return after[0] - before[0], after[1] - before[1], after[2] - before[2]

    def _now(self) -> tuple[int, int, int]:
        reconciles = sum(queue.reconciles for queue in self.bench.queues.values())
        return self.read, self.bench.store.revision, reconciles


def assert_no_more(late: tuple[int, int, int], early: tuple[int, int, int]) -> None:
    assert all(early), "the early change did nothing, so it is no measure"
    assert all(now <= 1.1 * then + 1 for now, then in zip(late, early, strict=True)), f"{early} became {late}"


@pytest.fixture
def roomy(bench: Bench) -> Bench:
    for node in ("lab-worker", "lab-worker2"):
        bench.objects.modify("nodes", "", node, _enlarge, subresource="status")
    bench.settle()
    return bench


def _enlarge(node: Object) -> None:
    node["status"]["allocatable"] = {**node["status"]["allocatable"], "pods": "5000", "cpu": "1000"}


def _grow(bench: Bench, replicas: int) -> None:
    bench.scale("deployments.apps", "web", replicas)
    for pod in bench.list("pods"):
        if pod["status"]["phase"] == "Pending":
            bench._run(pod["metadata"]["name"], "shop")
    bench.settle()


def test_one_more_replica_costs_the_same_at_ten_and_at_a_thousand(
    roomy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy.create("deployments.apps", deployment(replicas=9))
    _grow(roomy, 9)
    meter = Meter(roomy, monkeypatch)
    tenth = meter.measure(lambda: roomy.scale("deployments.apps", "web", 10))
    _grow(roomy, 999)
    thousandth = meter.measure(lambda: roomy.scale("deployments.apps", "web", 1000))
    assert_no_more(thousandth, tenth)


def test_a_pod_that_becomes_ready_costs_the_same_among_ten_and_a_thousand(
    roomy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy.create("deployments.apps", deployment(replicas=10))
    _grow(roomy, 10)
    name = roomy.list("pods")[0]["metadata"]["name"]
    meter = Meter(roomy, monkeypatch)
    among_ten = meter.measure(lambda: _flip(roomy, name))
    _grow(roomy, 1000)
    among_thousand = meter.measure(lambda: _flip(roomy, name))
    assert_no_more(among_thousand, among_ten)


OTHER = {"True": "False", "False": "True"}


def _flip(bench: Bench, name: str) -> None:
    def change(pod: Object) -> None:
        pod["status"]["conditions"] = [
            {**entry, "status": OTHER[entry["status"]]} if entry["type"] == "Ready" else entry
            for entry in pod["status"]["conditions"]
        ]

    bench.objects.modify("pods", "shop", name, change, subresource="status")
    bench.settle()


def test_a_pod_of_one_service_costs_the_same_beside_a_hundred_other_services(
    roomy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(number: int) -> None:
        labels = {"app": f"app-{number}"}
        spec = {**template()["spec"], "nodeName": "lab-worker"}
        roomy.create("pods", {"metadata": {"name": f"pod-{number}", "labels": labels}, "spec": spec})
        body = {"selector": labels, "ports": [{"port": 80}]}
        roomy.create("services", {"metadata": {"name": f"app-{number}"}, "spec": body})

    def ready(number: int) -> None:
        pod = roomy.get("pods", f"pod-{number}")
        ip = f"10.244.1.{number + 1}"
        now = roomy.simulation.timestamp()

        def change(latest: Object) -> None:
            condition = {"type": "Ready", "status": "True", "lastTransitionTime": now}
            latest["status"] = {**pod["status"], "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}
            latest["status"]["conditions"] = [condition]

        roomy.objects.modify("pods", "shop", f"pod-{number}", change, subresource="status")
        roomy.settle()

    meter = Meter(roomy, monkeypatch)
    add(0)
    first = meter.measure(lambda: ready(0))
    for number in range(1, 101):
        add(number)
    last = meter.measure(lambda: ready(100))
    assert_no_more(last, first)
