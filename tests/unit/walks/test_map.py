"""A map shows what leads where in a namespace, and what does not fit together."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from podwalk.errors import PodwalkError
from podwalk.store import Store
from podwalk.walks import survey
from podwalk.walks.atlas import draw

from .conftest import POLICIES, endpoint_slice, pod, policy, service
from .test_ingress import INGRESS_CLASSES, INGRESSES, ingress

BACKEND = {"podSelector": {"matchLabels": {"app": "backend"}}, "policyTypes": ["Ingress"]}
SLICES = "endpointslices.discovery.k8s.io"


@pytest.fixture
def drawn(shop: Store) -> Store:
    made = endpoint_slice("backend", "shop", ["10.244.2.7"], 8080)
    made["endpoints"][0] |= {"targetRef": {"kind": "Pod", "namespace": "shop", "name": "backend"}, "nodeName": "two"}
    shop.put(SLICES, made)
    shop.put(INGRESS_CLASSES, {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}})
    shop.put(INGRESSES, ingress("web", "shop.example", "/cart"))
    return shop


def test_endpoints_hang_below_their_service_with_the_ways_to_it(drawn: Store) -> None:
    found = survey(drawn, "shop")
    (site,) = found.services
    assert site.ports == ("10.96.12.3:80 → 8080",)
    assert [(way.text, way.by, way.problem) for way in site.ways] == [("http://shop.example/cart", "Ingress web", "")]
    assert [(one.name, one.spots[0].address, one.spots[0].node) for one in site.workloads] == [
        ("backend", "10.244.2.7:8080", "two")
    ]
    assert [one.name for one in found.others] == ["frontend"]


def test_policies_stand_around_the_pods_they_isolate_and_others_are_named(drawn: Store) -> None:
    drawn.put(POLICIES, policy("closed", BACKEND))
    drawn.put(POLICIES, policy("typo", {**BACKEND, "podSelector": {"matchLabels": {"app": "backedn"}}}))
    found = survey(drawn, "shop")
    assert found.services[0].workloads[0].ingress == ("closed",)
    assert found.services[0].workloads[0].egress == ()
    assert found.idle == ("typo",)


def test_service_that_selects_nothing_says_which_label_nobody_carries(drawn: Store) -> None:
    drawn.put("services", service("cart", "shop", "10.96.12.4", 80, 8080))
    assert {site.name: site.problem for site in survey(drawn, "shop").services}["cart"] == "no Pod carries app=cart"
    drawn.put("pods", pod("cart", "10.244.1.40", "one"))
    assert "none is an endpoint yet" in {site.name: site.problem for site in survey(drawn, "shop").services}["cart"]


def test_way_to_a_service_that_is_not_there_leads_nowhere(drawn: Store) -> None:
    lost = ingress("old", "old.example")
    lost["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "bakend"
    drawn.put(INGRESSES, lost)
    (way,) = survey(drawn, "shop").astray
    assert way.problem == "there is no Service shop/bakend"


def test_way_of_a_class_without_controller_says_so(drawn: Store) -> None:
    drawn.remove(INGRESS_CLASSES, "", "nginx")
    assert survey(drawn, "shop").services[0].ways[0].problem == "no controller serves class nginx"


def test_picture_and_text_hold_everything_and_differ_by_shape(drawn: Store) -> None:
    drawn.put(POLICIES, policy("closed", BACKEND))
    found = survey(drawn, "shop")
    svg = ET.fromstring(draw(found))
    written = " ".join(element.text or "" for element in svg.iter("{http://www.w3.org/2000/svg}tspan"))
    for words in ("http://shop.example/cart", "backend", "10.244.2.7:8080", "INGRESS isolated by closed", "frontend"):
        assert words in written
        assert words in str(found)
    dashed = [one for one in svg.iter("{http://www.w3.org/2000/svg}rect") if one.get("stroke-dasharray")]
    assert len(dashed) == 1
    assert json.loads(json.dumps(found.data()))["namespace"] == "shop"


def test_empty_namespace_is_explained(shop: Store) -> None:
    with pytest.raises(PodwalkError, match="nothing in namespace nowhere"):
        survey(shop, "nowhere")
