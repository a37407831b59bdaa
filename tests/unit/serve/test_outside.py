"""A served cluster's applications, reached over real sockets of this machine as a learner's browser and curl do."""

from __future__ import annotations

import errno
import http.client
import itertools
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
import yaml
from kubernetes import client, utils
from websockets.sync.client import connect as websocket

import podwalk
from podwalk.controllers.ingress import manifest
from podwalk.facade.errors import LearnerError
from podwalk.network.doors import Door, Way
from podwalk.serve import control
from podwalk.serve.outside import OUTSIDE_PATH, address, openings
from podwalk.serve.place import Place, find
from podwalk.types import Object, Ref
from tests.unit.serve.reaching import connect, made_certificate

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

PATIENCE_S = 60.0

WHOAMI = """
apiVersion: v1
kind: Pod
metadata: {name: whoami, labels: {app: whoami}}
spec:
  nodeName: tested-worker
  containers: [{name: whoami, image: "traefik/whoami:v1.11"}]
---
apiVersion: v1
kind: Pod
metadata: {name: redis, labels: {app: redis}}
spec:
  containers: [{name: redis, image: "redis:7"}]
---
apiVersion: v1
kind: Pod
metadata: {name: netexec, labels: {app: netexec}}
spec:
  containers:
  - {name: netexec, image: "registry.k8s.io/e2e-test-images/agnhost:2.66.1", args: [netexec, --udp-port=8081]}
"""


class World:
    """A served cluster, and what of it this machine can reach."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.api = connect(place)
        self.core: Any = client.CoreV1Api(self.api)
        self._names = itertools.count()

    def apply(self, *objects: Object) -> None:
        for obj in objects:
            utils.create_from_dict(self.api, obj)

    def service(self, app: str, port: int, **spec: Any) -> str:
        """Make a NodePort Service for the Pods of an app, and return its name."""
        name = f"{app}-{next(self._names)}"
        ports = [{"port": port, "protocol": spec.pop("protocol", "TCP")}]
        body = {
            "metadata": {"name": name},
            "spec": {"type": "NodePort", "selector": {"app": app}, "ports": ports, **spec},
        }
        self.core.create_namespaced_service("default", body)
        return name

    def table(self) -> Object:
        server = control.alive(self.place)
        assert server is not None
        return dict(control.call_api(self.place, server, OUTSIDE_PATH))

    def door(self, name: str, node: str = "") -> Object:
        """Return the row of a Service, at a node if one is named."""
        found: list[Object] = [
            row for row in self.table()["doors"] if row["name"] == name and row["node"].endswith(node)
        ]
        assert found, f"no door of {name}: {self.table()}"
        return found[0]

    def at(self, name: str, node: str = "") -> tuple[str, int]:
        """Return where a Service that answers is on this machine."""
        until(lambda: not self.door(name, node)["note"])
        host, _, port = self.door(name, node)["here"].rpartition(":")
        return host, int(port)

    def events(self, name: str) -> list[str]:
        found = self.core.list_namespaced_event("default", field_selector=f"involvedObject.name={name}").items
        return [f"{event.reason}: {event.message}" for event in found]


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PODWALK_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def world(home: None) -> Iterator[World]:
    place = find("tested")
    control.start(place, clock="jump")
    made = World(place)
    made.apply(*yaml.safe_load_all(WHOAMI))
    until(lambda: all(_ready(pod) for pod in made.core.list_namespaced_pod("default").items))
    yield made
    control.stop(place)


def _ready(pod: Any) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or [])


def get(at: tuple[str, int], path: str = "/", *, timeout: float = PATIENCE_S, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*at, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def remote(text: str) -> str:
    return next(line.split()[1].partition(":")[0] for line in text.splitlines() if line.startswith("RemoteAddr"))


def test_every_node_answers_at_its_node_port(world: World) -> None:
    name = world.service("whoami", 80)
    nodes = {node["name"]: node for node in world.table()["nodes"]}
    assert len(nodes) == 3
    for node, row in nodes.items():
        host, port = world.at(name, node)
        assert host == row["here"]
        status, text = get((host, port))
        assert (status, remote(text)) == (200, row["ip"]), "policy Cluster puts the node's address in"


def test_policy_local_shows_the_client_and_hangs_where_there_is_no_endpoint(world: World) -> None:
    name = world.service("whoami", 80, externalTrafficPolicy="Local")
    assert remote(get(world.at(name, "tested-worker"))[1]) == "172.18.0.1"
    with socket.create_connection(world.at(name, "tested-worker2"), timeout=PATIENCE_S) as dropped:
        dropped.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            dropped.recv(1)


def test_a_load_balancer_may_ask_each_node_whether_it_has_an_endpoint(world: World) -> None:
    name = world.service("whoami", 80, type="LoadBalancer", externalTrafficPolicy="Local")

    def doors() -> dict[str, str]:
        rows = (row for row in world.table()["doors"] if (row["name"], row["way"]) == (name, "health check"))
        return {row["node"]: row["here"] for row in rows}

    until(lambda: len(doors()) == 3)
    found = {}
    for node, here in doors().items():
        host, _, port = here.rpartition(":")
        found[node] = get((host, int(port)), "/healthz")[0]
    assert found == {"tested-control-plane": 503, "tested-worker": 200, "tested-worker2": 503}


def test_a_service_without_endpoints_refuses_until_it_has_one(world: World) -> None:
    name = world.service("nobody", 80)
    row = world.door(name)
    assert "no endpoints" in row["note"]
    host, _, port = row["here"].rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    world.core.patch_namespaced_service(name, "default", {"spec": {"selector": {"app": "whoami"}}})
    assert get(world.at(name))[0] == 200


def test_a_deleted_service_is_closed_at_once(world: World) -> None:
    name = world.service("whoami", 80)
    at = world.at(name)
    assert get(at)[0] == 200
    world.core.delete_namespaced_service(name, "default")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(at)


def test_a_policy_that_denies_lets_the_connection_hang(world: World) -> None:
    name = world.service("whoami", 80, externalTrafficPolicy="Local")
    at = world.at(name, "tested-worker")
    networking: Any = client.NetworkingV1Api(world.api)
    only_pods: Object = {"from": [{"podSelector": {}}]}
    spec = {"podSelector": {"matchLabels": {"app": "whoami"}}, "ingress": [only_pods]}
    networking.create_namespaced_network_policy("default", {"metadata": {"name": "inside"}, "spec": spec})
    try:
        with socket.create_connection(at, timeout=PATIENCE_S) as denied, pytest.raises(ConnectionResetError):
            denied.recv(1)
    finally:
        networking.delete_namespaced_network_policy("inside", "default")
    assert get(at)[0] == 200


def test_a_web_socket_goes_through(world: World) -> None:
    host, port = world.at(world.service("whoami", 80))
    with websocket(f"ws://{host}:{port}/echo", proxy=None) as open_socket:
        open_socket.send("hello")
        assert open_socket.recv(timeout=PATIENCE_S) == "hello"
        open_socket.send(b"\x00" * 100_000)
        assert open_socket.recv(timeout=PATIENCE_S) == b"\x00" * 100_000
        assert open_socket.ping().wait(PATIENCE_S)


def test_plain_tcp_goes_through_with_megabytes_both_ways(world: World) -> None:
    value = os.urandom(3_000_000)
    with socket.create_connection(world.at(world.service("redis", 6379)), timeout=PATIENCE_S) as redis:
        redis.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n" % (len(value), value))
        file = redis.makefile("rb")
        assert file.readline() == b"+OK\r\n"
        redis.sendall(b"GET k\r\n")
        assert file.readline() == b"$%d\r\n" % len(value)
        assert file.read(len(value)) == value


def test_a_client_that_ends_its_half_still_gets_the_answer(world: World) -> None:
    with socket.create_connection(world.at(world.service("redis", 6379)), timeout=PATIENCE_S) as redis:
        redis.sendall(b"PING\r\n")
        redis.shutdown(socket.SHUT_WR)
        assert redis.makefile("rb").read() == b"+PONG\r\n"


def test_datagrams_go_through(world: World) -> None:
    at = world.at(world.service("netexec", 8081, protocol="UDP"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(PATIENCE_S)
        udp.connect(at)
        for word in (b"echo one", b"echo two"):
            udp.send(word)
            assert udp.recv(100) == word.split()[1]


CONTROLLER = "ingress-nginx-controller"


@pytest.fixture(scope="module")
def certificate(world: World) -> str:
    """An Ingress controller behind a load balancer, and the certificate of the Ingress that it serves."""
    switch = {"name": "cloud-provider-kind", "namespace": "kube-system"}
    world.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": switch}, *manifest("nginx"))
    made, key = made_certificate("shop.example")
    data = {"tls.crt": made, "tls.key": key}
    secret = {"metadata": {"name": "tls"}, "type": "kubernetes.io/tls", "stringData": data}
    world.core.create_namespaced_secret("default", secret)
    world.core.create_namespaced_service(
        "default", {"metadata": {"name": "inner"}, "spec": {"selector": {"app": "whoami"}, "ports": [{"port": 80}]}}
    )
    backend = {"service": {"name": "inner", "port": {"number": 80}}}
    rule = {"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"ingressClassName": "nginx", "tls": [{"hosts": ["shop.example"], "secretName": "tls"}], "rules": [rule]}
    networking: Any = client.NetworkingV1Api(world.api)
    networking.create_namespaced_ingress("default", {"metadata": {"name": "shop"}, "spec": spec})
    until(lambda: any(not row["note"] for row in balanced(world)))
    return made


def balanced(world: World) -> list[dict[str, Any]]:
    """Return the doors of the controller's load balancer."""
    return [row for row in world.table()["doors"] if (row["name"], row["way"]) == (CONTROLLER, Way.LOAD_BALANCER)]


def test_tls_is_the_ingress_controllers_own_and_the_load_balancer_keeps_its_address(
    world: World, certificate: str
) -> None:
    row = next(row for row in balanced(world) if row["port"] == 443)
    status = world.core.read_namespaced_service(CONTROLLER, "ingress-nginx").status
    assert row["ip"] == status.load_balancer.ingress[0].ip
    host, _, port = row["here"].rpartition(":")
    context = ssl.create_default_context(cadata=certificate)
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="shop.example") as stream,
    ):
        stream.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        answer = stream.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 200")
    assert "X-Forwarded-Proto: https" in answer


@pytest.mark.usefixtures("certificate")
def test_the_facade_knows_the_url_of_an_ingress_and_of_a_services_ports() -> None:
    cluster = podwalk.cluster("embedded:tested", quiet=True)
    until(lambda: bool(cluster.get("ingress", "shop").object.get("status", {}).get("loadBalancer", {}).get("ingress")))
    url = cluster.url("ingress/shop")
    assert url == "https://shop.example/"
    ip, _, port = url.address.partition(":")
    assert (ip.startswith("127."), port) == (True, "443")
    assert repr(url).splitlines()[1].strip() == f"curl --resolve shop.example:443:{ip} https://shop.example/"
    controller = cluster.url("service/ingress-nginx-controller", namespace="ingress-nginx", port="https")
    assert controller == f"https://{ip}"
    with pytest.raises(LearnerError, match="has no port 8080"):
        cluster.url("service/ingress-nginx-controller", namespace="ingress-nginx", port=8080)
    with pytest.raises(LearnerError, match="has no URL"):
        cluster.url("deployment/any")


def test_the_url_of_policy_local_is_a_node_that_answers(world: World) -> None:
    name = world.service("whoami", 80, externalTrafficPolicy="Local")
    where = world.at(name, "tested-worker")
    assert podwalk.cluster("embedded:tested", quiet=True).url(f"svc/{name}") == f"http://{where[0]}:{where[1]}"


def test_a_port_in_use_is_said_with_its_holder_and_opened_when_it_is_free(world: World) -> None:
    taken = 31999
    where = next(node["here"] for node in world.table()["nodes"] if node["name"] == "tested-worker")
    with socket.socket() as holding:
        holding.bind((where, taken))
        holding.listen()
        name = world.service("whoami", 80, ports=[{"port": 80, "nodePort": taken}])
        row = world.door(name, "tested-worker")
        assert f"process {os.getpid()}" in row["note"]
        assert row["here"] == ""
        assert any(line.startswith("PortNotOpened: 172.18.0.3:31999 cannot be reached") for line in world.events(name))
        assert get(world.at(name, "tested-worker2"))[0] == 200, "the other nodes' ports are open"
    assert get(world.at(name, "tested-worker"))[0] == 200


def test_nothing_listens_beyond_loopback(world: World) -> None:
    table = world.table()
    assert all(row["here"].startswith("127.") for row in table["doors"] if row["here"])
    assert table["dns"].startswith("127.")


def ask(world: World, name: str, kind: str = "A", *, tcp: bool = False) -> dns.message.Message:
    host, _, port = world.table()["dns"].rpartition(":")
    question = dns.message.make_query(name, kind)
    carry = dns.query.tcp if tcp else dns.query.udp
    return carry(question, host, timeout=PATIENCE_S, port=int(port))


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("kubernetes.default.svc.cluster.local", "A", "10.96.0.1"),
        ("_https._tcp.kubernetes.default.svc.cluster.local", "SRV", "0 100 443 kubernetes.default.svc.cluster.local."),
        ("1.0.96.10.in-addr.arpa", "PTR", "kubernetes.default.svc.cluster.local."),
        ("example.com", "A", "192.0.2.80"),
    ],
)
def test_the_clusters_dns_answers_this_machine(world: World, name: str, kind: str, answer: str, tcp: bool) -> None:
    reply = ask(world, name, kind, tcp=tcp)
    assert [rdata.to_text() for rrset in reply.answer for rdata in rrset] == [answer]


def test_a_name_that_is_not_there_is_nxdomain_and_short_names_are_not_searched(world: World) -> None:
    reply = ask(world, "nobody.default.svc.cluster.local")
    assert (reply.rcode(), bool(reply.flags & dns.flags.AA)) == (dns.rcode.NXDOMAIN, True)
    assert ask(world, "kubernetes").rcode() == dns.rcode.NXDOMAIN


def test_a_question_comes_from_outside_by_the_control_plane(world: World) -> None:
    corefile = world.core.read_namespaced_config_map("coredns", "kube-system").data["Corefile"]
    logging = {"data": {"Corefile": corefile.replace("errors", "errors\n    log", 1)}}
    world.core.patch_namespaced_config_map("coredns", "kube-system", logging)
    pods = [
        pod.metadata.name
        for pod in world.core.list_namespaced_pod("kube-system", label_selector="k8s-app=kube-dns").items
    ]

    def logged() -> bool:
        ask(world, "logged.default.svc.cluster.local")
        logs = [world.core.read_namespaced_pod_log(pod, "kube-system") for pod in pods]
        return any("172.18.0.2:" in line and "logged.default" in line for log in logs for line in log.splitlines())

    until(logged)
    world.core.patch_namespaced_config_map("coredns", "kube-system", {"data": {"Corefile": corefile}})


@pytest.mark.parametrize(
    ("packet", "reply"),
    [
        (b"\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01", b"\x12\x34\x81\x01" + bytes(8)),
        (b"\x12\x34\x28\x00\x00\x01\x00\x00\x00\x00\x00\x00", b"\x12\x34\xa8\x04" + bytes(8)),
        (b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x3fa", b"\x12\x34\x81\x01" + bytes(8)),
    ],
    ids=["two questions: FORMERR", "an update: NOTIMP", "a name cut off: FORMERR"],
)
def test_a_bad_packet_is_answered_as_coredns_does(world: World, packet: bytes, reply: bytes) -> None:
    host, _, port = world.table()["dns"].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(PATIENCE_S)
        udp.connect((host, int(port)))
        udp.send(b"no DNS")
        udp.send(b"\x12\x34\x81\x00" + packet[4:])
        udp.send(packet)
        assert udp.recv(512) == reply, "and no word to what is too short, or an answer"
    assert ask(world, "kubernetes.default.svc.cluster.local").rcode() == dns.rcode.NOERROR


def test_two_clusters_have_addresses_of_their_own_and_keep_them(world: World) -> None:
    other = find("other")
    control.start(other, clock="jump")
    try:
        mine, theirs = world.table()["address"], World(other).table()["address"]
        assert mine != theirs
        control.stop(other, keep=True)
        control.start(other, clock="jump")
        assert World(other).table()["address"] == theirs
    finally:
        control.stop(other)


def _shared(place: Place) -> World:
    """Start a cluster that shares 127.0.0.1, with a NodePort Service in front of a server outside."""
    place.write_loopback(address.SHARED)
    control.start(place, clock="jump")
    world = World(place)
    name = world.service("app", 80, ports=[{"port": 80, "nodePort": 32100}], selector=None)
    ready = {"addresses": ["192.0.2.80"], "conditions": {"ready": True}}
    labels = {"kubernetes.io/service-name": name}
    body = {"metadata": {"name": name, "labels": labels}, "addressType": "IPv4", "ports": [{"port": 80}]}
    discovery: Any = client.DiscoveryV1Api(world.api)
    discovery.create_namespaced_endpoint_slice("default", {**body, "endpoints": [ready]})
    return world


def test_clusters_that_share_an_address_move_a_port_that_is_taken(world: World) -> None:
    places = [find("first"), find("second")]
    try:
        first, second = (_shared(place) for place in places)
        assert first.at("app-0")[1] == 32100
        rows = [row for one in (first, second) for row in one.table()["doors"] if row["name"] == "app-0"]
        ports = [row["here"] for row in rows]
        assert len(set(ports)) == len(ports), "no two doors are at one port"
        assert "32100/TCP of 127.0.0.1 is held by the embedded cluster first" in second.door("app-0")["note"]
        reached = "PortMoved: 172.18.0.2:32100 is reached at 127.0.0.1:"
        assert any(line.startswith(reached) for line in second.events("app-0"))
    finally:
        for place in places:
            control.stop(place)


def test_a_cluster_may_want_no_sockets(home: None) -> None:
    place = find("closed")
    place.write_loopback("none")
    control.start(place, clock="jump")
    try:
        assert World(place).table() == {}
    finally:
        control.stop(place)


class Unprivileged(socket.socket):
    """A socket of a user who may not open ports below 1024."""

    def bind(self, where: Any) -> None:
        if 0 < where[1] < openings.PRIVILEGED:
            raise PermissionError(errno.EACCES, "Permission denied")
        super().bind(where)


def test_a_port_that_needs_rights_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", Unprivileged)
    door = Door(Ref("services", "default", "web"), Way.LOAD_BALANCER, "172.18.0.200", 443)
    opening = openings.open_door(door, address.Addresses("127.127.9"), refuses=False)
    assert opening.socket is not None
    opening.socket.close()
    assert opening.here == "127.127.9.200:8443"
    assert opening.moved == "port 443 needs the administrator's rights"


def test_a_block_that_another_holds_is_passed_over() -> None:
    first = address.claim("contested")
    second = address.claim("contested")
    third = address.claim("contested", taken=[first.addresses.block])
    for claimed in (first, second, third):
        claimed.tcp.close()
        claimed.udp.close()
    assert first.addresses.block != second.addresses.block
    assert first.addresses.block != third.addresses.block


def test_addresses_keep_their_last_number_where_it_is_free() -> None:
    own = address.Addresses("127.99.9")
    assert [own.of(ip) for ip in ("172.18.0.2", "172.18.255.200", "192.0.2.2", "172.18.0.1")] == [
        "127.99.9.2",
        "127.99.9.200",
        "127.99.9.3",
        "127.99.9.4",
    ]
    assert own.of("192.0.2.2") == "127.99.9.3"
