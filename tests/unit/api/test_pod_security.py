"""PodSecurity refuses and warns as on a real cluster, in its words: ``pod_security.json`` holds what was seen there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.api.calls import MERGE, Caller, deployment, pod
from tests.unit.api.test_same_as_kind import Kind
from tests.unit.api.test_same_as_kind import kind as kind

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "pod_security.json").read_text())
PREFIX = "pod-security.kubernetes.io/"
CASES = [(name, level) for name in SEEN for level in ("baseline", "restricted")]
RESTRICTED = SEEN["plain"]["restricted"]


def make(call: Caller, **labels: str) -> None:
    given = {PREFIX + key.replace("_", "-"): value for key, value in labels.items()}
    assert call("POST", "/api/v1/namespaces", {"metadata": {"name": "tenant", "labels": given}}).status == 201
    account = {"metadata": {"name": "default"}}
    assert call("POST", "/api/v1/namespaces/tenant/serviceaccounts", account).status == 201


def relabel(call: Caller, **labels: str) -> list[str]:
    given = {PREFIX + key.replace("_", "-"): value for key, value in labels.items()}
    answer = call("PATCH", "/api/v1/namespaces/tenant", {"metadata": {"labels": given}}, content_type=MERGE)
    assert answer.status == 200
    return warnings(answer.headers.get("warning", ""))


def warnings(header: str) -> list[str]:
    return [
        json.loads(f'"{part}"') for part in header.removeprefix('299 - "').removesuffix('"').split('", 299 - "') if part
    ]


def body(name: str, level: str, case: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": level}, "spec": SEEN[case]["spec"]}


def refusal(name: str, level: str, told: str) -> str:
    return f'pods "{name}" is forbidden: violates PodSecurity "{level}:latest": {told}'


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_a_level_forbids_what_it_forbids_on_a_real_cluster(call: Caller, level: str) -> None:
    make(call, enforce=level)
    told = {}
    for case in SEEN:
        answer = call("POST", "/api/v1/namespaces/tenant/pods", body("p", "tenant", case), dryRun="All")
        told[case] = "" if answer.status == 201 else (answer.status, answer.body["reason"], answer.message)
    seen = {case: row[level] for case, row in SEEN.items()}
    assert told == {case: text and (403, "Forbidden", refusal("p", level, text)) for case, text in seen.items()}


@pytest.mark.slow
def test_a_real_cluster_still_forbids_it(kind: Kind) -> None:
    namespace = "podwalk-pod-security"
    try:
        for level in ("baseline", "restricted"):
            made = {"metadata": {"name": f"{namespace}-{level}", "labels": {f"{PREFIX}enforce": level}}}
            assert kind("POST", "/api/v1/namespaces", made)[0] == 201
            accounts = f"/api/v1/namespaces/{namespace}-{level}/serviceaccounts"
            assert kind("POST", accounts, {"metadata": {"name": "default"}})[0] in (201, 409)
        for case, level in CASES:
            path = f"/api/v1/namespaces/{namespace}-{level}/pods"
            sent = {**body("p", f"{namespace}-{level}", case), "apiVersion": "v1", "kind": "Pod"}
            status, answer = kind("POST", path, sent, dryRun="All")
            if told := SEEN[case][level]:
                assert (status, answer["message"]) == (403, refusal("p", level, told))
            else:
                assert "PodSecurity" not in answer.get("message", "")
    finally:
        for level in ("baseline", "restricted"):
            kind("DELETE", f"/api/v1/namespaces/{namespace}-{level}")


def test_what_makes_pods_is_warned_of_and_taken(call: Caller) -> None:
    make(call, enforce="restricted", warn="restricted", warn_version="v1.30")
    path = "/apis/apps/v1/namespaces/tenant/deployments"
    made = call("POST", path, deployment("web"))
    assert made.status == 201
    (warning,) = warnings(made.headers["warning"])
    assert warning.startswith('would violate PodSecurity "restricted:v1.30": allowPrivilegeEscalation != false (contai')


def test_a_pod_that_is_refused_is_not_warned_of_too(call: Caller) -> None:
    make(call, enforce="baseline", warn="restricted")
    path = "/api/v1/namespaces/tenant/pods"
    taken = call("POST", path, body("plain", "tenant", "plain"))
    assert taken.status == 201
    assert warnings(taken.headers["warning"]) == [f'would violate PodSecurity "restricted:latest": {RESTRICTED}']
    refused = call("POST", path, body("net", "tenant", "hostnet"))
    assert (refused.status, refused.headers.get("warning")) == (403, None)


def test_an_older_release_forbids_what_it_forbade(call: Caller) -> None:
    make(call, enforce="baseline", enforce_version="v1.33")
    assert call("POST", "/api/v1/namespaces/tenant/pods", body("p", "tenant", "probehost")).status == 201
    relabel(call, enforce_version="v1.31")
    tuned = body("q", "tenant", "sysctlok")
    assert "forbidden sysctls (net.ipv4.tcp_rmem)" in call("POST", "/api/v1/namespaces/tenant/pods", tuned).message


def test_a_stricter_level_names_the_pods_that_are_there(call: Caller) -> None:
    make(call)
    for name, case in (("one", "plain"), ("two", "plain"), ("net", "hostnet")):
        call("POST", "/api/v1/namespaces/tenant/pods", body(name, "tenant", case))
    reasons = "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
    assert relabel(call, enforce="baseline") == [
        'existing pods in namespace "tenant" violate the new PodSecurity enforce level "baseline:latest"',
        "net: host namespaces",
    ]
    assert relabel(call, enforce="restricted") == [
        'existing pods in namespace "tenant" violate the new PodSecurity enforce level "restricted:latest"',
        f"net: host namespaces, {reasons}",
        f"one (and 1 other pod): {reasons}",
    ]
    assert relabel(call, warn="restricted") == []
    assert relabel(call, enforce="baseline") == []
    assert relabel(call, enforce="privileged") == []


def test_a_pod_that_is_there_may_be_labelled_but_takes_no_container_that_is_forbidden(call: Caller) -> None:
    make(call)
    path = "/api/v1/namespaces/tenant/pods"
    call("POST", path, pod("p"))
    relabel(call, enforce="restricted")
    assert call("PATCH", f"{path}/p", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE).status == 200
    added = {"spec": {"ephemeralContainers": [{"name": "look", "image": "busybox:1.36"}]}}
    refused = call("PATCH", f"{path}/p/ephemeralcontainers", added, content_type=MERGE)
    assert refused.status == 403
    assert '"look" must set securityContext.allowPrivilegeEscalation=false' in refused.message
