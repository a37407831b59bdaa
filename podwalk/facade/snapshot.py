"""What the network model needs of a cluster, read through the API: the embedded one and a real one alike."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from kubernetes.client import ApiClient

from podwalk.facade import wire
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object

PATHS = {
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/pods",
    "services": "/api/v1/services",
    "configmaps": "/api/v1/namespaces/kube-system/configmaps",
    "endpointslices.discovery.k8s.io": "/apis/discovery.k8s.io/v1/endpointslices",
    "networkpolicies.networking.k8s.io": "/apis/networking.k8s.io/v1/networkpolicies",
    "ingresses.networking.k8s.io": "/apis/networking.k8s.io/v1/ingresses",
    "servicecidrs.networking.k8s.io": "/apis/networking.k8s.io/v1/servicecidrs",
}
"""What is read, by resource."""

MAY_BE_CLOSED = frozenset({"nodes", "configmaps", "servicecidrs.networking.k8s.io"})
"""Resources without which the model still works, if the user has no right to read them."""

CNI_DAEMONSETS = {
    "calico-node": "calico",
    "canal": "canal",
    "cilium": "cilium",
    "kindnet": "kindnet",
    "kube-flannel-ds": "flannel",
    "weave-net": "weave",
    "antrea-agent": "antrea",
}
"""By which DaemonSet a CNI plugin is known."""


def read(api: ApiClient) -> Store:
    """Return the objects of a cluster as they are now.

    Raises:
        StatusError: when the user may not read what the model cannot do without.
    """
    store = Store()
    store.restore(_objects(api), 1)
    return store


def options(api: ApiClient, view: Store) -> ClusterOptions:
    """Return the cluster's ranges and CNI plugin, as far as its objects tell."""
    defaults = ClusterOptions()
    services = [cidr for obj in view.list("servicecidrs.networking.k8s.io") for cidr in obj["spec"]["cidrs"]]
    pods = [node["spec"]["podCIDR"] for node in view.list("nodes") if node["spec"].get("podCIDR")]
    nodes = [
        address["address"]
        for node in view.list("nodes")
        for address in node["status"].get("addresses") or ()
        if address["type"] == "InternalIP"
    ]
    return ClusterOptions(
        pod_cidr=_cover(pods, 16) or defaults.pod_cidr,
        service_cidr=next((cidr for cidr in services if "." in cidr), defaults.service_cidr),
        node_cidr=_cover(nodes, 16) or defaults.node_cidr,
        cni=_cni(api) or defaults.cni,
    )


def _objects(api: ApiClient) -> Iterator[tuple[str, Object]]:
    for resource, path in PATHS.items():
        try:
            items = wire.call(api, "GET", path).get("items") or ()
        except wire.StatusError as error:
            if error.code == 403 and resource in MAY_BE_CLOSED:
                continue
            raise
        for obj in items:
            yield resource, obj


def _cni(api: ApiClient) -> str:
    try:
        found = wire.call(api, "GET", "/apis/apps/v1/daemonsets").get("items") or ()
    except wire.StatusError:
        return ""
    names = (obj["metadata"]["name"] for obj in found)
    return next((CNI_DAEMONSETS[name] for name in names if name in CNI_DAEMONSETS), "")


def _cover(addresses: Iterable[str], longest: int) -> str:
    """Return the smallest IPv4 network, no longer a prefix than ``longest``, that holds all the addresses."""
    networks = [ipaddress.ip_network(text) for text in addresses if ":" not in text]
    if not networks:
        return ""
    cover = networks[0]
    while cover.prefixlen > longest or not all(other.subnet_of(cover) for other in networks):  # type: ignore[arg-type]  # all are IPv4
        cover = cover.supernet()
    return str(cover)
