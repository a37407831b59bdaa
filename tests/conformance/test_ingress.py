"""An Ingress controller and Gateway API: the add-on gives the same way in on every cluster, and requests go alike."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.facade import Cluster

WORLD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "traefik/whoami:v1.11", args: [--name=web]}]
---
apiVersion: v1
kind: Pod
metadata: {name: api, labels: {app: api}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "traefik/whoami:v1.11", args: [--name=api]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}]
"""


@pytest.fixture
def site(cluster: Cluster) -> Cluster:
    """Two answering Services, a client, and a host of the test's own."""
    cluster.addon("ingress")
    cluster.apply(WORLD)
    for pod in ("web", "api", "client"):
        cluster.wait(f"pod/{pod}", "condition=Ready", timeout_s=120)
    return cluster


def host(cluster: Cluster) -> str:
    """Return a host that no other test uses: a cluster's Ingresses share one controller."""
    return f"{cluster.namespace}.example"


def path(service: str, value: str = "/", kind: str = "Prefix") -> dict[str, Any]:
    return {"path": value, "pathType": kind, "backend": {"service": {"name": service, "port": {"number": 80}}}}


def ingress(cluster: Cluster, *paths: dict[str, Any], **annotations: str) -> None:
    notes = {f"nginx.ingress.kubernetes.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    rules = [{"host": host(cluster), "http": {"paths": list(paths)}}]
    cluster.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "site", "annotations": notes},
            "spec": {"ingressClassName": "nginx", "rules": rules},
        }
    )


def ask(cluster: Cluster, target: str, options: str = "", door: str = "ingress", expect: str = "") -> str:
    """Request a path through a door until the answer has what is expected: a controller needs a moment."""
    curl = f"curl -si -m 5 --connect-to ::{door}.default {options} 'http://{host(cluster)}{target}'"
    return cluster.exec("client", f"{curl} | grep -E '{expect or '.'}'", until="succeeds").stdout


def test_the_longest_path_wins_and_exact_means_exact(site: Cluster) -> None:
    # Traefik weighs the text of its rules, so that an Exact path shorter than this loses to the Prefix `/`.
    ingress(site, path("web"), path("api", "/api"), path("api", "/checkout", "Exact"))
    assert "Name: api" in ask(site, "/api/users", expect="^Name")
    assert "Name: web" in ask(site, "/apis", expect="^Name: web")
    assert "Name: api" in ask(site, "/checkout", expect="^Name")
    assert "Name: web" in ask(site, "/checkout/more", expect="^Name")


def test_a_host_that_nobody_rules_is_404(site: Cluster) -> None:
    ingress(site, path("web"))
    ask(site, "/", expect="200 OK")
    other = "curl -s -o /dev/null -w '%{http_code}' --connect-to ::ingress.default http://nobody.invalid/"
    assert site.exec("client", other).stdout == "404"


def test_force_ssl_redirect_is_308_to_https(site: Cluster) -> None:
    ingress(site, path("web"), force_ssl_redirect="true")
    assert f"https://{host(site)}/cart" in ask(site, "/cart", expect="308|[Ll]ocation")


def test_basic_auth_refuses_without_and_admits_with_the_password(site: Cluster) -> None:
    users = "ada:$apr1$cfoEsIt4$EWuy37nkbCUSlJIYTHLq10"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users"}, "stringData": {"auth": users}}
    site.apply(secret)
    ingress(site, path("web"), auth_type="basic", auth_secret="users")
    assert "401 Unauthorized" in ask(site, "/", expect="401")
    assert "200 OK" in ask(site, "/", "-u ada:secret", expect="200")
    assert "401 Unauthorized" in ask(site, "/", "-u ada:wrong", expect="401")


def route(cluster: Cluster, *rules: dict[str, Any]) -> None:
    cluster.addon("gateway")
    version = "gateway.networking.k8s.io/v1"
    listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
    gateway = {"gatewayClassName": "traefik", "listeners": listeners}
    spec = {"parentRefs": [{"name": "gw"}], "hostnames": [host(cluster)], "rules": list(rules)}
    cluster.apply(
        [
            {"apiVersion": version, "kind": "Gateway", "metadata": {"name": "gw"}, "spec": gateway},
            {"apiVersion": version, "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": spec},
        ]
    )


def test_a_gateway_route_rewrites_the_prefix(site: Cluster) -> None:
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1"}}
    route(
        site,
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/api"}}],
            "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
            "backendRefs": [{"name": "api", "port": 80}],
        },
    )
    assert "GET /v1/users HTTP" in ask(site, "/api/users", door="gateway", expect="^GET")


def test_a_gateway_route_shares_requests_by_weight(site: Cluster) -> None:
    shares = [{"name": "web", "port": 80, "weight": 3}, {"name": "api", "port": 80, "weight": 1}]
    route(site, {"backendRefs": shares})
    ask(site, "/", door="gateway", expect="200 OK")
    once = f"curl -s -m 5 --connect-to ::gateway.default http://{host(site)}/"
    said = site.exec("client", f"for i in $(seq 40); do {once} | grep ^Name; done").lines
    assert len(said) == 40
    assert 2 <= said.count("Name: api") <= 20


def test_the_add_ons_can_be_asked_for_again(site: Cluster) -> None:
    for name in ("ingress", "gateway", "ingress", "gateway"):
        site.addon(name)
    assert {change.change for change in site.addon("ingress")} == {"unchanged"}
    assert site.get("services", namespace="default").names.count("ingress") == 1
