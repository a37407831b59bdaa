"""Wrong manifests and what a real cluster of v1.37 said to each on 2026-11-21.

The manifests are in ``data/wrong.yaml``, the answers in ``data/wrong.json``; where a real cluster is, they are
asked for again. Generated names and UIDs are made equal before they are compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.api import defaults, failures, registry, schema, validation
from podwalk.types import Object

DATA = Path(__file__).parent / "data"
FILE = yaml.safe_load((DATA / "wrong.yaml").read_text(encoding="utf-8"))
ANSWERS: dict[str, Object] = json.loads((DATA / "wrong.json").read_text(encoding="utf-8"))
NAMESPACE = "podwalk-schema"
CASES = {json.dumps(case): case for case in FILE["cases"]}
UID = "00000000-0000-0000-0000-000000000000"


def change(obj: Object, fields: dict[str, Any]) -> Object:
    """Return a copy with fields set by their dotted paths, or taken away if the value is null."""
    changed = deepcopy(obj)
    for path, value in fields.items():
        at: Any = changed
        *steps, last = _steps(path)
        for step in steps:
            at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
    return changed


def _steps(path: str) -> list[str]:
    return path.split(".")


def resource_of(obj: Object) -> registry.Resource:
    resource = registry.by_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    return resource


def comparable(status: Object) -> Object:
    """Keep what a client sees of a refusal."""
    text = json.dumps({key: status.get(key) for key in ("code", "reason", "message", "details")}, sort_keys=True)
    text = re.sub(r"\bX-[a-z0-9]{5}\b", "X-abcde", text)
    kept: Object = json.loads(re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", UID, text))
    return kept


def prepared(obj: Object, old: Object | None = None) -> Object:
    """Decode and default; add what is given out when an object is stored."""
    resource = resource_of(obj)
    value, _ = schema.decode(resource, obj)
    value["metadata"]["uid"] = UID
    defaults.default(resource, value)
    if resource.namespaced:
        value["metadata"].setdefault("namespace", NAMESPACE)
    spec = value.get("spec") or {}
    if stem := value["metadata"].get("generateName"):
        value["metadata"].setdefault("name", f"{stem}abcde")
    if value["kind"] == "Pod":
        spec.setdefault("serviceAccountName", "default")
        spec.setdefault("serviceAccount", "default")
    if value["kind"] == "Service":
        if "clusterIPs" not in spec and spec.get("type") != "ExternalName":
            spec.setdefault("clusterIP", "10.96.0.50")
        if "clusterIP" in spec:
            spec.setdefault("clusterIPs", [spec["clusterIP"]])
        if spec.get("type") != "ExternalName":
            spec.setdefault("ipFamilies", ["IPv4"])
            spec.setdefault("ipFamilyPolicy", "SingleStack")
    return value


def refusal(case: list[Any]) -> Object:
    """Return what the embedded API says to a case."""
    good = FILE["good"][case[0]]
    obj, old = prepared(change(good, case[1])), None
    if len(case) > 2:
        old, obj = obj, prepared(change(change(good, case[1]), case[2]))
    resource = resource_of(obj)
    causes = validation.validate(resource, obj, old)
    assert causes, "nothing was refused"
    return failures.invalid(resource.group, resource.kind, obj["metadata"].get("name", ""), causes).status()


def established(definition: Object) -> bool:
    """Tell whether a definition has become a resource."""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def ask(rig: Any, case: list[Any]) -> Object:
    """Return what a real cluster says to a case."""
    obj = change(FILE["good"][case[0]], case[1])
    resource = resource_of(obj)
    prefix = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    path = f"{prefix}/namespaces/{NAMESPACE}" if resource.namespaced else prefix
    path = f"{path}/{resource.plural}"
    if len(case) == 2:
        return comparable(rig.request("POST", f"{path}?dryRun=All", json.dumps(obj).encode())[1])
    stored_path = f"{path}/{obj['metadata']['name']}"
    try:
        rig.until("POST", path, json.dumps(obj).encode(), (201,))
        # Controllers write too: try again if one was faster.
        code, answer = 409, {}
        for _ in range(500):
            stored = rig.get(stored_path)
            if resource.kind == "CustomResourceDefinition" and not established(stored):
                continue  # until then its names and scope may still change
            stored.pop("status", None)
            body = json.dumps(change(stored, case[2])).encode()
            code, answer, _ = rig.request("PUT", f"{stored_path}?dryRun=All", body)
            if code != 409:
                break
        return comparable(answer)
    finally:
        rig.request("DELETE", f"{stored_path}?gracePeriodSeconds=0&propagationPolicy=Background")


@pytest.fixture(scope="session")
def own_namespace(rig: Any) -> Iterator[Any]:
    """A namespace of these tests' own on the real cluster, ready for Pods."""
    namespace = json.dumps({"metadata": {"name": NAMESPACE}}).encode()
    # A run that was killed has left its own behind.
    rig.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}", None)
    rig.until("POST", "/api/v1/namespaces", namespace, (201,))
    rig.until("GET", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default", None, (200,))
    yield rig
    rig.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


@pytest.mark.parametrize("key", CASES)
def test_a_wrong_manifest_is_refused_as_a_real_cluster_refuses_it(key: str) -> None:
    answer = ANSWERS[key]
    mine = comparable(refusal(CASES[key]))
    assert mine["message"] == answer["message"]
    assert mine == answer


def test_every_case_has_an_answer() -> None:
    assert set(ANSWERS) == set(CASES)
    assert len(CASES) >= 120


@pytest.mark.parametrize("name", FILE["good"])
def test_the_good_objects_are_good(name: str) -> None:
    obj = prepared(FILE["good"][name])
    assert validation.validate(resource_of(obj), obj, None) == []
    assert validation.validate(resource_of(obj), obj, obj) == []


@pytest.mark.parametrize("key", CASES)
def test_a_real_cluster_still_says_so(own_namespace: Any, key: str) -> None:
    assert ask(own_namespace, CASES[key]) == ANSWERS[key]
