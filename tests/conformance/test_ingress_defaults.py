"""What an Ingress leaves out: its class, where one is the default or none is, and the requests that no rule names.

A default class and a default backend are everybody's on a cluster: each is there as long as its test, and no longer.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes.client import CoreV1Api, NetworkingV1Api

from podwalk.facade import Cluster

from .test_ingress import WORLD, host, path

pytestmark = pytest.mark.detail

DOORS = {"nginx": "ingress", "traefik": "gateway"}
API = {"service": {"name": "api", "port": {"number": 80}}}
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


@pytest.fixture(scope="module")
def site(whole_cluster: Cluster) -> Iterator[Cluster]:
    """Two answering Services, a client, and a controller for each of two classes."""
    cluster = copy.copy(whole_cluster)
    cluster.addon("ingress")
    cluster.addon("gateway")
    cluster.namespace = f"test-{uuid.uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}})
    cluster.apply(WORLD)
    for pod in ("web", "api", "client"):
        cluster.wait(f"pod/{pod}", "condition=Ready", timeout_s=120)
    yield cluster
    CoreV1Api(cluster.api).delete_namespace(cluster.namespace)


@contextmanager
def ingress(cluster: Cluster, name: str, **spec: Any) -> Iterator[None]:
    """Make an Ingress for a while."""
    cluster.apply({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec})
    try:
        yield
    finally:
        NetworkingV1Api(cluster.api).delete_namespaced_ingress(name, cluster.namespace)


def ask(cluster: Cluster, door: str, name: str, target: str = "/", expect: str = ".*") -> str:
    """Return who answers, or the status, trying until it is what is expected: a controller needs a moment."""
    curl = f"curl -si -m 5 --connect-to ::{door}.default http://{name}.{host(cluster)}{target}"
    shown = r"sed -n -e 's/^Name: //p' -e 's/^HTTP[^ ]* \([345]..\).*/\1/p'"
    words = f"{curl} | tr -d '\\r' | {shown} | grep -x '{expect}'"
    return cluster.exec("client", words, until="succeeds").stdout.strip()


def rule(cluster: Cluster, name: str, *paths: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"host": f"{name}.{host(cluster)}", "http": {"paths": list(paths)}}]


@pytest.mark.parametrize(("klass", "other"), [("nginx", "api"), ("traefik", "404")])
def test_a_default_beside_rules_is_for_their_host_or_for_nobody_as_the_controller_has_it(
    site: Cluster, klass: str, other: str
) -> None:
    rules = rule(site, "own", path("web", "/web"))
    with ingress(site, "beside", ingressClassName=klass, defaultBackend=API, rules=rules):
        assert ask(site, DOORS[klass], "own", "/web", "web") == "web"
        assert ask(site, DOORS[klass], "own", "/other", other) == other
        assert ask(site, DOORS[klass], "stranger") == "404"


@pytest.mark.parametrize("klass", ["nginx", "traefik"])
def test_a_default_alone_takes_what_nobody_rules(site: Cluster, klass: str) -> None:
    rules = rule(site, "ruled", path("web", "/web"))
    with ingress(site, "rules", ingressClassName=klass, rules=rules):
        with ingress(site, "alone", ingressClassName=klass, defaultBackend=API):
            assert ask(site, DOORS[klass], "stranger", expect="api") == "api"
            assert ask(site, DOORS[klass], "ruled", "/web", "web") == "web"
        assert ask(site, DOORS[klass], "stranger", expect="404") == "404"


def test_an_ingress_without_class_is_nobodys_where_none_is_the_default_and_stays_so(site: Cluster) -> None:
    api = NetworkingV1Api(site.api)
    named = {"name": site.namespace, "annotations": {DEFAULT_CLASS: "true"}}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass"}
    with ingress(site, "early", rules=rule(site, "early", path("web"))):
        site.apply({**kind, "metadata": named, "spec": {"controller": "k8s.io/ingress-nginx"}})
        try:
            with ingress(site, "late", rules=rule(site, "late", path("web"))):
                assert site.get("ingress", "late").object["spec"]["ingressClassName"] == site.namespace
                assert ask(site, "ingress", "late", expect="web") == "web"
                assert "ingressClassName" not in site.get("ingress", "early").object["spec"]
                assert {ask(site, door, "early") for door in DOORS.values()} == {"404"}
                assert site.get("ingress", "early").object["status"] == {"loadBalancer": {}}
        finally:
            api.delete_ingress_class(site.namespace)


def test_a_class_that_is_not_there_is_nobodys(site: Cluster) -> None:
    rules = rule(site, "lost", path("web"))
    with (
        ingress(site, "lost", ingressClassName="nosuch", rules=rules),
        ingress(site, "found", ingressClassName="nginx", rules=rule(site, "found", path("web"))),
    ):
        assert ask(site, "ingress", "found", expect="web") == "web"
        assert ask(site, "ingress", "lost") == "404"
