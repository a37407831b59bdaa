"""Which Service, if any, an address and port name: the front half of kube-proxy.

Left out: what happens behind it (:mod:`podwalk.network.endpoints`, :mod:`podwalk.network.proxy`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from podwalk.network.addresses import Range, node_at, range_of
from podwalk.types import ClusterOptions, Object, View

PROXY_NAME = "service.kubernetes.io/service-proxy-name"
"""The label that gives a Service to another proxy than kube-proxy, whatever its value."""


class Entry(StrEnum):
    """By which of its addresses a Service is entered."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    EXTERNAL_IP = "external IP"
    LOAD_BALANCER = "load balancer IP"


@dataclass(frozen=True)
class Front:
    """A Service entered by one of its addresses and one of its ports.

    Attributes:
        service: the Service.
        port: the entry of ``spec.ports``.
        index: its place there.
        entry: by which address.
    """

    service: Object
    port: Object
    index: int
    entry: Entry

    @property
    def namespace(self) -> str:
        """The Service's namespace."""
        return str(self.service["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """The Service's name."""
        return str(self.service["metadata"]["name"])

    @property
    def external(self) -> bool:
        """Whether it was entered by an address meant for clients outside the cluster."""
        return self.entry is not Entry.CLUSTER_IP

    @property
    def local_only(self) -> bool:
        """Whether the traffic policy of this entry keeps to endpoints of the node."""
        policy = "externalTrafficPolicy" if self.external else "internalTrafficPolicy"
        return bool(self.service["spec"].get(policy) == "Local")

    def __str__(self) -> str:
        """Render as kube-proxy names a ServicePort: ``namespace/name:port``."""
        port = self.port.get("name") or ""
        return f"{self.namespace}/{self.name}" + (f":{port}" if port else "")


def is_headless(service: Object) -> bool:
    """Whether a Service has no address of its own (``clusterIP: None``)."""
    return bool(service["spec"].get("clusterIP") == "None")


def is_proxied(service: Object) -> bool:
    """Whether kube-proxy programs a Service: it has a ClusterIP, is no ExternalName, and is not labelled another's.

    Source: pkg/proxy/util.ShouldSkipService; that an empty value will do was seen on kind.
    """
    spec, labels = service["spec"], service["metadata"].get("labels") or {}
    if PROXY_NAME in labels:
        return False
    return spec.get("type") != "ExternalName" and spec.get("clusterIP", "") not in ("", "None")


def entry_at(service: Object, ip: str) -> Entry | None:
    """Return as which of a Service's addresses kube-proxy knows ``ip``."""
    spec = service["spec"]
    if ip in (spec.get("clusterIPs") or [spec.get("clusterIP")]):
        return Entry.CLUSTER_IP
    if ip in (spec.get("externalIPs") or ()):
        return Entry.EXTERNAL_IP
    if spec.get("type") == "LoadBalancer" and ip in load_balancer_ips(service, "VIP"):
        return Entry.LOAD_BALANCER
    return None


def load_balancer_ips(service: Object, mode: str) -> tuple[str, ...]:
    """Return the load balancer's addresses of one ``ipMode``; those of ``VIP``, the default, the nodes answer."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return tuple(entry["ip"] for entry in ingress if entry.get("ip") and entry.get("ipMode", "VIP") == mode)


def find(view: View, ip: str, port: int, protocol: str) -> Front | None:
    """Return the Service that a ClusterIP, external IP or load balancer IP and a port name, or None."""
    for service in view.lookup("service-ip", ip):
        entry = entry_at(service, ip) if is_proxied(service) else None
        if entry is None:
            continue
        for index, candidate in enumerate(service["spec"].get("ports") or ()):
            if candidate["port"] == port and candidate.get("protocol", "TCP") == protocol:
                return Front(service, candidate, index, entry)
    return None


def owner(view: View, ip: str, *, proxied: bool = True) -> Object | None:
    """Return a Service that owns an address, whatever its ports; None if there is none.

    Args:
        view: the objects.
        ip: the address.
        proxied: whether kube-proxy programs it, or leaves it to another.
    """
    return next((service for service in view.lookup("service-ip", ip) if is_proxied(service) == proxied), None)


def find_node_port(view: View, ip: str, port: int, protocol: str, options: ClusterOptions) -> Front | None:
    """Return the Service whose NodePort is ``port``, if ``ip`` is an address of a node (or loopback, on a node)."""
    if node_at(view, ip) is None and range_of(ip, options) is not Range.LOOPBACK:
        return None
    for service in view.lookup("service-node-port", str(port)):
        if not is_proxied(service):
            continue
        for index, candidate in enumerate(service["spec"].get("ports") or ()):
            if candidate.get("nodePort") == port and candidate.get("protocol", "TCP") == protocol:
                return Front(service, candidate, index, Entry.NODE_PORT)
    return None
