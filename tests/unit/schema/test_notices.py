"""The warnings that a real cluster of v1.37 sent with these manifests on 2026-11-21."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.api import validation

DATA = Path(__file__).parent / "data"
CASES = {json.dumps(case): case for case in yaml.safe_load((DATA / "warned.yaml").read_text(encoding="utf-8"))}
ANSWERS: dict[str, list[str]] = json.loads((DATA / "warned.json").read_text(encoding="utf-8"))


def _neighbour(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRONG = _neighbour("test_validation")


@pytest.mark.parametrize("key", CASES)
def test_a_manifest_is_warned_of_as_on_a_real_cluster(key: str) -> None:
    name, fields = CASES[key]
    obj = WRONG.prepared(WRONG.change(WRONG.FILE["good"][name], fields))
    resource = WRONG.resource_of(obj)
    assert validation.validate(resource, obj, None) == []
    assert validation.warnings(resource, obj, None) == ANSWERS[key]


def test_a_template_that_stays_the_same_is_not_warned_of_again() -> None:
    key = next(key for key in CASES if key.startswith('["deployment"') and ANSWERS[key])
    name, fields = CASES[key]
    obj = WRONG.prepared(WRONG.change(WRONG.FILE["good"][name], fields))
    assert validation.warnings(WRONG.resource_of(obj), obj, obj) == []


@pytest.mark.parametrize("key", CASES)
def test_a_real_cluster_still_warns_so(rig: Any, key: str) -> None:
    assert ask(rig, CASES[key]) == ANSWERS[key]


def ask(rig: Any, case: Any) -> list[str]:
    obj = WRONG.change(WRONG.FILE["good"][case[0]], case[1])
    resource = WRONG.resource_of(obj)
    prefix = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    path = f"{prefix}/namespaces/default/{resource.plural}?dryRun=All"
    code, answer, warnings = rig.request("POST", path, json.dumps(obj).encode())
    assert code == 201, answer
    return list(warnings)
