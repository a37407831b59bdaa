"""Flows tried on a real cluster (kind's v1.37, kube-proxy in iptables mode, Calico), and the address each server saw.

One Pod, ``self`` on node ``worker``, is behind a NodePort Service and the one that policies select; ``other`` is on
``worker2``. A dash is a time-out.
"""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.types import Object
from tests.unit.network.worlds import NODES, World, endpoint

SERVICE_IP, NODE_PORT, LOCAL_NODE_PORT = "10.96.35.150", 31999, 31998
OUTSIDE = "172.18.0.1"

TABLE = """
                            open     no-in    no-out   in-out   in-node  out-svc  out-self in-pods
self > pod                | self     self     self     self     self     self     self     self
self > service            | worker   -        -        -        -        -        worker   worker
worker > pod              | worker   worker   worker   worker   worker   worker   worker   worker
worker > service          | worker   worker   worker   worker   worker   worker   worker   worker
worker > worker           | worker   worker   worker   worker   worker   worker   worker   worker
worker > localhost        | worker   worker   worker   worker   worker   worker   worker   worker
worker2 > pod             | worker2  -        worker2  -        worker2  worker2  worker2  -
worker2 > service         | worker2  -        worker2  -        worker2  worker2  worker2  -
other > pod               | other    -        other    -        -        other    other    other
other > service           | other    -        other    -        -        other    other    other
other > worker2           | worker2  -        worker2  -        worker2  worker2  worker2  -
other > worker            | worker   -        worker   -        -        worker   worker   worker
self > worker             | worker   -        -        -        -        -        worker   worker
self > worker2            | worker2  -        -        -        worker2  -        -        -
self > local worker       | worker   -        -        -        -        -        worker   worker
self > local worker2      | worker2  -        -        -        worker2  -        -        -
self > kubelet worker     | self     self     -        self     self     -        -        self
self > kubelet worker2    | self     self     -        self     self     -        -        self
outside > worker          | worker   -        worker   worker   -        worker   worker   -
outside > worker2         | worker2  -        worker2  -        worker2  worker2  worker2  -
outside > local worker    | outside  -        outside  outside  -        outside  outside  -
outside > local worker2   | -        -        -        -        -        -        -        -
"""


def policies(self_ip: str) -> dict[str, Object]:
    """Return the spec of the one policy of each column."""

    def ingress(*rules: Object) -> Object:
        return {"podSelector": {"matchLabels": {"app": "self"}}, "policyTypes": ["Ingress"], "ingress": list(rules)}

    def egress(*rules: Object) -> Object:
        return {"podSelector": {"matchLabels": {"app": "self"}}, "policyTypes": ["Egress"], "egress": list(rules)}

    return {
        "no-in": ingress(),
        "no-out": egress(),
        "in-out": ingress({"from": [{"ipBlock": {"cidr": f"{OUTSIDE}/32"}}]}),
        "in-node": ingress({"from": [{"ipBlock": {"cidr": f"{NODES['worker2'][0]}/32"}}]}),
        "out-svc": egress({"to": [{"ipBlock": {"cidr": f"{SERVICE_IP}/32"}}]}),
        "out-self": egress({"to": [{"ipBlock": {"cidr": f"{self_ip}/32"}}]}),
        "in-pods": ingress({"from": [{"podSelector": {}}]}),
    }


def rows() -> list[Any]:
    header, *lines = TABLE.strip().splitlines()
    cells = []
    for line in lines:
        flow, _, seen = line.partition("|")
        for column, expected in zip(header.split(), seen.split(), strict=True):
            cells.append(pytest.param(flow.strip(), column, expected, id=f"{flow.strip()}, {column}"))
    return cells


@pytest.mark.parametrize(("flow", "column", "expected"), rows())
def test_the_server_sees_what_it_saw_on_kind(world: World, flow: str, column: str, expected: str) -> None:
    this = world.pod("self", {"app": "self"}, node="worker")
    other = world.pod("other", {"app": "other"}, node="worker2")
    ports = [{"port": 80, "targetPort": 8080, "nodePort": NODE_PORT}]
    world.service("web", SERVICE_IP, type="NodePort", ports=ports)
    ports = [{"port": 80, "targetPort": 8080, "nodePort": LOCAL_NODE_PORT}]
    world.service("local", "10.96.35.151", type="NodePort", externalTrafficPolicy="Local", ports=ports)
    for service in ("web", "local"):
        world.slice(service, [endpoint(this)])
    if column != "open":
        world.policy("p", policies(this["status"]["podIP"])[column])

    names = {"self": this["status"]["podIP"], "other": other["status"]["podIP"], "outside": OUTSIDE}
    names |= {node: ip for node, (ip, _) in NODES.items()}
    source, _, to = flow.partition(" > ")
    where, _, node = to.rpartition(" ")
    ip, port = {
        "pod": (names["self"], 8080),
        "service": (SERVICE_IP, 80),
        "localhost": ("127.0.0.1", NODE_PORT),
    }.get(to) or (names[node], {"local": LOCAL_NODE_PORT, "kubelet": 10250}.get(where, NODE_PORT))
    senders: dict[str, Object | str] = {"self": this, "other": other, "outside": OUTSIDE}
    verdict = world.route(senders.get(source, source), ip, port)
    assert verdict.delivered == (expected != "-")
    if verdict.delivered:
        assert verdict.source_ip == names[expected]
