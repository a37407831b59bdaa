"""What each annotation of ingress-nginx does, one by one, from its documentation."""

from __future__ import annotations

from typing import Any

import pytest
from passlib.hash import apr_md5_crypt, bcrypt, ldap_sha1  # type: ignore[import-untyped]  # it ships no types

from podwalk.network.ingress.dialects.nginx_annotations import TABLE
from tests.unit.ingress.worlds import World, basic, location, sent_back


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("path", "target", "asked", "sent"),
    [
        ("/something(/|$)(.*)", "/$2", "/something", "/"),
        ("/something(/|$)(.*)", "/$2", "/something/", "/"),
        ("/something(/|$)(.*)", "/$2", "/something/new", "/new"),
        ("/something(/|$)(.*)", "/$2", "/something/new?a=b", "/new?a=b"),
        ("/app", "/", "/app/deep", "/"),
        ("/SOMETHING(/|$)(.*)", "/$2", "/something/x", "/x"),
        ("/a/(\\d+)", "/item?id=$1", "/a/7?b=1", "/item?id=7&b=1"),
    ],
)
def test_rewrite_target_puts_captures_into_the_path(
    world: World, path: str, target: str, asked: str, sent: str
) -> None:
    world.ingress(path=path, kind="ImplementationSpecific", rewrite_target=target)
    assert world.ask(f"http://h{asked}").target == sent


def test_a_rewrite_on_one_ingress_makes_all_paths_of_its_host_expressions(world: World) -> None:
    world.ingress("one", "/foo", "Exact")
    assert world.ask("http://h/foobar").status == 404
    world.ingress("two", "/bar/(.*)", "ImplementationSpecific", rewrite_target="/$1")
    assert world.ask("http://h/foobar").proxied
    assert world.ask("http://h/FOO").proxied


def test_the_longest_expression_is_tried_first(world: World) -> None:
    world.service("long")
    world.ingress("short", "/foo/.*", "ImplementationSpecific", use_regex="true")
    world.ingress("long", "/foo/bar/.+", "ImplementationSpecific", service="long", use_regex="true")
    service = world.ask("http://h/foo/bar/x").service
    assert service is not None
    assert service.name == "long"


def test_a_path_is_no_expression_without_use_regex(world: World) -> None:
    world.ingress(path="/a.c", kind="ImplementationSpecific")
    assert world.ask("http://h/abc").status == 404


def test_implementation_specific_is_a_prefix_of_the_text(world: World) -> None:
    world.ingress(path="/foo", kind="ImplementationSpecific")
    assert world.ask("http://h/foobar").proxied


def test_the_older_ingress_has_the_path(world: World) -> None:
    world.service("old")
    world.ingress("a-new")
    world.ingress("z-old", service="old", created="2025-01-01T00:00:00Z")
    service = world.ask().service
    assert service is not None
    assert service.name == "old"


@pytest.mark.parametrize(
    ("tls", "annotations", "status"),
    [
        (True, {}, 308),
        (True, {"ssl_redirect": "false"}, 0),
        (False, {}, 0),
        (False, {"force_ssl_redirect": "true"}, 308),
    ],
)
def test_plain_http_is_redirected_where_the_host_has_tls(
    world: World, tls: bool, annotations: dict[str, Any], status: int
) -> None:
    world.ingress(tls=tls, **annotations)
    decision = world.ask("http://h/a?b")
    assert decision.status == status
    assert location(decision) == ("https://h/a?b" if status else None)
    assert world.ask("https://h/a").proxied


@pytest.mark.parametrize(
    ("annotations", "status", "to"),
    [
        ({"permanent_redirect": "https://e.example"}, 301, "https://e.example"),
        ({"permanent_redirect": "https://e.example", "permanent_redirect_code": "308"}, 308, "https://e.example"),
        ({"temporal_redirect": "https://e.example"}, 302, "https://e.example"),
        ({"app_root": "/app"}, 302, "http://h/app"),
    ],
)
def test_a_redirect_sends_the_client_elsewhere(world: World, annotations: dict[str, Any], status: int, to: str) -> None:
    world.ingress(**annotations)
    decision = world.ask()
    assert (decision.status, location(decision)) == (status, to)


def test_app_root_is_for_the_root_only(world: World) -> None:
    world.ingress(app_root="/app")
    assert world.ask("http://h/other").proxied


def test_limit_rps_lets_a_burst_through_then_answers_503_until_time_passes(world: World) -> None:
    world.ingress(limit_rps="2")
    statuses = [world.ask().status for _ in range(13)]
    assert statuses == [0] * 11 + [503, 503], "the first, and a burst of five times the rate"
    assert world.ask(client_ip="203.0.113.10").proxied
    world.now_s = 1.0
    assert [world.ask().status for _ in range(3)] == [0, 0, 503]


def test_limit_rpm_and_its_multiplier(world: World) -> None:
    world.ingress(limit_rpm="1", limit_burst_multiplier="1")
    assert [world.ask().status for _ in range(3)] == [0, 0, 503]
    world.now_s = 60.0
    assert [world.ask().status for _ in range(2)] == [0, 503]


def test_limit_connections_counts_what_is_open(world: World) -> None:
    world.ingress(limit_connections="1")
    first = world.ask()
    assert first.proxied
    for key in first.counted:
        world.memory.open[key] = 1
    assert world.ask().status == 503
    assert world.ask(client_ip="203.0.113.10").proxied


def test_those_in_the_limit_allowlist_are_not_limited(world: World) -> None:
    world.ingress(limit_rpm="1", limit_burst_multiplier="1", limit_allowlist="203.0.113.0/24")
    assert [world.ask().status for _ in range(5)] == [0] * 5


@pytest.mark.parametrize(
    "line",
    [f"ann:{apr_md5_crypt.hash('pw')}", f"ann:{bcrypt.using(rounds=4).hash('pw')}", f"ann:{ldap_sha1.hash('pw')}"],
    ids=["apr1", "bcrypt", "sha1"],
)
def test_basic_auth_takes_the_hashes_of_htpasswd(world: World, line: str) -> None:
    world.secret("users", auth=f"bob:x\n{line}\n")
    world.ingress(auth_type="basic", auth_secret="users", auth_realm="Staff")
    asked = world.ask()
    assert asked.status == 401
    assert dict(asked.headers)["WWW-Authenticate"] == 'Basic realm="Staff"'
    assert world.ask(headers=basic("ann", "wrong")).status == 401
    assert world.ask(headers=basic("bob", "x")).status == 401
    assert world.ask(headers=basic("ann", "pw")).proxied


def test_basic_auth_from_a_map_of_users(world: World) -> None:
    world.secret("users", ann=ldap_sha1.hash("pw"))
    world.ingress(auth_type="basic", auth_secret="shop/users", auth_secret_type="auth-map")
    assert world.ask(headers=basic("ann", "pw")).proxied
    assert world.ask(headers=basic("bob", "pw")).status == 401


def test_basic_auth_without_its_secret_lets_nobody_in(world: World) -> None:
    world.ingress(auth_type="basic", auth_secret="missing")
    assert world.ask(headers=basic("ann", "pw")).status == 503


def test_external_auth_is_asked_before_the_request_goes_on(world: World) -> None:
    world.ingress(auth_url="http://auth.shop.svc.cluster.local/check", auth_response_headers="X-User, X-Role")
    ask = world.ask().ask
    assert ask is not None
    assert (ask.url, ask.response_headers) == ("http://auth.shop.svc.cluster.local/check", ("X-User", "X-Role"))


def canary(world: World, **annotations: Any) -> None:
    world.service("next")
    world.ingress("main")
    world.ingress("next", service="next", canary="true", **annotations)


def reached(world: World, **headers: str) -> str:
    service = world.ask(headers={name.replace("_", "-"): value for name, value in headers.items()}).service
    return service.name if service else ""


def test_a_canary_takes_its_weight_of_requests(world: World) -> None:
    canary(world, canary_weight="30")
    taken = sum(reached(world) == "next" for _ in range(1000))
    assert 250 < taken < 350


def test_a_canary_without_weight_takes_none_and_with_all_takes_all(world: World) -> None:
    canary(world, canary_weight="0")
    assert {reached(world) for _ in range(50)} == {"web"}
    world.ingress("next", service="next", canary="true", canary_weight="5", canary_weight_total="5")
    assert {reached(world) for _ in range(50)} == {"next"}


def test_a_canary_by_header_comes_before_cookie_and_weight(world: World) -> None:
    canary(world, canary_by_header="X-New", canary_by_cookie="new", canary_weight="100")
    assert reached(world, X_New="always") == "next"
    assert reached(world, X_New="never", Cookie="new=always") == "web"
    assert reached(world, X_New="maybe", Cookie="new=never") == "web"
    assert reached(world, Cookie="new=always") == "next"


def test_a_canary_by_header_value_and_pattern(world: World) -> None:
    canary(world, canary_by_header="X-Region", canary_by_header_value="eu")
    assert (reached(world, X_Region="eu"), reached(world, X_Region="always")) == ("next", "web")
    world.ingress("next", service="next", canary="true", canary_by_header="X-Region", canary_by_header_pattern="^eu-")
    assert (reached(world, X_Region="eu-1"), reached(world, X_Region="us-1")) == ("next", "web")


def test_a_canary_alone_serves_nothing(world: World) -> None:
    world.ingress("next", canary="true", canary_weight="100")
    assert world.ask().status == 404


def test_affinity_sets_a_cookie_and_then_keeps_to_the_endpoint(world: World) -> None:
    world.ingress(
        affinity="cookie", session_cookie_name="route", session_cookie_max_age="60", session_cookie_samesite="Lax"
    )
    first = world.ask()
    line = sent_back(first)["Set-Cookie"] or ""
    assert line.startswith("route=")
    assert line.endswith("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax")
    cookie = line.partition(";")[0]
    again = [world.ask(headers={"Cookie": cookie}) for _ in range(10)]
    assert {one.endpoints[0] for one in again} == {first.endpoints[0]}
    assert all("Set-Cookie" not in sent_back(one) for one in again)


def test_without_affinity_endpoints_take_turns(world: World) -> None:
    world.ingress()
    assert len({world.ask().endpoints[0].ip for _ in range(3)}) == 3


def test_cors_answers_the_preflight_and_marks_answers(world: World) -> None:
    world.ingress(enable_cors="true", cors_allow_origin="https://*.example.com", cors_allow_credentials="false")
    headers = {"Origin": "https://a.example.com"}
    preflight = world.ask(method="OPTIONS", headers=headers)
    assert preflight.status == 204
    assert dict(preflight.headers)["Access-Control-Allow-Methods"] == "GET, PUT, POST, DELETE, PATCH, OPTIONS"
    back = sent_back(world.ask(headers=headers))
    assert back["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert "Access-Control-Allow-Credentials" not in back
    assert sent_back(world.ask(headers={"Origin": "https://evil.test"})) == {}


@pytest.mark.parametrize(
    ("limit", "size", "status"), [("", 1048577, 413), ("", 1048576, 0), ("8m", 2000000, 0), ("0", 10**9, 0)]
)
def test_proxy_body_size_refuses_larger_bodies(world: World, limit: str, size: int, status: int) -> None:
    annotations: dict[str, Any] = {"proxy_body_size": limit} if limit else {}
    world.ingress(**annotations)
    assert world.ask(method="POST", body_size=size).status == status


def test_client_certificates_are_required_where_wanted(world: World) -> None:
    world.ingress(tls=True, auth_tls_secret="shop/ca", auth_tls_verify_client="on")
    assert world.ask("https://h/").status == 400
    assert world.ask("https://h/", certificate="CN=ann").proxied
    world.ingress(tls=True, auth_tls_secret="shop/ca", auth_tls_verify_client="optional")
    assert world.ask("https://h/").proxied


def test_a_client_without_a_certificate_goes_to_the_error_page(world: World) -> None:
    world.ingress(tls=True, auth_tls_secret="shop/ca", auth_tls_error_page="https://help.example")
    assert location(world.ask("https://h/")) == "https://help.example"


def test_source_ranges_decide_who_may_ask(world: World) -> None:
    world.ingress(whitelist_source_range="203.0.113.0/24, 10.0.0.0/8")
    assert world.ask().proxied
    assert world.ask(client_ip="198.51.100.1").status == 403
    world.ingress(denylist_source_range="203.0.113.9/32")
    assert world.ask().status == 403
    assert world.ask(client_ip="203.0.113.10").proxied


def test_custom_headers_come_from_a_config_map(world: World) -> None:
    metadata = {"name": "headers", "namespace": "shop"}
    world.store.put("configmaps", {"metadata": metadata, "data": {"X-Team": "shop"}})
    world.ingress(custom_headers="shop/headers")
    assert sent_back(world.ask())["X-Team"] == "shop"


def test_upstream_vhost_and_backend_protocol_and_service_upstream(world: World) -> None:
    world.ingress(upstream_vhost="in.example", backend_protocol="HTTPS", service_upstream="true")
    decision = world.ask()
    assert (decision.host, decision.protocol) == ("in.example", "HTTPS")
    assert [(one.ip, one.port) for one in decision.endpoints] == [("10.96.0.1", 80)]


def test_a_backend_protocol_that_is_not_spoken_is_answered_and_named(world: World) -> None:
    obj = world.ingress(backend_protocol="GRPC")
    assert world.ask().status == 502
    assert world.warnings(obj) == ["annotation nginx.ingress.kubernetes.io/backend-protocol: 'GRPC'"]


def test_default_backend_takes_over_when_the_service_has_no_endpoint(world: World) -> None:
    world.service("empty", 0)
    world.service("sorry")
    world.ingress(service="empty")
    assert world.ask().status == 503
    world.ingress(service="empty", default_backend="sorry")
    service = world.ask().service
    assert service is not None
    assert service.name == "sorry"


def test_time_outs_and_tries(world: World) -> None:
    world.ingress(proxy_connect_timeout="2", proxy_read_timeout="1m", proxy_next_upstream_tries="1")
    decision = world.ask()
    assert (decision.connect_timeout_s, decision.read_timeout_s, decision.tries) == (2.0, 60.0, 1)
    world.ingress()
    decision = world.ask()
    assert (decision.connect_timeout_s, decision.read_timeout_s, decision.tries) == (5.0, 60.0, 3)


def test_every_annotation_of_the_table_that_works_gives_no_warning_and_every_other_one_does(world: World) -> None:
    values = {"auth-type": "basic", "affinity": "cookie", "backend-protocol": "HTTP"}
    for row in TABLE:
        one: dict[str, Any] = {row.name.replace("-", "_"): values.get(row.name, "1")}
        obj = world.ingress(**one)
        assert bool(world.warnings(obj)) == bool(row.advice), row.name
        assert bool(row.does) != bool(row.advice), row.name


@pytest.mark.parametrize("name", ["configuration_snippet", "server_snippet", "not_an_annotation"])
def test_what_is_not_simulated_is_named(world: World, name: str) -> None:
    one: dict[str, Any] = {name: "x"}
    obj = world.ingress(**one)
    assert world.warnings(obj) == [f"annotation nginx.ingress.kubernetes.io/{name.replace('_', '-')}"]


def test_a_path_that_is_no_expression_is_named(world: World) -> None:
    obj = world.ingress(path="/a(", kind="ImplementationSpecific", use_regex="true")
    assert len(world.warnings(obj)) == 1
    assert world.ask("http://h/a(").status == 404


def test_a_decision_names_the_objects_and_the_field_that_decided(world: World) -> None:
    world.ingress(path="/shop", rewrite_target="/x")
    decision = world.ask("http://h/shop")
    assert [str(ref) for ref in decision.hops[-1].objects] == [
        "ingresses.networking.k8s.io shop/web",
        "services shop/web",
    ]
    assert decision.hops[0].field == "spec.rules[0].http.paths[0]"
    assert decision.hops[-1].field == "spec.rules[0].http.paths[0].backend.service"
    missing = world.ask("http://other/")
    assert not missing.hops[-1].ok
    assert missing.reason == "No rule is for the host other (there are: h)."
