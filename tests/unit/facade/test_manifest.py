"""Manifests are read with their line numbers, and their mistakes are told by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podwalk.facade.errors import ManifestError
from podwalk.facade.manifest import parse

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: backend
spec:
  ports:
  - name: http
    port: 80
"""


def test_several_documents_are_several_objects() -> None:
    assert [document.value["kind"] for document in parse(SERVICE + "---\n" + SERVICE + "---\n")] == [
        "Service",
        "Service",
    ]


def test_a_list_is_taken_apart() -> None:
    (document,) = parse(
        {"kind": "List", "apiVersion": "v1", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}]}
    )
    assert document.value["kind"] == "Pod"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("spec.ports[0].port", 8),
        ('.spec.ports[name="http"].port', 8),
        ('.spec.ports[port=80,protocol="TCP"].name', 7),
        ("spec.selector.app", 5),
        ("metadata.name", 4),
    ],
)
def test_a_field_is_found_at_its_line(path: str, line: int) -> None:
    assert parse(SERVICE)[0].locate(path)[0] == line


def test_lines_count_over_all_documents() -> None:
    assert parse(SERVICE + "---\n" + SERVICE)[1].locate("metadata.name")[0] == 13


def test_an_object_given_as_data_has_no_lines() -> None:
    assert parse({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})[0].where("spec.x") == "spec.x"


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        (SERVICE.replace("  name: backend", "\tname: backend"), "spaces", 4),
        (SERVICE.replace("kind: Service", "kind: Service\nkind: Pod"), "written twice, on lines 2 and 3", 3),
        (SERVICE.replace("kind: Service\n", ""), "no kind", 1),
        (SERVICE.replace("  name: backend", "  labels: {}"), "the Service has no name", 1),
        (SERVICE.replace("name: backend", "name: 8"), "metadata.name must be text, and this is a number", 4),
        ("- a\n- b\n", "not an object", 1),
        ("", "empty", 0),
        ("a: b: c", "not YAML", 1),
        ("manifests/shop.yaml", "a file's name is not its text", 1),
    ],
)
def test_a_mistake_is_told_by_line(text: str, says: str, line: int) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(text)
    assert says in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "given", [None, 5, Path("shop.yaml"), ["a"], {"apiVersion": "v1", "kind": "List", "items": [5]}], ids=str
)
def test_what_is_no_manifest_is_told(given: Any) -> None:
    with pytest.raises(ManifestError, match="is none of them"):
        parse(given)
