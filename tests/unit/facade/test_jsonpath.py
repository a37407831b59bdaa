"""Templates are kubectl's; what the real one prints for more of them is compared in the conformance tests."""

from __future__ import annotations

import pytest

from podwalk.facade.errors import LearnerError
from podwalk.facade.jsonpath import render, select

NAMES = {"app.kubernetes.io/name": "a", "tier": "front"}
PODS = {
    "items": [
        {"name": "a", "labels": NAMES, "ready": True, "ports": [{"port": 80}, {"port": 443}]},
        {"name": "b", "labels": {}, "ready": False, "ports": [{"port": 53}]},
    ]
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".items[*].name", ["a", "b"]),
        (r".items[0].labels.app\.kubernetes\.io/name", ["a"]),
        (".items[-1].name", ["b"]),
        (".items[2].name", []),
        ("..port", [80, 443, 53]),
        ('.items[?(@.name=="b")].ports[0].port', [53]),
        ("$.items[0:1].name", ["a"]),
    ],
)
def test_a_path_finds_values(path: str, values: list[object]) -> None:
    assert select(PODS, path) == values


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("names: {.items[*].name}", "names: a b"),
        (r'{range .items[*]}{.name}{"\t"}{.ready}{"\n"}{end}', "a\ttrue\nb\tfalse\n"),
        ("{range .items[*]}{range .ports[*]}{.port},{end};{end}", "80,443,;53,;"),
        ("{.items[0].labels}", '{"app.kubernetes.io/name":"a","tier":"front"}'),
        ("{.nowhere}", ""),
        ("{'{'}", "{"),
    ],
)
def test_a_template_is_filled_in(template: str, text: str) -> None:
    assert render(template, PODS) == text


@pytest.mark.parametrize("template", ["{end}", "{range .items[*]}{.name}", "{items}", "{.a b}", "{.items[?}"])
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(LearnerError):
        render(template, PODS)
