"""The same requests, sent to a kind cluster where the rig is there: the answers are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import kubernetes.client
import kubernetes.config
import pytest

from podwalk.api import conversion, tables
from podwalk.api.registry import RESOURCES
from podwalk.types import Object
from tests.unit.api.calls import APPLY, JSON_PATCH, MERGE, STRATEGIC, TABLE, Caller, deployment, pod
from tests.unit.network.rigs import rig_environment

NAMESPACE = "podwalk-api"
VOLATILE = {
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "time",
    "clusterIP",
    "clusterIPs",
    "nodePort",
}
CONTROLLERS = ("kube-controller-manager", "kubelet", "kube-scheduler")
MOVING = ("Age", "Last Seen", "First Seen")


class Kind:
    """The API server of a kind cluster."""

    def __init__(self, client: kubernetes.client.ApiClient) -> None:
        self._client = client

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "",
        **query: str,
    ) -> tuple[int, Any]:
        """Send one request."""
        url = f"{self._client.configuration.host}{path}?{urlencode(query)}"
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type, "User-Agent": "test/1.0", "Accept": accept or "application/json"}
        answer = self._client.rest_client.pool_manager.request(method, url, body=data, headers=headers)
        return answer.status, json.loads(answer.data)


@pytest.fixture(scope="module")
def kind() -> Iterator[Kind]:
    """The rig's cluster, with a namespace of this test's own."""
    environment = rig_environment()
    if environment is None:
        pytest.skip("no kind cluster is here to compare with")
    kind = Kind(kubernetes.config.new_client_from_config(config_file=environment["KUBECONFIG"]))
    status, _ = kind("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    if status != 201:
        pytest.skip(f"another run still uses the namespace {NAMESPACE}")
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"
    assert any(kind("GET", path)[0] == 200 for _ in range(200)), "the namespace got no ServiceAccount"
    yield kind
    kind("PATCH", f"{MAPS}/a", {"metadata": {"finalizers": None}}, content_type=MERGE)
    kind("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def comparable(value: Any) -> Any:
    """Take out of an answer what differs from one cluster to the next."""
    if isinstance(value, dict):
        kept = {}
        for key, part in value.items():
            if key == "managedFields":
                part = [entry for entry in part if entry["manager"] not in CONTROLLERS]
                part.sort(key=lambda entry: (entry["operation"], entry["manager"]))
            if key not in VOLATILE:
                kept[key] = comparable(part)
        return kept
    if isinstance(value, list):
        return [comparable(part) for part in value]
    if isinstance(value, str):
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}", "UID", value)
        return re.sub(r"kube-api-access-\w+", "kube-api-access-X", text)
    return value


CORE = f"/api/v1/namespaces/{NAMESPACE}"
MAPS, SERVICES, PODS = f"{CORE}/configmaps", f"{CORE}/services", f"{CORE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
PORTS = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
SERVICE: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "v"}, "spec": {"ports": PORTS}}
IDLE = pod("p", schedulerName="none")
Step = tuple[str, str, Any, str, dict[str, str]]

STEPS: dict[str, list[Step]] = {
    "owners": [
        ("POST", MAPS, {**MAP, "metadata": {"name": "a", "labels": {"x": "y"}, "finalizers": ["e.com/f"]}}, "", {}),
        ("PATCH", f"{MAPS}/a", {"data": {"z": "1"}}, MERGE, {"fieldManager": "other"}),
        ("PATCH", f"{MAPS}/a", {"data": {"k": None}}, MERGE, {"fieldManager": "other"}),
        ("PUT", f"{MAPS}/a", {"metadata": {"name": "a"}, "data": {"z": "2"}}, "", {"fieldManager": "third"}),
        ("DELETE", f"{MAPS}/a", None, "", {}),
        ("GET", f"{MAPS}/a", None, "", {}),
    ],
    "apply": [
        ("PATCH", f"{SERVICES}/v", SERVICE, APPLY, {"fieldManager": "m1"}),
        (
            "PATCH",
            f"{SERVICES}/v",
            {**SERVICE, "spec": {"ports": [{"name": "c", "port": 81}]}},
            APPLY,
            {"fieldManager": "m2"},
        ),
        ("PATCH", f"{SERVICES}/v", {**SERVICE, "spec": {"ports": PORTS[1:]}}, APPLY, {"fieldManager": "m1"}),
        ("PATCH", f"{SERVICES}/v", {"spec": {"type": "NodePort"}}, MERGE, {}),
        ("PATCH", f"{SERVICES}/v", {"spec": {"type": "ClusterIP"}}, MERGE, {}),
        ("PATCH", f"{SERVICES}/v", {"spec": {"clusterIP": "10.96.99.99"}}, MERGE, {}),
        ("PATCH", f"{SERVICES}/v", {"spec": {"type": "ExternalName", "externalName": "a.b"}}, MERGE, {}),
        ("DELETE", f"{SERVICES}/v", None, "", {}),
        ("PATCH", f"{SERVICES}/v", {**SERVICE, "spec": {"ports": "x"}}, APPLY, {"fieldManager": "m"}),
    ],
    "patches": [
        ("POST", DEPLOYMENTS, deployment("d", replicas=0, paused=True), "", {"dryRun": "All"}),
        ("POST", DEPLOYMENTS, {**deployment("d"), "spec": {}}, "", {"dryRun": "All"}),
        ("PATCH", f"{DEPLOYMENTS}/d", {}, MERGE, {}),
        ("POST", PODS, IDLE, "", {}),
        ("PATCH", f"{PODS}/p", {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}, STRATEGIC, {}),
        ("PATCH", f"{PODS}/p", [{"op": "remove", "path": "/spec/foo"}], JSON_PATCH, {}),
        ("PATCH", f"{PODS}/p", {"metadata": {"name": "other"}}, MERGE, {}),
        ("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}}, "", {}),
        ("GET", f"{PODS}/p", None, "", {}),
    ],
}


@pytest.mark.parametrize("story", STEPS)
def test_a_story_is_told_alike(kind: Kind, call: Caller, story: str) -> None:
    call.created("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    call.created(f"{CORE}/serviceaccounts", {"metadata": {"name": "default"}})
    for method, path, body, content_type, query in STEPS[story]:
        options: dict[str, Any] = {"content_type": content_type or "application/json", **query}
        status, theirs = kind(method, path, body, **options)
        ours = call(method, path, body, **options)
        where = f"{method} {path} {json.dumps(body)}"
        assert (ours.status, comparable(ours.body)) == (status, comparable(theirs)), where


@pytest.mark.parametrize("key", [key for key, row in RESOURCES.items() if "list" in row.verbs])
def test_every_table_is_printed_alike(kind: Kind, key: str) -> None:
    resource = RESOURCES[key]
    root = "/apis" if resource.group else "/api"
    _, theirs = kind(
        "GET", f"{root}/{resource.api_version}/{resource.plural}", accept=TABLE, includeObject="Object", limit="50"
    )
    table = tables.table(resource, lambda: datetime.now(UTC))
    names = [(one["name"], one["type"], one["format"], one["priority"]) for one in theirs["columnDefinitions"]]
    assert [(one.name, one.type, one.format, one.priority) for one in table.columns] == names
    for row in theirs["rows"] or ():
        cells = table.cells(conversion.to_stored(resource, row["object"]))
        # Of an IPAddress, kind sends a cell more than there are columns.
        for cell, expected, (name, *_) in zip(cells, row["cells"], names, strict=False):
            assert name in MOVING or " ago)" in str(expected) or cell == expected, (
                name,
                row["object"]["metadata"]["name"],
            )
