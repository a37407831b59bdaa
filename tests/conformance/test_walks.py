"""What a walk predicts from the objects is what a connection comes to."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import replace

import pytest

from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError
from podwalk.facade.observation import observe

from .test_ingress import ask, host, ingress, path, route, site
from .test_policies import DENY

__all__ = ["site"]

DEAF = """
apiVersion: v1
kind: Pod
metadata: {name: deaf, labels: {app: deaf}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: shell, image: "busybox:1.36", command: [sleep, infinity]}
"""
NOBODY = """
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
"""
NODE_PORT = """
apiVersion: v1
kind: Service
metadata: {name: door}
spec: {type: NodePort, selector: {app: backend}, ports: [{port: 80, targetPort: http}]}
"""


def test_probe_agrees_and_tells_the_answer(shop: Cluster) -> None:
    walk = shop.walk("client", "http://backend", probe=True)
    assert walk.observation is not None
    assert (walk.observation.agrees, walk.observation.answer) == (True, "HTTP 200 OK")
    assert "A probe agrees: open, and the answer is HTTP 200 OK." in walk._repr_html_()


@pytest.mark.parametrize("target", ["http://nobody", "http://nosuch", "http://backend:8081"])
def test_failures_end_as_predicted(shop: Cluster, target: str) -> None:
    shop.apply(NOBODY)
    shop.exec("client", "nc -w 2 nobody 80 </dev/null 2>&1 | grep refused", until="succeeds")
    walk = shop.walk("client", target, probe=True)
    assert not walk.delivered
    assert walk.observation is not None
    assert walk.observation.agrees, str(walk)


def test_denied_flow_is_silent_and_its_remedy_lets_it_pass(shop: Cluster) -> None:
    shop.apply(DENY)
    ip = shop.get("pods", selector="app=backend")[0]["status"]["podIP"]
    denied = shop.walk("client", f"http://{ip}:8080", probe=True)
    assert not denied.delivered
    assert denied.observation is not None
    assert denied.observation.agrees, str(denied)
    shop.apply(list(denied.remedies))
    allowed = shop.walk("client", f"http://{ip}:8080", probe=True)
    assert allowed.delivered
    assert allowed.observation is not None
    assert allowed.observation.agrees, str(allowed)
    assert allowed.observation.answer == "HTTP 200 OK"


def test_port_at_which_nothing_listens_is_where_model_and_cluster_differ(shop: Cluster) -> None:
    shop.apply(DEAF)
    shop.wait("pod/deaf", "condition=Ready")
    ip = shop.get("pods", "deaf").object["status"]["podIP"]
    walk = shop.walk("client", f"http://{ip}:8080", probe=True)
    assert walk.delivered
    assert walk.observation is not None
    assert not walk.observation.agrees
    assert walk.observation.seen == "refused"
    assert "No process listens there" in str(walk)
    assert "≠" in walk._repr_html_()


def test_matrix_says_what_probes_find(shop: Cluster) -> None:
    shop.apply(DENY.replace("[Ingress, Egress]", "[Ingress]"))
    matrix = shop.matrix()
    ip = shop.get("pods", selector="app=backend")[0]["status"]["podIP"]
    assert matrix.cell("client", "backend").mark == "I"
    found = shop.probe("client", f"{ip}:8080", expect=False)
    assert found.blocked
    assert not matrix.allowed("client", "backend")


def test_node_port_from_outside(shop: Cluster) -> None:
    shop.apply(NODE_PORT)
    node = shop.get("nodes")[0]["metadata"]["name"]
    port = shop.get("svc", "door").object["spec"]["ports"][0]["nodePort"]
    walk = shop.walk("outside", f"http://{node}:{port}")
    assert walk.delivered
    assert walk.hops[-1].detail.startswith("Port 8080 is this container's")
    if shop.backend in ("embedded", "in-process"):
        with pytest.raises(LearnerError, match="cannot be tried"):
            shop.walk("outside", f"http://{node}:{port}", probe=True)
        return
    ip = next(a["address"] for a in shop.get("nodes", node).object["status"]["addresses"] if a["type"] == "InternalIP")
    shop.exec("client", f"wget -qO- -T 1 http://{ip}:{port}", until="succeeds")
    seen = shop.walk("outside", f"http://{node}:{port}", probe=True).observation
    assert seen is not None
    assert seen.agrees


def test_map_shows_the_endpoints_that_are_there(shop: Cluster) -> None:
    (site,) = [site for site in shop.map().services if site.name == "backend"]
    (behind,) = site.workloads
    assert behind.name == "backend"
    assert sorted(spot.address for spot in behind.spots) == sorted(
        f"{pod['status']['podIP']}:8080" for pod in shop.get("pods", selector="app=backend")
    )


def test_walk_reads_the_objects_of_its_way_and_no_others(shop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from podwalk.facade import wire

    shop.walk("client", "http://backend")
    asked: list[tuple[str, str]] = []
    call = wire.call

    def listen(api, method, path, **rest):  # type: ignore[no-untyped-def]  # it stands in for the real one
        asked.append((path, str(rest.get("query") or "")))
        return call(api, method, path, **rest)

    monkeypatch.setattr(wire, "call", listen)
    shop.walk("client", "http://backend")
    whole = [path for path, query in asked if path == "/api/v1/pods" and "fieldSelector" not in query]
    assert not whole
    assert not [path for path, _ in asked if path.endswith("/v1/endpointslices") and "/namespaces/" not in path]


def test_walk_through_an_ingress_meets_the_rule_that_answers(site: Cluster) -> None:
    ingress(site, path("web"), path("api", "/api"))
    assert "Name: api" in ask(site, "/api/users", expect="^Name")
    walk = site.walk("client", "http://ingress.default/api/users", host=host(site), probe=True)
    assert walk.delivered
    rule = next(hop for hop in walk.hops if hop.field.startswith("spec.rules"))
    assert rule.title == f"Ingress {site.namespace}/site"
    assert walk.hops[-2].title == f"Pod {site.namespace}/api"
    assert walk.observation is not None
    assert (walk.observation.agrees, walk.observation.answer) == (True, "HTTP 200 OK")


def test_host_without_a_rule_is_answered_by_the_controller(site: Cluster) -> None:
    ingress(site, path("web", "/only"))
    ask(site, "/only", expect="200 OK")
    walk = site.walk("client", "http://ingress.default/", host="nobody.invalid", probe=True)
    assert (walk.delivered, walk.status) == (False, 404)
    assert walk.observation is not None
    assert walk.observation.answer == "HTTP 404 Not Found"


def test_answer_that_is_not_the_one_foretold_is_pointed_out(site: Cluster) -> None:
    site.apply(DEAF)
    site.apply(NOBODY.replace("nobody", "deaf"))
    site.wait("pod/deaf", "condition=Ready")
    ingress(site, path("web"), path("deaf", "/deaf"))
    assert "502 Bad Gateway" in ask(site, "/deaf", expect="502")
    deaf = site.walk("client", "http://ingress.default/deaf", host=host(site), probe=True)
    assert deaf.delivered
    assert deaf.observation is not None
    assert (deaf.observation.agrees, deaf.observation.answer) == (False, "HTTP 502 Bad Gateway")
    assert "does a process listen there" in str(deaf)
    page = site.walk("client", "http://ingress.default/", host=host(site))
    found = observe(site, replace(page, status=404), "http://ingress.default/")
    assert not found.agrees
    assert "predicted open, and the controller's own answer HTTP 404 Not Found, seen open" in str(found)


def test_policy_at_the_backend_sees_the_controller(site: Cluster) -> None:
    ingress(site, path("web"))
    ask(site, "/", expect="^Name: web")
    site.apply(DENY.replace("[Ingress, Egress]", "[Ingress]"))
    denied = site.walk("client", "http://ingress.default/", host=host(site))
    assert not denied.delivered
    assert denied.reason is not None
    assert denied.reason.objects[0].name == "default-deny"
    site.apply(list(denied.remedies))
    assert "Name: web" in ask(site, "/", expect="^Name: web")
    assert site.walk("client", "http://ingress.default/", host=host(site)).delivered


@pytest.fixture
def gate(site: Cluster) -> Cluster:
    """The site behind a Gateway: one path rewritten to ``api``, one that redirects, one whose Service is not there."""
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1"}}
    elsewhere = {"hostname": "elsewhere.example", "statusCode": 301}
    route(
        site,
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/api"}}],
            "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
            "backendRefs": [{"name": "api", "port": 80}],
        },
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/old"}}],
            "filters": [{"type": "RequestRedirect", "requestRedirect": elsewhere}],
        },
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/lost"}}],
            "backendRefs": [{"name": "nosuch", "port": 80}],
        },
        {"backendRefs": [{"name": "web", "port": 80}]},
    )
    ask(site, "/", door="gateway", expect="^Name: web")
    return site


@pytest.mark.parametrize(("asked", "rule", "pod"), [("/api/users", 0, "api"), ("/shop", 3, "web")])
def test_walk_through_a_gateway_meets_the_rule_of_the_route(gate: Cluster, asked: str, rule: int, pod: str) -> None:
    walk = gate.walk("client", f"http://gateway.default{asked}", host=host(gate), probe=True)
    assert walk.delivered
    met = next(hop for hop in walk.hops if hop.objects and hop.objects[0].resource.startswith("httproutes"))
    assert met.title == f"HTTPRoute {gate.namespace}/r"
    assert met.field.startswith(f"spec.rules[{rule}]")
    assert walk.hops[-2].title == f"Pod {gate.namespace}/{pod}"
    assert walk.observation is not None
    assert (walk.observation.agrees, walk.observation.answer) == (True, "HTTP 200 OK")


@pytest.mark.parametrize(("asked", "status"), [("/old", 301), ("/lost", 500)])
def test_gateway_answers_itself_as_the_walk_says(gate: Cluster, asked: str, status: int) -> None:
    walk = gate.walk("client", f"http://gateway.default{asked}", host=host(gate), probe=True)
    assert walk.status == status
    assert walk.observation is not None
    assert walk.observation.answer.startswith(f"HTTP {status} ")
    assert walk.observation.agrees
    assert gate.walk("client", f"http://gateway.default{asked}", host="nobody.invalid", probe=True).status == 404


def test_remedy_opens_a_backend_to_the_gateway(gate: Cluster) -> None:
    gate.apply(DENY.replace("[Ingress, Egress]", "[Ingress]"))
    denied = gate.walk("client", "http://gateway.default/api", host=host(gate))
    assert (denied.delivered, denied.status) == (False, 504)
    gate.apply(list(denied.remedies))
    assert "Name: api" in ask(gate, "/api", door="gateway", expect="^Name: api")
    assert gate.walk("client", "http://gateway.default/api", host=host(gate)).delivered


def test_walk_from_outside_enters_by_the_gateways_controller(gate: Cluster) -> None:
    walk = gate.walk("outside", f"http://{host(gate)}/api/users")
    assert "has a route for this host" in walk.hops[0].detail
    if not walk.hops[0].ok:
        # The simulated controller has a NodePort, and no port 80 of a node; the walk says which.
        port = re.findall(r"http://[^:]+:(\d+)", walk.hops[0].detail)[0]
        walk = gate.walk("outside", f"http://{host(gate)}:{port}/api/users")
    assert walk.delivered, str(walk)
    assert walk.hops[-2].title == f"Pod {gate.namespace}/api"


def test_url_of_a_gateway_is_its_own_controllers(gate: Cluster) -> None:
    if gate.backend == "in-process":
        pytest.skip("nothing of it is on this machine")
    url = gate.url("httproute/r")
    request = urllib.request.Request(f"http://{url.address}/api/users", headers={"Host": host(gate)})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        assert "Name: api" in answer.read().decode()
