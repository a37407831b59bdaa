"""One `cluster` fixture over the backends: what is asserted here holds on a real cluster and on the embedded one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from kubernetes import config
from kubernetes.client import CoreV1Api
from kubernetes.config.config_exception import ConfigException

import podwalk
from podwalk.backends.kind import KindBackend
from podwalk.facade import Cluster
from podwalk.serve import control
from podwalk.serve.place import find
from tests.conformance.world import slice_of

EMBEDDED = f"conformance-{os.getpid()}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the details to the slow tests where the cluster is simulated: unit tests hold them there too."""
    for item in items:
        if item.get_closest_marker("detail") and "[kind" not in item.name:
            item.add_marker(pytest.mark.slow)


def kind_name() -> str:
    """Return the kind cluster to test on: the course's own, else the one that KUBECONFIG names; empty if none is up."""
    if KindBackend().is_up():
        return KindBackend().cluster
    try:
        _, current = config.list_kube_config_contexts()
    except (ConfigException, OSError):
        return ""
    name = str(current["name"]) if current else ""
    cluster = name.removeprefix("kind-")
    return cluster if name.startswith("kind-") and KindBackend(cluster).is_up() else ""


@pytest.fixture(scope="session", params=["in-process", "embedded", "kind"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a backend whose cluster is there; a kind cluster that is not is skipped, and says so."""
    if request.param == "kind":
        name = kind_name()
        if not name:
            pytest.skip("no kind cluster is up: `podwalk up --kind`, or set KUBECONFIG to one")
        yield f"kind:{name}"
    elif request.param == "embedded":
        yield f"embedded:{EMBEDDED}"
        control.stop(find(EMBEDDED))
    else:
        yield "in-process"


@pytest.fixture(scope="session")
def whole_cluster(backend: str) -> Cluster:
    """The cluster of the session."""
    made = podwalk.cluster(backend, quiet=True)
    made.wait("deployment/coredns", "condition=Available", namespace="kube-system", timeout_s=120)
    return made


@pytest.fixture
def cluster(whole_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with a fresh namespace; nobody waits for its end, which takes ten seconds on a real cluster."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    whole_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    whole_cluster.namespace = name
    yield whole_cluster
    CoreV1Api(whole_cluster.api).delete_namespace(name)


SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: backend
spec:
  replicas: 3
  selector:
    matchLabels: {app: backend}
  template:
    metadata:
      labels: {app: backend}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: hashicorp/http-echo:1.0
        args: [-listen=:8080, -text=Hello from $(POD_NAME)]
        env:
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        ports:
        - name: http
          containerPort: 8080
---
apiVersion: v1
kind: Service
metadata:
  name: backend
spec:
  selector: {app: backend}
  ports:
  - name: http
    port: 80
    targetPort: http
---
apiVersion: v1
kind: Pod
metadata:
  name: client
  labels: {app: client}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: shell
    image: busybox:1.36
    command: [sleep, infinity]
"""


@pytest.fixture
def shop(cluster: Cluster) -> Cluster:
    """A cluster with three backend Pods, their Service, and a client that reaches it."""
    cluster.apply(SHOP)
    cluster.wait("deployment/backend", "condition=Available")
    cluster.wait("pod/client", "condition=Ready")
    # A busy EndpointSlice controller follows the Deployment's Pods seconds later.
    cluster.wait(f"endpointslice/{slice_of(cluster, 'backend')}", "jsonpath={.endpoints[2].conditions.ready}=true")
    cluster.exec("client", "wget -qO- -T 1 http://backend", until="succeeds")
    return cluster
