"""The Ingress controller in a cluster: real bytes from a client through it to a Pod, with policies in between."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes.client import CoreV1Api

import podwalk
from podwalk.containers import http
from podwalk.controllers.ingress import STAND_INS, manifest
from podwalk.facade import Cluster, addons
from podwalk.facade.errors import LearnerError
from podwalk.simulation import Simulation, Task

NODE = "172.18.0.2"
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: traefik/whoami, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


@pytest.fixture(scope="module")
def bare() -> Cluster:
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.apply(WORKLOAD)
    cluster.wait("deployment/web", "condition=Available")
    cluster.wait("pod/client", "condition=Ready")
    return cluster


@pytest.fixture(scope="module")
def cluster(bare: Cluster) -> Cluster:
    bare.addon("ingress")
    return bare


@pytest.fixture(autouse=True)
def clean(bare: Cluster) -> None:
    for kind in ("ingresses", "networkpolicies"):
        for obj in bare.get(kind):
            bare.delete(kind, obj["metadata"]["name"])


def ask(cluster: Cluster, arguments: str, host: str = "shop.example", path: str = "/") -> str:
    return str(cluster.exec("client", f"curl -s -m 30 {arguments} -H 'Host: {host}' http://{NODE}{path}").stdout)


def test_an_ingress_without_a_controller_does_nothing() -> None:
    alone = podwalk.cluster("in-process", quiet=True)
    alone.apply(INGRESS)
    assert not alone.get("ingress", "web").object["status"]["loadBalancer"].get("ingress")


def test_a_request_to_the_nodes_port_reaches_a_pod_through_the_controller(cluster: Cluster) -> None:
    cluster.apply(INGRESS)
    answer = ask(cluster, "", path="/a?b=c")
    assert "GET /a?b=c HTTP/1.1" in answer
    assert "X-Forwarded-Host: shop.example" in answer
    assert "404 Not Found" in ask(cluster, "-i", host="other.example")


def test_requests_go_round_the_pods(cluster: Cluster) -> None:
    cluster.apply(INGRESS)
    names = {line for _ in range(4) for line in ask(cluster, "").splitlines() if line.startswith("Hostname")}
    assert len(names) == 2


def test_a_client_outside_reaches_it_by_the_nodes_port_and_by_the_node_port(cluster: Cluster) -> None:
    cluster.apply(INGRESS)
    port = cluster.get("svc/ingress-nginx-controller", namespace="ingress-nginx").object["spec"]["ports"][0]["nodePort"]
    inside: Any = cluster.api
    simulation, outside = inside.cluster.simulation, inside.cluster.kubelets.fabric.external()
    replies: list[http.Reply] = []

    def visit(ip: str, where: int) -> Task:
        connection = yield from outside.connect(ip, where)
        replies.append((yield from http.exchange(connection, "GET", "/", [("Host", "shop.example")])))
        connection.close()

    for ip, where in ((NODE, 80), ("172.18.0.3", port)):
        simulation.spawn(visit(ip, where))
    assert simulation.jump_until(lambda: len(replies) == 2, 10)
    assert {reply.status for reply in replies} == {200}


def test_the_status_has_the_controllers_address_and_an_event_says_so(cluster: Cluster) -> None:
    cluster.apply(INGRESS)
    assert cluster.get("ingress", "web").object["status"]["loadBalancer"] == {"ingress": [{"hostname": "localhost"}]}
    uid = cluster.get("ingress", "web").object["metadata"]["uid"]
    events = [one for one in cluster.events(about="ingress/web") if one["involvedObject"]["uid"] == uid]
    assert [event["reason"] for event in events] == ["Sync"]


def test_an_annotation_that_is_not_simulated_is_named_in_a_warning(cluster: Cluster) -> None:
    snippet = "nginx.ingress.kubernetes.io/configuration-snippet"
    cluster.apply(INGRESS.replace("{name: web}", f"{{name: web, annotations: {{{snippet}: 'return 200;'}}}}", 1))
    warnings = [event["message"] for event in cluster.events(about="ingress/web") if event["type"] == "Warning"]
    assert len(warnings) == 1
    assert snippet in warnings[0]


def test_a_policy_that_lets_only_the_controllers_namespace_in_holds(cluster: Cluster) -> None:
    cluster.apply(INGRESS)
    cluster.apply("""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-ingress}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]}]
""")
    assert "Hostname: web-" in ask(cluster, "")
    assert cluster.exec("client", "curl -s -m 2 http://web/").exit_code == 28


def test_a_policy_that_denies_the_controller_becomes_504(cluster: Cluster) -> None:
    cluster.apply(INGRESS)
    deny = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}"
    cluster.apply(f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: deny}}\nspec: {deny}\n")
    out = ask(cluster, "-i -w '%{time_total}'")
    assert "504 Gateway Time-out" in out
    assert float(out.rsplit("\n", 1)[-1]) == pytest.approx(15, abs=0.1)


def test_a_service_without_pods_is_503(cluster: Cluster) -> None:
    cluster.apply(INGRESS.replace("name: web, port", "name: nobody, port"))
    assert "503 Service Temporarily Unavailable" in ask(cluster, "-i")


def _secret(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    texts = (certificate.public_bytes(serialization.Encoding.PEM), pem)
    crt, own = (base64.b64encode(text).decode() for text in texts)
    data = f"{{tls.crt: {crt}, tls.key: {own}}}"
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: tls}}\ntype: kubernetes.io/tls\ndata: {data}\n"


def test_tls_serves_the_secrets_certificate_by_name_and_plain_http_is_redirected(cluster: Cluster) -> None:
    cluster.apply(_secret("shop.example"))
    cluster.apply(INGRESS.replace("  rules:", "  tls: [{hosts: [shop.example], secretName: tls}]\n  rules:"))
    assert "Location: https://shop.example/x" in ask(cluster, "-i", path="/x")
    base = f"curl -skv --resolve shop.example:443:{NODE} --resolve other.example:443:{NODE}"
    mine = cluster.exec("client", f"{base} https://shop.example/")
    assert "subject: CN=shop.example" in mine.stderr
    assert "X-Forwarded-Proto: https" in mine.stdout
    other = cluster.exec("client", f"{base} https://other.example/")
    assert "Kubernetes Ingress Controller Fake Certificate" in other.stderr


def test_an_unknown_add_on_is_refused(bare: Cluster) -> None:
    with pytest.raises(LearnerError, match="there are: ingress"):
        bare.addon("egress")


def test_an_add_on_is_not_put_on_somebody_elses_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.backend = "context"
    monkeypatch.setattr(addons, "is_embedded", lambda cluster: False)
    with pytest.raises(LearnerError, match="on a cluster of the kind 'context' it is not installed"):
        cluster.addon("ingress")


def test_an_embedded_cluster_behind_a_context_is_given_an_add_on() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.backend = "context"
    cluster.addon("ingress")
    assert "ingress-nginx-controller" in cluster.get("deployments", namespace="ingress-nginx").names


def test_a_controller_that_is_there_is_found_on_somebody_elses_cluster(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addons, "is_embedded", lambda cluster: False)
    found = list(cluster.addon("ingress"))
    assert [change.label for change in found] == ["service/ingress"]
    assert found[0].object["spec"]["externalName"] == "ingress-nginx-controller.ingress-nginx.svc.cluster.local"
    with pytest.raises(LearnerError, match="no controller for Gateway API") as refused:
        cluster.addon("gateway")
    assert "kubernetesgateway" in refused.value.hint


def test_on_a_real_cluster_traefik_stands_in_under_the_same_names() -> None:
    simulated, real = manifest("nginx"), manifest("nginx", real=True)
    names = [[(one["kind"], one["metadata"]["name"]) for one in objects] for objects in (simulated, real)]
    assert names[0] == names[1]
    containers = [one["spec"]["template"]["spec"]["containers"][0] for one in real if one["kind"] == "Deployment"]
    assert containers[0]["image"] == "docker.io/library/traefik:v3.7.12"
    assert "--providers.kubernetesingressnginx=true" in containers[0]["args"]


@pytest.mark.parametrize(
    ("stored", "chosen"),
    [((), STAND_INS[0]), (STAND_INS[1:], STAND_INS[1]), (STAND_INS, STAND_INS[0])],
    ids=["none", "the-older", "both"],
)
def test_on_a_real_cluster_the_best_stand_in_that_its_nodes_have_is_taken(
    stored: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = podwalk.cluster("in-process", quiet=True)
    kind.backend = "kind"
    monkeypatch.setattr(addons, "is_embedded", lambda cluster: False)
    monkeypatch.setattr(addons, "_wait", lambda cluster, controller: None)
    [node, *_] = kind.get("nodes").names
    status = {"status": {"images": [{"names": [image], "sizeBytes": 1} for image in stored]}}
    CoreV1Api(kind.api).patch_node_status(node, status)
    kind.addon("ingress")
    [deployment] = kind.get("deployments", namespace="ingress-nginx")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == chosen


def test_a_second_controller_is_refused_at_once_with_who_holds_the_ports_and_what_to_do() -> None:
    both = podwalk.cluster("in-process", quiet=True)
    both.addon("ingress")
    both.addon("ingress", default=True)
    words = "deployment/ingress-nginx-controller in the namespace ingress-nginx holds ports 80 and 443 of the node "
    with pytest.raises(LearnerError, match=words) as refused:
        both.addon("ingress", controller="traefik")
    assert "traefik" not in both.get("namespaces").names
    space, holder = str(refused.value).partition("kubectl delete -n ")[2].split()[:2]
    both.delete(holder, namespace=space)
    both.addon("ingress", controller="traefik")


def test_a_default_class_takes_ingresses_that_name_none() -> None:
    alone = podwalk.cluster("in-process", quiet=True)
    alone.addon("ingress", default=True)
    alone.apply(INGRESS.replace("  ingressClassName: nginx\n", ""))
    assert alone.get("ingress", "web").object["spec"]["ingressClassName"] == "nginx"


def test_a_connection_that_changes_protocol_is_carried_both_ways(cluster: Cluster) -> None:
    cluster.apply(INGRESS)
    inside: Any = cluster.api
    simulation, fabric = inside.cluster.simulation, inside.cluster.kubelets.fabric
    pods = [one["status"]["podIP"] for one in cluster.get("pods", selector="app=web")]
    servers = [http.Server(simulation, fabric._namespaces[ip].listen(9000), _switch(simulation)) for ip in pods]
    for server in servers:
        simulation.spawn(server.run())
    cluster.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: ws}\nspec: {selector: {app: web}, ports: [{port: 9000}]}"
    )
    cluster.apply(INGRESS.replace("name: web, port: {number: 80}", "name: ws, port: {number: 9000}"))
    heard: list[bytes] = []

    def client() -> Task:
        connection = yield from fabric.external().connect(NODE, 80)
        headers = [("Host", "shop.example"), ("Connection", "upgrade"), ("Upgrade", "echo")]
        reply = yield from http.exchange(connection, "GET", "/", headers)
        assert reply.status == 101
        connection.write(b"hello")
        heard.append((yield from connection.read()))
        connection.close()

    simulation.spawn(client())
    assert simulation.jump_until(lambda: bool(heard), 30)
    assert heard == [b"HELLO"]


def _switch(simulation: Simulation) -> http.Handler:
    def shout(stream: http.ByteStream, first: bytes) -> Task:
        while data := (yield from stream.read()):
            stream.write(data.upper())

    def handle(request: http.Incoming) -> http.Answer:
        upgrade = [("Upgrade", request.header("upgrade")), ("Connection", "upgrade")]
        return http.Answer(101, upgrade, takeover=shout)

    return handle


def test_a_service_that_is_only_a_name_is_looked_up_by_the_controller(cluster: Cluster) -> None:
    cluster.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: far}\nspec: {type: ExternalName, externalName: example.com}\n"
    )
    cluster.apply(INGRESS.replace("name: web, port", "name: far, port"))
    assert "A page outside the simulated cluster." in ask(cluster, "")
