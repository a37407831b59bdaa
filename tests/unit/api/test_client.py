"""The official client meets an API that it can use."""

from __future__ import annotations

from typing import Any

import kubernetes.client
import pytest
from kubernetes.client.exceptions import ApiException

from tests.unit.api.calls import deployment, pod


def test_objects_are_made_read_changed_and_removed(client: kubernetes.client.ApiClient) -> None:
    core: Any = kubernetes.client.CoreV1Api(client)
    made = core.create_namespaced_pod("default", pod())
    assert made.spec.service_account_name == "default"
    assert made.metadata.creation_timestamp.tzinfo is not None
    core.patch_namespaced_pod("web", "default", {"metadata": {"labels": {"tier": "front"}}})
    listed = core.list_namespaced_pod("default", label_selector="tier=front")
    assert [one.metadata.name for one in listed.items] == ["web"]
    core.delete_namespaced_pod("web", "default")
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod("web", "default")
    assert caught.value.status == 404


def test_a_workload_is_scaled(client: kubernetes.client.ApiClient) -> None:
    apps: Any = kubernetes.client.AppsV1Api(client)
    apps.create_namespaced_deployment("default", deployment())
    apps.patch_namespaced_deployment_scale("shop", "default", {"spec": {"replicas": 4}})
    assert apps.read_namespaced_deployment("shop", "default").spec.replicas == 4
