"""What a lab did on one cluster is never undone on another."""

from __future__ import annotations

import podwalk
from podwalk.labs.lab import Lab, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session

MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes, namespace: default}\ndata: {a: b}\n"


def test_a_reset_on_another_cluster_deletes_nothing_there() -> None:
    step = Step("notes", "Notes", manifest=MANIFEST)
    lab, progress = Lab("l", "L", "default", steps=(step,)), Progress()
    here, elsewhere = podwalk.cluster("in-process:1", quiet=True), podwalk.cluster("in-process:2", quiet=True)
    Session(here, lab, progress).apply(step, MANIFEST)
    elsewhere.apply(MANIFEST)
    Session(elsewhere, lab, progress).reset()
    assert elsewhere.get("configmaps", "notes").names == ["notes"]
