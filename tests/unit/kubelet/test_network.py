"""Pods on the network: policies, NodePorts, hostNetwork, TLS, configuration of nginx, restored clusters."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podwalk.containers import http
from podwalk.embedded import Cluster
from podwalk.simulation import Task

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: backend}}, policyTypes: [Ingress]}
"""
NO_DNS = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: quiet}
spec: {podSelector: {}, policyTypes: [Egress]}
"""


def test_a_policy_that_denies_lets_the_client_time_out_while_probes_still_pass(lab: Any) -> None:
    lab.apply(DENY)
    output = lab.exec("client", "wget", "-qO-", "-T", "3", "http://backend")
    assert (output.stderr, output.code) == ("wget: download timed out\n", 1)
    lab.pass_time(30)
    assert all(lab.is_ready(pod["metadata"]["name"]) for pod in lab.cluster.store.list("pods", "default"))


def test_without_egress_to_dns_names_are_not_found(lab: Any) -> None:
    lab.apply(NO_DNS)
    output = lab.exec("client", "wget", "-qO-", "-T", "3", "http://backend")
    assert (output.stderr, output.code) == ("wget: bad address 'backend'\n", 1)
    assert (
        lab.exec("client", "nslookup", "backend").stdout == ";; connection timed out; no servers could be reached\n\n"
    )


def test_a_service_without_endpoints_refuses(lab: Any) -> None:
    lab.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: empty}\nspec: {selector: {app: none}, ports: [{port: 80}]}\n"
    )
    output = lab.exec("client", "wget", "-qO-", "http://empty")
    assert output.stderr.endswith("Connection refused\n")


def fetch(bench: Any, ip: str, port: int) -> str:
    """Get a page from outside the cluster."""
    found: list[bytes] = []

    def run() -> Task:
        connection = yield from bench.cluster.kubelets.fabric.external().connect(ip, port, timeout_s=5)
        reply = yield from http.exchange(connection, "GET", "/", [("Host", "x"), ("Connection", "close")])
        found.append(reply.body)
        connection.close()

    bench.simulation.spawn(run())
    bench.until(lambda: bool(found))
    return found[0].decode()


def test_a_node_port_answers_outside_the_cluster(lab: Any) -> None:
    lab.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: np}\n"
        "spec: {type: NodePort, selector: {app: backend}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}\n"
    )
    lab.pass_time(1)
    for node in lab.cluster.store.list("nodes"):
        assert fetch(lab, node["status"]["addresses"][0]["address"], 30080).startswith("hello from backend-")


def test_a_host_network_pod_has_its_nodes_address_and_ports(lab: Any) -> None:
    lab.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: host}\nspec:\n  hostNetwork: true\n"
        "  containers: [{name: c, image: nginx, ports: [{containerPort: 80, hostPort: 80}]}]\n"
    )
    lab.ready("host")
    status = lab.pod("host")["status"]
    assert status["podIP"] == status["hostIP"]
    assert "Welcome" in lab.exec("shoot", "curl", "-s", f"http://{status['hostIP']}/").stdout


HOST_PORT = """
apiVersion: v1
kind: Pod
metadata: {name: served}
spec:
  nodeName: podwalk-worker
  containers:
  - {name: c, image: nginx, ports: [{containerPort: 80, hostPort: 54323, hostIP: 127.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: inside}
spec:
  nodeName: podwalk-worker
  hostNetwork: true
  containers:
  - {name: c, image: "nicolaka/netshoot:latest", command: [sleep, "1000"]}
"""


def test_a_host_port_on_loopback_is_reached_from_its_node_only(lab: Any) -> None:
    lab.apply(HOST_PORT)
    lab.ready("served", "inside")
    own = lab.pod("inside")["status"]["hostIP"]
    assert "Welcome" in lab.exec("inside", "curl", "-s", "--interface", own, "http://127.0.0.1:54323").stdout
    assert lab.exec("inside", "curl", "-s", f"http://{own}:54323").code == 7
    assert lab.exec("shoot", "curl", "-s", "http://127.0.0.1:54323").code == 7
    assert lab.exec("inside", "curl", "-s", "--interface", "192.0.2.1", "http://127.0.0.1:54323").code == 45


def certificate(name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


CONF = """
upstream app { server backend:80; }
server {
    listen 80;
    listen 443 ssl;
    server_name shop.test;
    ssl_certificate /etc/tls/tls.crt;
    ssl_certificate_key /etc/tls/tls.key;
    add_header X-Who $hostname always;
    location = /health { return 200 'ok\\n'; }
    location /old { return 301 /new; }
    location /api/ { proxy_pass http://app/; proxy_set_header X-Real-IP $remote_addr; }
    location ~ ^/user/(\\d+)$ { return 200 "user $1 $arg_q\\n"; }
    location / { root /usr/share/nginx/html; try_files $uri $uri/ =404; }
}
server { listen 80 default_server; server_name _; return 404; }
"""


@pytest.fixture
def proxy(lab: Any) -> Any:
    pem, key = certificate("shop.test")
    encoded = [base64.b64encode(part.encode()).decode() for part in (pem, key)]
    conf = "".join(f"    {line}\n" for line in CONF.splitlines())
    lab.apply(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: tls}\ntype: kubernetes.io/tls\ndata: {tls.crt:"
        f" {encoded[0]}, tls.key: {encoded[1]}}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name:"
        f" conf}}\ndata:\n  default.conf: |\n{conf}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: shop, labels:"
        " {app: shop}}\nspec:\n  containers:\n  - name: c\n    image: nginx\n    volumeMounts: [{name: conf,"
        " mountPath: /etc/nginx/conf.d}, {name: tls, mountPath: /etc/tls}]\n  volumes: [{name: conf, configMap:"
        " {name: conf}}, {name: tls, secret: {secretName: tls}}]\n---\napiVersion: v1\nkind: Service\nmetadata:"
        " {name: shop}\nspec: {selector: {app: shop}, ports: [{name: h, port: 80}, {name: s, port: 443}]}\n"
    )
    lab.ready("shop")
    lab.pass_time(1)
    session = lab.open("shoot", "sh", "-c", "cat > /tmp/ca.crt", stdin=True)
    session.receive(0, pem.encode())
    session.receive_close(0)
    lab.until(lambda: session.closed)
    return lab


def get(proxy: Any, *arguments: str) -> str:
    found: str = proxy.exec("shoot", "curl", "-sS", "-H", "Host: shop.test", *arguments).stdout
    return found


def test_nginx_does_what_its_configuration_says(proxy: Any) -> None:
    assert get(proxy, "http://shop/health") == "ok\n"
    assert get(proxy, "http://shop/user/7?q=x") == "user 7 x\n"
    assert get(proxy, "http://shop/api/anything").startswith("hello from backend-")
    assert "Location: http://shop.test/new\r\n" in get(proxy, "-i", "http://shop/old")
    assert "X-Who: shop\r\n" in get(proxy, "-i", "http://shop/health")
    assert "Welcome to nginx!" in get(proxy, "http://shop/")
    assert proxy.exec("shoot", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://shop/").stdout == "404"


def test_nginx_knows_the_hashes_of_an_htpasswd_file(lab: Any) -> None:
    lab.apply(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata:\n"
        "  users: ada:$apr1$shopshop$zNPPRnXItzHpRKYW9EqwM1\n"
        "  default.conf: |\n    server {\n      listen 80;\n      auth_basic staff;\n"
        "      auth_basic_user_file /etc/nginx/conf.d/users;\n      location / { root /usr/share/nginx/html; }\n    }\n"
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec:\n  containers:\n  - name: c\n    image: nginx\n"
        "    volumeMounts: [{name: conf, mountPath: /etc/nginx/conf.d}]\n"
        "  volumes: [{name: conf, configMap: {name: conf}}]\n"
    )
    lab.ready("shop")
    address = lab.cluster.store.get("pods", "default", "shop")["status"]["podIP"]
    assert "Welcome to nginx!" in lab.exec("shoot", "curl", "-sS", "-u", "ada:tulips", f"http://{address}/").stdout
    assert "401" in lab.exec("shoot", "curl", "-sS", "-u", "ada:roses", f"http://{address}/").stdout


VERIFYING = """
server {
    listen 443 ssl;
    server_name shop.test;
    ssl_certificate /etc/tls/tls.crt;
    ssl_certificate_key /etc/tls/tls.key;
    ssl_client_certificate /etc/clients/tls.crt;
    ssl_verify_client on;
    location / { return 200 "$ssl_client_verify $ssl_client_s_dn\\n"; }
}
server {
    listen 443 ssl;
    server_name open.test;
    ssl_certificate /etc/tls/tls.crt;
    ssl_certificate_key /etc/tls/tls.key;
    location / { return 200 'open\\n'; }
}
server {
    listen 443 ssl;
    server_name ask.test;
    ssl_certificate /etc/tls/tls.crt;
    ssl_certificate_key /etc/tls/tls.key;
    ssl_client_certificate /etc/clients/tls.crt;
    ssl_verify_client optional;
    location / { if ($ssl_client_verify != SUCCESS) { return 403; } return 200 'known\\n'; }
}
"""


def test_nginx_wants_a_certificate_of_its_clients_where_it_is_told_to(lab: Any) -> None:
    def secret(name: str, pem: tuple[str, str]) -> str:
        crt, key = (base64.b64encode(part.encode()).decode() for part in pem)
        return (
            f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: kubernetes.io/tls\ndata:"
            f" {{tls.crt: {crt}, tls.key: {key}}}\n---\n"
        )

    conf = "".join(f"    {line}\n" for line in VERIFYING.splitlines())
    pems = {"server": certificate("shop.test"), "ada": certificate("ada"), "eve": certificate("eve")}
    volumes = "{name: conf, configMap: {name: conf}}, {name: tls, secret: {secretName: server}}"
    lab.apply(
        "".join(secret(name, pem) for name, pem in pems.items())
        + f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: conf}}\ndata:\n  default.conf: |\n{conf}---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec:\n  containers:\n  - name: c\n    image: nginx\n"
        "    volumeMounts: [{name: conf, mountPath: /etc/nginx/conf.d}, {name: tls, mountPath: /etc/tls},"
        " {name: clients, mountPath: /etc/clients}]\n"
        f"  volumes: [{volumes}, {{name: clients, secret: {{secretName: ada}}}}]\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: caller}\nspec:\n  containers:\n  - name: c\n"
        "    image: nicolaka/netshoot\n    command: [sleep, infinity]\n    volumeMounts:"
        " [{name: ada, mountPath: /ada}, {name: eve, mountPath: /eve}]\n"
        "  volumes: [{name: ada, secret: {secretName: ada}}, {name: eve, secret: {secretName: eve}}]\n"
    )
    lab.ready("shop")
    lab.ready("caller")
    address = lab.cluster.store.get("pods", "default", "shop")["status"]["podIP"]

    def ask(host: str, who: str = "") -> Any:
        shown = ["--cert", f"/{who}/tls.crt", "--key", f"/{who}/tls.key"] if who else []
        return lab.exec("caller", "curl", "-sSk", "--resolve", f"{host}:443:{address}", *shown, f"https://{host}/")

    assert ask("shop.test", "ada").stdout == "SUCCESS CN=ada\n"
    assert "<title>400 No required SSL certificate was sent</title>" in ask("shop.test").stdout
    assert ask("shop.test", "eve").code != 0, "the handshake fails; a real nginx answers 400"
    assert ask("open.test").stdout == "open\n"
    assert ask("ask.test", "ada").stdout == "known\n"
    assert "403 Forbidden" in ask("ask.test").stdout


def test_tls_is_verified_against_the_authority_and_the_name(proxy: Any) -> None:
    address = proxy.cluster.store.get("services", "default", "shop")["spec"]["clusterIP"]
    resolve = ["--resolve", f"shop.test:443:{address}"]
    good = proxy.exec("shoot", "curl", "-sS", *resolve, "--cacert", "/tmp/ca.crt", "https://shop.test/health")
    assert (good.stdout, good.stderr, good.code) == ("ok\n", "", 0)
    assert proxy.exec("shoot", "curl", "-sSk", "-H", "Host: shop.test", "https://shop/health").stdout == "ok\n"
    unknown = proxy.exec("shoot", "curl", "-sS", *resolve, "https://shop.test/health")
    assert unknown.code == 60
    assert unknown.stderr.startswith(
        "curl: (60) SSL certificate problem: self-signed certificate\nMore details here:"
        " https://curl.se/docs/sslcerts.html\n"
    )
    other = proxy.exec("shoot", "curl", "-sS", "--cacert", "/tmp/ca.crt", "https://shop/health")
    assert other.stderr.startswith(
        "curl: (60) SSL: no alternative certificate subject name matches target host name 'shop'"
    )
    plain = proxy.exec("shoot", "curl", "-sS", *resolve, "https://shop.test:443/health", "-k", "--http1.1")
    assert plain.stdout == "ok\n"


def test_tls_to_a_server_that_speaks_none_fails_with_35(proxy: Any) -> None:
    output = proxy.exec("shoot", "curl", "-sSk", "https://shop:80/")
    assert output.code == 35


def test_nginx_refuses_a_configuration_in_its_own_words(bench: Any) -> None:
    bench.apply(
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {default.conf: "server {\\n  lisen'
        ' 80;\\n}\\n"}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  restartPolicy: Never\n '
        " containers:\n  - {name: c, image: nginx, volumeMounts: [{name: v, mountPath: /etc/nginx/conf.d}]}\n  volumes:"
        " [{name: v, configMap: {name: bad}}]\n"
    )
    bench.until(lambda: bench.pod("bad")["status"].get("phase") == "Failed")
    assert 'nginx: [emerg] unknown directive "lisen" in /etc/nginx/conf.d/default.conf:2\n' in bench.logs("bad")


def test_nginx_reloads_a_changed_configuration(proxy: Any) -> None:
    text = proxy.cluster.store.get("configmaps", "default", "conf")["data"]["default.conf"]
    proxy.change("ConfigMap", "conf", {"data": {"default.conf": text.replace("'ok", "'fine")}})
    proxy.pass_time(60)
    assert get(proxy, "http://shop/health") == "ok\n"
    assert proxy.exec("shop", "nginx", "-s", "reload").code == 0
    assert get(proxy, "http://shop/health") == "fine\n"


def test_a_debug_container_joins_the_pods_network(lab: Any) -> None:
    name = next(pod["metadata"]["name"] for pod in lab.cluster.store.list("pods", "default", {"app": "backend"}))

    def add(pod: Any) -> None:
        pod["spec"]["ephemeralContainers"] = [
            {"name": "debug", "image": "busybox", "command": ["sleep", "1000"], "imagePullPolicy": "IfNotPresent"}
        ]

    lab.cluster.api.objects.modify("pods", "default", name, add, subresource="ephemeralcontainers")
    lab.until(lambda: bool(lab.pod(name)["status"].get("ephemeralContainerStatuses")))
    lab.until(lambda: "running" in lab.status(name, "debug")["state"])
    assert lab.exec(name, "wget", "-qO-", "http://127.0.0.1:8080", container="debug").stdout == f"hello from {name}\n"


def test_a_restored_cluster_starts_its_containers_again_with_the_same_addresses(lab: Any) -> None:
    before = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in lab.cluster.store.list("pods", "default")}
    kept = [(resource, obj) for resource in lab.cluster.store.resources() for obj in lab.cluster.store.list(resource)]
    again = type(lab)(Cluster(epoch=lab.simulation.datetime(), restored=(kept, lab.cluster.store.revision)))
    again.pass_time(20)
    assert {
        pod["metadata"]["name"]: pod["status"]["podIP"] for pod in again.cluster.store.list("pods", "default")
    } == before
    assert again.status("client")["restartCount"] == 1
    assert again.status("client")["lastState"]["terminated"]["reason"] == "Unknown"
    assert again.exec("client", "wget", "-qO-", "http://backend").stdout.startswith("hello from backend-")


TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def api(lab: Any, path: str, *, token: bool = True) -> Any:
    header = f'-H "Authorization: Bearer $(cat {TOKEN}/token)"' if token else ""
    return lab.shell("shoot", f"curl -sS --cacert {TOKEN}/ca.crt {header} https://kubernetes.default{path}")


def test_pods_reach_the_api_with_the_certificate_and_token_they_are_given(lab: Any) -> None:
    assert json.loads(api(lab, "/version", token=False).stdout)["gitVersion"].startswith("v1.37")
    stranger = json.loads(api(lab, "/api/v1/namespaces/default/pods", token=False).stdout)
    assert (
        stranger["message"]
        == 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace'
        ' "default"'
    )
    own = json.loads(api(lab, "/api/v1/namespaces/default/pods").stdout)
    assert own["code"] == 403
    assert 'User "system:serviceaccount:default:default" cannot list resource "pods"' in own["message"]


def test_a_role_binding_opens_the_api_to_a_service_account(lab: Any) -> None:
    group, rbac = "rbac.authorization.k8s.io", {"apiVersion": "rbac.authorization.k8s.io/v1"}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    lab.cluster.api.objects.create(
        f"roles.{group}", {**rbac, "kind": "Role", "metadata": {"name": "r", "namespace": "default"}, "rules": rules}
    )
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "b", "namespace": "default"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
    }
    lab.cluster.api.objects.create(f"rolebindings.{group}", {**rbac, **binding})
    found = json.loads(api(lab, "/api/v1/namespaces/default/pods").stdout)
    assert len(found["items"]) == 4
    assert json.loads(api(lab, "/api/v1/namespaces/kube-system/pods").stdout)["code"] == 403
