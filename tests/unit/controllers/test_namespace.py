from __future__ import annotations

from tests.unit.controllers.conftest import Bench, deployment


def _conditions(bench: Bench) -> dict[str, tuple[str, str]]:
    found = bench.get("namespaces", "shop", "")["status"]["conditions"]
    return {entry["type"]: (entry["status"], entry["message"]) for entry in found}


def test_a_namespace_has_its_account_and_root_certificate_and_gets_them_back(bench: Bench) -> None:
    assert [entry["metadata"]["name"] for entry in bench.list("serviceaccounts")] == ["default"]
    assert "BEGIN CERTIFICATE" in bench.get("configmaps", "kube-root-ca.crt")["data"]["ca.crt"]
    bench.objects.delete("serviceaccounts", "shop", "default")
    bench.objects.delete("configmaps", "shop", "kube-root-ca.crt")
    bench.settle()
    assert bench.list("serviceaccounts")
    assert bench.list("configmaps")


def test_a_namespace_goes_with_all_that_is_in_it(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=2))
    bench.create(
        "services", {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    )
    bench.objects.delete("namespaces", "", "shop")
    bench.settle()
    bench.run_all()
    assert bench.objects.get("namespaces", "", "shop") is None
    left = [resource for resource in bench.store.resources() if bench.store.list(resource, "shop")]
    assert left == []


def test_pods_go_before_the_policies_that_protect_them(bench: Bench) -> None:
    bench.create("deployments.apps", deployment(replicas=1))
    bench.run_all()
    policy = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    bench.create("networkpolicies.networking.k8s.io", policy)
    bench.objects.delete("namespaces", "", "shop")
    bench.settle()
    assert bench.get("namespaces", "shop", "")["status"]["phase"] == "Terminating"
    assert bench.list("networkpolicies.networking.k8s.io")
    left = "unexpected items still remain in namespace: shop for gvr: /v1, Resource=pods"
    expected = f"Failed to delete all resource types, 1 remaining: {left}"
    assert _conditions(bench)["NamespaceDeletionContentFailure"] == ("True", expected)
    bench.run_all()
    assert bench.objects.get("namespaces", "", "shop") is None


def test_a_namespace_that_hangs_names_the_finalizer_that_holds_it(bench: Bench) -> None:
    bench.create("configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/mine"]}})
    bench.objects.delete("namespaces", "", "shop")
    bench.settle()
    assert _conditions(bench)["NamespaceFinalizersRemaining"] == (
        "True",
        "Some content in the namespace has finalizers remaining: example.com/mine in 1 resource instances",
    )
    assert _conditions(bench)["NamespaceContentRemaining"] == (
        "True",
        "Some resources are remaining: configmaps. has 1 resource instances",
    )
    bench.modify("configmaps", "held", lambda obj: obj["metadata"].pop("finalizers"))
    assert bench.objects.get("namespaces", "", "shop") is None
