"""Whatever a client sends, it gets a Status, and nothing is lost."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podwalk.api.negotiation import BODY_LIMIT
from podwalk.types import Object, Request
from tests.unit.api.calls import (
    APPLY,
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PODS,
    SERVICES,
    STRATEGIC,
    Caller,
    deployment,
    pod,
)

SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "s", "labels": {"a": "b"}},
    "spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"port": 80, "nodePort": 30080}]},
}
INGRESS: Object = {
    "metadata": {"name": "i"},
    "spec": {"rules": [{"host": "a.b", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {}}]}}]},
}
POLICY: Object = {
    "metadata": {"name": "p"},
    "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 80}]}]},
}
NETWORKING = "/apis/networking.k8s.io/v1/namespaces/default"
MANIFESTS = [
    (PODS, pod()),
    (DEPLOYMENTS, deployment()),
    (SERVICES, SERVICE),
    (f"{NETWORKING}/ingresses", INGRESS),
    (f"{NETWORKING}/networkpolicies", POLICY),
]
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values below one."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in parts for place in places(part, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Object]:
    """Return a path and a manifest in which some values were replaced or removed."""
    path, manifest = draw(st.sampled_from(MANIFESTS))
    manifest = copy.deepcopy(manifest)
    for _ in range(draw(st.integers(1, 3))):
        found = [place for place in places(manifest) if place]
        if not found:
            break
        place = draw(st.sampled_from(found))
        parent = manifest
        for step in place[:-1]:
            parent = parent[step]
        if draw(st.booleans()):
            parent[place[-1]] = draw(JUNK)
        else:
            del parent[place[-1]]
    return path, manifest


def well_answered(call: Caller, method: str, path: str, body: bytes, content_type: str, **query: str) -> int:
    request = Request(method, path, tuple(query.items()), {"content-type": content_type, "user-agent": "t"}, body)
    response = call.api.handle(request)
    call.api.simulation.settle()
    answer = json.loads(response.body)
    assert isinstance(answer, dict)
    if response.status >= 400:
        assert answer["kind"] == "Status"
        assert answer["code"] == response.status
        assert answer["message"]
    return response.status


@QUIET
@given(mutated())
def test_a_mutated_manifest_is_stored_or_refused(call: Caller, case: tuple[str, Object]) -> None:
    path, manifest = case
    status = well_answered(call, "POST", path, json.dumps(manifest).encode(), "application/json", dryRun="All")
    assert status in (201, 400, 403, 404, 409, 422)


@QUIET
@given(st.data())
def test_a_truncated_body_is_a_bad_request(call: Caller, data: st.DataObject) -> None:
    path, manifest = data.draw(st.sampled_from(MANIFESTS))
    text = json.dumps(manifest).encode()
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    assert well_answered(call, "POST", path, cut, "application/json") == 400


@QUIET
@given(st.binary(max_size=60), st.sampled_from(["application/json", "application/yaml", "text/plain", "", "a/b;c"]))
def test_any_bytes_of_any_type_are_answered(call: Caller, body: bytes, content_type: str) -> None:
    well_answered(call, "POST", CONFIG_MAPS, body, content_type, dryRun="All")


@QUIET
@given(JUNK, st.sampled_from([MERGE, STRATEGIC, JSON_PATCH, APPLY]), st.sampled_from(["", "/status", "/scale"]))
def test_any_patch_is_answered_and_the_object_survives(call: Caller, body: Any, kind: str, sub: str) -> None:
    if call("GET", f"{DEPLOYMENTS}/shop").status == 404:
        call.created(DEPLOYMENTS, deployment())
    data = json.dumps(body).encode()
    well_answered(call, "PATCH", f"{DEPLOYMENTS}/shop{sub}", data, kind, fieldManager="m", dryRun="All")
    assert call("GET", f"{DEPLOYMENTS}/shop").body["spec"]["selector"] == {"matchLabels": {"app": "shop"}}


@QUIET
@given(mutated(), st.sampled_from([MERGE, STRATEGIC, APPLY]))
def test_a_mutated_manifest_as_a_patch_is_answered(call: Caller, case: tuple[str, Object], kind: str) -> None:
    if call("GET", f"{DEPLOYMENTS}/shop").status == 404:
        call.created(DEPLOYMENTS, deployment())
    data = json.dumps(case[1]).encode()
    well_answered(call, "PATCH", f"{DEPLOYMENTS}/shop", data, kind, fieldManager="m", dryRun="All")


@QUIET
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "limit",
                "continue",
                "labelSelector",
                "fieldSelector",
                "resourceVersion",
                "resourceVersionMatch",
                "watch",
                "timeoutSeconds",
                "pretty",
                "sendInitialEvents",
                "allowWatchBookmarks",
                "includeObject",
                "dryRun",
                "gracePeriodSeconds",
                "propagationPolicy",
            ]
        ),
        st.text(max_size=8) | st.sampled_from(["true", "0", "-1", "All", "Exact", "NotOlderThan", "eyJ2IjoxfQ"]),
        max_size=4,
    ),
    st.sampled_from(["GET", "DELETE", "POST", "PUT", "PATCH", "HEAD", "TRACE"]),
    st.sampled_from(
        [PODS, f"{PODS}/web", "/api", "/apis/apps/v1/", "/api/v1", "/", "/api/v1/namespaces//pods", "/openapi"]
    ),
)
def test_any_query_of_any_method_is_answered(call: Caller, query: dict[str, Any], method: str, path: str) -> None:
    response = call.api.handle(Request(method, path, tuple(query.items()), {"accept": "*/*"}))
    assert 200 <= response.status < 600
    if response.stream is not None:
        response.stream.cancel()


def test_a_body_over_the_limit_is_too_large(call: Caller) -> None:
    body = b'{"metadata":{"name":"c"},"data":{"a":"' + b"x" * BODY_LIMIT + b'"}}'
    answer = call("POST", CONFIG_MAPS, body)
    assert (answer.status, answer.body["reason"]) == (413, "RequestEntityTooLarge")
    assert answer.message == f"Request entity too large: limit is {BODY_LIMIT}"
    assert call("PATCH", f"{CONFIG_MAPS}/c", body, content_type=MERGE).status == 413


@pytest.mark.parametrize("content_type", ["application/json", MERGE, STRATEGIC, JSON_PATCH, APPLY])
def test_a_body_without_end_of_nesting_is_refused(call: Caller, content_type: str) -> None:
    call.created(DEPLOYMENTS, deployment())
    body = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    method, path = ("POST", DEPLOYMENTS) if content_type == "application/json" else ("PATCH", f"{DEPLOYMENTS}/shop")
    answer = call(method, path, body, content_type=content_type, fieldManager="m")
    assert 400 <= answer.status < 500


def test_another_format_is_named_in_the_refusal(call: Caller) -> None:
    answer = call("POST", CONFIG_MAPS, b"x", content_type="text/plain")
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
    assert answer.message.startswith("the body of the request was in an unknown format - accepted media types include")


def test_a_document_that_refers_to_itself_over_and_over_is_refused(call: Caller) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    answer = call("POST", CONFIG_MAPS, "\n".join(lines).encode(), content_type="application/yaml")
    assert answer.status == 400
    assert "excessive aliasing" in answer.message
