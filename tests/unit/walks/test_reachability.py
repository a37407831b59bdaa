"""A matrix says for every pair what the policies say, groups what they cannot tell apart, and opens walks."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from podwalk.errors import PodwalkError
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object
from podwalk.walks import Reachability, reachability

from .conftest import POLICIES, pod, policy
from .test_walk import NO_EGRESS, ONLY_WEB

REPLICAS = [{"kind": "ReplicaSet", "name": "web-7d4b9", "controller": True, "uid": "1"}]


def ask(shop: Store, *scopes: str, port: int | None = None) -> Reachability:
    return reachability(shop, scopes or ("shop",), port=port, options=ClusterOptions())


def replica(name: str, ip: str, **labels: str) -> Object:
    made = pod(name, ip, "one")
    made["metadata"] |= {"labels": {"app": "web", "pod-template-hash": "7d4b9", **labels}, "ownerReferences": REPLICAS}
    return made


def test_columns_are_the_ports_that_pods_declare_or_have_in_a_slice(shop: Store) -> None:
    found = ask(shop)
    assert [str(door) for door in found.targets] == ["shop/backend TCP 8080"]
    assert [group.name for group in found.portless] == ["frontend"]
    assert [str(door) for door in ask(shop, "shop", "kube-system/kube-dns:53").targets] == [
        "shop/backend TCP 8080",
        "kube-system/kube-dns TCP 53",
        "kube-system/kube-dns UDP 53",
    ]


def test_cell_says_which_side_denies(shop: Store) -> None:
    assert ask(shop).cell("frontend", "backend").mark == "yes"
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    assert ask(shop).cell("frontend", "backend:8080").mark == "I"
    shop.put(POLICIES, policy("silent", NO_EGRESS))
    assert ask(shop).cell("shop/frontend", "backend:8080/TCP").mark == "E I"
    assert ask(shop, port=53).cell("frontend", "frontend").mark == "self"


def test_replicas_share_a_row_until_a_policy_tells_them_apart(shop: Store) -> None:
    shop.put("pods", replica("web-7d4b9-a", "10.244.1.21"))
    shop.put("pods", replica("web-7d4b9-b", "10.244.1.22", canary="yes"))
    assert "web ×2" in [group.title for group in ask(shop).sources]
    only_canary = {"podSelector": {"matchLabels": {"canary": "yes"}}, "policyTypes": ["Egress"]}
    shop.put(POLICIES, policy("canary", only_canary))
    found = ask(shop)
    assert [group.title for group in found.sources] == ["backend", "frontend", "web-7d4b9-a", "web-7d4b9-b"]
    assert not found.allowed("web-7d4b9-b", "backend")
    assert found.allowed("web-7d4b9-a", "backend")


def test_matrix_agrees_with_the_walk_of_each_cell(shop: Store) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    shop.put("pods", pod("web", "10.244.1.30", "two"))
    for cell in ask(shop, "shop", "kube-system"):
        if not cell.itself:
            assert ask(shop, "shop", "kube-system").walk(cell).delivered == cell.allowed


def test_unknown_cell_names_the_rows_and_columns_there_are(shop: Store) -> None:
    with pytest.raises(
        PodwalkError, match=r"no cell; the rows are backend, frontend; the columns are backend:8080/TCP"
    ):
        ask(shop).cell("nobody", "backend")


def test_empty_namespace_is_explained(shop: Store) -> None:
    with pytest.raises(PodwalkError, match="kubectl get pods -n empty"):
        ask(shop, "empty")


def test_picture_tells_open_from_closed_by_shape_and_letters_and_links_to_the_walks(shop: Store) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    html = ask(shop)._repr_html_()
    svg = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    written = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}tspan")]
    assert {"backend", "TCP 8080", "frontend", "I", "allowed"} <= set(written)
    found = list(svg.iter("{http://www.w3.org/2000/svg}a"))
    assert not any("href" in link.attrib for link in found), "JupyterLab fails at this attribute of a link in SVG"
    links = [link.get("{http://www.w3.org/1999/xlink}href", "")[1:] for link in found]
    assert svg.get("role") == "group", "an image would hide its links from screen readers"
    assert len(links) == 1
    assert f'<div id="{links[0]}"' in html
    assert "Ingress policies of Pod shop/backend" in html


def test_text_is_a_table(shop: Store) -> None:
    shop.put(POLICIES, policy("only-web", ONLY_WEB))
    lines = str(ask(shop)).splitlines()
    assert lines[0].split() == ["FROM", "backend:8080/TCP"]
    assert lines[2].split() == ["frontend", "I"]
