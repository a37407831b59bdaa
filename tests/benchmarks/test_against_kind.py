"""The embedded cluster's speed as ratios to a real kind cluster's, both taken in one run. Run with ``-s`` to see them.

kind must be up, and named by KUBECONFIG; its own start is measured only if PODWALK_BENCHMARK_KIND_START is set, for it
makes a second cluster and takes minutes. Run them on a machine that does nothing else: two clusters that wait for the
processor differ in other ways than two that do not. :mod:`tests.benchmarks.speed` writes them down for the book.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api
from kubernetes.watch import Watch

import podwalk
from podwalk.backends.kind import KindBackend
from podwalk.facade import Cluster
from podwalk.serve import control
from podwalk.serve.place import find
from tests.benchmarks.speed import note
from tests.conformance.conftest import SHOP, kind_name

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROUNDS = 40
NAME = f"benchmark-{os.getpid()}"


@pytest.fixture(scope="module")
def kind() -> Cluster:
    name = kind_name()
    if not name:
        pytest.skip("no kind cluster is up to compare with")
    return podwalk.cluster(f"kind:{name}", quiet=True)


@pytest.fixture(scope="module")
def served() -> Iterator[Cluster]:
    yield podwalk.cluster(f"embedded:{NAME}", quiet=True)
    control.stop(find(NAME))


@pytest.fixture
def namespaces(kind: Cluster, served: Cluster) -> Iterator[str]:
    name = f"bench-{uuid.uuid4().hex[:6]}"
    for cluster in (kind, served):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        cluster.namespace = name
    yield name
    for cluster in (kind, served):
        CoreV1Api(cluster.api).delete_namespace(name)


def timed(action: Callable[[], object]) -> float:
    """Return how long something takes, in seconds."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def config_map(number: int) -> Any:
    """Return a small object, which the client takes as it is."""
    return {"metadata": {"name": f"c{number}", "labels": {"n": str(number % 5)}}, "data": {"key": "value" * 20}}


def verbs(api: ApiClient, namespace: str) -> dict[str, float]:
    """Return the median time of each verb, in seconds."""
    core, found = CoreV1Api(api), {}

    def median(name: str, action: Callable[[int], object]) -> None:
        found[name] = statistics.median(timed(partial(action, number)) for number in range(ROUNDS))

    median("create", lambda number: core.create_namespaced_config_map(namespace, config_map(number)))
    median("get", lambda number: core.read_namespaced_config_map(f"c{number}", namespace))
    median("list", lambda _: core.list_namespaced_config_map(namespace))
    median("list by label", lambda _: core.list_namespaced_config_map(namespace, label_selector="n=1"))
    median("patch", lambda number: core.patch_namespaced_config_map(f"c{number}", namespace, {"data": {"more": "x"}}))
    median("watch to its first event", lambda _: _first_event(core, namespace))
    median("delete", lambda number: core.delete_namespaced_config_map(f"c{number}", namespace))
    return found


def _first_event(core: CoreV1Api, namespace: str) -> object:
    watch = Watch()
    for event in watch.stream(core.list_namespaced_config_map, namespace):
        watch.stop()
        return event
    raise AssertionError("a watch without an event")


def test_the_verbs_of_the_api_are_no_slower_than_kinds(kind: Cluster, served: Cluster, namespaces: str) -> None:
    verbs(served.api, namespaces)  # once for the imports and caches, as kind has been warm for long
    theirs, ours = verbs(kind.api, namespaces), verbs(served.api, namespaces)
    note({f"{verb}, through the official client": {"kind": theirs[verb], "served": ours[verb]} for verb in theirs})
    assert statistics.median(ours[verb] / theirs[verb] for verb in theirs) <= 1


def first_answer(cluster: Cluster) -> None:
    """Apply three Pods, a Service and a caller, and wait for the first answer."""
    cluster.apply(SHOP)
    cluster.wait("deployment/backend", "condition=Available", timeout_s=120)
    cluster.wait("pod/client", "condition=Ready", timeout_s=120)
    cluster.exec("client", "wget -qO- -T 1 http://backend", until="succeeds")


def test_from_apply_to_the_first_answer(kind: Cluster, served: Cluster, namespaces: str) -> None:
    first_answer(_inside())  # once for the imports and caches, as the others have been up for long
    kind_s, served_s = (timed(partial(first_answer, each)) for each in (kind, served))
    inside_s = statistics.median(timed(partial(first_answer, _inside())) for _ in range(5))
    note({"the first lab, from apply to the first answer": {"kind": kind_s, "served": served_s, "inside": inside_s}})
    assert kind_s / inside_s > 40
    assert kind_s / served_s > 5


def _inside() -> Cluster:
    """Return a new cluster in this very process."""
    made = podwalk.cluster("in-process", quiet=True)
    made.namespace = "default"
    return made


@pytest.mark.skipif("PODWALK_BENCHMARK_KIND_START" not in os.environ, reason="makes a second kind cluster")
def test_a_cluster_is_ready_sooner() -> None:
    place = find(f"{NAME}-start")
    backend = KindBackend(f"{NAME}-start")
    try:
        kind_s = timed(backend.up)
    finally:
        backend.down()
    command = [sys.executable, "-m", "podwalk", "up", "--name", place.name]
    served_s = timed(lambda: subprocess.run(command, check=True, capture_output=True))
    control.stop(place)
    inside_s = statistics.median(timed(lambda: podwalk.cluster("in-process", quiet=True)) for _ in range(5))
    note({"a cluster that is ready": {"kind": kind_s, "served": served_s, "inside": inside_s}})
    assert kind_s / served_s > 20
    assert kind_s / inside_s > 500
