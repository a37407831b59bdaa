"""A load balancer's address called from inside: who answers, whose address the server sees, and who is let through."""

from __future__ import annotations

import copy
import itertools
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from kubernetes.client import CoreV1Api

from podwalk.facade import Cluster
from podwalk.types import Object
from tests.conformance.world import AGNHOST, CALLER

pytestmark = pytest.mark.detail

POD, SAME, NODE, OWN, THIRD = "a Pod", "a Pod beside the server", "its node", "the server's node", "a third node"
POLICIES = ("Cluster", "Local")
RANGES = {"nobody": "192.0.2.0/24", "the-pod": POD, "its-node": NODE}
TIMED_OUT, REFUSED = "timed out", "refused"


@dataclass(frozen=True)
class World:
    """What the callers were told by each Service, the addresses of their own, and the Services'."""

    cluster: Cluster
    ips: dict[str, str]
    vips: dict[str, str]
    seen: dict[str, dict[str, str]]


def balanced(name: str, policy: str, source: str = "", app: str = "server") -> Object:
    """Return a Service with a load balancer that lets one range of sources through, or everybody."""
    spec: Object = {"type": "LoadBalancer", "externalTrafficPolicy": policy, "selector": {"app": app}}
    spec["ports"] = [{"port": 80, "targetPort": 8080}]
    if source:
        spec["loadBalancerSourceRanges"] = [source]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ask(cluster: Cluster, callers: Iterable[str], services: dict[str, str]) -> list[dict[str, str]]:
    """Return what each caller is told by each Service, asking all at once: some answer nothing, and take their time."""
    curl = "(echo {} $(curl -sS -m 4 http://{}/clientip 2>&1)) >>/tmp/told 2>&1 &"
    every = " ".join(curl.format(name, ip) for name, ip in services.items())
    for caller in callers:
        cluster.exec(caller, f"{every} true")
    whole = f"test $(grep -c . /tmp/told) = {len(services)} && cat /tmp/told"
    said = [cluster.exec(caller, whole, until="succeeds").lines for caller in callers]
    return [{name: _short(text) for name, _, text in (line.partition(" ") for line in lines)} for lines in said]


def _short(text: str) -> str:
    if text.startswith("curl: "):
        return TIMED_OUT if "timed out" in text else REFUSED
    return text.rpartition(":")[0]


def metallb(cluster: Cluster) -> None:
    """Install MetalLB, or find it; the embedded cluster has it once its definitions and a pool are there."""
    if cluster.backend == "kind":
        cluster.addon("load-balancer")
        return
    kinds = {"ipaddresspools": "IPAddressPool", "l2advertisements": "L2Advertisement"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": schema}
    for plural, kind in kinds.items():
        names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
        spec = {"group": "metallb.io", "scope": "Namespaced", "names": names, "versions": [version]}
        definition: Object = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        cluster.apply({**definition, "metadata": {"name": f"{plural}.metallb.io"}, "spec": spec})
        cluster.wait(f"crd/{plural}.metallb.io", "condition=Established")
    specs: dict[str, Object] = {
        "IPAddressPool": {"addresses": ["172.18.255.200-172.18.255.250"]},
        "L2Advertisement": {},
    }
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metallb-system"}})
    for kind, spec in specs.items():
        metadata = {"name": "kind", "namespace": "metallb-system"}
        cluster.apply({"apiVersion": "metallb.io/v1beta1", "kind": kind, "metadata": metadata, "spec": spec})


@pytest.fixture(scope="module")
def world(whole_cluster: Cluster) -> Iterator[World]:
    """A server on one node, callers in Pods and on the network of each node, and what they are told."""
    cluster = copy.copy(whole_cluster)
    metallb(cluster)
    cluster.namespace = f"test-{uuid.uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}})
    names = [node["metadata"]["name"] for node in cluster.get("nodes")]
    third = next(name for name in names if name.endswith("control-plane"))
    here, there = (name for name in names if name != third)
    callers = {
        "pod": (POD, there, False),
        "same": (SAME, here, False),
        "node": (NODE, there, True),
        "own": (OWN, here, True),
        "third": (THIRD, third, True),
    }
    cluster.apply(AGNHOST.format(node=here))
    for name, (_, node, host) in callers.items():
        cluster.apply(CALLER.format(name=name, node=node, host=str(host).lower()))
    for name in ("server", *callers):
        cluster.wait(f"pod/{name}", "condition=Ready", timeout_s=120)
    ips = {role: cluster.get("pods", name).object["status"]["podIP"] for name, (role, _, _) in callers.items()}
    wanted = {policy.lower(): balanced(policy.lower(), policy) for policy in POLICIES}
    for policy, (name, source) in itertools.product(POLICIES, RANGES.items()):
        service = f"{policy.lower()}-{name}"
        wanted[service] = balanced(service, policy, f"{ips[source]}/32" if source in ips else source)
    wanted["empty"] = balanced("empty", "Cluster", app="nobody")
    cluster.apply([*wanted.values()])
    vips = {}
    for name in wanted:
        cluster.wait(f"service/{name}", "jsonpath={.status.loadBalancer.ingress[0].ip}")
        vips[name] = cluster.get("services", name).object["status"]["loadBalancer"]["ingress"][0]["ip"]
    for caller, open_ones in {
        "pod": ("cluster", "local", "cluster-the-pod", "local-the-pod"),
        "node": ("cluster", "local", "cluster-its-node", "local-its-node"),
    }.items():
        for name in open_ones:
            cluster.exec(caller, f"curl -s -m 2 http://{vips[name]}", until="succeeds")
    seen = dict(zip(ips, ask(cluster, callers, vips), strict=True))
    yield World(cluster, ips, vips, seen)
    CoreV1Api(cluster.api).delete_namespace(cluster.namespace)


def told(world: World, service: str) -> dict[str, str]:
    """Return what each caller was told by a Service, an address of a caller by its name."""
    names = {ip: role for role, ip in world.ips.items()}
    return {role: names.get(said[service], said[service]) for role, said in world.seen.items()}


@pytest.mark.parametrize(
    ("service", "expected"),
    {
        "cluster": {POD: NODE, SAME: OWN, NODE: NODE, OWN: OWN, THIRD: THIRD},
        "local": {POD: POD, SAME: SAME, NODE: NODE, OWN: OWN, THIRD: THIRD},
        "cluster-the-pod": {POD: NODE},
        "cluster-its-node": {NODE: NODE},
        "cluster-nobody": {},
        "local-the-pod": {POD: POD},
        "local-its-node": {NODE: NODE},
        "local-nobody": {},
    }.items(),
)
def test_whose_address_the_server_sees(world: World, service: str, expected: dict[str, str]) -> None:
    assert told(world, service) == dict.fromkeys(world.ips, TIMED_OUT) | expected


def test_nobody_is_kept_waiting_where_there_is_no_endpoint(world: World) -> None:
    assert told(world, "empty") == dict.fromkeys(world.ips, REFUSED)


def comes_to(cluster: Cluster, caller: str, ip: str, port: int, error: str) -> None:
    """Wait until a caller cannot connect for that reason, in the kernel's words.

    An address that was announced a moment ago, for a Service that is gone, is still among a node's neighbours.
    """
    cluster.exec(caller, f"nc -vz -w 15 {ip} {port} 2>&1 | grep '{error}'", until="succeeds", timeout_s=120.0)


def test_a_node_finds_no_route_where_a_pod_is_refused(world: World) -> None:
    """kube-proxy rejects what passes through a node for an outer address without endpoints, not what sets out there."""
    network = world.ips[NODE].rpartition(".")[0].rpartition(".")[0]
    external = f"{network}.201.{uuid.uuid4().int % 250 + 1}"
    spec: Object = {"selector": {"app": "nobody"}, "ports": [{"port": 80}], "externalIPs": [external]}
    world.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outer"}, "spec": spec})
    for ip in (world.vips["empty"], external):
        comes_to(world.cluster, "pod", ip, 80, "Connection refused")
        comes_to(world.cluster, "node", ip, 80, "No route to host")


@pytest.mark.parametrize("caller", ["pod", "node"])
def test_a_port_that_a_load_balancer_does_not_have_leads_nowhere(world: World, caller: str) -> None:
    comes_to(world.cluster, caller, world.vips["cluster"], 99, "No route to host")


def test_metallb_says_which_node_answers_and_policy_local_leaves_it_no_choice(world: World) -> None:
    server = world.cluster.get("pods", "server").object["spec"]["nodeName"]
    workers = {name for name in world.cluster.get("nodes").names if not name.endswith("control-plane")}
    said = {}
    for event in world.cluster.events():
        if event["reason"] == "nodeAssigned":
            said[event["involvedObject"]["name"]] = re.findall(r'from node "([^"]+)"', event["message"])[0]
    assert {said[name] for name in said if name.startswith("local")} == {server}
    assert {said[name] for name in said if name.startswith("cluster")} <= workers
    assert "empty" not in said
    assert len(said) == 2 * (1 + len(RANGES))
