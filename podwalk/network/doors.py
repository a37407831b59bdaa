"""The ways into a cluster from outside: the addresses and ports that its nodes and load balancers answer at.

Pure, as all of the network: what listens for them on a real machine is :mod:`podwalk.serve.outside`. Left out: IPv6
addresses, and a client's route to ClusterIPs and Pods, which have a meaning inside the cluster only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from podwalk.network import endpoints, services
from podwalk.network.addresses import FINISHED, node_ip, parse, reference
from podwalk.types import Object, Ref, View

MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a static Pod: the control plane's, which is no application."""


class Way(StrEnum):
    """What kind of address a client outside comes in by."""

    NODE_PORT = "NodePort"
    LOAD_BALANCER = "load balancer"
    EXTERNAL_IP = "external IP"
    HOST_PORT = "hostPort"
    HEALTH_CHECK = "health check"
    DNS = "DNS"


@dataclass(frozen=True)
class Door:
    """One address and port of the cluster.

    Attributes:
        owner: the Service, or the Pod of a hostPort.
        way: what kind of address it is.
        ip: the address.
        port: the port.
        protocol: TCP, UDP or SCTP.
        node: the node that has the address; empty for other addresses.
        name: the name of the Service's port, if it has one.
    """

    owner: Ref
    way: Way
    ip: str
    port: int
    protocol: str = "TCP"
    node: str = ""
    name: str = ""


def doors(view: View) -> list[Door]:
    """Return every way in, each once, those of hostPorts first."""
    nodes = node_addresses(view)
    found = [door for pod in view.list("pods") for door in host_ports(pod, nodes)]
    for service in view.list("services"):
        found += [*of_service(service, nodes), *health_checks(service, nodes)]
    # The first is whom the nodes ask first too: a hostPort's rules come before kube-proxy's.
    return list({(door.ip, door.port, door.protocol): door for door in reversed(found)}.values())[::-1]


def node_addresses(view: View) -> dict[str, str]:
    """Return the address of each node that has one."""
    nodes = {name: node_ip(view, name) for name in (node["metadata"]["name"] for node in view.list("nodes"))}
    return {name: ip for name, ip in nodes.items() if _is_v4(ip)}


def _is_v4(ip: str) -> bool:
    address = parse(ip)
    return address is not None and address.version == 4


def of_service(service: Object, nodes: dict[str, str]) -> Iterator[Door]:
    """Yield the ways in to a Service: load balancers, external IPs, then NodePorts."""
    if not services.is_proxied(service):
        return
    spec, owner = service["spec"], reference("services", service)
    balanced = spec.get("type") == "LoadBalancer"
    balancers = [ip for mode in ("VIP", "Proxy") for ip in services.load_balancer_ips(service, mode) if balanced]
    for port in spec.get("ports") or ():
        protocol, name = port.get("protocol", "TCP"), port.get("name") or ""
        for ip in filter(_is_v4, balancers):
            yield Door(owner, Way.LOAD_BALANCER, ip, port["port"], protocol, name=name)
        for ip in filter(_is_v4, spec.get("externalIPs") or ()):
            yield Door(owner, Way.EXTERNAL_IP, ip, port["port"], protocol, name=name)
        for node, ip in nodes.items() if port.get("nodePort") else ():
            yield Door(owner, Way.NODE_PORT, ip, port["nodePort"], protocol, node, name)


def health_checks(service: Object, nodes: dict[str, str]) -> Iterator[Door]:
    """Yield where kube-proxy tells load balancers whether a node has an endpoint of a Service."""
    spec = service["spec"]
    number = spec.get("healthCheckNodePort")
    if number and spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
        for node, ip in nodes.items():
            yield Door(reference("services", service), Way.HEALTH_CHECK, ip, number, "TCP", node)


def host_ports(pod: Object, nodes: dict[str, str]) -> Iterator[Door]:
    """Yield the ways in to a Pod: its hostPorts, on its node."""
    spec, metadata = pod["spec"], pod["metadata"]
    node = spec.get("nodeName", "")
    static = MIRROR in (metadata.get("annotations") or {})
    if static or node not in nodes or pod.get("status", {}).get("phase") in FINISHED:
        return
    for container in spec.get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("hostPort") and port.get("hostIP") in (None, "", "0.0.0.0", nodes[node]):
                owner, protocol, name = reference("pods", pod), port.get("protocol", "TCP"), port.get("name") or ""
                yield Door(owner, Way.HOST_PORT, nodes[node], port["hostPort"], protocol, node, name)


def refuses(view: View, door: Door) -> bool:
    """Whether whoever comes in by a door is refused at once: its Service has no endpoint, or is gone."""
    if door.owner.resource != "services" or door.way is Way.HEALTH_CHECK:
        return False
    service = view.get("services", door.owner.namespace, door.owner.name)
    for port in (service or {}).get("spec", {}).get("ports") or ():
        if (port.get("name") or "") == door.name and port.get("protocol", "TCP") == door.protocol:
            found = endpoints.behind(view, service or {}, port)
            return not endpoints.choose(found, node=door.node, zone="", local_only=False).exists
    return True
