"""NetworkPolicy to the letter of the API: who reaches which port, for each of its fields, left out or empty."""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import CoreV1Api

from podwalk.facade import Cluster

pytestmark = pytest.mark.detail

PATIENCE_S = 45.0
"""Until the nodes follow a policy; a simulated cluster does at once."""

WORLD = """
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=8080, --udp-port=-1]
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {httpGet: {path: /hostname, port: 8080}, periodSeconds: 1, failureThreshold: 1}
  - name: admin
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=8081, --udp-port=-1]
    ports: [{name: admin, containerPort: 8081}]
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
"""
CLIENT = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{team: {team}}}}}
spec:
  hostNetwork: {host}
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers: [{{name: c, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}}]
"""

RED, BLUE = ({"podSelector": {"matchLabels": {"team": team}}} for team in ("red", "blue"))
OTHER = {"namespaceSelector": {"matchLabels": {"side": "other"}}}
SERVER = {"podSelector": {"matchLabels": {"app": "server"}}}
RED_EGRESS = {**RED, "policyTypes": ["Egress"]}
DOORS = ("8080", "8081", "service")


def ingress(*peers: Any, ports: Any = None, **more: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"from": list(peers)} if peers else {}
    return {**SERVER, "ingress": [{**rule, **({"ports": ports} if ports else {})}], **more}


def all_of(*names: str, doors: tuple[str, ...] = DOORS) -> set[str]:
    return {f"{name} {door}" for name in names for door in doors}


EVERYBODY = all_of("red", "blue", "green", "host")
WEB = ("8080", "service")

CASES: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "no rule allows nobody": ([{**SERVER, "ingress": []}], set()),
    "ingress is isolated even where only egress is written": ([{**SERVER, "egress": [{}]}], set()),
    "policyTypes Egress alone leaves ingress open, and replies pass": (
        [{**SERVER, "policyTypes": ["Egress"]}],
        EVERYBODY,
    ),
    "an empty rule allows everybody": ([ingress()], EVERYBODY),
    "an empty list of peers allows everybody": ([{**SERVER, "ingress": [{"from": []}]}], EVERYBODY),
    "an empty selector of Pods is the policy's namespace": ([ingress({"podSelector": {}})], all_of("red", "blue")),
    "an empty selector of namespaces is every Pod, and no node": (
        [ingress({"namespaceSelector": {}})],
        all_of("red", "blue", "green"),
    ),
    "two selectors of one peer must both fit": ([ingress({**OTHER, **RED})], all_of("green")),
    "two peers are alternatives": ([ingress(OTHER, BLUE)], all_of("green", "blue")),
    "an expression selects": (
        [ingress({"podSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["red"]}]}})],
        all_of("blue"),
    ),
    "a port has a name": ([ingress(ports=[{"port": "http"}])], all_of("red", "blue", "green", "host", doors=WEB)),
    "a range of ports has both ends": ([ingress(ports=[{"port": 8079, "endPort": 8081}])], EVERYBODY),
    "a range of ports ends": (
        [ingress(ports=[{"port": 8000, "endPort": 8080}])],
        all_of("red", "blue", "green", "host", doors=WEB),
    ),
    "a protocol is one": ([ingress(ports=[{"port": 8080, "protocol": "UDP"}])], set()),
    "policies add up": (
        [ingress(RED, ports=[{"port": 8080}]), ingress(BLUE, ports=[{"port": 8081}])],
        all_of("red", doors=WEB) | all_of("blue", doors=("8081",)),
    ),
    "egress is judged after the Service, by the Pod's port": (
        [{**RED_EGRESS, "egress": [{"to": [SERVER], "ports": [{"port": 8080}]}]}],
        EVERYBODY - {"red 8081"},
    ),
    "the Service's port says nothing to egress": (
        [{**RED_EGRESS, "egress": [{"to": [SERVER], "ports": [{"port": 80}]}]}],
        EVERYBODY - all_of("red"),
    ),
    "a block with an exception": (
        [ingress({"ipBlock": {"cidr": "POD_CIDR", "except": ["RED_IP/32"]}})],
        all_of("blue", "green"),
    ),
    "a node is its address": ([ingress({"ipBlock": {"cidr": "HOST_IP/32"}})], all_of("host")),
    "a block of the Service's address says nothing to egress": (
        [{**RED_EGRESS, "egress": [{"to": [{"ipBlock": {"cidr": "SERVICE_IP/32"}}]}]}],
        EVERYBODY - all_of("red"),
    ),
}


class World:
    """A server with two ports, and who may want to reach it: two Pods beside it, one elsewhere, and a node."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.other = f"{cluster.namespace}-other"
        labels: dict[str, dict[str, str]] = {cluster.namespace: {}, self.other: {"side": "other"}}
        for name, own in labels.items():
            cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": own}})
        cluster.apply(WORLD)
        cluster.wait("pod/server", "condition=Ready", timeout_s=120)
        here = cluster.get("pods", "server").object["spec"]["nodeName"]
        away = next(name for name in cluster.get("nodes").names if name != here)
        self.spaces = {"red": cluster.namespace, "blue": cluster.namespace, "green": self.other, "host": self.other}
        for name, space in self.spaces.items():
            team, host = ("red" if name == "green" else name), str(name == "host").lower()
            cluster.apply(CLIENT.format(name=name, namespace=space, team=team, host=host, node=away))
        for name, space in self.spaces.items():
            cluster.wait(f"pod/{name}", "condition=Ready", namespace=space, timeout_s=120)
        self.ip = cluster.get("pods", "server").object["status"]["podIP"]
        self.service_ip = cluster.get("svc", "server").object["spec"]["clusterIP"]

    def fill(self, text: str) -> str:
        """Put addresses in place of their names."""
        ips = {name: self.address(name) for name in ("red", "host")}
        words = {"RED_IP": ips["red"], "HOST_IP": ips["host"], "SERVICE_IP": self.service_ip}
        words["POD_CIDR"] = "10.244.0.0/16"
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    def address(self, name: str) -> str:
        return str(self.cluster.get("pods", name, namespace=self.spaces[name]).object["status"]["podIP"])

    def reaching(self) -> set[str]:
        """Return who reaches which door now."""
        doors = {"8080": f"{self.ip}:8080", "8081": f"{self.ip}:8081", "service": f"{self.service_ip}:80"}
        ask = "(curl -s -o /dev/null -m 1 http://{} && echo {}) &"
        script = " ".join(ask.format(address, door) for door, address in doors.items()) + " wait"
        found = set()
        for name, space in self.spaces.items():
            output = self.cluster.exec(name, script, namespace=space)
            found |= {f"{name} {door}" for door in output.stdout.split()}
        return found


@pytest.fixture(scope="module")
def world(whole_cluster: Cluster) -> Iterator[World]:
    cluster = copy.copy(whole_cluster)
    cluster.namespace = f"test-{uuid.uuid4().hex[:8]}"
    made = World(cluster)
    yield made
    for name in (cluster.namespace, made.other):
        CoreV1Api(cluster.api).delete_namespace(name)


@pytest.mark.parametrize("case", CASES)
def test_who_reaches_which_port(world: World, case: str) -> None:
    specs, expected = CASES[case]
    names = [f"policy-{number}" for number, _ in enumerate(specs)]
    made = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    for name, spec in zip(names, specs, strict=True):
        manifest = json.dumps({**made, "metadata": {"name": name}, "spec": spec})
        world.cluster.apply(json.loads(world.fill(manifest)))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (found := world.reaching()) != expected and time.monotonic() < deadline:
            pass
        assert found == expected
        server = world.cluster.get("pods", "server").object
        ready = [one["status"] for one in server["status"]["conditions"] if one["type"] == "Ready"]
        assert ready == ["True"], "no policy stops the kubelet's probes"
        own = world.cluster.exec("server", f"curl -s -m 1 http://{world.ip}:8080/hostname", container="web")
        assert own.stdout == "server", "no policy stops a Pod from reaching itself"
    finally:
        for name in names:
            world.cluster.delete(f"networkpolicy/{name}")
