"""Selectors: what they choose, and how bad ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwalk.api import selectors
from podwalk.errors import ApiError

LABELS = {"app": "web", "tier": "front", "rank": "7"}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app!=web", False),
        ("absent!=x", True),
        ("app in (api, web)", True),
        ("app notin (api,web)", False),
        ("absent notin (a)", True),
        ("app", True),
        ("absent", False),
        ("!app", False),
        ("!absent", True),
        ("rank>6", True),
        ("rank<7", False),
        ("app>1", False),
        ("example.com/app=web", False),
        ("app=", False),
        ("app in ()", False),
    ],
)
def test_a_label_selector_chooses_as_kubernetes_does(text: str, chosen: bool) -> None:
    assert selectors.selector("pods", text, "").matches({"metadata": {"labels": LABELS}}) is chosen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,,%3d", "found ',', expected: identifier after ','"),
        ("a,", "found '', expected: identifier after ','"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt, gt, lt"),
        ("=a", "unable to parse requirement: found '=', expected: identifier"),
    ],
)
def test_bad_grammar_is_refused_in_the_parsers_words(text: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.parse_labels(text)
    assert (caught.value.code, caught.value.message) == (400, message)


@given(st.text(max_size=30))
def test_any_text_is_a_selector_or_a_bad_request(text: str) -> None:
    for parse in (selectors.parse_labels, selectors.parse_fields):
        code = 400
        try:
            parse(text)
        except ApiError as error:
            code = error.code
        assert code == 400


def test_fields_are_compared_as_text() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"nodeName": "n1", "hostNetwork": True}, "status": {"phase": "Running"}}
    chosen = selectors.selector("pods", "", "status.phase=Running,spec.nodeName!=n2,spec.hostNetwork=true")
    assert chosen.matches(pod)
    assert not selectors.selector("pods", "", "metadata.name=b").matches(pod)


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    with pytest.raises(ApiError) as caught:
        selectors.selector("configmaps", "", "x=y")
    assert caught.value.message == '"x" is not a known field selector: only "metadata.name", "metadata.namespace"'


def test_equality_clauses_are_offered_to_an_index() -> None:
    assert selectors.selector("pods", "a=1,b!=2,c in (3)", "").equal_labels == {"a": "1"}
