"""An application is reached from this very machine, at the URL that the cluster says."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

import pytest

from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError

PATIENCE_S = 60.0


def fetch(url: str, host: str = "") -> str:
    """Return what a URL answers, trying again as long as nobody does: a real node opens a NodePort a second later."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with opener.open(request, timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, TimeoutError):
            if time.monotonic() > deadline:
                raise


def test_a_node_port_is_reached_at_its_url(shop: Cluster) -> None:
    shop.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "front"},
            "spec": {"type": "NodePort", "selector": {"app": "backend"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }
    )
    if shop.backend == "in-process":
        with pytest.raises(LearnerError, match="inside this process"):
            shop.url("service/front")
        return
    url = shop.url("service/front")
    assert url == f"http://{url.address}"
    assert fetch(url).startswith("Hello from backend-")


def gateway(cluster: Cluster, gateway_class: str) -> None:
    listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
    rules = [{"matches": [{"path": {"value": "/hello"}}], "backendRefs": [{"name": "backend", "port": 80}]}]
    route = {"parentRefs": [{"name": "gw"}], "hostnames": [f"{cluster.namespace}.example"], "rules": rules}
    made = {"Gateway": ("gw", {"gatewayClassName": gateway_class, "listeners": listeners}), "HTTPRoute": ("r", route)}
    version = "gateway.networking.k8s.io/v1"
    cluster.apply(
        [
            {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
            for kind, (name, spec) in made.items()
        ]
    )


@pytest.mark.parametrize("what", ["gateway/gw", "httproute/r"])
def test_a_gateway_and_its_route_are_reached_at_their_url(shop: Cluster, what: str) -> None:
    if shop.backend == "in-process":
        pytest.skip("nothing of it is on this machine")
    shop.addon("gateway")
    gateway(shop, "traefik")
    shop.wait("gateway/gw", "condition=Programmed")
    url, host = shop.url(what), f"{shop.namespace}.example"
    assert url.startswith(f"http://{host}")
    assert url.endswith("/hello")
    assert fetch(f"http://{url.address}/hello", host).startswith("Hello from backend-")


def test_a_gateway_that_nobody_serves_has_no_url(shop: Cluster) -> None:
    if shop.backend == "in-process":
        pytest.skip("nothing of it is on this machine")
    shop.addon("gateway")
    gateway(shop, "nobodys")
    with pytest.raises(LearnerError, match="no controller serves gateway/gw"):
        shop.url("httproute/r")
    with pytest.raises(LearnerError, match="has no listener 8443"):
        shop.url("gateway/gw", port=8443)


@pytest.mark.parametrize(
    ("what", "words"), [("service/backend", "inside the cluster only"), ("pod/client", "no hostPort")]
)
def test_what_has_no_way_in_says_what_to_do(shop: Cluster, what: str, words: str) -> None:
    if shop.backend == "in-process":
        pytest.skip("nothing of it is on this machine")
    with pytest.raises(LearnerError, match=words) as caught:
        shop.url(what)
    assert "kubectl port-forward" in caught.value.hint
