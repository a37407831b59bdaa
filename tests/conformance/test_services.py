"""A Service answers by its address and names, from all its Pods, and refuses without any."""

from __future__ import annotations

import pytest

from podwalk.facade import Cluster
from podwalk.facade.tally import tally


def test_every_pod_behind_a_service_answers(shop: Cluster) -> None:
    forty = "for i in $(seq 40); do wget -qO- -T 3 http://backend; done"
    shop.exec("client", f"{forty} | sort -u | wc -l | grep 3", until="succeeds")
    answers = shop.exec("client", forty)
    expected = {f"Hello from {name}" for name in shop.get("pods", selector="app=backend").names}
    counted = tally(answers.lines)
    assert set(counted.counts) == expected
    assert counted.total == 40


@pytest.mark.parametrize("name", ["backend", "backend.{ns}", "backend.{ns}.svc", "backend.{ns}.svc.cluster.local"])
def test_a_service_answers_by_each_of_its_names(shop: Cluster, name: str) -> None:
    output = shop.exec("client", f"wget -qO- -T 3 http://{name.format(ns=shop.namespace)}")
    assert output.stdout.startswith("Hello from backend-")


def test_a_service_of_another_namespace_needs_its_namespace(shop: Cluster) -> None:
    assert shop.exec("client", "nslookup -type=a kube-dns.kube-system.svc.cluster.local").ok
    assert not shop.exec("client", "wget -qO- -T 3 http://kube-dns").ok


def test_a_service_without_pods_refuses(shop: Cluster) -> None:
    spec = {"selector": {"app": "none"}, "ports": [{"port": 80}]}
    shop.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "empty"}, "spec": spec})
    output = shop.exec("client", "wget -qO- -T 3 http://empty 2>&1 | grep refused", until="succeeds")
    assert "Connection refused" in output.stdout


def test_a_pods_own_address_is_what_others_see(shop: Cluster) -> None:
    pod = shop.get("pods", selector="app=backend")[0]
    assert shop.exec("client", f"wget -qO- -T 3 http://{pod['status']['podIP']}:8080").stdout.startswith("Hello from ")


def test_a_replaced_pod_has_another_name_and_the_service_its_address(shop: Cluster) -> None:
    before, ip = (
        set(shop.get("pods", selector="app=backend").names),
        shop.get("svc/backend").object["spec"]["clusterIP"],
    )
    shop.delete(f"pod/{min(before)}")
    shop.wait("deployment/backend", "jsonpath={.status.availableReplicas}=3")
    after = set(shop.get("pods", selector="app=backend").names)
    assert len(after) == 3
    assert len(after & before) == 2
    assert shop.get("svc/backend").object["spec"]["clusterIP"] == ip


def test_who_listens_on_localhost_is_reached_from_the_own_pod_alone(cluster: Cluster) -> None:
    cluster.apply("""
apiVersion: v1
kind: Pod
metadata: {name: shy}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: web, image: "hashicorp/http-echo:1.0", args: ["-listen=127.0.0.1:8080", "-text=hi"]}
  - {name: shell, image: "busybox:1.36", command: [sleep, infinity]}
""")
    cluster.wait("pod/shy", "condition=Ready")
    inside = cluster.exec("shy", "wget -qO- -T 3 http://127.0.0.1:8080", container="shell", until="succeeds")
    assert inside.stdout == "hi\n"
    ip = cluster.get("pod/shy").object["status"]["podIP"]
    assert "Connection refused" in cluster.exec("shy", f"wget -qO- -T 3 http://{ip}:8080", container="shell").stderr
