"""The picture holds the whole walk as text, fits its width, and tells a failure without colour."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from podwalk.store import Store
from podwalk.walks import Walk
from podwalk.walks.picture import WIDTH, draw, render, wrap

from .conftest import POLICIES, policy
from .test_walk import ONLY_WEB

Go = Callable[..., Walk]
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> str:
    return " ".join(element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}tspan"))


def test_every_hop_can_be_read_in_the_picture(go: Go) -> None:
    walk = go("http://backend")
    written = texts(draw(walk)).replace(" ", "")
    for hop in walk.hops:
        assert hop.title.replace(" ", "") in written
        assert hop.detail.replace(" ", "") in written


def test_failure_has_a_shape_and_a_word_of_its_own(shop: Store, go: Go) -> None:
    fine = draw(go("http://backend"))
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    denied = draw(go("http://backend"))
    assert "polygon" not in fine
    assert "polygon" in denied
    assert "STOPPED HERE" in texts(denied)
    assert "stroke-dasharray" in denied


def test_names_are_escaped(go: Go) -> None:
    walk = go("http://nosuch<script>")
    assert "<script>" not in render(walk)


def test_two_pictures_of_a_page_have_different_ids(go: Go) -> None:
    walk = go("http://backend")
    first, second = (ET.fromstring(draw(walk)).get("aria-labelledby") for _ in range(2))
    assert first != second


def test_remedy_is_folded_below_the_picture(shop: Store, go: Go) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    html = render(go("http://backend"))
    assert "<details " in html
    assert "kind: NetworkPolicy" in html


@pytest.mark.parametrize("columns", [12, 40])
def test_long_names_are_broken_at_their_dots(columns: int) -> None:
    lines = wrap("a backend.networking-lab.svc.cluster.local. answers", columns)
    assert all(len(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == "abackend.networking-lab.svc.cluster.local.answers"


def test_terminal_rendering_marks_the_hop_that_failed(shop: Store, go: Go) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    text = str(go("http://backend"))
    assert "✗ Ingress policies of Pod shop/backend" in text
    assert "kind: NetworkPolicy" in text


def test_picture_is_as_wide_as_it_says(go: Go) -> None:
    box = ET.fromstring(draw(go("http://backend"))).get("viewBox", "").split()
    assert float(box[2]) == WIDTH
    assert float(box[3]) > 300
