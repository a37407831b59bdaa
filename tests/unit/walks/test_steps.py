"""A walk can be gone through hop by hop, by widget and without, with what each component knew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podwalk.store import Store
from podwalk.types import ClusterOptions, HopKind
from podwalk.walks import Walk, reachability
from podwalk.walks.knowledge import knowledge
from podwalk.walks.stepper import Explorer, Stepper
from podwalk.walks.steps import VIEW

from .conftest import POLICIES, policy
from .test_walk import ONLY_WEB

Go = Callable[..., Walk]


def test_packet_has_the_services_address_before_kube_proxy_and_the_pods_after(go: Go) -> None:
    walk = go("http://backend")
    packets = {hop.kind: known.packet for hop, known in zip(walk.hops, knowledge(walk), strict=True)}
    assert packets[HopKind.NAME] == ""
    assert packets[HopKind.SERVICE] == "10.244.1.5 → 10.96.12.3:80"
    assert packets[HopKind.INGRESS] == "10.244.1.5 → 10.244.2.7:8080"


def test_policies_hop_knows_every_clause_that_failed(shop: Store, go: Go) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    facts = knowledge(go("http://backend"))[-1].facts
    assert ("Field", "spec.ingress[0].from[0].podSelector.matchLabels") in facts
    assert any(label == "shop/only-web" and text.startswith("does not allow it") for label, text in facts)
    assert any(text.startswith("podSelector at spec.ingress[0].from[0]") for _, text in facts)


def test_list_without_widgets_has_every_stop_and_opens_the_one_that_failed(shop: Store, go: Go) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    walk = go("http://backend")
    html, text = walk.steps()._repr_html_(), str(walk.steps())
    assert html.count("<details") == len(walk.hops)
    assert html.count(" open>") == 1
    assert VIEW not in walk.steps()._repr_mimebundle_()
    for hop in walk.hops:
        assert hop.detail in text
        assert hop.title in html


def test_buttons_and_list_go_through_the_stops(go: Go) -> None:
    walk = go("http://backend")
    stepper = Stepper(walk)
    assert stepper.back.disabled
    assert not stepper.forth.disabled
    stepper.forth.click()
    assert stepper.place == stepper.stops.value == 1
    assert "Stop 2 of" in stepper.shown.value
    stepper.stops.value = len(walk.hops) - 1
    assert stepper.place == len(walk.hops) - 1
    assert stepper.forth.disabled
    assert "It gets through." in stepper.shown.value
    stepper.back.click()
    assert stepper.place == len(walk.hops) - 2


def test_every_control_has_a_name_for_those_who_cannot_see_it(go: Go) -> None:
    stepper = Stepper(go("http://backend"))
    assert stepper.stops.description == "Stops"
    assert all(one.tooltip for one in (stepper.stops, stepper.back, stepper.forth))
    assert 'aria-live="polite"' in stepper.shown.value


def test_cell_of_the_matrix_opens_its_walk(shop: Store) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    matrix = reachability(shop, ["shop"], options=ClusterOptions())
    explorer = Explorer(matrix)
    cell = matrix.cell("frontend", "backend")
    assert explorer.buttons[cell].description == "I"
    assert "denied by the ingress policies" in explorer.buttons[cell].tooltip
    explorer.buttons[cell].click()
    assert "STOPPED HERE" in explorer.shown.value


@pytest.mark.parametrize("mode", ["headless", ""])
def test_page_that_is_built_gets_no_widget(go: Go, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": object()})())
    monkeypatch.setenv("PODWALK_LAB", mode)
    bundle = go("http://backend").steps()._repr_mimebundle_()
    assert (VIEW in bundle) == (mode != "headless")
    assert "<details" in bundle["text/html"]
