from __future__ import annotations

from typing import Any

import kubernetes.client

from podwalk.api import registry

AGGREGATED = "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io"


def test_every_model_named_is_in_the_kubernetes_package() -> None:
    for resource in registry.RESOURCES.values():
        types: tuple[registry.Typed, ...] = (resource, *resource.subresources)
        for typed in types:
            if typed.model:
                assert hasattr(kubernetes.client, typed.model), typed


def test_keys_are_group_resource_strings() -> None:
    assert registry.RESOURCES["pods"].api_version == "v1"
    assert registry.RESOURCES["deployments.apps"].api_version == "apps/v1"
    assert registry.RESOURCES["events.events.k8s.io"].storage_key == "events"


def test_a_manifests_kind_finds_its_resource() -> None:
    found = registry.by_kind("networking.k8s.io/v1", "NetworkPolicy")
    assert found is not None
    assert found.key == "networkpolicies.networking.k8s.io"
    assert registry.by_kind("extensions/v1beta1", "Ingress") is None


def test_rows_equal_a_real_clusters_discovery(rig: Any) -> None:
    real = {}
    for path in ("/api", "/apis"):
        for group in rig.get(path, AGGREGATED)["items"]:
            for version in group["versions"]:
                for row in version["resources"]:
                    real[group["metadata"].get("name", ""), version["version"], row["resource"]] = row
    for resource in registry.RESOURCES.values():
        row = real[resource.group, resource.version, resource.plural]
        assert row["responseKind"]["kind"] == resource.kind
        assert row["singularResource"] == resource.singular
        assert row["scope"] == ("Namespaced" if resource.namespaced else "Cluster")
        assert tuple(row["verbs"]) == resource.verbs
        assert tuple(row.get("shortNames", ())) == resource.short_names
        assert tuple(row.get("categories", ())) == resource.categories
        subresources = [
            (sub["subresource"], tuple(sub["verbs"]), sub["responseKind"]) for sub in row.get("subresources", ())
        ]
        own = {"group": "", "version": ""}
        assert subresources == [
            (sub.name, sub.verbs, {**_foreign(resource, sub, own), "kind": sub.kind}) for sub in resource.subresources
        ]


def _foreign(resource: registry.Resource, sub: registry.Subresource, own: dict[str, str]) -> dict[str, str]:
    same = sub.api_version == resource.api_version
    return own if same else {"group": sub.group, "version": sub.version}
