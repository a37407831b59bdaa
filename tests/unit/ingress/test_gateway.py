"""Gateway API in a cluster, with the definitions that its project publishes: routes and statuses as a real Traefik has.

The definitions are read from where a real cluster's add-ons are; without them these tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

import podwalk
from podwalk.facade import Cluster
from podwalk.types import Object

FILE = Path(
    os.environ.get("PODWALK_GATEWAY_API", Path(__file__).parents[4] / "shared" / "rig" / "addons" / "gateway-api.yaml")
)
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"Gateway API's definitions are not there: {FILE}")

NODE = "172.18.0.2"
WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: far, labels: {team: far}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: traefik/whoami, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: traefik}
spec: {controllerName: traefik.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: traefik
  listeners:
  - {name: web, port: 80, protocol: HTTP}
  - {name: wild, port: 80, protocol: HTTP, hostname: "*.wild.example", allowedRoutes: {namespaces: {from: All}}}
"""
ROUTE: Object = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    made = podwalk.cluster("in-process", quiet=True)
    definitions = [
        one for one in yaml.safe_load_all(FILE.read_text()) if one and one["kind"] == "CustomResourceDefinition"
    ]
    made.apply(definitions)
    made.wait("crd/httproutes.gateway.networking.k8s.io", "condition=Established")
    made.apply(WORLD)
    made.addon("ingress", controller="traefik")
    made.wait("deployment/web", "condition=Available")
    made.wait("pod/client", "condition=Ready")
    return made


def route(
    cluster: Cluster, rules: list[Object], *, host: str = "g.example", parent: Object | None = None, **where: str
) -> Object:
    spec = {"parentRefs": [parent or {"name": "gw"}], "hostnames": [host], "rules": rules}
    cluster.apply({**ROUTE, "metadata": {"name": "r", "namespace": "default", **where}, "spec": spec})
    return cluster.get("httproute/r", namespace=where.get("namespace", "default")).object


def backend(name: str = "web", **more: Any) -> Object:
    return {"backendRefs": [{"name": name, "port": 80, **more}]}


def prefix(value: str) -> Object:
    return {"matches": [{"path": {"type": "PathPrefix", "value": value}}]}


def ask(cluster: Cluster, path: str, options: str = "", host: str = "g.example") -> str:
    return str(cluster.exec("client", f"curl -si -m 5 {options} -H 'Host: {host}' 'http://{NODE}{path}'").stdout)


def conditions(entry: Object) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in entry["conditions"]}


def test_class_and_gateway_are_accepted_and_programmed(cluster: Cluster) -> None:
    accepted = cluster.get("gatewayclass/traefik").object["status"]["conditions"][0]
    assert (accepted["status"], accepted["reason"]) == ("True", "Handled")
    status = cluster.get("gateway/gw").object["status"]
    assert conditions(status) == {"Accepted": ("True", "Accepted"), "Programmed": ("True", "Programmed")}
    assert status["addresses"] == [{"type": "Hostname", "value": "localhost"}]
    for listener in status["listeners"]:
        assert set(conditions(listener)) == {"Accepted", "ResolvedRefs", "Programmed"}


def test_a_route_rewrites_changes_headers_and_reports(cluster: Cluster) -> None:
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1"}, "hostname": "in.example"}
    changes = {"set": [{"name": "X-A", "value": "1"}], "remove": ["User-Agent"]}
    filters = [
        {"type": "URLRewrite", "urlRewrite": rewrite},
        {"type": "RequestHeaderModifier", "requestHeaderModifier": changes},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "X-C", "value": "3"}]}},
    ]
    made = route(cluster, [{**prefix("/api"), "filters": filters, **backend()}])
    assert conditions(made["status"]["parents"][0]) == {
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
    }
    answer = ask(cluster, "/api/x?y=1")
    assert "GET /v1/x?y=1 HTTP/1.1" in answer
    assert "Host: in.example" in answer
    assert "X-A: 1" in answer
    assert "X-C: 3" in answer
    assert "User-Agent" not in answer
    assert "404 page not found" in ask(cluster, "/apix")
    assert cluster.get("gateway/gw").object["status"]["listeners"][0]["attachedRoutes"] == 1


def test_redirects_keep_what_they_do_not_change(cluster: Cluster) -> None:
    wanted = {
        "scheme": "https",
        "statusCode": 301,
        "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"},
    }
    route(cluster, [{**prefix("/old"), "filters": [{"type": "RequestRedirect", "requestRedirect": wanted}]}])
    assert "Location: https://g.example/new/a?b=c" in ask(cluster, "/old/a?b=c")


def test_matches_weigh_path_then_method_then_headers_then_query(cluster: Cluster) -> None:
    by_header = {"matches": [{"headers": [{"name": "X-Env", "value": "canary"}]}], **backend("empty")}
    by_query = {"matches": [{"queryParams": [{"name": "v", "value": "2"}]}], **backend("missing")}
    route(cluster, [backend(), by_header, by_query])
    assert "200 OK" in ask(cluster, "/")
    assert "503 Service Unavailable" in ask(cluster, "/", "-H 'X-Env: canary'")
    assert "500 Internal" in ask(cluster, "/?v=2")
    assert "503 Service Unavailable" in ask(cluster, "/?v=2", "-H 'X-Env: canary'")


def test_weights_share_requests_out(cluster: Cluster) -> None:
    route(
        cluster,
        [{"backendRefs": [{"name": "web", "port": 80, "weight": 3}, {"name": "empty", "port": 80, "weight": 1}]}],
    )
    good = sum("200 OK" in ask(cluster, "/") for _ in range(40))
    assert 20 <= good <= 38


@pytest.mark.parametrize(
    ("refs", "reason", "message", "status"),
    [
        (backend("missing"), "BackendNotFound", 'getting service: service "missing" not found', "500"),
        (
            backend(port=81),
            "BackendNotFound",
            "Cannot load HTTPBackendRef default/web: service port 81 not found",
            "500",
        ),
        (backend("kubernetes", namespace="far"), "RefNotPermitted", "missing ReferenceGrant", "500"),
        (backend("empty"), "ResolvedRefs", "", "503"),
        (backend(weight=0), "ResolvedRefs", "", "503"),
    ],
)
def test_a_backend_that_cannot_be_used_is_reported_and_answered(
    cluster: Cluster, refs: Object, reason: str, message: str, status: str
) -> None:
    made = route(cluster, [refs])
    resolved = next(one for one in made["status"]["parents"][0]["conditions"] if one["type"] == "ResolvedRefs")
    assert resolved["reason"] == reason
    assert message in resolved["message"]
    assert ask(cluster, "/").startswith(f"HTTP/1.1 {status}")


def test_a_route_that_no_listener_takes_says_why(cluster: Cluster) -> None:
    made = route(cluster, [backend()], host="x.other", parent={"name": "gw", "sectionName": "wild"})
    assert conditions(made["status"]["parents"][0])["Accepted"] == ("False", "NoMatchingListenerHostname")
    made = route(cluster, [backend()], parent={"name": "gw", "sectionName": "nope"})
    assert conditions(made["status"]["parents"][0])["Accepted"] == ("False", "NoMatchingParent")
    parent = {"name": "gw", "namespace": "default", "sectionName": "web"}
    made = route(cluster, [backend()], parent=parent, namespace="far")
    assert conditions(made["status"]["parents"][0])["Accepted"] == ("False", "NotAllowedByListeners")


def test_a_reference_grant_permits_a_backend_elsewhere_and_wildcards_are_deep(cluster: Cluster) -> None:
    parent = {"name": "gw", "namespace": "default"}
    place: dict[str, Any] = {"host": "a.b.wild.example", "parent": parent, "namespace": "far"}
    route(cluster, [backend(namespace="default")], **place)
    assert "500 Internal" in ask(cluster, "/", host="a.b.wild.example")
    allowed = {"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "far"}]}
    to = {"to": [{"group": "", "kind": "Service", "name": "web"}]}
    metadata = {"name": "g", "namespace": "default"}
    kind = {"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant"}
    cluster.apply({**kind, "metadata": metadata, "spec": {**allowed, **to}})
    assert "200 OK" in ask(cluster, "/", host="a.b.wild.example")
    status = cluster.get("httproute/r", namespace="far").object["status"]["parents"][0]
    assert conditions(status)["ResolvedRefs"] == ("True", "ResolvedRefs")


def test_a_gateway_with_a_port_that_nobody_listens_on_is_not_accepted(cluster: Cluster) -> None:
    listeners = [{"name": "odd", "port": 8081, "protocol": "HTTP"}]
    spec = {"gatewayClassName": "traefik", "listeners": listeners}
    cluster.apply({"apiVersion": ROUTE["apiVersion"], "kind": "Gateway", "metadata": {"name": "odd"}, "spec": spec})
    status = cluster.get("gateway/odd").object["status"]
    assert conditions(status) == {"Accepted": ("False", "ListenersNotValid")}
    assert conditions(status["listeners"][0]) == {"Accepted": ("False", "PortUnavailable")}
