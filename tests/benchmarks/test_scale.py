"""What many Pods cost: time and memory of the ten-thousandth and of a thousand. Run with ``-s`` to see the numbers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from podwalk.embedded import Cluster
from podwalk.types import ClusterOptions, Object, Request
from tests.benchmarks.speed import note

PODS_PER_NODE = 100
BATCH = 100
START_S = 3.0
"""Simulated time in which a Pod comes up."""


def create(cluster: Cluster, resource_name: str, body: Object) -> None:
    """Create an object as a client does, and let what follows from it happen."""
    path = f"/api/v1/namespaces/default/{resource_name}"
    answer = cluster.handle(Request("POST", path, (), {"content-type": "application/json"}, json.dumps(body).encode()))
    assert answer.status == 201, answer.body


def fill(cluster: Cluster, count: int, first: int = 0) -> float:
    """Create Pods, ten behind each Service, wait until they run, and return the CPU time in seconds."""
    started = time.process_time()
    for number in range(first, first + count):
        labels = {"app": f"a{number // 10}"}
        spec = {"containers": [{"name": "web", "image": "nginx:1.27"}]}
        create(cluster, "pods", {"metadata": {"name": f"p{number}", "labels": labels}, "spec": spec})
        cluster.simulation.advance(cluster.simulation.now + START_S)
    return time.process_time() - started


def with_services(pods: int, services: int) -> Cluster:
    """Return a cluster with room for Pods, and Services that wait for them."""
    cluster = Cluster(ClusterOptions(workers=pods // PODS_PER_NODE + 1))
    for number in range(services):
        spec = {"selector": {"app": f"a{number}"}, "ports": [{"port": 80}]}
        create(cluster, "services", {"metadata": {"name": f"s{number}"}, "spec": spec})
    return cluster


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_ten_thousandth_pod_costs_what_the_tenth_did() -> None:
    cluster = with_services(10_000, 100)
    fill(cluster, BATCH)
    early_s = fill(cluster, BATCH, BATCH)
    fill(cluster, 10_000 - 3 * BATCH, 2 * BATCH)
    late_s = fill(cluster, BATCH, 10_000 - BATCH)
    early_ms, late_ms = 1000 * early_s / BATCH, 1000 * late_s / BATCH
    words = f"{late_ms / early_ms:.2f} times the time of a Pod of the second hundred ({early_ms:.1f} ms)"
    note({"a Pod of the last hundred of 10,000": {"measured": words}})
    assert late_s / early_s <= 1.2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells no peak by this name")
def test_a_thousand_pods_behind_a_hundred_services_fit_into_200_mb() -> None:
    program = (
        "from tests.benchmarks import test_scale as s; s.fill(s.with_services(1000, 100), 1000); print(s.peak_mb())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    note(
        {"1,000 Pods behind 100 Services": {"measured": f"{float(done.stdout):.0f} MB, the whole process at its peak"}}
    )
    assert float(done.stdout) <= 200


def peak_mb() -> float:
    """Return the most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands the peak of getrusage down to a child, also when that runs another program.
        [peak] = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak) / 2**10
    import resource  # which Windows does not have

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
