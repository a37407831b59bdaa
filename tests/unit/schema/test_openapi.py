"""The OpenAPI documents, held to a real cluster's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podwalk.api.openapi import OpenApi, protobuf
from podwalk.api.registry import RESOURCES, Resource

ALL = tuple(RESOURCES.values())
WIDGETS = Resource("example.com", "v1", "Widget", "widgets", "widget", namespaced=True)
WIDGET_SPEC = {"type": "object", "properties": {"size": {"type": "integer"}}}
WIDGET_SCHEMA = {"type": "object", "properties": {"spec": WIDGET_SPEC}}
PLACES = sorted({f"apis/{row.api_version}" if row.group else "api/v1" for row in ALL})
API = OpenApi(lambda: ALL, lambda _: None)
REAL: dict[str, Any] = {}


def document(path: str, api: OpenApi = API) -> Any:
    found = api.answer(path)
    assert found is not None
    return json.loads(found.data)


def real(rig: Any, place: str) -> Any:
    if place not in REAL:
        REAL[place] = rig.get(f"/openapi/v3/{place}")
    return REAL[place]


def resolve(schemas: Any, reference: str) -> Any:
    return schemas[reference.rpartition("/")[2]]


def test_the_index_names_one_document_a_group_and_version() -> None:
    index = document("/openapi/v3")["paths"]
    assert set(index) == set(PLACES)
    assert index["apis/apps/v1"]["serverRelativeURL"].startswith("/openapi/v3/apis/apps/v1?hash=")


def test_every_reference_leads_somewhere() -> None:
    for place in PLACES:
        whole = document(f"/openapi/v3/{place}")
        text = json.dumps(whole)
        wanted = {piece.split('"')[0] for piece in text.split("#/components/schemas/")[1:]}
        assert wanted <= set(whole["components"]["schemas"]), place
    text = json.dumps(document("/openapi/v2"))
    wanted = {piece.split('"')[0] for piece in text.split("#/definitions/")[1:]}
    assert wanted <= set(document("/openapi/v2")["definitions"])


def test_v2_has_every_field_of_v3_also_those_named_as_a_keyword_is() -> None:
    definitions = document("/openapi/v2")["definitions"]
    schemas = {name: one for place in PLACES for name, one in _schemas(place).items()}
    assert {name: set(one.get("properties", {})) for name, one in definitions.items()} == {
        name: set(schemas[name].get("properties", {})) for name in definitions
    }
    assert "default" in definitions["io.k8s.api.core.v1.LimitRangeItem"]["properties"]


def _schemas(place: str) -> dict[str, Any]:
    found: dict[str, Any] = document(f"/openapi/v3/{place}")["components"]["schemas"]
    return found


def test_operations_have_names_of_their_own() -> None:
    ids = [
        operation["operationId"]
        for path in document("/openapi/v2")["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(ids) == len(set(ids)) > 400


def test_every_field_of_every_kind_is_explained() -> None:
    for place in PLACES:
        for name, schema in document(f"/openapi/v3/{place}")["components"]["schemas"].items():
            # These two say nothing of their fields upstream either.
            if name.endswith((".ExternalDocumentation", ".JSONSchemaProps")):
                continue
            for field, form in schema.get("properties", {}).items():
                assert form.get("description"), (name, field)


def test_kubectl_finds_what_its_apply_needs() -> None:
    whole = document("/openapi/v3/api/v1")
    patch = whole["paths"]["/api/v1/namespaces/{namespace}/services/{name}"]["patch"]
    assert {"dryRun", "fieldValidation", "force"} <= {parameter["name"] for parameter in patch["parameters"]}
    assert patch["x-kubernetes-group-version-kind"] == {"group": "", "version": "v1", "kind": "Service"}
    ports = whole["components"]["schemas"]["io.k8s.api.core.v1.ServiceSpec"]["properties"]["ports"]
    assert ports["x-kubernetes-patch-merge-key"] == "port"
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]


def test_custom_resources_are_described_by_their_own_schema() -> None:
    api = OpenApi(lambda: (*ALL, WIDGETS), lambda resource: WIDGET_SCHEMA)
    schemas = document("/openapi/v3/apis/example.com/v1", api)["components"]["schemas"]
    widget = schemas["com.example.v1.Widget"]
    assert widget["properties"]["spec"] == WIDGET_SPEC
    assert widget["x-kubernetes-group-version-kind"] == [{"group": "example.com", "kind": "Widget", "version": "v1"}]
    assert "allOf" in widget["properties"]["metadata"]
    assert "com.example.v1.WidgetList" in schemas


def test_a_changed_schema_changes_the_index_and_the_document() -> None:
    schema: dict[str, Any] = {"type": "object"}
    api = OpenApi(lambda: (WIDGETS,), lambda resource: schema)
    before, index = document("/openapi/v3/apis/example.com/v1", api), document("/openapi/v3", api)
    schema["properties"] = {"more": {"type": "string"}}
    assert document("/openapi/v3/apis/example.com/v1", api) != before
    assert document("/openapi/v3", api) != index


def test_a_document_is_made_once() -> None:
    assert API.answer("/openapi/v3/api/v1") is API.answer("/openapi/v3/api/v1")


def test_what_there_is_not_is_not_found() -> None:
    for path in ("/openapi/v3/apis/nope/v1", "/openapi", "/openapi/v4", "/openapi/v3/"[:-1] + "/apis"):
        assert API.answer(path) is None
    assert API.answer("/openapi/v2", "application/cbor") is None
    assert API.answer("/openapi/v3/api/v1", protobuf.MEDIA_TYPE) is None


def test_go_clients_get_the_definitions_in_protobuf() -> None:
    found = API.answer("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
    assert found is not None
    assert found.media_type == protobuf.MEDIA_TYPE
    assert found.data.startswith(b"\n\x032.0")
    assert b"io.k8s.api.core.v1.PodSpec" in found.data
    assert b'[{"group": "", "kind": "Pod", "version": "v1"}]' in found.data
    assert API.answer("/openapi/v2", protobuf.MEDIA_TYPE) is found


@pytest.mark.parametrize("place", PLACES)
def test_schemas_are_a_real_clusters(rig: Any, place: str) -> None:
    mine = document(f"/openapi/v3/{place}")["components"]["schemas"]
    theirs = real(rig, place)["components"]["schemas"]
    compared = 0
    for name in sorted(set(mine) & set(theirs)):
        one, other = mine[name], theirs[name]
        assert sorted(one.get("required", ())) == sorted(other.get("required", ())), name
        assert one.get("x-kubernetes-map-type") == other.get("x-kubernetes-map-type"), name
        if name.startswith("io.k8s.api."):
            kinds = "x-kubernetes-group-version-kind"
            assert one.get(kinds) == other.get(kinds), name
        assert set(one.get("properties", ())) == set(other.get("properties", ())), name
        for field, form in one.get("properties", {}).items():
            assert comparable(form) == comparable(other["properties"][field]), (name, field)
            compared += 1
    assert compared > 30
    assert {kind for kind in mine if kind.endswith("." + next(row.kind for row in ALL if place_of(row) == place))}


def place_of(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else "api/v1"


# Of these the models know only that they are objects, or strings.
_LEFT_OUT = ("description", "default", "allOf", "$ref", "additionalProperties", "x-kubernetes-map-type", "type")
_UNKNOWN = ("WorkloadPodGroup", "JSONSchemaProps", "CustomResourceSubresource")


def comparable(form: Any) -> Any:
    """Leave out texts, defaults that only document, and what the models cannot know."""
    links = form.get("allOf") or ([{"$ref": form["$ref"]}] if "$ref" in form else [])
    kept = {key: value for key, value in form.items() if key not in _LEFT_OUT}
    kept["links"] = [link["$ref"] for link in links if not any(word in link["$ref"] for word in _UNKNOWN)]
    inner = form.get("additionalProperties")
    kept["values"] = {key: value for key, value in inner.items() if key != "enum"} if inner else None
    kept["type"] = form.get("type") if not links else None
    return kept


@pytest.mark.parametrize("place", PLACES)
def test_paths_and_operations_are_a_real_clusters(rig: Any, place: str) -> None:
    mine, theirs = document(f"/openapi/v3/{place}")["paths"], real(rig, place)["paths"]
    assert set(mine) <= set(theirs)
    served = {f"/{row.plural}" for row in ALL if place_of(row) == place}
    absent = ("/watch/", "/replicationcontrollers", "/componentstatuses")
    others = {path.rstrip("/") for path in set(theirs) - set(mine) if not any(word in path for word in absent)}
    others.discard(f"/{place}")
    missing = {path for path in others if any(word in path.replace("/namespaces/{namespace}", "") for word in served)}
    assert missing == set()
    for path, operations in mine.items():
        assert {method for method in operations if method != "parameters"} == {
            method for method in theirs[path] if method != "parameters"
        }, path
        for method, operation in operations.items():
            if method == "parameters":
                continue
            other = theirs[path][method]
            for key in ("operationId", "x-kubernetes-action", "x-kubernetes-group-version-kind", "tags"):
                assert operation[key] == other[key], (path, method)
            assert names(operation, operations) == names(other, theirs[path]), (path, method)
            assert set(operation["responses"]) == set(other["responses"]), (path, method)


def names(operation: Any, path: Any) -> set[str]:
    return {parameter["name"] for parameter in (*operation.get("parameters", ()), *path.get("parameters", ()))}


def test_definitions_of_v2_are_a_real_clusters(rig: Any) -> None:
    mine, theirs = document("/openapi/v2")["definitions"], rig.get("/openapi/v2")["definitions"]
    assert len(set(mine) & set(theirs)) > 400
    for name in sorted(set(mine) & set(theirs)):
        for field, form in mine[name].get("properties", {}).items():
            other = theirs[name]["properties"][field]
            assert comparable(form) == comparable(other), (name, field)
