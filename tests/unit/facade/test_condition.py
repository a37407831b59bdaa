"""Conditions are kubectl's words."""

from __future__ import annotations

import pytest

from podwalk.facade import condition as conditions
from podwalk.facade.condition import condition
from podwalk.facade.errors import LearnerError
from podwalk.types import Object

DEPLOYMENT: Object = {
    "metadata": {"name": "a", "generation": 2, "labels": {"app.kubernetes.io/name": "a"}},
    "status": {
        "observedGeneration": 2,
        "phase": "Running",
        "ready": True,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "False"}],
        "loadBalancer": {"ingress": [{"ip": "172.18.0.5"}]},
    },
}


@pytest.mark.parametrize(
    ("words", "met"),
    [
        ("condition=Available", True),
        ("condition=available=true", True),
        ("condition=Progressing", False),
        ("condition=Progressing=False", True),
        ("condition=Absent", False),
        ("jsonpath={.status.phase}=Running", True),
        ("jsonpath={.status.phase}=Pending", False),
        ("jsonpath='{.status.loadBalancer.ingress[0].ip}'", True),
        ("jsonpath={.status.loadBalancer.ingress[1].ip}", False),
        ("jsonpath={.status.ready}=true", True),
        ('jsonpath={.status.conditions[?(@.type=="Available")].status}=True', True),
        ("jsonpath={.status.conditions[?(@.type=='Progressing')].status}=True", False),
        ("create", True),
    ],
)
def test_the_words_are_met_or_not(words: str, met: bool) -> None:
    check = conditions.test(words)
    assert check is not None
    assert check(DEPLOYMENT) is met


def test_a_condition_of_an_older_generation_does_not_count() -> None:
    changed = DEPLOYMENT | {"metadata": {"name": "a", "generation": 3}}
    assert condition(DEPLOYMENT, "Available") == "true"
    assert condition(changed, "Available") == ""


@pytest.mark.parametrize("words", ["Ready", "jsonpath=.status", "jsonpath={.status[}", "jsonpath={status}", ""])
def test_what_is_not_understood_is_refused(words: str) -> None:
    def check() -> bool:
        found = conditions.test(words)
        return found is not None and found(DEPLOYMENT)

    with pytest.raises(LearnerError):
        check()
