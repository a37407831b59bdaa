"""Traefik's way with Ingresses, as a real one (v3.6) answered, and its Middlewares from their documentation."""

from __future__ import annotations

from typing import Any

import pytest
from passlib.hash import apr_md5_crypt  # type: ignore[import-untyped]  # it ships no types

from tests.unit.ingress.worlds import World, basic, location, sent_back

TRAEFIK = "traefik.ingress.kubernetes.io/"


@pytest.fixture
def world() -> World:
    return World("traefik")


def middleware(world: World, name: str, **spec: Any) -> None:
    world.store.put("middlewares.traefik.io", {"metadata": {"name": name, "namespace": "shop"}, "spec": spec})


def wanting(world: World, *names: str, path: str = "/") -> None:
    listed = ",".join(f"shop-{name}@kubernetescrd" for name in names)
    world.ingress(path=path, annotations={f"{TRAEFIK}router.middlewares": listed})


def test_a_prefix_is_one_of_the_text(world: World) -> None:
    world.ingress(path="/foo")
    assert world.ask("http://h/foobar").proxied
    assert world.ask("http://h/fo").status == 404


def test_a_service_that_is_missing_or_empty_takes_the_router_away(world: World) -> None:
    world.service("empty", 0)
    world.ingress("one", "/empty", service="empty")
    world.ingress("two", "/missing", service="missing")
    assert world.ask("http://h/empty").status == 404
    assert world.ask("http://h/missing").reason.startswith("There is no Service shop/missing.")
    world.ingress("three", "/")
    assert world.ask("http://h/empty").proxied


def test_a_service_that_is_only_a_name_takes_the_router_away(world: World) -> None:
    spec = {"type": "ExternalName", "externalName": "example.com", "ports": [{"port": 80}]}
    world.store.put("services", {"metadata": {"name": "far", "namespace": "shop"}, "spec": spec})
    world.ingress(service="far")
    decision = world.ask()
    assert decision.status == 404
    assert "ExternalName" in decision.reason


def test_the_longest_rule_wins_so_a_prefix_beats_an_exact_path(world: World) -> None:
    world.service("exact")
    world.ingress("prefix", "/same", "Prefix")
    world.ingress("exact", "/same", "Exact", service="exact")
    service = world.ask("http://h/same").service
    assert service is not None
    assert service.name == "web"


def test_the_longest_rule_wins_so_a_wildcard_beats_a_host(world: World) -> None:
    world.service("exact")
    world.ingress("wild", host="*.w.example")
    world.ingress("exact", host="a.w.example", service="exact")
    service = world.ask("http://a.w.example/").service
    assert service is not None
    assert service.name == "web"
    assert world.ask("http://a.b.w.example/").status == 404


def test_a_priority_counts_instead_of_the_length(world: World) -> None:
    world.service("low")
    world.ingress("long", "/very/long/path")
    world.ingress("short", "/very", service="low", annotations={f"{TRAEFIK}router.priority": "1000"})
    service = world.ask("http://h/very/long/path").service
    assert service is not None
    assert service.name == "low"


def test_entry_points_and_tls(world: World) -> None:
    world.ingress(annotations={f"{TRAEFIK}router.entrypoints": "websecure"})
    assert (world.ask("http://h/").status, world.ask("https://h/").status) == (404, 0)
    world.ingress(annotations={f"{TRAEFIK}router.entrypoints": "web"})
    assert (world.ask("http://h/").status, world.ask("https://h/").status) == (0, 404)


def test_the_tls_of_an_ingress_redirects_nobody(world: World) -> None:
    world.ingress(tls=True)
    assert world.ask("http://h/").proxied


@pytest.mark.parametrize(
    ("spec", "asked", "sent"),
    [
        ({"stripPrefix": {"prefixes": ["/api"]}}, "/api/x?a=b", "/x?a=b"),
        ({"stripPrefix": {"prefixes": ["/api"]}}, "/api", "/"),
        ({"stripPrefixRegex": {"regex": ["/v[0-9]+"]}}, "/v12/x", "/x"),
        ({"addPrefix": {"prefix": "/in"}}, "/x", "/in/x"),
        ({"replacePath": {"path": "/one"}}, "/x/y", "/one"),
        ({"replacePathRegex": {"regex": "^/a/(.*)", "replacement": "/b/$1"}}, "/a/c", "/b/c"),
    ],
)
def test_a_middleware_changes_the_path(world: World, spec: dict[str, Any], asked: str, sent: str) -> None:
    middleware(world, "m", **spec)
    wanting(world, "m")
    assert world.ask(f"http://h{asked}").target == sent


def test_redirects(world: World) -> None:
    middleware(world, "https", redirectScheme={"scheme": "https", "permanent": True})
    wanting(world, "https")
    decision = world.ask("http://h/x?y")
    assert (decision.status, location(decision)) == (301, "https://h/x?y")
    assert world.ask("https://h/x").proxied
    middleware(world, "regex", redirectRegex={"regex": "^http://h/(.*)", "replacement": "http://new/${1}"})
    wanting(world, "regex")
    decision = world.ask("http://h/x")
    assert (decision.status, location(decision)) == (302, "http://new/x")


def test_a_rate_limit_answers_429(world: World) -> None:
    middleware(world, "slow", rateLimit={"average": 1, "burst": 2})
    wanting(world, "slow")
    assert [world.ask().status for _ in range(3)] == [0, 0, 429]


def test_basic_auth_reads_users_of_a_secret(world: World) -> None:
    world.secret("users", users=f"ann:{apr_md5_crypt.hash('pw')}")
    middleware(world, "auth", basicAuth={"secret": "users"})
    wanting(world, "auth")
    assert dict(world.ask().headers)["WWW-Authenticate"] == 'Basic realm="traefik"'
    assert world.ask(headers=basic("ann", "pw")).proxied


def test_headers_addresses_and_sizes(world: World) -> None:
    middleware(
        world, "h", headers={"customRequestHeaders": {"X-A": "1", "X-B": ""}, "customResponseHeaders": {"X-C": "2"}}
    )
    middleware(world, "ip", ipAllowList={"sourceRange": ["203.0.113.0/24"]})
    middleware(world, "size", buffering={"maxRequestBodyBytes": 10})
    wanting(world, "h", "ip", "size")
    decision = world.ask()
    assert [(one.name, one.value) for one in decision.request_headers] == [("X-A", "1"), ("X-B", None)]
    assert sent_back(decision) == {"X-C": "2"}
    assert world.ask(client_ip="198.51.100.1").status == 403
    assert world.ask(body_size=11).status == 413


def test_a_chain_is_its_middlewares_in_order(world: World) -> None:
    middleware(world, "strip", stripPrefix={"prefixes": ["/a"]})
    middleware(world, "add", addPrefix={"prefix": "/b"})
    middleware(world, "both", chain={"middlewares": [{"name": "strip"}, {"name": "add"}]})
    wanting(world, "both")
    assert world.ask("http://h/a/x").target == "/b/x"


def test_a_middleware_that_is_missing_or_not_simulated_takes_the_router_away_and_is_named(world: World) -> None:
    middleware(world, "plugin", plugin={"x": {}})
    for name in ("nope", "plugin"):
        wanting(world, name)
        assert world.ask().status == 404
        obj = world.store.get("ingresses.networking.k8s.io", "shop", "web")
        assert obj is not None
        assert len(world.warnings(obj)) == 1


def test_an_annotation_that_is_not_simulated_is_named(world: World) -> None:
    obj = world.ingress(annotations={f"{TRAEFIK}router.observability.tracing": "true"})
    assert world.warnings(obj) == [f"annotation {TRAEFIK}router.observability.tracing"]


def test_a_sticky_cookie_is_the_services_wish(world: World) -> None:
    world.service("sticky", 3, {f"{TRAEFIK}service.sticky.cookie": "true", f"{TRAEFIK}service.sticky.cookie.name": "s"})
    world.ingress(service="sticky")
    first = world.ask()
    line = sent_back(first)["Set-Cookie"] or ""
    assert line.startswith("s=")
    again = {world.ask(headers={"Cookie": line.partition(";")[0]}).endpoints[0] for _ in range(6)}
    assert again == {first.endpoints[0]}
