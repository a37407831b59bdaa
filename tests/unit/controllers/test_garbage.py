from __future__ import annotations

import pytest

from tests.unit.controllers.conftest import Bench, deployment


@pytest.fixture
def web(bench: Bench) -> Bench:
    bench.create("deployments.apps", deployment(replicas=2))
    bench.run_all()
    return bench


def test_a_background_deletion_takes_what_is_owned_after_the_owner(web: Bench) -> None:
    web.objects.delete("deployments.apps", "shop", "web", propagation="Background")
    web.settle()
    assert web.list("deployments.apps") == []
    assert web.list("replicasets.apps") == []
    web.run_all()
    assert web.list("pods") == []


def test_a_foreground_deletion_keeps_the_owner_until_the_last_pod_has_gone(web: Bench) -> None:
    web.objects.delete("deployments.apps", "shop", "web", propagation="Foreground")
    web.settle()
    assert web.get("deployments.apps", "web")["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert all("deletionTimestamp" in pod["metadata"] for pod in web.list("pods"))
    web.run_all()
    assert web.list("deployments.apps") == []
    assert web.list("replicasets.apps") == []


def test_orphans_stay_and_are_adopted_by_an_equal_owner(web: Bench) -> None:
    before = [pod["metadata"]["name"] for pod in web.list("pods")]
    web.objects.delete("deployments.apps", "shop", "web", propagation="Orphan")
    web.settle()
    (replica_set,) = web.list("replicasets.apps")
    assert "ownerReferences" not in replica_set["metadata"]
    web.create("deployments.apps", deployment(replicas=2))
    assert [pod["metadata"]["name"] for pod in web.list("pods")] == before
    assert web.list("replicasets.apps")[0]["metadata"]["ownerReferences"][0]["name"] == "web"


def test_an_object_whose_owner_was_never_there_is_collected(bench: Bench) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-0000-0000-000000000000"}
    body = {"metadata": {"name": "child", "ownerReferences": [owner]}, "data": {}}
    bench.create("configmaps", body)
    assert bench.objects.get("configmaps", "shop", "child") is None


def test_an_object_with_another_living_owner_only_loses_the_reference(bench: Bench) -> None:
    owners = []
    for name in ("one", "two"):
        made = bench.create("configmaps", {"metadata": {"name": name}})
        owners.append({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": made["metadata"]["uid"]})
    bench.create("configmaps", {"metadata": {"name": "child", "ownerReferences": owners}})
    bench.objects.delete("configmaps", "shop", "one")
    bench.settle()
    assert bench.get("configmaps", "child")["metadata"]["ownerReferences"] == [owners[1]]
