"""Services as kube-proxy on one node sees them, before it writes rules: what the iptables and nftables modes share.

Source: pkg/proxy/serviceport.go and topology.go. IPv4 only, as the cluster is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from podwalk.network import endpoints as endpoint_choice
from podwalk.network import services
from podwalk.network.addresses import parse
from podwalk.network.endpoints import Endpoint
from podwalk.network.proxy import DEFAULT_AFFINITY_S
from podwalk.types import Object, Ref, View


@dataclass(frozen=True)
class ServicePort:
    """One port of a Service as one node's kube-proxy sees it.

    Attributes:
        service: the Service.
        port: the entry of ``spec.ports``.
        cluster: the endpoints of policy Cluster.
        local: the endpoints of policy Local.
        exists: whether any endpoint could be used anywhere.
    """

    service: Object
    port: Object
    cluster: tuple[Endpoint, ...]
    local: tuple[Endpoint, ...]
    exists: bool

    @property
    def name(self) -> str:
        """The name kube-proxy gives it: ``namespace/name:port``."""
        metadata, port = self.service["metadata"], self.port.get("name")
        return f"{metadata['namespace']}/{metadata['name']}" + (f":{port}" if port else "")

    @property
    def protocol(self) -> str:
        """The protocol, in lower case."""
        return str(self.port.get("protocol", "TCP")).lower()

    @property
    def outside_ips(self) -> tuple[str, ...]:
        """The external IPs."""
        return tuple(ip for ip in self.service["spec"].get("externalIPs") or () if is_v4(ip))

    @property
    def balancer_ips(self) -> tuple[str, ...]:
        """The load balancer addresses that nodes answer themselves."""
        return tuple(ip for ip in services.load_balancer_ips(self.service, "VIP") if is_v4(ip))

    @property
    def accessible(self) -> bool:
        """Whether it can be entered from outside the cluster."""
        return bool(self.port.get("nodePort") or self.outside_ips or self.balancer_ips)

    @property
    def inside_local(self) -> bool:
        """Whether ``internalTrafficPolicy`` is Local."""
        return bool(self.service["spec"].get("internalTrafficPolicy") == "Local")

    @property
    def outside_local(self) -> bool:
        """Whether ``externalTrafficPolicy`` is Local."""
        return bool(self.service["spec"].get("externalTrafficPolicy") == "Local")

    @property
    def inside(self) -> tuple[Endpoint, ...]:
        """The endpoints of the ClusterIP."""
        return self.local if self.inside_local else self.cluster

    @property
    def outside(self) -> tuple[Endpoint, ...]:
        """The endpoints of the other addresses."""
        return self.local if self.outside_local else self.cluster

    @property
    def reachable(self) -> tuple[Endpoint, ...]:
        """Every endpoint that some rule of this node leads to."""
        found = (self.cluster if self.uses_cluster else ()) + (self.local if self.uses_local else ())
        return tuple(sorted(dict.fromkeys(found), key=lambda endpoint: f"{endpoint.ip}:{endpoint.port}"))

    @property
    def uses_cluster(self) -> bool:
        """Whether the Cluster chain is there; with policy Local, Pods and the node itself still need it."""
        return bool(self.cluster) and (not self.inside_local or self.accessible)

    @property
    def uses_local(self) -> bool:
        """Whether the Local chain is there."""
        return bool(self.local) and (self.inside_local or (self.outside_local and self.accessible))

    @property
    def ranges(self) -> tuple[str, ...]:
        """The ``loadBalancerSourceRanges`` that are enforced."""
        ranges = self.service["spec"].get("loadBalancerSourceRanges") or ()
        return tuple(ranges) if self.balancer_ips and self.reachable else ()

    @property
    def affinity_s(self) -> int:
        """The time-out of session affinity, or 0 without."""
        spec = self.service["spec"]
        if spec.get("sessionAffinity") != "ClientIP":
            return 0
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        return int(config.get("timeoutSeconds") or DEFAULT_AFFINITY_S)


def is_v4(ip: str) -> bool:
    """Whether a text is an IPv4 address."""
    address = parse(ip)
    return address is not None and address.version == 4


def service_ports(view: View, node: str, only: Ref | None) -> Iterator[ServicePort]:
    """Return the ports that kube-proxy on a node programs, all or those of one Service."""
    labels = (view.get("nodes", "", node) or {}).get("metadata", {}).get("labels") or {}
    zone = labels.get("topology.kubernetes.io/zone", "")
    for service in view.list("services", only.namespace if only else None):
        if not services.is_proxied(service) or (only and service["metadata"]["name"] != only.name):
            continue
        for port in service["spec"].get("ports") or ():
            found = endpoint_choice.behind(view, service, port)
            cluster = endpoint_choice.choose(found, node=node, zone=zone, local_only=False)
            local = endpoint_choice.choose(found, node=node, zone=zone, local_only=True)
            yield ServicePort(service, port, cluster.endpoints, local.endpoints, cluster.exists)
