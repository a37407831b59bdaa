from __future__ import annotations

import json
from typing import Any

import pytest

from podwalk.api import discovery
from podwalk.api.registry import READ_WRITE, RESOURCES, Resource, Subresource

ALL = tuple(RESOURCES.values())
WIDGETS = Resource(
    "example.com",
    "v1",
    "Widget",
    "widgets",
    "widget",
    namespaced=True,
    short_names=("wd",),
    subresources=(Subresource("status", READ_WRITE, "example.com", "v1", "Widget", ""),),
)
VERSIONS = sorted({row.api_version for row in ALL})


def ask(path: str, accept: str = "application/json", resources: tuple[Resource, ...] = ALL) -> Any:
    document = discovery.answer(path, accept, resources)
    assert document is not None
    return json.loads(document.data)


def prefix(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def test_kubectl_gets_everything_at_once() -> None:
    accept = f"{discovery.AGGREGATED},application/json"
    document = discovery.answer("/apis", accept, ALL)
    assert document is not None
    assert document.media_type == discovery.AGGREGATED
    groups = json.loads(document.data)["items"]
    assert [group["metadata"]["name"] for group in groups][:2] == ["apps", "events.k8s.io"]
    core = ask("/api", accept)["items"]
    assert [group["metadata"] for group in core] == [{}]


def test_a_client_that_does_not_ask_for_it_gets_the_old_form() -> None:
    assert ask("/apis")["kind"] == "APIGroupList"
    assert ask("/api")["kind"] == "APIVersions"
    assert ask("/apis/apps")["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    assert (
        ask("/apis", "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList")["kind"] == "APIGroupList"
    )


def test_custom_resources_are_listed_with_their_own_group() -> None:
    (widget,) = ask("/apis", discovery.AGGREGATED, (*ALL, WIDGETS))["items"][-1]["versions"][0]["resources"]
    assert widget["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert widget["verbs"][:3] == ["delete", "deletecollection", "get"]
    assert widget["subresources"][0]["subresource"] == "status"
    names = [row["name"] for row in ask("/apis/example.com/v1", resources=(WIDGETS,))["resources"]]
    assert names == ["widgets", "widgets/status"]


def test_what_is_not_served_is_not_found() -> None:
    for path in ("/api/v2", "/apis/nope", "/apis/apps/v2", "/elsewhere"):
        assert discovery.answer(path, "*/*", ALL) is None


def test_a_document_changes_its_etag_with_its_content() -> None:
    one, other = (discovery.answer("/apis", "", resources) for resources in (ALL, (*ALL, WIDGETS)))
    assert one is not None
    assert other is not None
    assert one.etag != other.etag


def test_the_version_is_a_real_clusters(rig: Any) -> None:
    real = rig.get("/version")
    built = ("gitCommit", "goVersion", "buildDate")
    mine = ask("/version")
    assert {key: value for key, value in mine.items() if key not in built} == {
        key: value for key, value in real.items() if key not in built
    }
    assert set(mine) == set(real)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lists_of_resources_are_a_real_clusters(rig: Any, version: str) -> None:
    real, mine = rig.get(prefix(version)), ask(prefix(version))
    rows = {row["name"]: row for row in real["resources"]}
    assert {key: value for key, value in mine.items() if key != "resources"} == {
        key: value for key, value in real.items() if key != "resources"
    }
    for row in mine["resources"]:
        assert row == rows[row["name"]]
    order = [row["name"] for row in real["resources"] if row["name"] in {one["name"] for one in mine["resources"]}]
    assert [row["name"] for row in mine["resources"]] == order


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_aggregated_discovery_is_a_real_clusters(rig: Any, path: str) -> None:
    real = {group["metadata"].get("name", ""): group for group in rig.get(path, discovery.AGGREGATED)["items"]}
    for group in ask(path, discovery.AGGREGATED)["items"]:
        name = group["metadata"].get("name", "")
        versions = {version["version"]: version for version in real[name]["versions"]}
        for version in group["versions"]:
            rows = {row["resource"]: row for row in versions[version["version"]]["resources"]}
            for row in version["resources"]:
                assert row == rows[row["resource"]]


def test_a_group_is_a_real_clusters(rig: Any) -> None:
    for group in ("apps", "networking.k8s.io", "rbac.authorization.k8s.io"):
        assert ask(f"/apis/{group}") == rig.get(f"/apis/{group}")
