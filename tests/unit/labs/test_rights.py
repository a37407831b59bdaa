"""A lab that needs rights which the user lacks is refused before it touches anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

import podwalk
from podwalk.backends.rights import Right
from podwalk.facade.errors import LearnerError
from podwalk.labs import rights
from podwalk.labs.lab import Lab, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session

MANIFEST = """
apiVersion: v1
kind: Namespace
metadata: {name: lab}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: notes, namespace: lab}
"""


def test_a_lab_without_the_rights_touches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(_: object, wanted: Iterable[Right]) -> Iterator[Right]:
        yield from (right for right in wanted if not right.namespace)

    monkeypatch.setattr(rights, "lacking", narrow)
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.backend = "context"
    step = Step("notes", "Notes", manifest=MANIFEST)
    lab = Lab("l", "L", "lab", steps=(step,))
    with pytest.raises(LearnerError, match="nothing was touched: you may not create namespaces") as caught:
        Session(cluster, lab, Progress()).apply(step, MANIFEST)
    assert "ask whoever runs the cluster" in caught.value.hint
    assert "lab" not in cluster.get("namespaces").names
