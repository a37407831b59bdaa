"""Cluster-wide settings: priorities, storage, Service addresses, and the API's own Service."""

from __future__ import annotations

from podwalk.controllers.bootstrap.ensure import Maker

_CRITICAL = {
    "system-node-critical": (
        2000001000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    "system-cluster-critical": (
        2000000000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
}


def make(maker: Maker) -> None:
    """Make PriorityClasses, the StorageClass, the ServiceCIDR and the Service ``kubernetes``."""
    for name, (value, description) in _CRITICAL.items():
        priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
        extra = {"value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority"}
        maker.ensure("priorityclasses.scheduling.k8s.io", {**priority, **extra}, manager="kube-apiserver")
    _storage_class(maker)
    _service_cidr(maker)
    _api_service(maker)


def _storage_class(maker: Maker) -> None:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    maker.ensure(
        "storageclasses.storage.k8s.io",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "standard", "annotations": annotations},
            "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        manager="kubectl",
    )


def _service_cidr(maker: Maker) -> None:
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "",
        "message": "Kubernetes Service CIDR is ready",
        "lastTransitionTime": maker.simulation.timestamp(),
    }
    maker.ensure(
        "servicecidrs.networking.k8s.io",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "ServiceCIDR",
            "metadata": {"name": "kubernetes", "finalizers": ["networking.k8s.io/service-cidr-finalizer"]},
            "spec": {"cidrs": [maker.options.service_cidr]},
            "status": {"conditions": [ready]},
        },
        manager="kube-apiserver",
    )


def _api_service(maker: Maker) -> None:
    where = {"name": "kubernetes", "namespace": "default"}
    port = {"name": "https", "port": 6443, "protocol": "TCP"}
    address = maker.service_ip(1)
    maker.ensure(
        "services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**where, "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {
                "type": "ClusterIP",
                "clusterIP": address,
                "clusterIPs": [address],
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "None",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
        },
        manager="kube-apiserver",
    )
    maker.ensure(
        "endpoints",
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {**where, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
            "subsets": [{"addresses": [{"ip": maker.node_ip(0)}], "ports": [port]}],
        },
        manager="kube-apiserver",
    )
    maker.ensure(
        "endpointslices.discovery.k8s.io",
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**where, "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [maker.node_ip(0)], "conditions": {"ready": True}}],
            "ports": [port],
        },
        manager="kube-apiserver",
    )
