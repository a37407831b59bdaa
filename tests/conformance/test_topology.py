"""``service.kubernetes.io/topology-mode: Auto``: endpoints are shared out among the zones by their CPU."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
from kubernetes.client import CoreV1Api
from kubernetes.watch import Watch

from podwalk.facade import Cluster
from tests.conformance.world import slice_of

pytestmark = pytest.mark.detail

ZONE = "topology.kubernetes.io/zone"
AUTO = "service.kubernetes.io/topology-mode"
SERVER = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: web}}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers: [{{name: c, image: "registry.k8s.io/e2e-test-images/agnhost:2.53", args: [netexec]}}]
"""


@pytest.fixture
def zones(cluster: Cluster) -> list[str]:
    """The zones of two workers; three Pods are in the first, one in the second."""
    workers = [node["metadata"] for node in cluster.get("nodes") if "worker" in node["metadata"]["name"]][:2]
    for number in range(4):
        node = workers[number == 3]["name"]
        cluster.apply(SERVER.format(name=f"web-{number}", node=node))
    for number in range(4):
        cluster.wait(f"pod/web-{number}", "condition=Ready", timeout_s=120)
    found = [worker["labels"][ZONE] for worker in workers]
    assert len(set(found)) == 2
    return found


def service(cluster: Cluster, annotations: dict[str, str], **spec: str) -> str:
    """Make a Service of a new name, and return the name of its slice."""
    name = f"auto-{uuid.uuid4().hex[:6]}"
    body = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    metadata = {"name": name, "annotations": annotations}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body})
    return slice_of(cluster, name)


def endpoints(cluster: Cluster, found: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the zone that each endpoint is in, and those that it is hinted for."""
    listed = cluster.get("endpointslices", found).object["endpoints"]
    return [
        (one["zone"], tuple(zone["name"] for zone in (one.get("hints") or {}).get("forZones") or ())) for one in listed
    ]


def told(cluster: Cluster, found: str, message: str) -> str:
    """Return the reason of the event of a slice's Service with a message, once it is there."""
    api, field = CoreV1Api(cluster.api), f"involvedObject.name={found.rpartition('-')[0]}"
    stream = Watch().stream(api.list_namespaced_event, cluster.namespace, field_selector=field, timeout_seconds=30)
    said = f"{message}, addressType: IPv4"
    return next((str(event["object"].reason) for event in stream if event["object"].message == said), "")


@pytest.mark.parametrize("annotation", [AUTO, "service.kubernetes.io/topology-aware-hints"])
def test_a_zone_with_too_many_endpoints_lends_one(cluster: Cluster, zones: list[str], annotation: str) -> None:
    found = service(cluster, {annotation: "Auto"}, trafficDistribution="PreferSameNode")
    first, second = zones
    assert told(cluster, found, "Topology Aware Hints has been enabled") == "TopologyAwareHintsEnabled"
    assert Counter(endpoints(cluster, found)) == {(first, (first,)): 2, (first, (second,)): 1, (second, (second,)): 1}


def test_without_the_annotation_the_hints_go_again(cluster: Cluster, zones: list[str]) -> None:
    found = service(cluster, {AUTO: "auto"})
    assert told(cluster, found, "Topology Aware Hints has been enabled")
    assert all(hints for _, hints in endpoints(cluster, found))
    name = found.rpartition("-")[0]
    CoreV1Api(cluster.api).patch_namespaced_service(
        name, cluster.namespace, {"metadata": {"annotations": {AUTO: None}}}
    )
    assert told(cluster, found, "Topology Aware Hints has been disabled") == "TopologyAwareHintsDisabled"
    assert not any(hints for _, hints in endpoints(cluster, found))


def test_too_few_endpoints_have_no_hints(cluster: Cluster, zones: list[str]) -> None:
    found = service(cluster, {AUTO: "Auto"})
    for number in range(3):
        CoreV1Api(cluster.api).delete_namespaced_pod(f"web-{number}", cluster.namespace)
    few = "Insufficient number of endpoints (1 endpoints, 2 zones)"
    assert told(cluster, found, few) == "TopologyAwareHintsDisabled"
    assert endpoints(cluster, found) == [(zones[1], ())]


def test_another_value_asks_for_nothing(cluster: Cluster, zones: list[str]) -> None:
    found = service(cluster, {AUTO: "Disabled"})
    assert not any(hints for _, hints in endpoints(cluster, found))
