"""A cluster in this process may be set up otherwise; one that is there may not."""

from __future__ import annotations

import pytest

import podwalk
from podwalk.errors import PodwalkError
from podwalk.facade.errors import LearnerError
from podwalk.network.policy.plugins import PLUGINS

DENY = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: web, image: "nginx:1.27"}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers:
  - {name: shell, image: "busybox:1.36", command: [sleep, infinity]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


@pytest.mark.parametrize("cni", ["calico", "flannel"])
def test_a_policy_has_the_effect_that_the_cni_plugin_gives_it(cni: str) -> None:
    cluster = podwalk.cluster("in-process", quiet=True, cni=cni)
    cluster.apply(DENY)
    cluster.wait("pod/web", "condition=Ready")
    cluster.wait("pod/client", "condition=Ready")
    ip = cluster.get("pod/web").object["status"]["podIP"]
    assert cluster.exec("client", f"wget -qO- -T 2 http://{ip}").ok is not PLUGINS[cni].enforces
    assert cluster.walk("client", f"http://{ip}").delivered is not PLUGINS[cni].enforces, "the model knows the plugin"


def test_node_ports_are_given_out_of_the_range_of_the_cluster() -> None:
    cluster = podwalk.cluster("in-process", quiet=True, node_port_range=(31000, 31001))
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    cluster.apply({**service, "spec": {"type": "NodePort", "ports": [{"port": 80}]}})
    assert cluster.get("service/web").object["spec"]["ports"][0]["nodePort"] in (31000, 31001)
    with pytest.raises(LearnerError, match="The range of valid ports is 31000-31001"):
        cluster.apply({**service, "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}})


def test_an_unknown_option_or_plugin_is_refused_with_what_there_is() -> None:
    with pytest.raises(PodwalkError, match=r"no option 'colour'; it has .*node_port_range"):
        podwalk.cluster("in-process", quiet=True, colour="blue")
    with pytest.raises(PodwalkError, match=r"'weavy' is not simulated; choose one of .*flannel"):
        podwalk.cluster("in-process", quiet=True, cni="weavy")


def test_a_cluster_that_is_there_takes_no_options() -> None:
    with pytest.raises(PodwalkError, match="set up already"):
        podwalk.cluster("kind", quiet=True, cni="flannel")
