"""The tools of the debugging chapters say and do on the embedded cluster what they do on a real one."""

from __future__ import annotations

import pytest

from podwalk.facade import Cluster

TOOLS = """
apiVersion: v1
kind: Pod
metadata: {name: tools}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: tools, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}
"""
DOOR = """
apiVersion: v1
kind: Pod
metadata: {name: door}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers:
  - name: tools
    image: nicolaka/netshoot:v0.13
    command: [sleep, infinity]
    securityContext: {capabilities: {add: [NET_ADMIN]}}
"""
REDIS = """
apiVersion: v1
kind: Pod
metadata: {name: redis, labels: {app: redis}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: redis, image: "redis:7"}
---
apiVersion: v1
kind: Service
metadata: {name: redis}
spec: {selector: {app: redis}, ports: [{port: 6379}]}
"""


@pytest.fixture
def tools(cluster: Cluster) -> Cluster:
    """A cluster with netshoot."""
    cluster.apply(TOOLS)
    cluster.wait("pod/tools", "condition=Ready")
    return cluster


def test_dig_shows_every_name_of_the_search_list_that_it_asks_for(tools: Cluster) -> None:
    asked = tools.exec("tools", "dig +showsearch +noall +question +answer kubernetes.default").lines
    assert [line.split()[0] for line in asked if line] == [
        f";kubernetes.default.{tools.namespace}.svc.cluster.local.",
        ";kubernetes.default.svc.cluster.local.",
        "kubernetes.default.svc.cluster.local.",
    ]
    whole = tools.exec("tools", "dig +showsearch kubernetes.default").stdout
    assert whole.count("<<>> DiG") == 2
    assert whole.index("status: NXDOMAIN") < whole.index("status: NOERROR")


def test_dig_shows_each_name_once_when_none_of_them_is_there(tools: Cluster) -> None:
    asked = tools.exec("tools", "dig +showsearch +noall +question +time=2 nothing.invalid").lines
    assert [line.split()[0] for line in asked] == [
        f";nothing.invalid.{tools.namespace}.svc.cluster.local.",
        ";nothing.invalid.svc.cluster.local.",
        ";nothing.invalid.cluster.local.",
        ";nothing.invalid.",
    ]


def test_nc_of_busybox_ends_when_its_input_and_then_the_server_do(shop: Cluster) -> None:
    shop.apply(REDIS)
    shop.wait("pod/redis", "condition=Ready")
    shop.exec("client", "nc -w 2 redis 6379 </dev/null", until="succeeds")
    answer = shop.exec("client", "echo PING | timeout 10 nc -w 2 redis 6379; echo $?", timeout_s=30)
    assert answer.lines == ["+PONG", "0"]


def test_iptables_save_shows_on_a_node_what_kube_proxy_programmed_for_a_service(shop: Cluster) -> None:
    shop.apply(DOOR)
    shop.wait("pod/door", "condition=Ready")
    node = shop.get("pod/door").object["spec"]["nodeName"]
    mine = f"{shop.namespace}/backend:http"
    rules = f"iptables-save -t nat 2>/dev/null | grep {mine} >/tmp/rules; cat /tmp/rules"
    shown = shop.exec(
        "door", f"{rules}; [ $(grep -c 'A KUBE-SVC.*KUBE-SEP' /tmp/rules) -eq 3 ]", until="succeeds"
    ).lines
    computed = str.splitlines(shop.proxy_rules("backend", node=node))
    assert sorted(shown) == sorted(line for line in computed if mine in line)
    chain = next(line.split()[1] for line in shown if line.startswith("-A KUBE-SVC"))
    listed = shop.exec("door", f"iptables -t nat -S {chain} 2>/dev/null").lines
    assert listed[0] == f"-N {chain}"
    assert len(listed) == 5, "masquerading, and three Pods"


def test_a_pods_own_network_has_no_rules_and_no_right_to_read_them(tools: Cluster) -> None:
    output = tools.exec("tools", "iptables-save -t nat")
    assert output.exit_code == 4
    assert "you must be root" in output.stderr
