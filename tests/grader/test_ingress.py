"""The assignment `ingress`: exact marks of right answers, other right answers, none, and plausible mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, one_quick, released

FULL = {"hosts": 5.0, "tls": 3.0, "rewrite": 3.0, "staff": 3.0, "canary": 3.0, "gateway": 4.0}


@pytest.fixture(scope="module")
def ingress(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "ingress")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(ingress: Assignment) -> None:
    outcome = ingress.mark(ingress.solutions)
    assert outcome.points == FULL, outcome.reasons


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing_and_is_told_what_is_missing(ingress: Assignment) -> None:
    outcome = ingress.mark({})
    assert outcome.total == 0
    assert "answered with 404" in outcome.reasons["hosts"][0]
    assert "there is no HTTPRoute" in outcome.reasons["gateway"][0]


def apply(text: str) -> str:
    return f'cluster.apply("""{text}""")'


def rule(host: str, service: str, path: str = "/", kind: str = "Prefix") -> str:
    backend = f"{{service: {{name: {service}, port: {{number: 80}}}}}}"
    return f"  - {{host: {host}, http: {{paths: [{{path: '{path}', pathType: {kind}, backend: {backend}}}]}}}}\n"


def an_ingress(name: str, rules: str, notes: str = "", more: str = "") -> str:
    notes = "".join(f"\n    nginx.ingress.kubernetes.io/{note}" for note in notes.split(";") if note)
    return f"""
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: shop
  annotations:
    example.org/why: another way{notes}
spec:
  ingressClassName: nginx
{more}  rules:
{rules}"""


def a_route(name: str, host: str, rules: str, section: str = "web") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  parentRefs: [{{name: shop, sectionName: {section}}}]
  hostnames: [{host}]
  rules:
{rules}"""


BY_ANNOTATIONS = {
    "rewrite-answer": apply(
        an_ingress(
            "old",
            rule("old.example", "api", "/shop-api(/|$)(.*)", "ImplementationSpecific"),
            "use-regex: 'true';rewrite-target: /$2;x-forwarded-prefix: /shop-api",
        )
    ),
    "canary-answer": apply(
        an_ingress("beta", rule("beta.example", "web"))
        + an_ingress("beta-next", rule("beta.example", "web-next"), "canary: 'true';canary-weight: '25'")
    ),
}
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  gatewayClassName: traefik
  listeners:
  - {name: web, port: 80, protocol: HTTP}
  - {name: secure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop-tls}]}}
"""
TO_API = "  - {matches: [{path: {value: /api}}], backendRefs: [{name: api, port: 80}]}\n"
TO_WEB = "  - {backendRefs: [{name: web, port: 80}]}\n"
TO_HTTPS = "  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, port: 443, statusCode: 301}}]\n"
BY_ROUTES = {
    "hosts-answer": apply(
        GATEWAY
        + a_route("shop", "shop.example", TO_API + TO_WEB)
        + a_route("api", "api.shop.example", TO_WEB.replace("web", "api"))
    ),
    "tls-answer": apply(
        a_route("shop", "shop.example", TO_HTTPS) + a_route("secure", "shop.example", TO_API + TO_WEB, "secure")
    ),
}


@pytest.mark.slow
def test_annotations_of_the_ingress_controller_earn_all_points(ingress: Assignment) -> None:
    # The last task needs the Gateway that the reference answer makes in the third.
    gateway = {"gateway-answer": apply(GATEWAY) + "\n" + ingress.solutions["gateway-answer"]}
    outcome = ingress.mark(ingress.solutions | BY_ANNOTATIONS | gateway)
    assert outcome.points == FULL, outcome.reasons


@pytest.mark.slow
def test_routes_alone_earn_all_points(ingress: Assignment) -> None:
    rewrite = ingress.solutions["rewrite-answer"].partition("---")[2]
    outcome = ingress.mark(ingress.solutions | BY_ROUTES | {"rewrite-answer": f'cluster.apply("""{rewrite}'})
    assert outcome.points == FULL, outcome.reasons


@pytest.mark.slow
def test_one_more_ingress_for_the_same_host_is_right_as_well(ingress: Assignment) -> None:
    first, second = rule("shop.example", "web") + rule("api.shop.example", "api"), rule("shop.example", "api", "/api")
    tls = "  tls: [{hosts: [shop.example], secretName: shop-tls}]\n"
    answers = {
        "hosts-answer": apply(an_ingress("a", first) + an_ingress("b", second)),
        "tls-answer": apply(an_ingress("a", first, more=tls)),
    }
    outcome = ingress.mark(ingress.solutions | answers)
    assert outcome.points == FULL, outcome.reasons


PATHS = ("hosts-answer", "tls-answer")
MISTAKES = {
    "Exact instead of Prefix": (
        PATHS,
        "/api\n        pathType: Prefix",
        "/api\n        pathType: Exact",
        {"hosts": 3.0},
    ),
    "a prefix of letters": (
        PATHS,
        "/api\n        pathType: Prefix",
        "/api\n        pathType: ImplementationSpecific",
        {"hosts": 4.0},
    ),
    "the second host is forgotten": (PATHS, "- host: api.shop.example", "- host: api.example", {"hosts": 4.0}),
    "every host": (PATHS, "  - host: api.shop.example\n    http", "  - http", {"hosts": 4.0}),
    "the wrong class": (PATHS, "ingressClassName: nginx", "ingressClassName: ngnix", {"hosts": 0.0, "tls": 0.0}),
    "a Secret that is not there": (("tls-answer",), "secretName: shop-tls", "secretName: shop", {"tls": 1.0}),
    "no TLS": (("tls-answer",), "  tls:\n  - hosts: [shop.example]\n    secretName: shop-tls\n", "", {"tls": 0.0}),
    "the prefix is replaced by another": (
        ("rewrite-answer",),
        "replacePrefixMatch: /\n",
        "replacePrefixMatch: /v1\n",
        {"rewrite": 2.5},
    ),
    "another header": (("rewrite-answer",), "name: X-Forwarded-Prefix", "name: X-Prefix", {"rewrite": 2.5}),
    "no password": (("staff-answer",), "auth-type: basic", "auth-realm: basic", {"staff": 1.0}),
    "the users of another Secret": (("staff-answer",), "auth-secret: staff", "auth-secret: stuff", {"staff": 0.0}),
    "half and half": (("canary-answer",), "weight: 3", "weight: 1", {"canary": 1.5}),
    "no canary": (("canary-answer",), "weight: 1", "weight: 0", {"canary": 0.0}),
    "the Ingress is left": (
        ("gateway-answer",),
        'cluster.delete("ingress/partners", namespace="shop")',
        "",
        {"gateway": 3.0},
    ),
    "a Gateway that is not there": (("gateway-answer",), "- name: shop\n", "- name: store\n", {"gateway": 0.25}),
    "a backend that is not there": (("gateway-answer",), "name: api\n", "name: apis\n", {"gateway": 0.5}),
}


@pytest.mark.parametrize("mistake", one_quick(MISTAKES))
def test_a_plausible_mistake_costs_its_own_points_only(ingress: Assignment, mistake: str) -> None:
    cells, right, wrong, expected = MISTAKES[mistake]
    answers = dict(ingress.solutions)
    for cell in cells:
        assert right in answers[cell], "the mistake must change something"
        answers[cell] = answers[cell].replace(right, wrong)
    outcome = ingress.mark(answers)
    assert outcome.points == {**FULL, **expected}, outcome.reasons
