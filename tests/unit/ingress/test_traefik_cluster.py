"""Traefik in a cluster: its answers and its patience, as a real one's were."""

from __future__ import annotations

import pytest

import podwalk
from podwalk.facade import Cluster

NODE = "172.18.0.2"
WORLD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: traefik/whoami}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: closed}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 9999}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: traefik
  rules:
  - host: h.example
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
      - {path: /closed, pathType: Prefix, backend: {service: {name: closed, port: {number: 80}}}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: strip}
spec: {stripPrefix: {prefixes: [/api]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: stripped
  annotations: {traefik.ingress.kubernetes.io/router.middlewares: default-strip@kubernetescrd}
spec:
  ingressClassName: traefik
  rules:
  - host: h.example
    http: {paths: [{path: /api, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    made = podwalk.cluster("in-process", quiet=True)
    made.addon("ingress", controller="traefik")
    made.wait("crd/middlewares.traefik.io", "condition=Established")
    made.apply(WORLD)
    for pod in ("web", "client"):
        made.wait(f"pod/{pod}", "condition=Ready")
    return made


def ask(cluster: Cluster, path: str, host: str = "h.example") -> str:
    return str(cluster.exec("client", f"curl -si -w ' %{{time_total}}' -H 'Host: {host}' http://{NODE}{path}").stdout)


def test_the_pod_sees_the_headers_that_traefik_adds(cluster: Cluster) -> None:
    answer = ask(cluster, "/x")
    assert "GET /x HTTP/1.1" in answer
    for header in ("Accept-Encoding: gzip", "X-Forwarded-Server: traefik-", "X-Forwarded-Host: h.example"):
        assert header in answer


def test_errors_are_answered_in_its_words(cluster: Cluster) -> None:
    assert "404 page not found" in ask(cluster, "/", "other.example")
    assert "502 Bad Gateway" in ask(cluster, "/closed")


def test_a_middleware_of_the_cluster_is_used(cluster: Cluster) -> None:
    assert "GET /users HTTP/1.1" in ask(cluster, "/api/users")


def test_a_policy_that_denies_the_controller_becomes_504_after_half_a_minute(cluster: Cluster) -> None:
    spec = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}"
    head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}"
    cluster.apply(f"{head}\nspec: {spec}\n")
    answer = ask(cluster, "/")
    cluster.delete("networkpolicy", "deny")
    assert "504 Gateway Timeout" in answer
    assert float(answer.rpartition(" ")[2]) == pytest.approx(30, abs=0.1)


def test_the_status_has_its_address(cluster: Cluster) -> None:
    assert cluster.get("ingress", "web").object["status"]["loadBalancer"] == {"ingress": [{"hostname": "localhost"}]}
