"""Traefik's own reading of an Ingress: what its class means by a prefix, a priority, an entry point, a sticky Service.

Its Middlewares are not here: they need definitions of Traefik's own, which a real cluster may lack.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import CoreV1Api

from podwalk.facade import Cluster

from .test_ingress import WORLD, host, path

pytestmark = pytest.mark.detail

OWN = "traefik.ingress.kubernetes.io/"


@pytest.fixture(scope="module")
def site(whole_cluster: Cluster) -> Iterator[Cluster]:
    """Two answering Services, one without endpoints, and a client; each test has an Ingress and a host of its own."""
    cluster = copy.copy(whole_cluster)
    cluster.addon("gateway")
    cluster.namespace = f"test-{uuid.uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}})
    cluster.apply(WORLD)
    spec = {"selector": {"app": "nobody"}, "ports": [{"port": 80}]}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "empty"}, "spec": spec})
    for pod in ("web", "api", "client"):
        cluster.wait(f"pod/{pod}", "condition=Ready", timeout_s=120)
    yield cluster
    CoreV1Api(cluster.api).delete_namespace(cluster.namespace)


def ingress(cluster: Cluster, name: str, *paths: dict[str, Any], **annotations: str) -> None:
    """Make an Ingress of the class ``traefik`` for a host that has its name."""
    notes = {f"{OWN}{key.replace('_', '.')}": value for key, value in annotations.items()}
    rules = [{"host": f"{name.partition('-')[0]}.{host(cluster)}", "http": {"paths": list(paths)}}]
    spec = {"ingressClassName": "traefik", "rules": rules}
    metadata = {"name": name, "annotations": notes}
    cluster.apply({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec})


def ask(cluster: Cluster, name: str, target: str, *, scheme: str = "http", expect: str = "") -> str:
    """Return who answers, or the status, trying until it is what is expected: a controller needs a moment."""
    curl = f"curl -sik -m 5 --connect-to ::gateway.default {scheme}://{name}.{host(cluster)}{target}"
    shown = r"sed -n -e 's/^Name: //p' -e 's/^HTTP[^ ]* \([345]..\).*/\1/p'"
    until = f"{curl} | tr -d '\\r' | {shown} | grep -x '{expect or '.*'}'"
    return cluster.exec("client", until, until="succeeds").stdout.strip()


def test_a_prefix_is_one_of_the_text(site: Cluster) -> None:
    ingress(site, "text", path("web", "/foo"))
    assert ask(site, "text", "/foobar", expect="web") == "web"
    assert ask(site, "text", "/fo") == "404"


def test_a_matcher_says_what_an_implementation_specific_path_is(site: Cluster) -> None:
    ingress(site, "exactly", path("web", "/foo", "ImplementationSpecific"), router_pathmatcher="Path")
    assert ask(site, "exactly", "/foo", expect="web") == "web"
    assert ask(site, "exactly", "/foobar") == "404"


def test_the_longer_rule_wins_unless_a_priority_says_otherwise(site: Cluster) -> None:
    ingress(site, "order", path("web", "/"), path("api", "/long/path"))
    assert ask(site, "order", "/long/path", expect="api") == "api"
    ingress(site, "order-first", path("web", "/long"), router_priority="1000")
    assert ask(site, "order", "/long/path", expect="web") == "web"


def test_a_prefix_beats_an_exact_path_of_the_same_text(site: Cluster) -> None:
    ingress(site, "both", path("web", "/same", "Exact"), path("api", "/same", "Prefix"))
    assert ask(site, "both", "/same", expect="api") == "api"


def test_a_service_without_endpoints_has_no_router(site: Cluster) -> None:
    ingress(site, "empty", path("empty", "/none"), path("web", "/"))
    assert ask(site, "empty", "/", expect="web") == "web"
    assert ask(site, "empty", "/none") == "web"


def test_an_entry_point_is_one_way_in(site: Cluster) -> None:
    ingress(site, "safe", path("web"), router_entrypoints="websecure")
    assert ask(site, "safe", "/", scheme="https", expect="web") == "web"
    assert ask(site, "safe", "/") == "404"


def test_a_service_may_wish_that_clients_stay(site: Cluster) -> None:
    notes = {f"{OWN}service.sticky.cookie": "true", f"{OWN}service.sticky.cookie.name": "stay"}
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    metadata = {"name": "sticky", "annotations": notes}
    site.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    ingress(site, "stay", path("sticky"))
    assert ask(site, "stay", "/", expect="web") == "web"
    curl = f"curl -si -m 5 --connect-to ::gateway.default http://stay.{host(site)}/ | grep -i ^set-cookie"
    assert "stay=" in site.exec("client", curl).stdout
