"""Where a name leads that somebody outside the cluster types: to what an Ingress or a Gateway publishes, or to a node.

No cluster makes a name resolve outside: a DNS record, a line of ``/etc/hosts`` or ``curl --resolve`` does. What the
objects say is which address such a record should have.
"""

from __future__ import annotations

from collections.abc import Iterator

from podwalk.network import host_ports as ports_of_hosts
from podwalk.network.addresses import Range, node_ip, range_of, reference
from podwalk.network.doors import Door, host_ports, node_addresses, of_service
from podwalk.network.ingress.classes import INGRESSES, class_of
from podwalk.network.ingress.gateway.attachment import GATEWAYS, ROUTES
from podwalk.network.ingress.matching import host_matches
from podwalk.types import ClusterOptions, Hop, HopKind, Object, View
from podwalk.walks import controllers

WEB = ("web", "http")
"""The names of a controller's ports for plain HTTP."""

LOCALHOST = "localhost"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def find(view: View, host: str, port: int, *, options: ClusterOptions) -> Hop:
    """Return the hop that says to which address a name should lead; ``data["address"]`` is missing if to none.

    Args:
        view: the objects.
        host: the name as typed.
        port: the port that is asked for.
        options: the cluster's ranges.
    """
    if host == LOCALHOST:
        return _this_machine(view, host, port)
    if (node := view.get("nodes", "", host)) is not None:
        name = node["metadata"]["name"]
        return _hop(host, f"This is the node {name}.", node_ip(view, name), (node, "nodes"), "status.addresses")
    gateway = next(_gateways(view, host), None)
    publishers = list(_publishers(view, host))
    if gateway is not None and not any(_leads(published, options) for _, _, published, _ in publishers):
        return _by_gateway(view, host, port, gateway)
    for obj, resource, published, field in publishers:
        kind = f"{obj['kind']} {obj['metadata']['namespace']}/{obj['metadata']['name']}"
        if published == LOCALHOST:
            there = _this_machine(view, host, port)
            detail = f"{kind} publishes localhost as its address. {there.detail}"
            return _hop(host, detail, there.data.get("address", ""), (obj, resource), field)
        if _leads(published, options):
            detail = (
                f"{kind} publishes the address {published}. Something outside the cluster must make the name lead "
                "there: a DNS record, /etc/hosts or curl --resolve."
            )
            return _hop(host, detail, published, (obj, resource), field)
    if publishers:
        return _by_host_port(view, host, port, publishers[0])
    return _nowhere(view, host)


def _leads(published: str, options: ClusterOptions) -> bool:
    """Whether an address that was published is one of the network outside."""
    return published != LOCALHOST and range_of(published, options) not in (Range.SERVICE, Range.POD, Range.LOOPBACK)


def _hop(host: str, detail: str, address: str, where: tuple[Object, str] | None = None, field: str = "") -> Hop:
    objects = (reference(where[1], where[0]),) if where else ()
    data = {"address": address} if address else {}
    return Hop(HopKind.NAME, host, detail, ok=bool(address), objects=objects, field=field, data=data)


def _publishers(view: View, host: str) -> Iterator[tuple[Object, str, str, str]]:
    """Yield what has an address for a host: the object, its resource, the address, and the field that says so."""
    for ingress in view.list(INGRESSES):
        hosts = [rule.get("host") or "" for rule in ingress["spec"].get("rules") or ()]
        # A rule for every host is no reason why a name should lead here.
        if not any(name and host_matches(name, host) for name in hosts):
            continue
        for number, entry in enumerate(ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or ()):
            published = entry.get("ip") or entry.get("hostname") or ""
            yield {"kind": "Ingress", **ingress}, INGRESSES, published, f"status.loadBalancer.ingress[{number}]"
    for gateway in _gateways(view, host):
        for number, entry in enumerate(gateway.get("status", {}).get("addresses") or ()):
            yield {"kind": "Gateway", **gateway}, GATEWAYS, entry["value"], f"status.addresses[{number}]"


def _gateways(view: View, host: str) -> Iterator[Object]:
    """Yield the Gateways that have a route for a host."""
    for route in view.list(ROUTES):
        names = route["spec"].get("hostnames") or ()
        for parent in route["spec"].get("parentRefs") or () if any(host_matches(name, host) for name in names) else ():
            space = parent.get("namespace") or route["metadata"]["namespace"]
            gateway = view.get(GATEWAYS, space, parent["name"])
            if gateway is not None:
                yield gateway


def _by_gateway(view: View, host: str, port: int, gateway: Object) -> Hop:
    """Follow a port of a node to a controller of Gateways: Traefik publishes an address only if it is told one."""
    where = f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"
    inside = f"Gateway {where} has a route for this host, and publishes no address that leads here from outside."
    found = list(_gateway_doors(view))
    door = next((door for door in found if door.port == port), None)
    if door is not None:
        detail = f"{inside} Its controller has {door.way} {port} of node {door.node}: let the name lead to {door.ip}."
        return _hop(host, detail, door.ip, (gateway, GATEWAYS), "status.addresses")
    ports = ", ".join(dict.fromkeys(f"http://{host}:{door.port}" for door in found if door.name in WEB))
    detail = f"{inside} Its controller takes nothing at port {port} of a node" + (f"; write {ports}." if ports else ".")
    return _hop(host, detail, "", (gateway, GATEWAYS), "status.addresses")


def _gateway_doors(view: View) -> Iterator[Door]:
    """Yield the ports of nodes that lead to a controller of Gateways."""
    nodes = node_addresses(view)
    for pod in view.list("pods"):
        controller = controllers.find(pod)
        if controller is None or controllers.GATEWAY_API not in controller.reads:
            continue
        yield from host_ports(pod, nodes)
        labels = pod["metadata"].get("labels") or {}
        for service in view.list("services", pod["metadata"]["namespace"]):
            selector = service["spec"].get("selector") or {}
            if selector and selector.items() <= labels.items():
                yield from (door for door in of_service(service, nodes) if door.node)


def _this_machine(view: View, host: str, port: int) -> Hop:
    """Follow a port of the machine itself: kind maps it to the same port of a node, where a Pod has a hostPort."""
    found = _host_port(view, port)
    if found is None:
        detail = (
            f"localhost is the machine that the cluster runs on. No Pod has hostPort {port}, so that no mapped port "
            "of a node leads anywhere."
        )
        return _hop(host, detail, "")
    node, address = found
    detail = f"localhost is the machine that the cluster runs on; kind maps its port {port} to the node {node}."
    return _hop(host, detail, address)


def _host_port(view: View, port: int) -> tuple[str, str] | None:
    """Return the node, and its address, on which a Pod has a hostPort; control planes first."""
    nodes = sorted(view.list("nodes"), key=lambda node: CONTROL_PLANE not in (node["metadata"].get("labels") or {}))
    for node in nodes:
        name = node["metadata"]["name"]
        address = node_ip(view, name)
        if ports_of_hosts.find(view, name, address, port, "TCP") is not None:
            return name, address
    return None


def _by_host_port(view: View, host: str, port: int, publisher: tuple[Object, str, str, str]) -> Hop:
    obj, resource, published, field = publisher
    kind = f"{obj['kind']} {obj['metadata']['namespace']}/{obj['metadata']['name']}"
    inside = f"{kind} publishes {published}, which has a meaning inside the cluster only."
    found = _host_port(view, port)
    if found is None:
        return _hop(host, f"{inside} No Pod has hostPort {port} either.", "", (obj, resource), field)
    node, address = found
    detail = f"{inside} From outside, hostPort {port} of node {node} is the way in: let the name lead to {address}."
    return _hop(host, detail, address, (obj, resource), field)


def _nowhere(view: View, host: str) -> Hop:
    """Say why no object has an address for a name."""
    for ingress in view.list(INGRESSES):
        named = next(
            (
                number
                for number, rule in enumerate(ingress["spec"].get("rules") or ())
                if rule.get("host") and host_matches(rule["host"], host)
            ),
            None,
        )
        if named is not None:
            wanted = class_of(ingress)
            name = f"Ingress {ingress['metadata']['namespace']}/{ingress['metadata']['name']}"
            of = f"its class {wanted}" if wanted else "it, as it names no class"
            detail = f"{name} has this host, but no address in its status: no controller serves {of}."
            return _hop(host, detail, "", (ingress, INGRESSES), "spec.ingressClassName")
    detail = (
        "A client outside does not ask the cluster's DNS, and no Ingress or Gateway has this host. Give an address, "
        "e.g. http://NODE-IP:NODE-PORT."
    )
    return _hop(host, detail, "")
