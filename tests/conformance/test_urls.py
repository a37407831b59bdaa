"""An application is reached from this very machine, at the URL that the cluster says."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

import pytest

from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError

PATIENCE_S = 60.0


def fetch(url: str) -> str:
    """Return what a URL answers, trying again as long as nobody does: a real node opens a NodePort a second later."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
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


@pytest.mark.parametrize(
    ("what", "words"), [("service/backend", "inside the cluster only"), ("pod/client", "no hostPort")]
)
def test_what_has_no_way_in_says_what_to_do(shop: Cluster, what: str, words: str) -> None:
    if shop.backend == "in-process":
        pytest.skip("nothing of it is on this machine")
    with pytest.raises(LearnerError, match=words) as caught:
        shop.url(what)
    assert "kubectl port-forward" in caught.value.hint
