"""A walk from outside finds the way in, the rule, and the controller's own way to a Pod."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.network.ingress.gateway.attachment import CLASSES, CONTROLLER, GATEWAYS, ROUTES
from podwalk.store import Store
from podwalk.types import ClusterOptions, HopKind, Object, Outcome, Ref
from podwalk.walks import Walk, WalkError, outside, walk

from .conftest import POLICIES, pod, policy, service

OPTIONS = ClusterOptions()
INGRESSES, INGRESS_CLASSES = "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"
DENY = {"podSelector": {"matchLabels": {"app": "backend"}}, "policyTypes": ["Ingress"]}


def controller(image: str, *args: str, host_port: int = 0) -> Object:
    made = pod("controller", "10.244.1.9", "one", namespace="ingress")
    port: Object = {"name": "http", "containerPort": 80, "protocol": "TCP"}
    tls = {"name": "https", "containerPort": 443, "protocol": "TCP"}
    port |= {"hostPort": host_port} if host_port else {}
    made["spec"]["containers"] = [{"name": "main", "image": image, "args": list(args), "ports": [port, tls]}]
    return made


def ingress(name: str, host: str, path: str = "/", **status: Any) -> Object:
    backend = {"service": {"name": "backend", "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"ingressClassName": "nginx", "rules": [rule]},
        "status": {"loadBalancer": {"ingress": [status]} if status else {}},
    }


@pytest.fixture
def web(shop: Store) -> Store:
    shop.put("namespaces", {"metadata": {"name": "ingress", "labels": {"kubernetes.io/metadata.name": "ingress"}}})
    shop.put(INGRESS_CLASSES, {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}})
    shop.put("pods", controller("registry.k8s.io/ingress-nginx/controller:v1.15.1", host_port=80))
    shop.put(INGRESSES, ingress("shop", "shop.example", "/cart", hostname="localhost"))
    return shop


def go(store: Store, target: str, *, ip: str = "", host: str = "") -> Walk:
    return walk(store, outside(ip, options=OPTIONS), target, options=OPTIONS, host=host)


def test_name_of_an_ingress_leads_through_the_controller_to_the_pod(web: Store) -> None:
    found = go(web, "http://shop.example/cart/1")
    assert found.delivered
    assert found.origin == "outside (172.18.0.1)"
    assert found.hops[0].field == "status.loadBalancer.ingress[0]"
    rule = next(hop for hop in found.hops if hop.kind is HopKind.INGRESS_CONTROLLER)
    assert (rule.objects[0], rule.field) == (Ref(INGRESSES, "shop", "shop"), "spec.rules[0].http.paths[0]")
    assert found.hops[-1].detail.endswith("sees the client as 10.244.1.9.")


def test_controllers_own_connection_is_judged_by_policies(web: Store) -> None:
    web.put(POLICIES, policy("deny", DENY))
    found = go(web, "http://shop.example/cart")
    assert not found.delivered
    assert (found.outcome, found.status) == (Outcome.TIMED_OUT, 504)
    assert found.reason is not None
    assert found.reason.objects[0].name == "deny"
    for remedy in found.remedies:
        web.put(POLICIES, remedy)
    assert go(web, "http://shop.example/cart").delivered
    assert not walk(web, Ref("pods", "shop", "frontend"), "http://backend", options=OPTIONS).delivered


def test_path_without_a_rule_is_answered_by_the_controller(web: Store) -> None:
    found = go(web, "http://shop.example/other")
    assert not found.delivered
    assert found.status == 404
    assert "404 Not Found" in found._repr_html_()
    assert found.data()["status"] == 404


def test_host_header_chooses_the_rule_of_an_address(web: Store) -> None:
    assert go(web, "http://172.18.0.2/cart", host="shop.example").delivered
    assert go(web, "http://172.18.0.2/cart").status == 404


def test_ingress_that_nobody_serves_is_no_way_in(web: Store) -> None:
    web.put(INGRESSES, ingress("late", "late.example"))
    found = go(web, "http://late.example/")
    assert found.outcome is Outcome.UNRESOLVED
    assert found.reason is not None
    assert "no controller serves its class nginx" in found.reason.detail


def test_published_cluster_ip_is_no_address_outside(web: Store) -> None:
    web.put(INGRESSES, ingress("inner", "inner.example", ip="10.96.77.7"))
    found = go(web, "http://inner.example/")
    assert "hostPort 80 of node one is the way in" in found.hops[0].detail
    assert found.delivered


def test_node_port_is_a_way_in_for_an_address_of_ones_own(shop: Store) -> None:
    made = service("backend", "shop", "10.96.12.3", 80, 8080)
    made["spec"] |= {"type": "NodePort"}
    made["spec"]["ports"][0]["nodePort"] = 30080
    shop.put("services", made)
    found = go(shop, "http://172.18.0.2:30080", ip="203.0.113.7")
    assert found.delivered
    assert found.origin == "outside (203.0.113.7)"
    assert "NodePort" in next(hop.detail for hop in found.hops if hop.kind is HopKind.SERVICE)


def test_cluster_names_mean_nothing_outside(shop: Store) -> None:
    found = go(shop, "http://backend.shop.svc.cluster.local")
    assert found.outcome is Outcome.UNRESOLVED
    assert "does not ask the cluster's DNS" in found.hops[0].detail


def test_outside_address_that_is_none_is_refused() -> None:
    with pytest.raises(WalkError, match=r"outside:203\.0\.113\.7"):
        outside("nowhere", options=OPTIONS)


def test_http_route_is_met_before_an_ingress(web: Store) -> None:
    web.put(
        "pods",
        controller("traefik:v3.6", "--providers.kubernetesgateway", "--providers.kubernetesingress", host_port=80),
    )
    web.put(CLASSES, {"metadata": {"name": "traefik"}, "spec": {"controllerName": CONTROLLER}})
    listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
    gateway: Object = {"metadata": {"name": "door", "namespace": "shop"}}
    gateway["spec"] = {"gatewayClassName": "traefik", "listeners": listeners}
    gateway["status"] = {"addresses": [{"type": "IPAddress", "value": "172.18.0.2"}]}
    web.put(GATEWAYS, gateway)
    route: Object = {"metadata": {"name": "shop", "namespace": "shop"}}
    to = [{"name": "backend", "port": 80}]
    route["spec"] = {"parentRefs": [{"name": "door"}], "hostnames": ["route.example"], "rules": [{"backendRefs": to}]}
    web.put(ROUTES, route)
    found = go(web, "http://route.example/")
    assert found.delivered
    assert "HTTPRoute shop/shop" in [hop.title for hop in found.hops]


def test_external_name_is_only_a_name(shop: Store) -> None:
    spec = {"type": "ExternalName", "externalName": "db.example.com"}
    shop.put("services", {"metadata": {"name": "database", "namespace": "shop"}, "spec": spec})
    source = Ref("pods", "shop", "frontend")
    found = walk(shop, source, "tcp://database:5432", options=OPTIONS)
    assert found.reason is not None
    assert found.reason.field == "spec.externalName"
    assert "db.example.com." in found.reason.detail
    known = {"db.example.com": "203.0.113.9"}
    found = walk(shop, source, "tcp://database:5432", options=OPTIONS, known=known)
    assert found.delivered
    assert found.hops[-1].kind is HopKind.OUTSIDE
