"""Metrics and load balancers: not there on a new cluster, there after the add-on."""

from __future__ import annotations

import pytest

import podwalk
from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError
from podwalk.facade.kubectl import run

WEB = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - {name: web, image: "nginx:1.27"}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  containers:
  - {name: shell, image: "busybox:1.36", command: [sleep, infinity]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
"""


@pytest.fixture
def web() -> Cluster:
    """A web server and a client."""
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.apply(WEB)
    cluster.wait("pod/web", "condition=Ready")
    cluster.wait("pod/client", "condition=Ready")
    return cluster


def cores(cluster: Cluster, selector: str) -> int:
    """Return the millicores that the only selected Pod uses."""
    return int(run(cluster, f"kubectl top pods -l {selector}").rows[0][1].removesuffix("m"))


def test_a_new_cluster_serves_no_metrics_and_says_what_to_do(web: Cluster) -> None:
    with pytest.raises(LearnerError, match="Metrics API not available") as caught:
        run(web, "kubectl top pods")
    assert "metrics-server" in caught.value.hint


def test_requests_show_as_cpu_of_the_pod_that_served_them_and_fade(web: Cluster) -> None:
    web.addon("metrics-server")
    assert cores(web, "app=web") == 1
    web.exec("client", "for i in $(seq 90); do wget -qO- http://web >/dev/null; done")
    busy = cores(web, "app=web")
    assert 40 <= busy <= 70, "ninety requests within the window, of ten thousandths each"
    assert cores(web, "app=client") == 1, "asking is not serving"
    web.exec("client", "sleep 20")
    assert cores(web, "app=web") == 1


def test_the_metrics_go_when_metrics_server_does(web: Cluster) -> None:
    web.addon("metrics-server")
    run(web, "kubectl scale deployment/metrics-server --replicas=0 -n kube-system")
    web.wait("pods", "delete", namespace="kube-system", selector="k8s-app=metrics-server")
    with pytest.raises(LearnerError, match="Metrics API not available"):
        run(web, "kubectl top pods")


def test_a_load_balancer_waits_until_somebody_serves_it(web: Cluster) -> None:
    assert not web.get("service/web").object["status"]["loadBalancer"]
    web.addon("load-balancer")
    web.wait("service/web", "jsonpath={.status.loadBalancer.ingress[0].ip}")
    ip = web.get("service/web").object["status"]["loadBalancer"]["ingress"][0]["ip"]
    assert web.exec("client", f"wget -qO- -T 2 http://{ip} | grep -c title").lines == ["1"]
