"""The facts that the models lack, held to what a real cluster serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from podwalk.api import fields, schema
from podwalk.api.registry import RESOURCES, Typed

PODS = RESOURCES["pods"]


def test_fields_are_found_by_path() -> None:
    ports = schema.field(PODS, ("spec", "containers", "ports"))
    assert (ports.merge_key, ports.list_type) == ("containerPort", "map")
    assert ports.list_map_keys == ("containerPort", "protocol")
    assert schema.field(PODS, ("spec", "nodeSelector", "any")).kind == "string"
    assert schema.field(RESOURCES["deployments.apps"], ("spec", "strategy")).patch_strategy == "retainKeys"
    with pytest.raises(KeyError):
        schema.field(PODS, ("spec", "container"))


def test_a_custom_resource_has_no_type_of_its_own() -> None:
    gateway = schema.root(RESOURCES["pods"].__class__("g.io", "v1", "Gateway", "gateways", "gateway", namespaced=True))
    assert gateway.kind == "raw"


def test_every_field_of_every_kind_has_a_type() -> None:
    count = sum(1 for resource in RESOURCES.values() for _ in _walk(resource))
    assert count > 3000


def test_fields_are_documented() -> None:
    assert schema.field(PODS, ("spec", "containers", "image")).description.startswith("Container image name")
    assert schema.describe("V1Pod").startswith("Pod is a collection of containers")


def test_facts_equal_a_real_clusters_openapi(rig: Any) -> None:
    definitions = rig.get("/openapi/v2")["definitions"]
    by_kind = {
        (row["group"], row["version"], row["kind"]): name
        for name, definition in definitions.items()
        for row in definition.get("x-kubernetes-group-version-kind", ())
    }
    compared = 0
    for resource in RESOURCES.values():
        name = by_kind[resource.group, resource.version, resource.kind]
        compared += _compare(schema.root(resource), definitions, name, set())
    assert compared > 2000


def _walk(resource: Typed) -> Iterator[fields.FieldType]:
    seen: set[str] = set()
    waiting = [schema.root(resource)]
    while waiting:
        at = waiting.pop()
        yield at
        if at.item is not None:
            waiting.append(at.item)
        if at.model and at.model not in seen:
            seen.add(at.model)
            waiting.extend(at.fields.values())


def _compare(at: fields.FieldType, definitions: Any, name: str, seen: set[str]) -> int:
    if name in seen:
        return 0
    seen.add(name)
    definition = definitions[name]
    assert (at.map_type == "atomic") == (definition.get("x-kubernetes-map-type") == "atomic"), name
    properties = definition.get("properties", {})
    assert set(at.fields) == set(properties), name
    assert {key for key, field in at.fields.items() if field.required} == set(definition.get("required", ())), name
    for key, field in at.fields.items():
        _compare_field(f"{name}.{key}", field, properties[key], definitions)
    count = len(properties)
    for key, field in at.fields.items():
        target, inner = properties[key], field
        while inner.item is not None:
            target, inner = target.get("items") or target["additionalProperties"], inner.item
        if inner.kind == "struct":
            count += _compare(inner, definitions, target["$ref"].rpartition("/")[2], seen)
    return count


def _compare_field(where: str, field: fields.FieldType, real: Any, definitions: Any) -> None:
    keys = tuple(real.get("x-kubernetes-list-map-keys", ()))
    assert (field.merge_key, field.list_map_keys) == (real.get("x-kubernetes-patch-merge-key", ""), keys), where
    strategies = real.get("x-kubernetes-patch-strategy", "")
    assert field.patch_strategy == strategies, where
    if field.kind == "list":
        assert field.list_type == real.get("x-kubernetes-list-type", "atomic"), where
    if field.kind == "map":
        assert field.map_type == real.get("x-kubernetes-map-type", "granular"), where
    inner = field
    while inner.item is not None:
        real, inner = real.get("items") or real["additionalProperties"], inner.item
    resolved = definitions[real["$ref"].rpartition("/")[2]] if "$ref" in real else real
    assert _form(inner) in (resolved.get("format", ""), ""), where
    if "$ref" in real:
        wanted = {"Quantity": "quantity", "IntOrString": "int-or-string", "Time": "time", "MicroTime": "time"}
        name = real["$ref"].rpartition(".")[2]
        assert inner.kind == wanted.get(name, inner.kind), where


def _form(field: fields.FieldType) -> str:
    return field.format if field.kind == "integer" else ""
