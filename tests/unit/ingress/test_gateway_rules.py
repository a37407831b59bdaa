"""HTTPRoutes as rules, without a cluster: which is met, and what it makes of a request."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.network.ingress import Decision, HttpRequest, gateway
from podwalk.network.ingress.gateway.attachment import common_hosts
from podwalk.types import Object
from tests.unit.ingress.worlds import World, location


class Gate(World):
    """A Gateway with one listener, and its routes."""

    def __init__(self) -> None:
        super().__init__()
        controller = {"controllerName": "traefik.io/gateway-controller"}
        self.store.put("gatewayclasses.gateway.networking.k8s.io", {"metadata": {"name": "c"}, "spec": controller})
        self.gateway([{"name": "web", "port": 80, "protocol": "HTTP"}])

    def gateway(self, listeners: list[Object]) -> None:
        spec = {"gatewayClassName": "c", "listeners": listeners}
        obj = {"metadata": {"name": "gw", "namespace": "shop"}, "spec": spec}
        self.store.put("gateways.gateway.networking.k8s.io", obj)

    def route(
        self, *rules: Object, name: str = "r", hosts: tuple[str, ...] = (), created: str = "2026-01-01T00:00:00Z"
    ) -> None:
        spec = {"parentRefs": [{"name": "gw"}], "hostnames": list(hosts), "rules": list(rules)}
        metadata = {"name": name, "namespace": "shop", "creationTimestamp": created}
        self.store.put("httproutes.gateway.networking.k8s.io", {"metadata": metadata, "spec": spec})

    def visit(self, path: str = "/", host: str = "h", **more: Any) -> Decision:
        request = HttpRequest(host, path, **more)
        return gateway.route(self.store, request, random=self.random, memory=self.memory)


@pytest.fixture
def gate() -> Gate:
    made = Gate()
    for name in ("one", "two", "three"):
        made.service(name)
    return made


def to(name: str, **match: Any) -> Object:
    rule: Object = {"backendRefs": [{"name": name, "port": 80}]}
    return {**rule, "matches": [match]} if match else rule


def path(value: str, kind: str = "PathPrefix") -> Object:
    return {"path": {"type": kind, "value": value}}


def service(decision: Decision) -> str:
    return decision.service.name if decision.service else ""


def test_exact_comes_before_the_longest_prefix_before_the_rest(gate: Gate) -> None:
    gate.route(to("one", **path("/a")), to("two", **path("/a/b")), to("three", **path("/a/b", "Exact")))
    assert service(gate.visit("/a/b")) == "three"
    assert service(gate.visit("/a/b/")) == "two"
    assert service(gate.visit("/a/x")) == "one"
    assert gate.visit("/ab").status == 404


def test_the_more_specific_host_comes_first(gate: Gate) -> None:
    gate.route(to("one"), name="any")
    gate.route(to("two"), name="wild", hosts=("*.example",))
    gate.route(to("three"), name="exact", hosts=("a.example",))
    hosts = ("a.example", "b.example", "c.b.example", "example")
    assert [service(gate.visit(host=host)) for host in hosts] == ["three", "two", "two", "one"]


def test_a_method_comes_before_headers_before_query_parameters(gate: Gate) -> None:
    header = {"headers": [{"name": "x", "value": "1"}]}
    gate.route(
        to("one", queryParams=[{"name": "q", "value": "1"}]),
        to("two", **header),
        to("three", method="POST"),
        to("web"),
    )
    sent: dict[str, Any] = {"headers": (("X", "1"),), "query": "q=1"}
    assert service(gate.visit(method="POST", **sent)) == "three"
    assert service(gate.visit(**sent)) == "two"
    assert service(gate.visit(query="q=1")) == "one"
    assert service(gate.visit(query="q=2")) == "web"


def test_a_regular_expression_matches_a_path_or_a_header_whole(gate: Gate) -> None:
    gate.route(
        to("one", **path("/v[0-9]+/x", "RegularExpression")),
        to("two", headers=[{"name": "x", "value": "a+", "type": "RegularExpression"}]),
    )
    assert service(gate.visit("/v12/x")) == "one"
    assert service(gate.visit("/", headers=(("x", "aa"),))) == "two"
    assert gate.visit("/", headers=(("x", "aab"),)).status == 404


def test_of_equal_routes_the_older_is_met(gate: Gate) -> None:
    gate.route(to("one"), name="a-new")
    gate.route(to("two"), name="z-old", created="2025-01-01T00:00:00Z")
    assert service(gate.visit()) == "two"


@pytest.mark.parametrize(
    ("rewrite", "asked", "sent"),
    [
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1"}, "/api/x", "/v1/x"),
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1/"}, "/api", "/v1"),
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}, "/api/x", "/x"),
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}, "/api", "/"),
        ({"type": "ReplaceFullPath", "replaceFullPath": "/$1"}, "/api/x", "/$1"),
    ],
)
def test_a_rewrite_replaces_the_prefix_or_the_whole_path(gate: Gate, rewrite: Object, asked: str, sent: str) -> None:
    filters = [{"type": "URLRewrite", "urlRewrite": {"path": rewrite, "hostname": "in"}}]
    gate.route({**to("web", **path("/api")), "filters": filters})
    decision = gate.visit(asked)
    assert (decision.target, decision.host) == (sent, "in")


def test_a_redirect_changes_only_what_it_names(gate: Gate) -> None:
    redirect = {"hostname": "new", "port": 8443, "scheme": "https"}
    gate.route({"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]})
    decision = gate.visit("/x", query="y=1")
    assert (decision.status, location(decision)) == (302, "https://new:8443/x?y=1")


def test_a_filter_that_is_not_there_is_an_error(gate: Gate) -> None:
    gate.route({**to("web"), "filters": [{"type": "RequestMirror", "requestMirror": {}}]})
    assert gate.visit().status == 500


def test_a_listener_for_tls_takes_no_plain_http(gate: Gate) -> None:
    gate.secret("tls", **{"tls.crt": "x", "tls.key": "x"})
    tls = {"certificateRefs": [{"name": "tls"}]}
    gate.gateway([{"name": "s", "port": 443, "protocol": "HTTPS", "hostname": "h", "tls": tls}])
    gate.route(to("web"))
    assert gate.visit().status == 404
    assert gate.visit(scheme="https").proxied
    secret = gateway.secret_for(gate.store, "h")
    assert secret is not None
    assert secret.name == "tls"
    assert gateway.secret_for(gate.store, "other") is None


@pytest.mark.parametrize(
    ("listener", "route", "common"),
    [
        ("", (), ("",)),
        ("a.example", (), ("a.example",)),
        ("", ("a.example",), ("a.example",)),
        ("*.example", ("a.example", "b.test"), ("a.example",)),
        ("*.example", ("a.b.example",), ("a.b.example",)),
        ("a.example", ("*.example",), ("a.example",)),
        ("*.example", ("example",), ()),
        ("a.example", ("b.example",), ()),
    ],
)
def test_hosts_that_a_listener_and_a_route_share(
    listener: str, route: tuple[str, ...], common: tuple[str, ...]
) -> None:
    assert common_hosts(listener, route) == common
