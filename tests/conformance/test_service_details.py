"""Services in detail: which endpoints they have, for how long, and for whom."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import CoreV1Api

from podwalk.errors import PodwalkError
from podwalk.facade import Cluster
from podwalk.types import Object
from tests.conformance.world import slice_of

pytestmark = pytest.mark.detail

SERVER = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {app}, at: {node}}}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: {grace}
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=8080, --udp-port=8081, --delay-shutdown={delay}]
    ports: [{{name: http, containerPort: 8080}}]
    readinessProbe: {{{probe}, periodSeconds: 1}}
"""
CLIENT = """
apiVersion: v1
kind: Pod
metadata: {{name: client}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers: [{{name: c, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}}]
"""
READY, NEVER = "tcpSocket: {port: 8080}", 'exec: {command: ["false"]}'


def server(name: str, app: str, node: str, *, grace: int = 0, delay: int = 0, probe: str = READY) -> str:
    return SERVER.format(name=name, app=app, node=node, grace=grace, delay=delay, probe=probe)


@pytest.fixture(scope="module")
def nodes(whole_cluster: Cluster) -> tuple[str, str]:
    """Two workers in different zones."""
    zone = "topology.kubernetes.io/zone"
    workers = [node["metadata"] for node in whole_cluster.get("nodes") if "worker" in node["metadata"]["name"]]
    first, second = (one["name"] for one in workers[:2])
    assert len({one["labels"][zone] for one in workers[:2]}) == 2
    return first, second


@pytest.fixture(scope="module")
def world(whole_cluster: Cluster, nodes: tuple[str, str]) -> Iterator[Cluster]:
    """A server on each of two nodes, a client beside the first; each test makes Services of its own."""
    cluster = copy.copy(whole_cluster)
    cluster.namespace = f"test-{uuid.uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}})
    here, there = nodes
    cluster.apply(server("here", "web", here) + "---" + server("there", "web", there))
    cluster.apply(CLIENT.format(node=here))
    for pod in ("here", "there", "client"):
        cluster.wait(f"pod/{pod}", "condition=Ready", timeout_s=120)
    yield cluster
    CoreV1Api(cluster.api).delete_namespace(cluster.namespace)


def service(cluster: Cluster, name: str, app: str = "web", **spec: Any) -> Object:
    selector = {"app": app} if app else None
    body = {"selector": selector, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    body = {key: value for key, value in body.items() if value is not None}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body})
    return dict(cluster.get("svc", name).object)


def names(cluster: Cluster, host: str, times: int) -> set[str]:
    """Return who answers many calls, once the Service is there."""
    call = f"curl -s -m 3 http://{host}/hostname"
    cluster.exec("client", call, until="succeeds")
    return set(cluster.exec("client", f"for i in $(seq {times}); do {call}; echo; done").stdout.split())


def test_the_last_endpoint_serves_while_it_terminates(world: Cluster, nodes: tuple[str, str]) -> None:
    service(world, "last", "last")
    world.apply(server("last", "last", nodes[1], grace=60, delay=40))
    world.wait("pod/last", "condition=Ready")
    assert names(world, "last", 1) == {"last"}
    CoreV1Api(world.api).delete_namespaced_pod("last", world.namespace)
    label = "jsonpath={.endpoints[0].conditions.terminating}=true"
    found = slice_of(world, "last")
    world.wait(f"endpointslice/{found}", label)
    conditions = world.get("endpointslices", found).object["endpoints"][0]["conditions"]
    assert conditions == {"ready": False, "serving": True, "terminating": True}
    assert names(world, "last", 3) == {"last"}


def test_a_pod_that_is_not_ready_is_published_where_that_is_wanted(world: Cluster, nodes: tuple[str, str]) -> None:
    service(world, "shy", "sick")
    service(world, "bold", "sick", publishNotReadyAddresses=True)
    service(world, "bold-names", "sick", publishNotReadyAddresses=True, clusterIP="None")
    world.apply(server("sick", "sick", nodes[1], probe=NEVER))
    world.wait("pod/sick", "jsonpath={.status.phase}=Running")
    assert names(world, "bold", 1) == {"sick"}
    ip = world.get("pods", "sick").object["status"]["podIP"]
    looked = world.exec("client", "dig +short +search bold-names | grep .", until="succeeds")
    assert looked.stdout.split() == [ip]
    assert "Couldn't connect" in world.exec("client", "curl -sS -m 3 http://shy", until="fails").stdout


def test_affinity_keeps_a_client_where_it_was(world: Cluster) -> None:
    service(world, "sticky", sessionAffinity="ClientIP")
    service(world, "any")
    assert len(names(world, "sticky", 20)) == 1
    assert names(world, "any", 40) == {"here", "there"}


def test_affinity_ends_after_its_time(world: Cluster) -> None:
    service(world, "brief", sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 1}})
    names(world, "brief", 1)
    slowly = "for i in $(seq 12); do curl -s -m 3 http://brief/hostname; echo; sleep 2.5; done"
    assert set(world.exec("client", slowly).stdout.split()) == {"here", "there"}


def test_a_pod_that_reaches_itself_by_its_service_sees_its_node(world: Cluster, nodes: tuple[str, str]) -> None:
    service(world, "loop", "solo")
    world.apply(server("solo", "solo", nodes[1]))
    world.wait("pod/solo", "condition=Ready")
    seen = world.exec("solo", "curl -s -m 3 http://loop/clientip", until="succeeds").stdout.rpartition(":")[0]
    addresses = world.get("nodes", nodes[1]).object["status"]["addresses"]
    assert seen == next(one["address"] for one in addresses if one["type"] == "InternalIP")


def test_a_pods_own_name_is_itself_though_a_service_has_it_too(world: Cluster) -> None:
    service(world, "here")
    assert "Couldn't connect" in world.exec("here", "curl -sS -m 3 http://here", until="fails").stdout
    walk = world.walk("here", "http://here", probe=True)
    assert walk.hops[0].field == "metadata.name"
    assert walk.observation is not None
    assert walk.observation.seen == "refused"


def test_internal_policy_local_never_leaves_the_node(world: Cluster, nodes: tuple[str, str]) -> None:
    service(world, "local", internalTrafficPolicy="Local")
    assert names(world, "local", 10) == {"here"}
    world.apply(server("away", "away", nodes[1]))
    world.wait("pod/away", "condition=Ready")
    service(world, "local-away", "away", internalTrafficPolicy="Local")
    service(world, "anywhere-away", "away")
    assert names(world, "anywhere-away", 1) == {"away"}
    assert "timed out" in world.exec("client", "curl -sS -m 2 http://local-away", until="fails").stdout


@pytest.mark.parametrize("wish", ["PreferSameZone", "PreferSameNode"])
def test_traffic_stays_near_where_that_is_preferred(world: Cluster, wish: str) -> None:
    name = wish.lower()
    service(world, name, trafficDistribution=wish)
    found = slice_of(world, name)
    world.wait(f"endpointslice/{found}", "jsonpath={.endpoints[1].hints}")
    hints = {one["targetRef"]["name"]: one["hints"] for one in world.get("endpointslices", found).object["endpoints"]}
    zones = {
        node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"]
        for node in world.get("nodes")
    }
    for pod, hint in hints.items():
        node = world.get("pods", pod).object["spec"]["nodeName"]
        near = {"forZones": [{"name": zones[node]}]}
        assert hint == (near if wish == "PreferSameZone" else {"forNodes": [{"name": node}], **near})
    assert names(world, name, 20) == {"here"}


def test_a_service_without_selector_leads_where_its_own_slice_says(world: Cluster) -> None:
    service(world, "own", "")
    ip = world.get("pods", "there").object["status"]["podIP"]
    world.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "own-1", "labels": {"kubernetes.io/service-name": "own"}},
            "addressType": "IPv4",
            "ports": [{"port": 8080}],
            "endpoints": [{"addresses": [ip]}],
        }
    )
    assert names(world, "own", 3) == {"there"}


def test_one_port_may_be_two_by_their_protocols(world: Cluster) -> None:
    ports = [
        {"name": "web", "port": 80, "targetPort": "http"},
        {"name": "udp", "port": 80, "targetPort": 8081, "protocol": "UDP"},
        {"name": "also", "port": 8000, "targetPort": 8080},
    ]
    service(world, "mixed", ports=ports)
    assert names(world, "mixed", 20) == {"here", "there"}
    assert names(world, "mixed:8000", 20) == {"here", "there"}
    said = world.exec("client", "echo hostname | nc -u -w 2 mixed 80 | grep .", until="succeeds")
    assert said.stdout.strip() in ("here", "there")


def test_an_external_ip_is_one_more_address(world: Cluster) -> None:
    ip = f"192.0.2.{uuid.uuid4().int % 200 + 20}"
    service(world, "extra", externalIPs=[ip])
    assert names(world, ip, 20) == {"here", "there"}


def test_a_service_of_another_proxy_has_a_name_and_no_way_to_its_pods(world: Cluster) -> None:
    ip = service(world, "mine")["spec"]["clusterIP"]
    assert names(world, "mine", 1)
    body = {"metadata": {"labels": {"service.kubernetes.io/service-proxy-name": ""}}}
    CoreV1Api(world.api).patch_namespaced_service("mine", world.namespace, body)
    assert "timed out" in world.exec("client", "curl -sS -m 2 http://mine", until="fails").stdout
    assert world.exec("client", "dig +short +search mine").lines == [ip]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"ipFamilyPolicy": "RequireDualStack"}, "this cluster is not configured for dual-stack services"),
        ({"ipFamilies": ["IPv6"]}, "not configured on this cluster"),
        ({"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4", "IPv6"]}, "ipFamil"),
    ],
)
def test_a_second_family_is_refused_where_there_is_one(world: Cluster, spec: Object, words: str) -> None:
    with pytest.raises(PodwalkError, match=words):
        service(world, "families", **spec)


def test_two_families_may_be_preferred_where_there_is_one(world: Cluster) -> None:
    made = service(world, "prefers", ipFamilyPolicy="PreferDualStack")["spec"]
    assert (made["ipFamilyPolicy"], made["ipFamilies"]) == ("PreferDualStack", ["IPv4"])
    assert made["clusterIPs"] == [made["clusterIP"]]


def test_a_container_finds_the_services_that_were_there_before_it(world: Cluster, nodes: tuple[str, str]) -> None:
    ip = service(world, "older-one", ports=[{"name": "web", "port": 80, "targetPort": 8080}])["spec"]["clusterIP"]
    world.exec("client", "curl -s -m 2 http://older-one", until="succeeds")
    plain = CLIENT.format(node=nodes[0]).replace("name: client", "name: NAME")
    world.apply(plain.replace("NAME", "told"))
    world.apply(plain.replace("NAME", "untold").replace("spec:", "spec:\n  enableServiceLinks: false"))
    for pod in ("told", "untold"):
        world.wait(f"pod/{pod}", "condition=Ready")
    told = world.exec("told", "env | grep ^OLDER_ONE | sort").stdout.split()
    assert told == sorted(
        [
            f"OLDER_ONE_SERVICE_HOST={ip}",
            "OLDER_ONE_SERVICE_PORT=80",
            "OLDER_ONE_SERVICE_PORT_WEB=80",
            f"OLDER_ONE_PORT=tcp://{ip}:80",
            f"OLDER_ONE_PORT_80_TCP=tcp://{ip}:80",
            "OLDER_ONE_PORT_80_TCP_PROTO=tcp",
            "OLDER_ONE_PORT_80_TCP_PORT=80",
            f"OLDER_ONE_PORT_80_TCP_ADDR={ip}",
        ]
    )
    assert world.exec("untold", "env | grep -c ^OLDER_ONE || true").stdout.strip() == "0"
    assert world.exec("untold", "env | grep ^KUBERNETES_SERVICE_PORT=").stdout.strip() == "KUBERNETES_SERVICE_PORT=443"
