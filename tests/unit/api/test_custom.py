"""Custom resources: defined, checked, filled in, printed and removed."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.types import Object
from tests.unit.api.calls import APPLY, MERGE, STRATEGIC, TABLE, Answer, Caller

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/shop.example.com/v1/namespaces/default/widgets"
ADDONS = Path(os.environ.get("PODWALK_RIG", Path(__file__).parents[4] / "shared" / "rig")) / "addons"

CRD: Object = yaml.safe_load("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Hosts, type: string, jsonPath: .spec.hosts}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1, maximum: 5}
              mode: {type: string, enum: [A, B], default: A}
              host: {type: string, pattern: '^[a-z]+$', maxLength: 4, minLength: 2}
              hosts: {type: array, items: {type: string}, minItems: 1, maxItems: 2}
              replicas: {type: integer, default: 1}
              any: {type: object, x-kubernetes-preserve-unknown-fields: true}
              port: {x-kubernetes-int-or-string: true}
              ports:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, port: {type: integer,
                default: 80}}}
              when: {type: string, format: date-time}
              one: {oneOf: [{required: [a]}, {required: [b]}], type: object, properties: {a: {type: string}, b: {type:
              string}}}
              ratio: {type: number, multipleOf: 0.5}
              flag: {type: boolean}
              labels: {type: object, additionalProperties: {type: string}, maxProperties: 1}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              empty: {type: string, nullable: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
""")


@pytest.fixture
def define(call: Caller) -> Caller:
    call.created(DEFINITIONS, CRD)
    return call


def widget(name: str = "w", **spec: Any) -> Object:
    return {"apiVersion": "shop.example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


def make(call: Caller, **spec: Any) -> Answer:
    return call("POST", WIDGETS, widget(**spec))


def test_a_definition_is_established(define: Caller) -> None:
    status = define("GET", f"{DEFINITIONS}/widgets.shop.example.com").body["status"]
    assert [(one["type"], one["status"], one["reason"]) for one in status["conditions"]] == [
        ("NamesAccepted", "True", "NoConflicts"),
        ("Established", "True", "InitialNamesAccepted"),
    ]
    assert status["storedVersions"] == ["v1"]
    assert status["acceptedNames"]["listKind"] == "WidgetList"


def test_names_that_are_taken_are_not_accepted(define: Caller) -> None:
    other = copy.deepcopy(CRD)
    other["metadata"]["name"] = "gadgets.shop.example.com"
    other["spec"]["names"] = {"kind": "Gadget", "plural": "gadgets", "shortNames": ["wd"]}
    define.created(DEFINITIONS, other)
    conditions = define("GET", f"{DEFINITIONS}/gadgets.shop.example.com").body["status"]["conditions"]
    assert [(one["type"], one["status"]) for one in conditions] == [
        ("NamesAccepted", "False"),
        ("Established", "False"),
    ]
    assert conditions[0]["message"] == '"wd" is already in use'


def test_defaults_are_filled_in_and_unknown_fields_dropped(define: Caller) -> None:
    answer = make(define, size=1, bar=1, ports=[{"name": "x"}], any={"free": True}, empty=None)
    assert answer.status == 201
    assert answer.headers["warning"] == '299 - "unknown field \\"spec.bar\\""'
    assert answer.body["spec"] == {
        "size": 1,
        "mode": "A",
        "replicas": 1,
        "ports": [{"name": "x", "port": 80}],
        "any": {"free": True},
        "empty": None,
    }
    assert answer.body["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "spec.size: Required value"),
        ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"size": 1.5}, 'spec.size: Invalid value: "number": spec.size in body must be of type integer: "number"'),
        ({"size": 9}, "spec.size: Invalid value: 9: spec.size in body should be less than or equal to 5"),
        (
            {"size": 0, "mode": "C"},
            (
                '[spec.mode: Unsupported value: "C": supported values: "A", "B", spec.size: Invalid value: 0: '
                "spec.size in body should "
                "be greater than or equal to 1]"
            ),
        ),
        ({"size": 1, "host": "ABCDEF"}, "spec.host: Too long: may not be more than 4 bytes"),
        ({"size": 1, "host": "a"}, 'spec.host: Invalid value: "a": spec.host in body should be at least 2 chars long'),
        ({"size": 1, "host": "AB"}, "spec.host: Invalid value: \"AB\": spec.host in body should match '^[a-z]+$'"),
        ({"size": 1, "hosts": []}, "spec.hosts: Invalid value: 0: spec.hosts in body should have at least 1 items"),
        ({"size": 1, "hosts": ["a", "b", "c"]}, "spec.hosts: Too many: 3: must have at most 2 items"),
        (
            {"size": 1, "port": True},
            'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
        ),
        ({"size": 1, "ports": [{"name": "a"}, {"name": "a"}]}, 'spec.ports[1]: Duplicate value: {"name":"a"}'),
        ({"size": 1, "ports": [{"port": 1}]}, "spec.ports[0].name: Required value"),
        ({"size": 1, "when": "x"}, 'spec.when: Invalid value: "x": spec.when in body must be of type date-time: "x"'),
        (
            {"size": 1, "one": {}},
            (
                '[<nil>: Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found none '
                "valid, spec.one.a: "
                "Required value]"
            ),
        ),
        (
            {"size": 1, "one": {"a": "1", "b": "2"}},
            (
                '<nil>: Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found 2 valid '
                "alternatives"
            ),
        ),
        ({"size": 1, "ratio": 0.3}, "spec.ratio: Invalid value: 0.3: spec.ratio in body should be a multiple of 0.5"),
        ({"size": 1, "labels": {"a": "b", "c": "d"}}, "spec.labels: Too many: 2: must have at most 1 item"),
        (
            {"size": 1, "labels": {"a": 1}},
            'spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"',
        ),
        ({"size": 1, "tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
    ],
)
def test_what_breaks_the_schema_is_refused_as_on_kind(define: Caller, spec: Any, message: str) -> None:
    answer = make(define, **spec)
    assert (answer.status, answer.message) == (422, f'Widget.shop.example.com "w" is invalid: {message}')


def test_a_body_of_another_type_is_refused(define: Caller) -> None:
    wrong_version = define("POST", WIDGETS, {**widget(size=1), "apiVersion": "v1"})
    assert wrong_version.message == (
        "the API version in the data (v1) does not match the expected API version (shop.example.com/v1)"
    )
    wrong_kind = define("POST", WIDGETS, {**widget(size=1), "kind": "Gadget"})
    assert wrong_kind.message == 'Gadget.shop.example.com "w" is invalid: kind: Invalid value: "Gadget": must be Widget'
    strict = define("POST", WIDGETS, widget(size=1, bar=1), fieldValidation="Strict")
    assert strict.message == (
        'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.bar"'
    )


def test_the_columns_of_the_definition_are_printed(define: Caller) -> None:
    make(define, size=1, hosts=["a", "b"])
    define(
        "PATCH",
        f"{WIDGETS}/w/status",
        {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        content_type=MERGE,
    )
    table = define("GET", WIDGETS, accept=TABLE).body
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Hosts", "Ready", "Age"]
    assert table["rows"][0]["cells"] == ["w", 1, '["a","b"]', "True", "0s"]


def test_status_and_scale_have_their_paths(define: Caller) -> None:
    make(define, size=1)
    changed = define(
        "PATCH", f"{WIDGETS}/w/status", {"status": {"replicas": 4}, "spec": {"size": 2}}, content_type=MERGE
    )
    assert (changed.body["status"], changed.body["spec"]["size"]) == ({"replicas": 4}, 1)
    scaled = define("PATCH", f"{WIDGETS}/w/scale", {"spec": {"replicas": 3}}, content_type=MERGE).body
    assert (scaled["spec"], scaled["status"]) == ({"replicas": 3}, {"replicas": 4})
    assert define("GET", f"{WIDGETS}/w").body["metadata"]["generation"] == 2


def test_a_custom_resource_needs_its_version_for_an_update(define: Caller) -> None:
    made = make(define, size=1).body
    assert define("PUT", f"{WIDGETS}/w", widget(size=2)).status == 422
    assert define("PUT", f"{WIDGETS}/w", {**made, "spec": {"size": 2}}).body["spec"]["size"] == 2


def test_a_strategic_merge_is_not_for_custom_resources(define: Caller) -> None:
    make(define, size=1)
    answer = define("PATCH", f"{WIDGETS}/w", {"spec": {"size": 2}}, content_type=STRATEGIC)
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")


def test_apply_merges_by_the_schemas_keys(define: Caller) -> None:
    for manager, port in (("a", "x"), ("b", "y")):
        body = widget(size=1, ports=[{"name": port}])
        assert define("PATCH", f"{WIDGETS}/w", body, content_type=APPLY, fieldManager=manager).status < 300
    ports = define("GET", f"{WIDGETS}/w").body["spec"]["ports"]
    assert [port["name"] for port in ports] == ["x", "y"]


def test_removing_a_definition_removes_its_objects(define: Caller) -> None:
    make(define, size=1)
    path = f"{DEFINITIONS}/widgets.shop.example.com"
    assert define("DELETE", path).status == 200
    assert define("GET", path).status == 404
    assert define("GET", WIDGETS).status == 404
    assert define.api.objects.list("widgets.shop.example.com") == []


def test_a_definition_waits_for_the_finalizers_of_its_objects(define: Caller) -> None:
    body = widget(size=1)
    body["metadata"]["finalizers"] = ["example.com/wait"]
    define.created(WIDGETS, body)
    path = f"{DEFINITIONS}/widgets.shop.example.com"
    define("DELETE", path)
    assert define("GET", path).status == 200
    define("PATCH", f"{WIDGETS}/w", {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert define("GET", path).status == 404


@pytest.mark.parametrize("addon", ["gateway-api", "metallb"])
def test_an_addons_definitions_install(call: Caller, addon: str) -> None:
    file = ADDONS / f"{addon}.yaml"
    if not file.exists():
        pytest.skip(f"the rig's addons are not here: {file}")
    documents = [
        one for one in yaml.safe_load_all(file.read_text()) if one and one["kind"] == "CustomResourceDefinition"
    ]
    for document in documents:
        answer = call("POST", DEFINITIONS, document, fieldValidation="Strict")
        assert answer.status == 201, answer.body
        assert "warning" not in answer.headers, "every rule of theirs is simulated"
    items = call("GET", DEFINITIONS).body["items"]
    assert len(items) == len(documents) > 5
    assert all(one["status"] == "True" for item in items for one in item["status"]["conditions"])
