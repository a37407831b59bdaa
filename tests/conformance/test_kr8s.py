"""kr8s, a client that is not built on the official one, works as on a real cluster."""

from __future__ import annotations

import gc
import time
import urllib.request
import warnings
from collections.abc import Iterator
from typing import Any

import kr8s
import pytest
from kr8s.objects import Deployment, Pod, Service

from podwalk.facade import Cluster
from podwalk.serve.place import find

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    # kr8s knows releases up to a few behind ours, and works with this one.
    "ignore:Kubernetes version .* is not supported:UserWarning",
)

WEB: dict[str, Any] = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "hashicorp/http-echo:1.0",
                        "args": ["-listen=:8080", "-text=hello"],
                        "ports": [{"containerPort": 8080}],
                    }
                ]
            },
        },
    },
}
CLIENT: dict[str, Any] = {
    "metadata": {"name": "client"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "shell", "image": "busybox:1.36", "command": ["sleep", "infinity"]}],
    },
}


@pytest.fixture(scope="module", autouse=True)
def sockets_of_kr8s() -> Iterator[None]:
    """Collect what kr8s leaves open while nobody minds: a warning would hit whichever test comes next."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def api(backend: str, cluster: Cluster) -> Any:
    kind, _, name = backend.partition(":")
    if kind == "in-process":
        pytest.skip("kr8s needs a socket")
    where = {"kubeconfig": str(find(name).kubeconfig)} if kind == "embedded" else {"context": f"kind-{name}"}
    return kr8s.api(namespace=cluster.namespace, **where)


def test_objects_are_made_waited_for_changed_and_deleted(api: Any) -> None:
    web = Deployment(WEB, api=api)
    web.create()
    web.wait("condition=Available", timeout=90)
    web.label({"tier": "front"})
    web.annotate({"why": "a test"})
    web.scale(3)
    web.wait("jsonpath='{.status.readyReplicas}'=3", timeout=90)
    assert (web.labels["tier"], web.annotations["why"], web.replicas) == ("front", "a test", 3)
    assert {pod.metadata["labels"]["app"] for pod in web.pods()} == {"web"}
    found = list(kr8s.get("pods", namespace=api.namespace, label_selector={"app": "web"}, api=api))
    assert len(found) == 3
    web.delete()
    web.wait("delete", timeout=90)
    assert not web.exists()


def test_a_pod_runs_commands_and_tells_its_log(api: Any, cluster: Cluster) -> None:
    for kind, spec in ((Deployment, WEB), (Pod, CLIENT)):
        kind(spec, api=api).create()
    service = Service(
        {
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        api=api,
    )
    service.create()
    client = Pod.get("client", namespace=api.namespace, api=api)
    client.wait("condition=Ready", timeout=90)
    cluster.exec("client", "wget -qO- -T 3 http://web", until="succeeds")
    assert client.exec(["wget", "-qO-", "-T", "3", "http://web"]).stdout == b"hello\n"
    assert {pod.name for pod in service.ready_pods()} <= {pod.name for pod in kr8s.get("pods", api=api)}
    (web, *_) = Deployment.get("web", namespace=api.namespace, api=api).pods()
    assert any("server is listening" in line for line in web.logs())


def test_a_port_is_forwarded(api: Any) -> None:
    web = Deployment(WEB, api=api)
    web.create()
    web.wait("condition=Available", timeout=90)
    (pod, *_) = web.pods()
    with pod.portforward(remote_port=8080, local_port="auto") as port:
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5) as answer:
                    assert answer.read() == b"hello\n"
                    break
            except OSError:
                assert time.monotonic() < deadline


def test_a_watch_tells_of_what_is_new(api: Any) -> None:
    Pod(CLIENT, api=api).create()
    kind, pod = next(api.watch("pods", namespace=api.namespace))
    assert (kind, pod.name) == ("ADDED", "client")
