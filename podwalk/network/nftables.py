"""What kube-proxy programs on a node in nftables mode, as ``nft list table ip kube-proxy`` prints it.

The table is one for all Services: a packet's destination is looked up in a map, however many Services there are; in
iptables mode it passes their rules one by one. The elements of each set and map are those of the Services asked for.

Source: pkg/proxy/nftables/proxier.go of Kubernetes 1.37, held to the output of a real kube-proxy.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from podwalk.network.addresses import contains, node_ip
from podwalk.network.endpoints import Endpoint
from podwalk.network.service_ports import ServicePort, service_ports
from podwalk.types import ClusterOptions, Ref, View

MARK = "0x00004000"
ADDRESS_PORT = "type ipv4_addr . inet_proto . inet_service : verdict"
PROTO_PORT = "type inet_proto . inet_service : verdict"

SETS = {
    "hairpin-connections": (
        "set",
        "type ipv4_addr . ipv4_addr . inet_proto . inet_service",
        "service hairpin connections",
    ),
    "cluster-ips": ("set", "type ipv4_addr", "Active ClusterIPs"),
    "nodeport-ips": ("set", "type ipv4_addr", "IPs that accept NodePort traffic"),
    "no-endpoint-services": ("map", ADDRESS_PORT, "vmap to drop or reject packets to services with no endpoints"),
    "no-endpoint-nodeports": (
        "map",
        PROTO_PORT,
        "vmap to drop or reject packets to service nodeports with no endpoints",
    ),
    "firewall-ips": ("map", ADDRESS_PORT, "destinations that are subject to LoadBalancerSourceRanges"),
    "service-ips": ("map", ADDRESS_PORT, "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
    "service-nodeports": ("map", PROTO_PORT, "NodePort traffic"),
}
"""The sets and maps: their kind, type and comment."""


def base_chains(options: ClusterOptions) -> dict[str, tuple[str, ...]]:
    """Return the chains that are there without any Service."""
    hook = "type {} hook {} priority {}; policy accept;"
    new = "ct state new jump "
    return {
        "filter-prerouting-pre-dnat": (hook.format("filter", "prerouting", "dstnat - 10"), f"{new}firewall-check"),
        "filter-output-pre-dnat": (hook.format("filter", "output", "-110"), f"{new}firewall-check"),
        "filter-input": (
            hook.format("filter", "input", "filter"),
            f"{new}nodeport-endpoints-check",
            f"{new}service-endpoints-check",
        ),
        "filter-forward": (
            hook.format("filter", "forward", "filter"),
            f"{new}service-endpoints-check",
            f"{new}cluster-ips-check",
        ),
        "filter-output": (
            hook.format("filter", "output", "filter"),
            f"{new}service-endpoints-check",
            f"{new}cluster-ips-check",
        ),
        "nat-prerouting": (hook.format("nat", "prerouting", "dstnat"), "jump services"),
        "nat-output": (hook.format("nat", "output", "-100"), "jump services"),
        "nat-postrouting": (hook.format("nat", "postrouting", "srcnat"), "jump masquerading"),
        "nodeport-endpoints-check": ("ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports",),
        "service-endpoints-check": ("ip daddr . meta l4proto . th dport vmap @no-endpoint-services",),
        "firewall-check": ("ip daddr . meta l4proto . th dport vmap @firewall-ips",),
        "services": (
            (
                f"ip daddr @cluster-ips ip saddr != {options.pod_cidr} meta mark set meta mark | {MARK} "
                'comment "masquerade clusterIP traffic from outside cluster"'
            ),
            "ip daddr . meta l4proto . th dport vmap @service-ips",
            "ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports",
        ),
        "masquerading": (
            f"meta mark & {MARK} != 0x00000000 meta mark set meta mark ^ {MARK} masquerade fully-random",
            "ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random",
        ),
        "cluster-ips-check": (
            'ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"',
            f'ip daddr {options.service_cidr} drop comment "Drop traffic to unallocated ClusterIPs"',
        ),
        "reject-chain": ('comment "helper for @no-endpoint-services / @no-endpoint-nodeports"', "reject"),
    }


@dataclass
class Table:
    """The table's elements, sets and chains, as they are gathered."""

    elements: dict[str, dict[str, None]] = field(default_factory=lambda: {name: {} for name in SETS})
    affinities: dict[str, str] = field(default_factory=dict)
    chains: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, element: str) -> None:
        """Add an element to a set or map."""
        self.elements[name][element] = None


def chain_name(kind: str, name: str) -> str:
    """Return a chain's name: what it is for, a hash, and what it is of."""
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:8]
    return f"{kind}-{digest}-{name}"


def rules(view: View, node: str, options: ClusterOptions, service: Ref | None = None) -> str:
    """Return what ``nft list table ip kube-proxy`` prints on a node.

    Args:
        view: the objects.
        node: the node's name.
        options: the cluster's ranges.
        service: show the elements and chains of this Service only, beside the chains that all share.
    """
    table = Table()
    if address := node_ip(view, node):
        table.add("nodeport-ips", address)
    for port in service_ports(view, node, service):
        _fill(table, port, view, node, options)
    lines = ["table ip kube-proxy {", '\tcomment "rules for kube-proxy"']
    for name, (kind, of, comment) in SETS.items():
        lines += [
            f"\t{kind} {name} {{",
            f"\t\t{of}",
            f'\t\tcomment "{comment}"',
            *_elements(table.elements[name]),
            "\t}",
            "",
        ]
    for name, timeout in table.affinities.items():
        body = ("type ipv4_addr", "size 65535", "flags dynamic,timeout", f"timeout {timeout}")
        lines += [f"\tset {name} {{", *(f"\t\t{line}" for line in body), "\t}", ""]
    own = {name: tuple(found) for name, found in table.chains.items()}
    for name, found in {**base_chains(options), **own}.items():
        lines += [f"\tchain {name} {{", *(f"\t\t{line}" for line in found), "\t}", ""]
    return "\n".join([*lines[:-1], "}", ""])


def _elements(elements: dict[str, None]) -> list[str]:
    if not elements:
        return []
    return [("\t\telements = { " + ",\n\t\t\t     ".join(elements) + " }")]


def _names(port: ServicePort) -> tuple[str, str, str, str]:
    """Return a port's own name, and the names of its three chains."""
    metadata = port.service["metadata"]
    base = f"{metadata['namespace']}/{metadata['name']}/{port.protocol}/{port.port.get('name') or ''}"
    return base, chain_name("service", base), chain_name("local", base), chain_name("external", base)


def _fill(table: Table, port: ServicePort, view: View, node: str, options: ClusterOptions) -> None:
    base, cluster, local, external = _names(port)
    number, protocol = port.port["port"], port.protocol
    cluster_ip = port.service["spec"]["clusterIP"]
    table.add("cluster-ips", cluster_ip)
    _reject(table, port)
    if port.inside:
        table.add(
            "service-ips", f"{cluster_ip} . {protocol} . {number} : goto {local if port.inside_local else cluster}"
        )
    if port.reachable and port.accessible:
        for ip in (*port.outside_ips, *port.balancer_ips):
            table.add("service-ips", f"{ip} . {protocol} . {number} : goto {external}")
        if port.port.get("nodePort"):
            table.add("service-nodeports", f"{protocol} . {port.port['nodePort']} : goto {external}")
    _firewall(table, port, base, view, node)
    if port.affinity_s:
        _endpoint_chains(table, port, base)
    if port.uses_cluster:
        table.chains[cluster] = list(_choice(port, base, port.cluster))
    if port.uses_local:
        table.chains[local] = list(_choice(port, base, port.local))
    if port.reachable and port.accessible:
        table.chains[external] = list(_external(port, (cluster, local), options))
    for endpoint in port.reachable:
        if endpoint.node == node:
            table.add("hairpin-connections", f"{endpoint.ip} . {endpoint.ip} . {protocol} . {endpoint.port}")


def _reject(table: Table, port: ServicePort) -> None:
    """Refuse at once what has no endpoints anywhere; drop what has none on this node but should stay here."""
    inside = "goto reject-chain" if not port.exists else ("" if port.inside else "drop")
    outside = "goto reject-chain" if not port.exists else ("" if port.outside else "drop")
    of = f'{port.protocol} . {port.port["port"]} comment "{port.name}"'
    if inside:
        table.add("no-endpoint-services", f"{port.service['spec']['clusterIP']} . {of} : {inside}")
    if outside:
        for ip in (*port.outside_ips, *port.balancer_ips):
            table.add("no-endpoint-services", f"{ip} . {of} : {outside}")
        if port.port.get("nodePort"):
            at = f'{port.protocol} . {port.port["nodePort"]} comment "{port.name}"'
            table.add("no-endpoint-nodeports", f"{at} : {outside}")


def _firewall(table: Table, port: ServicePort, base: str, view: View, node: str) -> None:
    if not port.ranges:
        return
    chain = chain_name("firewall", base)
    allowed = [cidr.strip() for cidr in port.ranges]
    if any(contains(cidr, node_ip(view, node)) for cidr in port.ranges):
        allowed += port.balancer_ips
    ordered = sorted(allowed, key=lambda cidr: ipaddress.ip_network(cidr))
    spelled = ordered[0] if len(ordered) == 1 else f"{{ {', '.join(ordered)} }}"
    table.chains[chain] = [f"ip saddr != {spelled} drop"]
    for ip in port.balancer_ips:
        table.add("firewall-ips", f"{ip} . {port.protocol} . {port.port['port']} : goto {chain}")


def _endpoint_base(base: str, endpoint: Endpoint) -> str:
    return f"{base}__{endpoint.ip}/{endpoint.port}"


def _endpoint_chains(table: Table, port: ServicePort, base: str) -> None:
    """Write a set and a chain for each endpoint: session affinity remembers clients by endpoint."""
    for endpoint in port.reachable:
        name = _endpoint_base(base, endpoint)
        remembered = chain_name("affinity", name)
        table.affinities[remembered] = _duration(port.affinity_s)
        table.chains[chain_name("endpoint", name)] = [
            f"update @{remembered} {{ ip saddr }}",
            f"meta l4proto {port.protocol} dnat to {endpoint.ip}:{endpoint.port}",
        ]


def _choice(port: ServicePort, base: str, candidates: Sequence[Endpoint]) -> Iterator[str]:
    """Choose among endpoints: first the one a client was sent to before, then one at random."""
    count = len(candidates)
    if port.affinity_s:
        names = [_endpoint_base(base, endpoint) for endpoint in candidates]
        for name in names:
            yield f"ip saddr @{chain_name('affinity', name)} goto {chain_name('endpoint', name)}"
        each = ", ".join(f"{index} : goto {chain_name('endpoint', name)}" for index, name in enumerate(names))
        yield f"numgen random mod {count} vmap {{ {each} }}"
    elif count == 1:
        yield f"meta l4proto {port.protocol} dnat to {candidates[0].ip}:{candidates[0].port}"
    else:
        each = ", ".join(f"{index} : {one.ip} . {one.port}" for index, one in enumerate(candidates))
        yield f"meta l4proto {port.protocol} dnat ip to numgen random mod {count} map {{ {each} }}"


def _external(port: ServicePort, chains: tuple[str, str], options: ClusterOptions) -> Iterator[str]:
    cluster, local = chains
    if not port.outside_local:
        yield f'meta mark set meta mark | {MARK} comment "masquerade"'
    else:
        yield f'ip saddr {options.pod_cidr} goto {cluster} comment "short-circuit pod traffic"'
        yield f'fib saddr type local meta mark set meta mark | {MARK} comment "masquerade local traffic"'
        yield f'fib saddr type local goto {cluster} comment "short-circuit local traffic"'
    if port.outside:
        yield f"goto {local if port.outside_local else cluster}"


def _duration(seconds: int) -> str:
    """Return a duration as ``nft`` prints it, e.g. ``1h30m``."""
    parts = (("d", seconds // 86400), ("h", seconds // 3600 % 24), ("m", seconds // 60 % 60), ("s", seconds % 60))
    return "".join(f"{count}{unit}" for unit, count in parts if count)
