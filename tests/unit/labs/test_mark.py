"""What a lab makes outside its own namespaces carries its label, and a reset deletes nothing else there."""

from __future__ import annotations

import pytest
from kubernetes.client import ApiClient

import podwalk
from podwalk.facade import Cluster
from podwalk.facade.application import find
from podwalk.labs.lab import Lab, Step
from podwalk.labs.mark import LABEL
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session
from podwalk.types import Object

MANIFEST = """
apiVersion: v1
kind: Namespace
metadata: {name: lab, labels: {team: red}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: notes, namespace: lab}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: []
"""
NOTES = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes, namespace: default}\n"
STEP = Step("notes", "Notes", manifest=MANIFEST)


def session() -> tuple[Cluster, Session]:
    cluster = podwalk.cluster("in-process", quiet=True)
    found = Session(cluster, Lab("greeting", "Greeting", "lab", steps=(STEP,)), Progress())
    found.apply(STEP, MANIFEST)
    return cluster, found


def test_a_namespace_and_a_cluster_wide_object_are_labelled_and_nothing_else_is() -> None:
    cluster, _ = session()
    namespace = cluster.get("namespaces", "lab").object["metadata"]["labels"]
    assert namespace == {"team": "red", "kubernetes.io/metadata.name": "lab", LABEL: "greeting"}
    assert cluster.get("clusterroles", "reader").object["metadata"]["labels"] == {LABEL: "greeting"}
    assert "labels" not in cluster.get("configmaps", "notes").object["metadata"]


def test_the_cluster_is_asked_once_an_apply_whether_a_namespace_is_the_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, found = session()
    asked: list[str] = []

    def noting(api: ApiClient, path: str) -> Object | None:
        asked.append(path)
        return find(api, path)

    monkeypatch.setattr("podwalk.labs.mark.find", noting)
    manifest = "---\n".join(NOTES.replace("default", name) for name in ("lab", "default", "lab", "default"))
    found.apply(STEP, manifest.replace("name: notes", "name: more"))
    assert asked == ["/api/v1/namespaces/lab", "/api/v1/namespaces/default"]
    assert "labels" not in cluster.get("configmaps", "more", namespace="lab").object["metadata"]
    # Somebody made the namespace anew meanwhile.
    cluster.delete("namespace/lab")
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}})
    found.apply(STEP, NOTES.replace("default", "lab"))
    assert cluster.get("configmaps", "notes", namespace="lab").object["metadata"]["labels"] == {LABEL: "greeting"}


def test_a_reset_deletes_what_the_lab_made() -> None:
    cluster, found = session()
    found.reset()
    assert "lab" not in cluster.get("namespaces").names
    assert "reader" not in cluster.get("clusterroles").names


def test_a_reset_leaves_what_somebody_else_made_under_the_same_name() -> None:
    cluster, found = session()
    cluster.delete("clusterrole/reader")
    cluster.delete("namespace/lab")
    cluster.apply(MANIFEST)
    found.reset()
    assert "reader" in cluster.get("clusterroles").names
    assert "lab" in cluster.get("namespaces").names


def test_a_reset_deletes_what_the_lab_made_anew() -> None:
    cluster, found = session()
    cluster.delete("clusterrole/reader")
    role = cluster.apply(
        MANIFEST.split("---")[2].replace("{name: reader}", f"{{name: reader, labels: {{{LABEL}: greeting}}}}")
    )
    assert [change.change for change in role] == ["created"]
    found.reset()
    assert "reader" not in cluster.get("clusterroles").names


def test_in_a_namespace_that_is_not_the_labs_a_reset_deletes_only_what_has_the_label() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    step = Step("notes", "Notes", manifest=NOTES)
    found = Session(cluster, Lab("greeting", "Greeting", "default", steps=(step,)), Progress())
    found.apply(step, NOTES)
    assert cluster.get("configmaps", "notes").object["metadata"]["labels"] == {LABEL: "greeting"}
    cluster.delete("configmap/notes", namespace="default")
    cluster.apply(NOTES)
    found.reset()
    assert "notes" in cluster.get("configmaps", namespace="default").names
    found.apply(step, NOTES)
    assert cluster.get("configmaps", "notes").object["metadata"]["labels"] == {LABEL: "greeting"}
    found.reset()
    assert "labels" not in cluster.get("configmaps", "notes").object["metadata"]


def test_a_reset_takes_what_it_made_out_of_a_namespace_that_is_not_the_labs() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    step = Step("notes", "Notes", manifest=NOTES)
    found = Session(cluster, Lab("greeting", "Greeting", "default", steps=(step,)), Progress())
    found.apply(step, NOTES)
    found.reset()
    assert "notes" not in cluster.get("configmaps", namespace="default").names


def test_in_the_labs_own_namespace_a_reset_deletes_what_was_made_anew() -> None:
    cluster, found = session()
    cluster.delete("configmap/notes", namespace="lab")
    cluster.apply(MANIFEST.split("---")[1])
    found.progress.step("notes").before.pop(0)  # the namespace, which would take it along
    found.reset()
    assert "notes" not in cluster.get("configmaps", namespace="lab").names


def test_a_namespace_that_was_there_stays_and_loses_the_label() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}})
    found = Session(cluster, Lab("greeting", "Greeting", "lab", steps=(STEP,)), Progress())
    found.apply(STEP, MANIFEST)
    assert LABEL in cluster.get("namespaces", "lab").object["metadata"]["labels"]
    found.reset()
    assert LABEL not in cluster.get("namespaces", "lab").object["metadata"]["labels"]
