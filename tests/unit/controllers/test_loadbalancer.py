from __future__ import annotations

from typing import Any

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench


def service(name: str = "web", annotations: Object | None = None, **spec: Any) -> Object:
    metadata: Object = {"name": name, "annotations": annotations or {}}
    return {"metadata": metadata, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}}


def addresses(bench: Bench, name: str = "web") -> list[str]:
    return [entry["ip"] for entry in bench.get("services", name)["status"]["loadBalancer"].get("ingress") or ()]


def install_metallb(bench: Bench, *ranges: str) -> None:
    for plural, kind in (("ipaddresspools", "IPAddressPool"), ("l2advertisements", "L2Advertisement")):
        names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        version = {"name": "v1beta1", "served": True, "storage": True, "schema": schema}
        body = {"group": "metallb.io", "scope": "Namespaced", "names": names, "versions": [version]}
        definition = {"metadata": {"name": f"{plural}.metallb.io"}, "spec": body}
        bench.create("customresourcedefinitions.apiextensions.k8s.io", definition)
    pool = {"metadata": {"name": "pool"}, "spec": {"addresses": list(ranges)}}
    bench.create("ipaddresspools.metallb.io", pool)
    bench.create("l2advertisements.metallb.io", {"metadata": {"name": "l2"}, "spec": {}})


def test_without_a_controller_it_stays_pending(bench: Bench) -> None:
    bench.create("services", service())
    assert bench.get("services", "web")["status"] == {"loadBalancer": {}}
    assert bench.events("web") == []


def test_metallb_gives_addresses_of_its_pool_and_says_so(bench: Bench) -> None:
    bench.create("services", service())
    install_metallb(bench, "172.18.255.200-172.18.255.201")
    bench.create("services", service("two"))
    assert (addresses(bench), addresses(bench, "two")) == (["172.18.255.200"], ["172.18.255.201"])
    assert bench.get("services", "web")["metadata"]["annotations"]["metallb.io/ip-allocated-from-pool"] == "pool"
    assert bench.events("web") == [("IPAllocated", 'Assigned IP ["172.18.255.200"]')]


def test_metallb_says_which_node_answers_once_there_is_an_endpoint_and_when_it_is_another(bench: Bench) -> None:
    install_metallb(bench, "172.18.255.200/32")
    bench.create("services", service(externalTrafficPolicy="Local"))
    labels = {"kubernetes.io/service-name": "web"}
    for number, node in enumerate(("lab-worker", "lab-worker2")):
        endpoint = {"addresses": ["10.244.1.2"], "nodeName": node}
        made = {"metadata": {"name": f"web-{number}", "labels": labels}, "addressType": "IPv4", "ports": [{"port": 80}]}
        bench.create("endpointslices.discovery.k8s.io", {**made, "endpoints": [endpoint]})
        said = [message for reason, message in bench.events("web") if reason == "nodeAssigned"]
        assert said[-1] == f'announcing from node "{node}" with protocol "layer2"'
        bench.objects.delete("endpointslices.discovery.k8s.io", "shop", f"web-{number}")
        bench.settle()


def test_an_empty_pool_leaves_it_pending_until_an_address_is_free(bench: Bench) -> None:
    install_metallb(bench, "172.18.255.200/32")
    bench.create("services", service())
    bench.create("services", service("two"))
    assert addresses(bench, "two") == []
    assert bench.events("two") == [("AllocationFailed", 'Failed to allocate IP for "shop/two": no available IPs')]
    bench.objects.delete("services", "shop", "web")
    bench.settle()
    assert addresses(bench, "two") == ["172.18.255.200"]


def test_an_address_may_be_asked_for(bench: Bench) -> None:
    install_metallb(bench, "172.18.255.200-172.18.255.210")
    bench.create("services", service(annotations={"metallb.io/loadBalancerIPs": "172.18.255.207"}))
    assert addresses(bench) == ["172.18.255.207"]


def test_another_class_is_left_to_another(bench: Bench) -> None:
    install_metallb(bench, "172.18.255.200-172.18.255.210")
    bench.create("services", service(loadBalancerClass="example.com/mine"))
    assert addresses(bench) == []


def test_the_cloud_provider_is_switched_on_by_its_config_map(bench: Bench) -> None:
    bench.create("services", service())
    bench.create("configmaps", {"metadata": {"name": "cloud-provider-kind", "namespace": "kube-system"}})
    assert addresses(bench) == ["172.18.0.200"]
    assert [reason for reason, _ in bench.events("web")] == ["EnsuringLoadBalancer", "EnsuredLoadBalancer"]
    bench.modify("services", "web", lambda obj: obj["spec"].update(type="ClusterIP"))
    found = bench.get("services", "web")
    assert found["status"] == {"loadBalancer": {}}
    assert "finalizers" not in found["metadata"]
