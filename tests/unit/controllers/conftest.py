"""A cluster of controllers without kubelets or clients: what the kubelet would do, the tests do by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from podwalk import controllers
from podwalk.api.server import Api
from podwalk.controllers.metrics import Usage
from podwalk.controllers.queue import Queue
from podwalk.controllers.resources import CLUSTER_WIDE
from podwalk.simulation import Simulation
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object


class Bench:
    """Controllers on a simulation, with the moves that a kubelet or a user makes."""

    def __init__(self, *, usage: Usage | None = None) -> None:
        self.simulation = Simulation(seed=1)
        self.store = Store()
        self.options = ClusterOptions(name="lab")
        self.objects: Any = Api(self.store, self.simulation, self.options).objects
        self.queues: dict[str, Queue] = controllers.start(self.objects, self.simulation, self.options, usage=usage)
        controllers.bootstrap(self.objects, self.simulation, self.options)
        self.create("namespaces", {"metadata": {"name": "shop"}, "spec": {"finalizers": ["kubernetes"]}})

    def create(self, resource: str, obj: Object) -> Object:
        kinds = {
            "pods": ("v1", "Pod"),
            "services": ("v1", "Service"),
            "endpoints": ("v1", "Endpoints"),
            "namespaces": ("v1", "Namespace"),
            "deployments.apps": ("apps/v1", "Deployment"),
            "replicasets.apps": ("apps/v1", "ReplicaSet"),
            "statefulsets.apps": ("apps/v1", "StatefulSet"),
            "daemonsets.apps": ("apps/v1", "DaemonSet"),
            "jobs.batch": ("batch/v1", "Job"),
        }
        if resource in kinds:
            version, kind = kinds[resource]
            obj = {"apiVersion": version, "kind": kind, **obj}
        if resource not in CLUSTER_WIDE:
            obj["metadata"].setdefault("namespace", "shop")
        created: Object = self.objects.create(resource, obj)
        self.settle()
        return created

    def settle(self) -> None:
        self.simulation.settle()

    def get(self, resource: str, name: str, namespace: str = "shop") -> Object:
        found = self.objects.get(resource, namespace, name)
        assert found is not None, f"{resource} {namespace}/{name} is not there"
        return dict(found)

    def list(self, resource: str, namespace: str = "shop", **labels: str) -> list[Object]:
        return list(self.objects.list(resource, namespace, labels or None))

    def modify(self, resource: str, name: str, change: Callable[[Object], Any], namespace: str = "shop") -> None:
        self.objects.modify(resource, namespace, name, lambda obj: (change(obj), None)[1])
        self.settle()

    def scale(self, resource: str, name: str, replicas: int) -> None:
        self.modify(resource, name, lambda obj: obj["spec"].update(replicas=replicas))

    def run(self, name: str, namespace: str = "shop", *, ready: bool = True) -> None:
        """Do what the kubelet does for a bound Pod."""
        self._run(name, namespace, ready=ready)
        self.settle()

    def _run(self, name: str, namespace: str, *, ready: bool = True) -> None:
        pod = self.get("pods", name, namespace)
        assert pod["spec"].get("nodeName"), f"{name} is not bound"
        number = sum(1 for entry in self.objects.list("pods") if (entry["status"] or {}).get("podIP"))
        ip = (pod["status"] or {}).get("podIP") or f"10.244.{1 + number // 200}.{number % 200 + 10}"
        now = self.simulation.timestamp()

        def change(latest: Object) -> None:
            status = latest["status"] = dict(latest["status"])
            status |= {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}
            others = [entry for entry in status.get("conditions") or () if entry["type"] != "Ready"]
            value = "True" if ready else "False"
            status["conditions"] = [*others, {"type": "Ready", "status": value, "lastTransitionTime": now}]

        self.objects.modify("pods", namespace, name, change, subresource="status")

    def run_all(self, namespace: str = "shop") -> None:
        """Start every bound Pod and remove every terminating one, until nothing changes."""
        while True:
            before = self.store.revision
            for pod in list(self.objects.list("pods", namespace)):
                name = pod["metadata"]["name"]
                if "deletionTimestamp" in pod["metadata"]:
                    self.objects.delete("pods", namespace, name, grace_s=0)
                elif pod["spec"].get("nodeName") and pod["status"].get("phase", "Pending") == "Pending":
                    self._run(name, namespace)
                self.settle()
            if self.store.revision == before:
                return

    def finish(self, name: str, phase: str = "Succeeded", namespace: str = "shop") -> None:
        """Let all containers of a Pod end."""
        self.objects.modify(
            "pods", namespace, name, lambda pod: pod["status"].update(phase=phase), subresource="status"
        )
        self.settle()

    def events(self, name: str, namespace: str = "shop") -> Sequence[tuple[str, str]]:
        """Return reason and message of the events about an object, in order."""
        found = [entry for entry in self.objects.list("events", namespace) if entry["involvedObject"]["name"] == name]
        found.sort(key=lambda entry: int(entry["metadata"]["name"].rsplit(".", 1)[1], 16))
        return [(entry["reason"], entry["message"]) for entry in found]


@pytest.fixture(autouse=True)
def _stop_loops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that never comes to rest is found after thousands of events, not a million."""
    monkeypatch.setattr("podwalk.simulation.SETTLE_LIMIT", 20_000)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def template(image: str = "nginx", **labels: str) -> Object:
    return {"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}


def deployment(name: str = "web", replicas: int = 3, **spec: Any) -> Object:
    body = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template()}
    return {"metadata": {"name": name}, "spec": {**body, "progressDeadlineSeconds": 600, **spec}}
