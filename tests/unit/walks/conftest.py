"""A small shop as objects: a frontend, a backend behind a Service, DNS, and room for policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podwalk.store import Store
from podwalk.types import ClusterOptions, Object, Ref
from podwalk.walks import Walk, walk

POLICIES = "networkpolicies.networking.k8s.io"


def pod(name: str, ip: str, node: str, *, namespace: str = "shop", port: int = 0, **spec: Any) -> Object:
    ports = [{"containerPort": port, "protocol": "TCP"}] if port else []
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"nodeName": node, "containers": [{"name": "main", "ports": ports}], **spec},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]} if ip else {"phase": "Pending"},
    }


def service(name: str, namespace: str, ip: str, port: int, target: int, *protocols: str) -> Object:
    ports = [{"name": each, "port": port, "targetPort": target, "protocol": each} for each in protocols or ("TCP",)]
    spec = {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "selector": {"app": name}, "ports": ports}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def endpoint_slice(name: str, namespace: str, ips: list[str], port: int, *protocols: str) -> Object:
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {
        "metadata": {"name": f"{name}-x", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": each, "port": port, "protocol": each} for each in protocols or ("TCP",)],
        "endpoints": [{"addresses": [ip], "conditions": conditions} for ip in ips],
    }


def policy(name: str, spec: Object, namespace: str = "shop") -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


@pytest.fixture
def shop() -> Store:
    store = Store()
    for namespace in ("shop", "kube-system"):
        metadata = {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace}}
        store.put("namespaces", {"metadata": metadata})
    for index, node in enumerate(("one", "two"), start=2):
        addresses = [{"type": "InternalIP", "address": f"172.18.0.{index}"}]
        store.put("nodes", {"metadata": {"name": node}, "spec": {}, "status": {"addresses": addresses}})
    store.put("pods", pod("frontend", "10.244.1.5", "one"))
    store.put("pods", pod("backend", "10.244.2.7", "two", port=8080))
    store.put("pods", pod("kube-dns", "10.244.1.2", "one", namespace="kube-system", port=53))
    store.put("services", service("backend", "shop", "10.96.12.3", 80, 8080))
    store.put("services", service("kube-dns", "kube-system", "10.96.0.10", 53, 53, "UDP", "TCP"))
    slices = "endpointslices.discovery.k8s.io"
    store.put(slices, endpoint_slice("backend", "shop", ["10.244.2.7"], 8080))
    store.put(slices, endpoint_slice("kube-dns", "kube-system", ["10.244.1.2"], 53, "UDP", "TCP"))
    return store


@pytest.fixture
def go(shop: Store) -> Callable[..., Walk]:
    def walked(target: str, source: str = "frontend") -> Walk:
        return walk(shop, Ref("pods", "shop", source), target, options=ClusterOptions())

    return walked
