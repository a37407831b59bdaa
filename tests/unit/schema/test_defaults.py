"""What small manifests become: every field of the answer, as a real cluster of v1.37 gave it on 2026-11-21.

The answers are kept in ``data/defaults.json``; where a real cluster is, they are asked for again. Left out is what is
given out or admitted when an object is stored: identity, addresses, service accounts, status.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.api import defaults, registry, schema
from podwalk.types import Object

DATA = Path(__file__).parent / "data"
MANIFESTS: list[Object] = list(yaml.safe_load_all((DATA / "defaults.yaml").read_text(encoding="utf-8")))
ANSWERS: list[Object] = json.loads((DATA / "defaults.json").read_text(encoding="utf-8"))
PAIRS = list(zip(MANIFESTS, ANSWERS, strict=True))
IDS = [f"{index}-{manifest['kind']}" for index, manifest in enumerate(MANIFESTS)]

GIVEN_OUT = {
    "Pod": ("serviceAccount", "serviceAccountName", "tolerations", "priority", "preemptionPolicy"),
    "Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"),
    "Job": ("selector",),
    "Namespace": ("finalizers",),
}
IDENTITY = ("uid", "creationTimestamp", "managedFields", "generation", "namespace", "resourceVersion", "finalizers")


def bare(obj: Object) -> Object:
    """Leave out what is not the defaults' affair."""
    kept: Object = json.loads(json.dumps(obj))
    kept.pop("status", None)
    for name in IDENTITY:
        kept["metadata"].pop(name, None)
    for name in GIVEN_OUT.get(obj["kind"], ()):
        kept.get("spec", {}).pop(name, None)
    if obj["kind"] == "Job":
        for metadata in (kept["metadata"], kept["spec"]["template"]["metadata"]):
            labels = metadata.pop("labels", {})
            metadata |= (
                {"labels": own}
                if (own := {k: v for k, v in labels.items() if "job-name" not in k and "uid" not in k})
                else {}
            )
    if obj["kind"] == "DaemonSet":
        kept["metadata"].pop("annotations", None)
    for port in kept.get("spec", {}).get("ports", ()):
        port.pop("nodePort", None)
    if obj["kind"] == "Secret":
        kept.pop("stringData", None)
        kept["data"] = {key: value for key, value in kept["data"].items() if key != "b"}
    return kept


def filled(manifest: Object) -> Object:
    resource = registry.by_kind(manifest["apiVersion"], manifest["kind"])
    assert resource is not None
    value, _ = schema.decode(resource, manifest)
    defaults.default(resource, value)
    return value


def ask(rig: Any, manifest: Object) -> Object:
    resource = registry.by_kind(manifest["apiVersion"], manifest["kind"])
    assert resource is not None
    prefix = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    namespace = "/namespaces/default" if resource.namespaced else ""
    path = f"{prefix}{namespace}/{resource.plural}?dryRun=All"
    code, answer, _ = rig.request("POST", path, json.dumps(manifest).encode())
    assert code == 201, answer
    return bare(answer)


@pytest.mark.parametrize(("manifest", "answer"), PAIRS, ids=IDS)
def test_a_manifest_becomes_what_a_real_cluster_made_of_it(manifest: Object, answer: Object) -> None:
    before = json.dumps(manifest)
    assert bare(filled(manifest)) == answer
    assert json.dumps(manifest) == before


@pytest.mark.parametrize("manifest", MANIFESTS, ids=IDS)
def test_defaults_are_stable(manifest: Object) -> None:
    once = filled(manifest)
    again = filled(json.loads(json.dumps(once)))
    assert again == once


@pytest.mark.parametrize(("manifest", "answer"), PAIRS, ids=IDS)
def test_a_real_cluster_still_answers_so(rig: Any, manifest: Object, answer: Object) -> None:
    assert ask(rig, manifest) == answer


def test_string_data_of_a_secret_becomes_data_and_wins() -> None:
    secret: Object = {"metadata": {"name": "s"}, "data": {"a": "b2xk", "b": "Yg=="}, "stringData": {"a": "new"}}
    defaults.default(registry.RESOURCES["secrets"], secret)
    assert secret["data"] == {"a": "bmV3", "b": "Yg=="}
    assert "stringData" not in secret
