"""Who is let in by a controller in a cluster: another server's word, and client certificates."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import podwalk
from podwalk.facade import Cluster

NODE = "172.18.0.2"
NGINX = "nginx.ingress.kubernetes.io/"
WORLD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: auth}
data:
  default.conf: |
    server {
      listen 80;
      location / {
        if ($http_x_token = "good") { return 204; }
        return 401;
      }
    }
---
apiVersion: v1
kind: Pod
metadata: {name: auth, labels: {app: auth}}
spec:
  containers:
  - {name: c, image: nginx, volumeMounts: [{name: conf, mountPath: /etc/nginx/conf.d}]}
  volumes: [{name: conf, configMap: {name: auth}}]
---
apiVersion: v1
kind: Service
metadata: {name: auth}
spec: {selector: {app: auth}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: traefik/whoami}]}
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


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    made = podwalk.cluster("in-process", quiet=True)
    made.addon("ingress")
    made.apply(WORLD)
    for pod in ("auth", "web", "client"):
        made.wait(f"pod/{pod}", "condition=Ready")
    return made


def ingress(cluster: Cluster, tls: bool = False, **annotations: str) -> None:
    own = {f"{NGINX}{name.replace('_', '-')}": value for name, value in annotations.items()}
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    spec: dict[str, object] = {"ingressClassName": "nginx", "rules": [{"host": "h.example", "http": {"paths": [path]}}]}
    if tls:
        spec["tls"] = [{"hosts": ["h.example"], "secretName": "none"}]
    if cluster.get("ingress").objects:
        cluster.delete("ingress", "web")
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    cluster.apply({**kind, "metadata": {"name": "web", "annotations": own}, "spec": spec})


def test_another_server_decides_who_gets_in(cluster: Cluster) -> None:
    ingress(cluster, auth_url="http://auth.default.svc.cluster.local/check")
    asked = f"curl -si -H 'Host: h.example' http://{NODE}/"
    assert cluster.exec("client", asked).stdout.startswith("HTTP/1.1 401")
    assert cluster.exec("client", f"{asked} -H 'X-Token: good'").stdout.startswith("HTTP/1.1 200")


def test_a_client_who_is_refused_may_be_sent_to_sign_in(cluster: Cluster) -> None:
    ingress(cluster, auth_url="http://auth.default.svc.cluster.local/", auth_signin="https://login.example/start")
    out = cluster.exec("client", f"curl -si -H 'Host: h.example' http://{NODE}/a").stdout
    assert "Location: https://login.example/start?rd=http%3A%2F%2Fh.example%2Fa" in out


def test_a_server_that_does_not_answer_is_an_error(cluster: Cluster) -> None:
    ingress(cluster, auth_url="http://nobody.default.svc.cluster.local/")
    out = cluster.exec("client", f"curl -si -H 'Host: h.example' http://{NODE}/").stdout
    assert out.startswith("HTTP/1.1 500")


def _pair(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def _text(pair: tuple[x509.Certificate, ec.EllipticCurvePrivateKey]) -> tuple[str, str]:
    own = pair[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pair[0].public_bytes(serialization.Encoding.PEM).decode(), own.decode()


def test_a_client_certificate_of_the_right_authority_is_required(cluster: Cluster) -> None:
    authority = _pair("authority")
    certificate, key = _text(_pair("ann", authority))
    data = {"ca.crt": base64.b64encode(_text(authority)[0].encode()).decode()}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca"}, "data": data})
    ingress(cluster, tls=True, auth_tls_secret="default/ca", auth_tls_pass_certificate_to_upstream="true")
    base = f"curl -ski --resolve h.example:443:{NODE} https://h.example/"
    without = cluster.exec("client", base).stdout
    assert without.startswith("HTTP/1.1 400")
    assert "No required SSL certificate was sent" in without
    write = f"cat > /tmp/c.pem <<'E'\n{certificate}E\ncat > /tmp/k.pem <<'E'\n{key}E\n"
    out = cluster.exec("client", f"{write}{base} --cert /tmp/c.pem --key /tmp/k.pem").stdout
    assert out.startswith("HTTP/1.1 200")
    assert "Ssl-Client-Subject-Dn: CN=ann" in out
    assert "Ssl-Client-Cert: -----BEGIN%20CERTIFICATE" in out
