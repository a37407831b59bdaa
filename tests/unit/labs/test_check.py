"""A claim is true when its command prints what it must, and a false one says what was seen."""

from __future__ import annotations

import pytest

from podwalk.facade import Cluster, Output
from podwalk.facade.cluster import Text
from podwalk.facade.errors import NotFoundError, UnreachableError
from podwalk.labs import check as module
from podwalk.labs.lab import Check


def judge(monkeypatch: pytest.MonkeyPatch, found: object, **claim: object) -> module.CheckResult:
    def run(cluster: object, command: str) -> object:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(module, "run", run)
    return module.verify(Cluster.__new__(Cluster), Check("it is so", "kubectl get x", **claim))  # type: ignore[arg-type]  # per test


@pytest.mark.parametrize(
    ("found", "claim", "passed"),
    [
        (Text("3\n"), {"prints": "3"}, True),
        (Text("2"), {"prints": "3"}, False),
        (Output("Hello from a\n"), {"matches": "^Hello"}, True),
        (Output("", "wget: timed out", 1), {"matches": "timed out"}, False),
        (Output("", "wget: timed out", 1), {"fails": True}, True),
        (Output("Hello"), {"fails": True}, False),
        (NotFoundError("no such Pod"), {}, False),
        (NotFoundError("no such Pod"), {"fails": True}, True),
        (Output("anything"), {}, True),
    ],
)
def test_the_output_decides(
    monkeypatch: pytest.MonkeyPatch, found: object, claim: dict[str, object], passed: bool
) -> None:
    assert judge(monkeypatch, found, **claim).passed is passed


def test_a_false_claim_says_what_was_seen_and_what_is_probably_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    result = judge(monkeypatch, Text("2"), prints="3", otherwise="Did you change replicas?")
    assert result.reason == "`kubectl get x` gave “2”, not “3”. Did you change replicas?"


@pytest.mark.parametrize("fails", [False, True])
def test_a_cluster_that_does_not_answer_says_nothing_about_a_claim(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    with pytest.raises(UnreachableError):
        judge(monkeypatch, UnreachableError("it does not answer"), fails=fails)
