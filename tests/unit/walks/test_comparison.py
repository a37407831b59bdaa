"""Two matrices tell what changed, and an intent is answered with a flow that should not get through."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from podwalk.errors import PodwalkError
from podwalk.store import Store
from podwalk.walks.changes import render, render_assessment

from .conftest import POLICIES, pod, policy
from .test_reachability import ask
from .test_walk import ONLY_WEB

ANYBODY = {"podSelector": {"matchLabels": {"app": "backend"}}, "policyTypes": ["Ingress"], "ingress": [{}]}


def signs(html: str) -> set[str]:
    svg = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    return {element.text or "" for element in svg.iter("{http://www.w3.org/2000/svg}tspan")}


def test_policy_closes_some_flows_and_the_next_opens_one(shop: Store) -> None:
    shop.put("pods", pod("web", "10.244.1.50", "one"))
    open_ = ask(shop)
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    narrow = ask(shop)
    change = open_.compare(narrow)
    assert [str(cell) for cell in change.closed] == ["shop/frontend → shop/backend TCP 8080"]
    assert not change.opened
    assert "−" in signs(render(change))
    shop.put(POLICIES, policy("anybody", ANYBODY))
    back = narrow.compare(ask(shop))
    assert str(back) == "+ shop/frontend → shop/backend TCP 8080"
    assert "+" in signs(render(back))
    assert not open_.compare(ask(shop))


def test_matrix_from_before_still_says_what_was(shop: Store) -> None:
    before = ask(shop)
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    assert before.allowed("frontend", "backend")


def test_policy_that_is_too_open_is_answered_with_a_flow_and_the_rule_that_lets_it_pass(shop: Store) -> None:
    shop.put("pods", pod("web", "10.244.1.50", "one"))
    shop.put(POLICIES, policy("anybody", ANYBODY))
    found = ask(shop).expect({"web": "backend:8080"})
    assert [str(cell) for cell in found.too_open] == ["shop/frontend → shop/backend TCP 8080"]
    assert found.counterexample is not None
    assert found.counterexample.delivered
    assert "shop/anybody allows it by spec.ingress[0]" in str(found)
    assert "!" in signs(render_assessment(found))
    assert "A counter-example" in render_assessment(found)
    assert json.loads(json.dumps(found.data()))["ok"] is False


def test_policy_that_is_too_closed_says_which_clause_fails(shop: Store) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    found = ask(shop).expect({"*": ["backend"]})
    assert [str(cell) for cell in found.too_closed] == ["shop/frontend → shop/backend TCP 8080"]
    assert "wants app=web" in str(found)
    assert found.counterexample is None


def test_matrix_that_is_as_meant_is_ok(shop: Store) -> None:
    shop.put("pods", pod("web", "10.244.1.50", "one"))
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    meant = ask(shop)
    assert meant.expect({"web": "backend"}).ok
    assert meant.expect(meant).ok


def test_intent_that_names_nobody_is_explained(shop: Store) -> None:
    with pytest.raises(PodwalkError, match="its rows are backend, frontend; its columns are backend:8080"):
        ask(shop).expect({"frontnd": "backend"})
