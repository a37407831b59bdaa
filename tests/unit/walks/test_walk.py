"""A walk tells the way of a request in the order in which it happens, and where it ends."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from podwalk.store import Store
from podwalk.types import HopKind, Outcome
from podwalk.walks import Target, Walk, WalkError

from .conftest import POLICIES, pod, policy, service

Go = Callable[..., Walk]

ONLY_WEB = {
    "podSelector": {"matchLabels": {"app": "backend"}},
    "policyTypes": ["Ingress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 8080}]}],
}
NO_EGRESS = {"podSelector": {"matchLabels": {"app": "frontend"}}, "policyTypes": ["Egress"]}


def test_request_by_short_name_tells_every_decision_in_order(go: Go) -> None:
    walk = go("http://backend/path")
    kinds = [hop.kind for hop in walk.hops]
    assert walk.delivered
    assert kinds[:2] == [HopKind.NAME, HopKind.DNS]
    assert kinds.index(HopKind.SERVICE) < kinds.index(HopKind.ENDPOINT) < kinds.index(HopKind.INGRESS)
    assert kinds[-1] is HopKind.CONTAINER
    assert walk.hops[-1].field == "spec.containers[0].ports[0]"
    assert walk.hops[1].data["address"] == "10.96.12.3"


def test_name_of_another_namespace_shows_each_query_that_failed_first(go: Go) -> None:
    queries = [hop.title for hop in go("http://kube-dns.kube-system:53").hops if hop.kind is HopKind.DNS]
    assert queries == ["kube-dns.kube-system.shop.svc.cluster.local.", "kube-dns.kube-system.svc.cluster.local."]


def test_unknown_name_ends_unresolved_after_the_whole_search_list(go: Go) -> None:
    walk = go("http://nosuch")
    assert walk.outcome is Outcome.UNRESOLVED
    assert [hop.data["query"] for hop in walk.hops if hop.kind is HopKind.DNS] == [
        "nosuch.shop.svc.cluster.local.",
        "nosuch.svc.cluster.local.",
        "nosuch.cluster.local.",
        "nosuch.",
    ]
    assert walk.reason is walk.hops[-1]


def test_address_needs_no_query(go: Go) -> None:
    assert not [hop for hop in go("http://10.96.12.3").hops if hop.kind is HopKind.DNS]


def test_denied_request_names_the_policy_and_the_clause(shop: Store, go: Go) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    walk = go("http://backend")
    assert walk.outcome is Outcome.TIMED_OUT
    assert walk.reason is not None
    assert walk.reason.kind is HopKind.INGRESS
    assert walk.reason.field == "spec.ingress[0].from[0].podSelector.matchLabels"
    assert "app=web" in walk.reason.detail
    assert "app=frontend" in walk.reason.detail


def test_remedy_lets_exactly_this_request_through(shop: Store, go: Go) -> None:
    shop.put("pods", pod("intruder", "10.244.1.66", "one"))
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    for remedy in go("http://backend").remedies:
        shop.put(POLICIES, remedy)
    assert go("http://backend").delivered
    assert not go("http://backend", source="intruder").delivered


def test_denied_egress_stops_the_query_before_the_request(shop: Store, go: Go) -> None:
    shop.put(POLICIES, policy("no-egress", NO_EGRESS))
    walk = go("http://backend")
    assert walk.outcome is Outcome.UNRESOLVED
    assert walk.reason is not None
    assert walk.reason.kind is HopKind.EGRESS
    ports = walk.remedies[0]["spec"]["egress"][0]["ports"]
    assert [(port["protocol"], port["port"]) for port in ports] == [("UDP", 53), ("TCP", 53)]


def test_service_without_endpoints_is_refused(shop: Store, go: Go) -> None:
    shop.put("services", service("empty", "shop", "10.96.9.9", 80, 8080))
    assert go("http://empty").outcome is Outcome.REFUSED


def test_undeclared_port_is_pointed_out_and_forbids_nothing(go: Go) -> None:
    walk = go("http://10.244.2.7:9999")
    assert walk.delivered
    assert "No container declares port 9999/TCP" in walk.hops[-1].detail


def test_host_alias_answers_before_dns(shop: Store, go: Go) -> None:
    aliases = [{"ip": "10.244.2.7", "hostnames": ["old-name"]}]
    shop.put("pods", pod("frontend", "10.244.1.5", "one", hostAliases=aliases))
    walk = go("http://old-name:8080")
    assert walk.delivered
    assert walk.hops[0].field == "spec.hostAliases"


@pytest.mark.parametrize(
    ("host", "address", "field"), [("frontend", "10.244.1.5", "metadata.name"), ("localhost", "127.0.0.1", "")]
)
def test_pods_own_name_leads_to_itself(go: Go, host: str, address: str, field: str) -> None:
    walk = go(f"http://{host}:8080")
    assert walk.hops[0].data["address"] == address
    assert walk.hops[0].field == field
    assert walk.delivered
    assert walk.verdict is not None
    assert walk.verdict.target == walk.verdict.flow.source


def test_pod_with_dns_policy_default_does_not_know_the_cluster(shop: Store, go: Go) -> None:
    shop.put("pods", pod("frontend", "10.244.1.5", "one", dnsPolicy="Default"))
    walk = go("http://backend")
    assert walk.outcome is Outcome.UNRESOLVED
    assert walk.hops[-1].field == "spec.dnsPolicy"


def test_ndots_of_dns_config_changes_the_queries(shop: Store, go: Go) -> None:
    config = {"options": [{"name": "ndots", "value": "1"}]}
    shop.put("pods", pod("frontend", "10.244.1.5", "one", dnsConfig=config))
    queries = [hop.title for hop in go("http://backend.shop.svc.cluster.local").hops if hop.kind is HopKind.DNS]
    assert queries == ["backend.shop.svc.cluster.local."]


@pytest.mark.parametrize(
    ("searches", "said"),
    [
        (["shop.svc.cluster.local"], "0 dots, fewer than ndots:5: with the search list, 2 names are tried in turn."),
        ([], "0 dots, fewer than ndots:5, but there is no search list: the name is asked for as it is."),
    ],
)
def test_the_search_is_told_in_words(shop: Store, go: Go, searches: list[str], said: str) -> None:
    config = {"nameservers": ["10.96.0.10"], "searches": searches, "options": [{"name": "ndots", "value": "5"}]}
    shop.put("pods", pod("frontend", "10.244.1.5", "one", dnsPolicy="None", dnsConfig=config))
    assert said in "\n".join(hop.detail for hop in go("http://backend").hops)


@pytest.mark.parametrize(
    ("text", "host", "port", "protocol"),
    [
        ("backend", "backend", 80, "TCP"),
        ("https://backend/x", "backend", 443, "TCP"),
        ("backend:8080", "backend", 8080, "TCP"),
        ("udp://10.96.0.10:53", "10.96.0.10", 53, "UDP"),
    ],
)
def test_target_is_read_as_typed(text: str, host: str, port: int, protocol: str) -> None:
    assert Target.read(text) == Target(host, port, protocol, text)


@pytest.mark.parametrize("text", ["ftp://backend", "tcp://backend", "http://", "http://backend:port"])
def test_target_that_cannot_be_read_is_explained(text: str) -> None:
    with pytest.raises(WalkError, match=r"write e\.g\.|none of"):
        Target.read(text)


def test_walk_of_a_pod_that_is_not_there_says_what_to_look_at(go: Go) -> None:
    with pytest.raises(WalkError, match="kubectl get pods -n shop"):
        go("http://backend", source="nobody")


def test_walk_of_a_pod_without_address_says_to_wait(shop: Store, go: Go) -> None:
    shop.put("pods", pod("starting", "", "one"))
    with pytest.raises(WalkError, match="no address yet"):
        go("http://backend", source="starting")


def test_data_is_json_values_only(go: Go) -> None:
    data = json.loads(json.dumps(go("http://backend").data()))
    assert data["outcome"] == "delivered"
    assert data["hops"][0]["kind"] == "name"


def test_remedy_that_cannot_be_exact_says_whom_else_it_lets_through(shop: Store, go: Go) -> None:
    twin = pod("frontend-2", "10.244.1.67", "two")
    twin["metadata"]["labels"] = {"app": "frontend"}
    shop.put("pods", twin)
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    walk = go("http://backend")
    assert [(one.name, other.name) for one, other in walk.surplus] == [("frontend-2", "backend")]
    assert "shop/frontend-2 → shop/backend too, as these Pods carry the same labels" in walk.remedy
    assert walk.remedy in walk._repr_html_()
    shop.remove("pods", "shop", "frontend-2")
    assert go("http://backend").remedy == "What would let exactly this request through"
