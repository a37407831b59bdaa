"""Rules of custom resources in CEL, held to what kind v1.37 answered to the same objects."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from podwalk.api.rules import RuleError, compile_rule
from podwalk.types import Object
from tests.unit.api.calls import MERGE, Answer, Caller

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LEDGERS = "/apis/books.example.com/v1/namespaces/default/ledgers"
UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
QUANTITY = (
    'spec.size: Invalid value: "string": quantities must match the regular expression '
    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)

CRD: Object = yaml.safe_load("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ledgers.books.example.com
spec:
  group: books.example.com
  scope: Namespaced
  names: {plural: ledgers, singular: ledger, kind: Ledger}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-validations:
        - rule: "self.metadata.name.startsWith('l')"
          message: must start with l
        - rule: "!has(self.spec) || !has(self.spec.owner) || self.metadata.name != self.spec.owner"
          messageExpression: "'owner must not be ' + self.metadata.name"
        properties:
          spec:
            type: object
            x-kubernetes-validations:
            - rule: "!has(self.low) || !has(self.high) || self.low <= self.high"
              fieldPath: ".low"
              reason: FieldValueForbidden
              message: low must not exceed high
            - rule: "self.fixed == oldSelf.fixed"
            - rule: "has(self.low) || has(self.high)"
              reason: FieldValueRequired
              message: one of low and high is needed
              fieldPath: ".high"
            properties:
              owner: {type: string, maxLength: 10}
              low: {type: integer}
              high: {type: integer}
              fixed:
                type: string
                x-kubernetes-validations:
                - rule: "self == oldSelf"
                  message: cannot change
                  reason: FieldValueDuplicate
              ratio:
                type: number
                x-kubernetes-validations:
                - rule: "self < 1.5"
              port:
                x-kubernetes-int-or-string: true
                x-kubernetes-validations:
                - rule: "type(self) == int ? self > 0 : self.size() > 2"
              tags:
                type: array
                maxItems: 10
                items:
                  type: string
                  maxLength: 20
                  x-kubernetes-validations:
                  - rule: "self.matches('^[a-z]+$')"
                x-kubernetes-validations:
                - rule: "self.isSorted()"
                  message: must be sorted
              lines:
                type: array
                maxItems: 5
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [key]
                items:
                  type: object
                  required: [key]
                  x-kubernetes-validations:
                  - rule: "self.value >= oldSelf.value"
                    message: value may only grow
                  properties:
                    key: {type: string, maxLength: 10}
                    value: {type: integer, default: 0}
              notes:
                type: object
                maxProperties: 5
                additionalProperties:
                  type: string
                  maxLength: 30
                  x-kubernetes-validations:
                  - rule: "self.size() > 1"
                x-kubernetes-validations:
                - rule: "self.all(k, k.lowerAscii() == k)"
              when: {type: string, format: date-time}
              wait:
                type: string
                format: duration
                x-kubernetes-validations:
                - rule: "self <= duration('1h')"
              address:
                type: string
                maxLength: 40
                x-kubernetes-validations:
                - rule: "isIP(self) && ip(self).family() == 4"
              size:
                type: string
                maxLength: 20
                x-kubernetes-validations:
                - rule: "quantity(self).isLessThan(quantity('1Gi'))"
              maybe:
                type: string
                maxLength: 20
                x-kubernetes-validations:
                - rule: "!oldSelf.hasValue() || oldSelf.value() == self"
                  optionalOldSelf: true
                  message: set once
          status:
            type: object
            properties:
              count: {type: integer, minimum: 0}
""")


@pytest.fixture
def define(call: Caller) -> Caller:
    call.created(DEFINITIONS, CRD)
    return call


def ledger(name: str = "ledger", **spec: Any) -> Object:
    return {"apiVersion": "books.example.com/v1", "kind": "Ledger", "metadata": {"name": name}, "spec": spec}


def change(call: Caller, **spec: Any) -> Answer:
    return call("PATCH", f"{LEDGERS}/ledger", {"spec": spec}, content_type=MERGE)


def causes(answer: Answer) -> list[str]:
    assert answer.status == 422, answer.body
    return [f"{one['field']}: {one['message']}" for one in answer.body["details"]["causes"]]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"low": 3, "high": 1}, ["spec.low: Forbidden: low must not exceed high"]),
        ({"low": 1, "owner": "ledger"}, ["<nil>: Invalid value: owner must not be ledger"]),
        ({}, ["spec.high: Required value: one of low and high is needed"]),
        ({"low": 1, "ratio": 2.5}, ["spec.ratio: Invalid value: 2.5: failed rule: self < 1.5"]),
        ({"low": 1, "ratio": 2}, ["spec.ratio: Invalid value: 2: failed rule: self < 1.5"]),
        (
            {"low": 1, "port": 0},
            ["spec.port: Invalid value: 0: failed rule: type(self) == int ? self > 0 : self.size() > 2"],
        ),
        (
            {"low": 1, "port": "a"},
            ['spec.port: Invalid value: "a": failed rule: type(self) == int ? self > 0 : self.size() > 2'],
        ),
        (
            {"low": 1, "tags": ["b", "a", "A1"]},
            [
                "spec.tags: Invalid value: must be sorted",
                "spec.tags[2]: Invalid value: \"A1\": failed rule: self.matches('^[a-z]+$')",
            ],
        ),
        (
            {"low": 1, "notes": {"A": "x"}},
            [
                "spec.notes: Invalid value: failed rule: self.all(k, k.lowerAscii() == k)",
                'spec.notes[A]: Invalid value: "x": failed rule: self.size() > 1',
            ],
        ),
        ({"low": 1, "wait": "2h"}, ["spec.wait: Invalid value: \"2h\": failed rule: self <= duration('1h')"]),
        (
            {"low": 1, "address": "::1"},
            ['spec.address: Invalid value: "::1": failed rule: isIP(self) && ip(self).family() == 4'],
        ),
        (
            {"low": 1, "address": "x"},
            ['spec.address: Invalid value: "x": failed rule: isIP(self) && ip(self).family() == 4'],
        ),
        (
            {"low": 1, "size": "2Gi"},
            ["spec.size: Invalid value: \"2Gi\": failed rule: quantity(self).isLessThan(quantity('1Gi'))"],
        ),
        (
            {"low": 1, "size": "zz"},
            [f"{QUANTITY} evaluating rule: quantity(self).isLessThan(quantity('1Gi'))"],
        ),
        (
            {"low": "a", "high": 1},
            ['spec.low: Invalid value: "string": spec.low in body must be of type integer: "string"', UNCHECKED],
        ),
        (
            {"low": 3, "high": 1, "owner": "a" * 16},
            ["spec.owner: Too long: may not be more than 10 bytes", UNCHECKED],
        ),
    ],
    ids=str,
)
def test_a_broken_rule_is_answered_in_the_words_of_kind(define: Caller, spec: Object, expected: list[str]) -> None:
    assert causes(define("POST", LEDGERS, ledger(**spec))) == expected


def test_a_rule_at_the_root_sees_the_name(define: Caller) -> None:
    assert causes(define("POST", LEDGERS, ledger("xedger", low=1))) == ["<nil>: Invalid value: must start with l"]


def test_a_rule_about_a_change_compares_with_what_was_stored(define: Caller) -> None:
    lines = [{"key": "a", "value": 3}, {"key": "b", "value": 4}]
    define.created(LEDGERS, ledger(low=1, fixed="a", maybe="x", lines=lines))
    turned = [{"key": "b", "value": 5}, {"key": "a", "value": 2}]
    assert causes(change(define, fixed="b", lines=turned)) == [
        "spec: Invalid value: failed rule: self.fixed == oldSelf.fixed",
        'spec.fixed: Duplicate value: "b"',
        "spec.lines[1]: Invalid value: value may only grow",
    ]
    assert causes(change(define, maybe="z", lines=[{"key": "c", "value": 0}])) == [
        'spec.maybe: Invalid value: "z": set once'
    ]
    assert causes(change(define, fixed=None)) == [
        'spec: Invalid value: "object": no such key: fixed evaluating rule: self.fixed == oldSelf.fixed'
    ]
    assert change(define, lines=[{"key": "a", "value": 3}]).status == 200


def test_what_was_stored_before_a_rule_may_stay(define: Caller) -> None:
    loose = {**CRD, "metadata": {"name": CRD["metadata"]["name"]}}
    without = yaml.safe_load(yaml.safe_dump(loose).replace("self < 1.5", "self < 9.5"))
    path = f"{DEFINITIONS}/{CRD['metadata']['name']}"
    define("PATCH", path, {"spec": without["spec"]}, content_type=MERGE)
    define.created(LEDGERS, ledger(low=1, fixed="a", ratio=2.5))
    define("PATCH", path, {"spec": CRD["spec"]}, content_type=MERGE)
    assert change(define, low=0).status == 200
    assert causes(change(define, ratio=2.6)) == ["spec.ratio: Invalid value: 2.6: failed rule: self < 1.5"]


def bad(*rules: Object) -> Object:
    schema = {"type": "object", "x-kubernetes-validations": list(rules), "properties": {"a": {"type": "integer"}}}
    text = yaml.safe_dump(CRD).replace("ledger", "bad").replace("Ledger", "Bad")
    made: Object = yaml.safe_load(text)
    made["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}}
    return made


def test_a_definition_with_a_rule_that_is_no_rule_is_refused(call: Caller) -> None:
    found = causes(call("POST", DEFINITIONS, bad({"rule": "self.a >"}, {"rule": "foo(self)"}, {"rule": ""})))
    place = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations"
    shown = (
        '{"Rule":"foo(self)","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}'
    )
    assert found[0].startswith(f"{place}[0].rule: Invalid value: ")
    assert "compilation failed: ERROR: <input>:1:8: Syntax error" in found[0]
    assert found[1].startswith(
        f"{place}[1].rule: Invalid value: {shown}: compilation failed: ERROR: <input>:1:4: "
        "undeclared reference to 'foo' (in container '')"
    )
    assert found[2] == f"{place}[2].rule: Required value: rule is not specified"


def test_a_rule_that_is_not_simulated_is_named_in_a_warning(call: Caller) -> None:
    answer = call("POST", DEFINITIONS, bad({"rule": "self.?a.orValue(1) == 1"}, {"rule": "self.a > 0"}))
    assert answer.status == 201
    assert "x-kubernetes-validations[0].rule: not enforced" in answer.headers["warning"]
    assert "optional fields" in answer.headers["warning"]
    bads = LEDGERS.replace("ledger", "bad")
    body = {"apiVersion": "books.example.com/v1", "kind": "Bad", "metadata": {"name": "b"}, "spec": {"a": 0}}
    assert causes(call("POST", bads, body)) == ["spec: Invalid value: failed rule: self.a > 0"]


@pytest.mark.parametrize(
    "rule",
    [
        "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))",
        "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsCIDR('11.0.0.0/9')",
        "cidr('10.1.0.0/16').prefixLength() == 16 && cidr('10.1.2.0/16').ip().isGlobalUnicast()",
        "!isCIDR('10.0.0.1') && isIP('::1') && ip('::1').isLoopback()",
        "url('https://a.example:80/p?q').getHostname() == 'a.example' && url('http://a:8/p').getPort() == '8'",
        "isURL('/path') && !isURL('x')",
        "quantity('1.5').add(1).compareTo(quantity('2500m')) == 0 && quantity('1Ki').asInteger() == 1024",
        "[1, 2, 3].sum() == 6 && [3, 1].max() == 3 && [3, 1].min() == 1 && ![3, 1].isSorted()",
        "'a,b,c'.split(',', 2) == ['a', 'b,c'] && ['a', 'b'].join('-') == 'a-b'",
        "'abcabc'.find('b.') == 'bc' && 'abcabc'.findAll('b.', 1) == ['bc'] && 'abc'.indexOf('c') == 2",
        "'abc'.substring(1, 2) == 'b' && 'aXa'.replace('a', 'b', 1) == 'bXa' && ' a '.trim() == 'a'",
        "'abc'.charAt(1) == 'b' && 'ab'.reverse() == 'ba' && 'aB'.upperAscii() == 'AB'",
        "[1, 2, 1].lastIndexOf(1) == 2",
    ],
)
def test_the_functions_of_kubernetes_are_there(rule: str) -> None:
    assert compile_rule(rule).evaluate({})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(RuleError, match="no such key: b"):
        compile_rule("{'a': 1}.b == 2").evaluate({})
