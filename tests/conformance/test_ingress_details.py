"""Ingress and Gateway API in detail: names, certificates, cookies, and what a controller writes into a status."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from podwalk.facade import Cluster
from tests.unit.serve.reaching import made_certificate

from .test_ingress import ask, host, ingress, path, site

pytestmark = pytest.mark.detail

__all__ = ["site"]


def rules(cluster: Cluster, name: str, *hosts: tuple[str, str], tls: str = "") -> None:
    """Make an Ingress with a rule for each host."""
    spec: dict[str, Any] = {
        "ingressClassName": "nginx",
        "rules": [{"host": one, "http": {"paths": [path(service)]}} for one, service in hosts],
    }
    if tls:
        spec["tls"] = [{"hosts": [one for one, _ in hosts], "secretName": tls}]
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    cluster.apply({**kind, "metadata": {"name": name}, "spec": spec})


def named(cluster: Cluster, name: str, expect: str) -> str:
    """Ask for the page of a host until the answer has what is expected."""
    curl = f"curl -si -m 5 --connect-to ::ingress.default http://{name}/"
    return cluster.exec("client", f"{curl} | grep -E '{expect}'", until="succeeds").stdout


def test_a_wildcard_is_one_label(site: Cluster) -> None:
    # Whether a whole name goes before it is the controller's affair: ingress-nginx says so, Traefik weighs the text.
    own = host(site)
    rules(site, "all", (f"*.{own}", "web"))
    assert "web" in named(site, f"shop.{own}", "^Name: web")
    assert "404" in named(site, f"a.b.{own}", "HTTP/1.1 404")
    assert "404" in named(site, own, "HTTP/1.1 404")


def test_the_secrets_certificate_is_shown_to_whoever_asks_for_its_name(site: Cluster) -> None:
    own = host(site)
    certificate, key = made_certificate(own)
    data = {
        "tls.crt": base64.b64encode(certificate.encode()).decode(),
        "tls.key": base64.b64encode(key.encode()).decode(),
    }
    site.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pair"}, "type": "kubernetes.io/tls", "data": data}
    )
    rules(site, "safe", (own, "web"), tls="pair")
    show = "echo | openssl s_client -connect ingress.default:443 -servername {} 2>/dev/null | grep ^subject"
    site.exec("client", f"{show.format(own)} | grep {own}", until="succeeds")
    assert own not in site.exec("client", show.format("nobody.invalid")).stdout
    curl = f"curl -sk -m 5 --connect-to ::ingress.default:443 https://{own}/"
    assert "Name: web" in site.exec("client", f"{curl} | grep ^Name", until="succeeds").stdout


def test_a_cookie_keeps_a_client_at_its_pod(site: Cluster) -> None:
    ingress(site, path("web"), affinity="cookie", session_cookie_name="stay")
    assert "stay=" in ask(site, "/", expect="[Ss]et-[Cc]ookie")


def test_another_origin_is_let_in_where_that_is_wanted(site: Cluster) -> None:
    ingress(site, path("web"), enable_cors="true", cors_allow_origin="https://shop.example")
    found = ask(site, "/", "-H 'Origin: https://shop.example'", expect="[Aa]ccess-[Cc]ontrol-[Aa]llow-[Oo]rigin")
    assert "https://shop.example" in found


def conditions(status: Any) -> dict[str, tuple[str, str, str]]:
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in status["conditions"]}


def test_statuses_say_what_is_wrong_with_a_listener_and_a_backend(site: Cluster) -> None:
    site.addon("gateway")
    version = "gateway.networking.k8s.io/v1"
    listeners = [
        {"name": "web", "port": 80, "protocol": "HTTP"},
        {"name": "odd", "port": 8443, "protocol": "HTTP"},
    ]
    route = {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "nosuch", "port": 80}]}]}
    route["hostnames"] = [host(site)]
    parts = {"Gateway": ("gw", {"gatewayClassName": "traefik", "listeners": listeners}), "HTTPRoute": ("r", route)}
    for kind, (name, spec) in parts.items():
        site.apply({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})
    site.wait("httproute/r", "jsonpath={.status.parents[0].conditions[1].reason}=BackendNotFound")
    site.wait("gateway/gw", "jsonpath={.status.listeners[0].attachedRoutes}=1")
    status = site.get("gateways", "gw").object["status"]
    assert conditions(status)["Accepted"] == ("False", "ListenersNotValid", "All Listeners must be valid")
    web, odd = (conditions(one) for one in sorted(status["listeners"], key=lambda one: one["name"], reverse=True))
    assert {kind: said[:2] for kind, said in web.items()} == {
        kind: ("True", kind) for kind in ("Accepted", "ResolvedRefs", "Programmed")
    }
    words = 'Cannot find entryPoint for Gateway: no matching entryPoint for port 8443 and protocol "HTTP"'
    assert odd == {"Accepted": ("False", "PortUnavailable", words)}
    assert {one["name"]: one["attachedRoutes"] for one in status["listeners"]} == {"web": 1, "odd": 0}
    parent = site.get("httproutes", "r").object["status"]["parents"][0]
    missing = f'Cannot load HTTPBackendRef {site.namespace}/nosuch: getting service: service "nosuch" not found'
    assert conditions(parent)["ResolvedRefs"] == ("False", "BackendNotFound", missing)
    assert conditions(parent)["Accepted"][:2] == ("True", "Accepted")
    taken = {one["type"]: one["status"] for one in site.get("gatewayclasses", "traefik").object["status"]["conditions"]}
    assert taken["Accepted"] == "True"
