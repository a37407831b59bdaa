"""A whole cluster on a jumping clock, and the few verbs that these tests need."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from podwalk.embedded import Cluster
from podwalk.types import LogOptions, Object, Request, Session

PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
}


@dataclass
class Output:
    stdout: str
    stderr: str
    code: int
    status: Object


class Bench:
    """One cluster, in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str = "default") -> None:
        self.cluster, self.namespace = cluster, namespace
        self.simulation = cluster.simulation

    def apply(self, text: str) -> None:
        for obj in yaml.safe_load_all(text):
            path = PATHS[obj["kind"]].format(self.namespace)
            response = self.cluster.handle(
                Request("POST", path, headers={"content-type": "application/json"}, body=json.dumps(obj).encode())
            )
            assert response.status == 201, response.body

    def change(self, kind: str, name: str, patch: Object) -> None:
        headers = {"content-type": "application/merge-patch+json"}
        path = f"{PATHS[kind].format(self.namespace)}/{name}"
        response = self.cluster.handle(Request("PATCH", path, headers=headers, body=json.dumps(patch).encode()))
        assert response.status == 200, response.body

    def delete(self, kind: str, name: str, **query: str) -> None:
        path = f"{PATHS[kind].format(self.namespace)}/{name}"
        assert self.cluster.handle(Request("DELETE", path, tuple(query.items()))).status in (200, 202)

    def pod(self, name: str) -> Object:
        found = self.cluster.store.get("pods", self.namespace, name)
        assert found is not None, f"no Pod {name}"
        return found

    def exists(self, name: str) -> bool:
        return self.cluster.store.get("pods", self.namespace, name) is not None

    def status(self, name: str, container: str = "") -> Object:
        statuses = self.pod(name)["status"]
        entries = [
            entry
            for field in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
            for entry in statuses.get(field) or ()
        ]
        return next(
            entry
            for entry in entries
            if entry["name"] == (container or self.pod(name)["spec"]["containers"][0]["name"])
        )

    def condition(self, name: str, kind: str) -> Object:
        return next(one for one in self.pod(name)["status"].get("conditions", ()) if one["type"] == kind)

    def is_ready(self, name: str) -> bool:
        conditions = self.pod(name).get("status", {}).get("conditions", ())
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def until(self, done: Callable[[], bool], timeout_s: float = 60.0) -> None:
        assert self.simulation.jump_until(done, timeout_s), f"not so after {timeout_s:g} s of simulated time"

    def ready(self, *names: str) -> None:
        self.until(lambda: all(self.is_ready(name) for name in names))

    def pass_time(self, seconds: float) -> None:
        self.simulation.advance(self.simulation.now + seconds)

    def open(self, pod: str, *command: str, stdin: bool = False, tty: bool = False, container: str = "") -> Session:
        return self.cluster.kubelets.exec(
            self.pod(pod), container, command, stdin=stdin, stdout=True, stderr=not tty, tty=tty
        )

    def exec(
        self, pod: str, *command: str, container: str = "", given: bytes = b"", timeout_s: float = 300.0
    ) -> Output:
        session = self.open(pod, *command, stdin=bool(given), container=container)
        if given:
            session.receive(0, given)
            session.receive_close(0)
        self.until(lambda: session.closed, timeout_s)
        return finished(session.take())

    def shell(self, pod: str, text: str, **options: Any) -> Output:
        return self.exec(pod, "sh", "-c", text, **options)

    def logs(self, pod: str, container: str = "", **options: Any) -> str:
        return self.cluster.kubelets.logs(self.pod(pod), container, LogOptions(**options)).take().decode()

    def events(self, name: str) -> list[tuple[str, str, str]]:
        found = [event for event in self.cluster.store.list("events") if event["involvedObject"]["name"] == name]
        found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [(event["type"], event["reason"], event["message"]) for event in found]

    def messages(self, name: str, reason: str) -> list[str]:
        return [message for _, found, message in self.events(name) if found == reason]


def finished(output: Sequence[tuple[int, bytes]]) -> Output:
    text = {channel: b"".join(data for number, data in output if number == channel).decode() for channel in (1, 2, 3)}
    status = json.loads(text[3])
    causes = status.get("details", {}).get("causes", [])
    code = next(
        (int(one["message"]) for one in causes if one.get("reason") == "ExitCode"),
        0 if status["status"] == "Success" else -1,
    )
    return Output(text[1], text[2], code, status)


@pytest.fixture
def bench() -> Bench:
    cluster = Cluster()
    bench = Bench(cluster)
    dns = [pod["metadata"]["name"] for pod in cluster.store.list("pods", "kube-system", {"k8s-app": "kube-dns"})]
    inside = Bench(cluster, "kube-system")
    inside.until(lambda: all(inside.is_ready(name) for name in dns))
    return bench


LAB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend}
spec:
  replicas: 2
  selector: {matchLabels: {app: backend}}
  template:
    metadata: {labels: {app: backend}}
    spec:
      containers:
      - name: echo
        image: hashicorp/http-echo:1.0
        args: ["-listen=:8080", "-text=hello from $(POD_NAME)"]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: 8080}}
---
apiVersion: v1
kind: Service
metadata: {name: backend}
spec: {selector: {app: backend}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers:
  - {name: c, image: "busybox:1.36", command: [sleep, "3600"]}
---
apiVersion: v1
kind: Pod
metadata: {name: shoot}
spec:
  containers:
  - {name: c, image: "nicolaka/netshoot:latest", command: [sleep, "3600"]}
"""


@pytest.fixture
def lab(bench: Bench) -> Bench:
    """Two echo servers behind a Service, a busybox and a netshoot client."""
    bench.apply(LAB)
    bench.until(lambda: len(bench.cluster.store.list("pods", "default")) == 4)
    bench.ready(*(pod["metadata"]["name"] for pod in bench.cluster.store.list("pods", "default")))
    return bench


@pytest.fixture
def echo(lab: Bench) -> str:
    """The address of the lab's Service."""
    service = lab.cluster.store.get("services", "default", "backend")
    assert service is not None
    ip: str = service["spec"]["clusterIP"]
    return ip
