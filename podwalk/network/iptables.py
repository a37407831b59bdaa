"""The rules that kube-proxy programs on a node in iptables mode, in the format of ``iptables-save``.

Chains and rules carry the real names: hashes, comments, probabilities as the kernel rounds them. What other programs
put beside them (the kubelet's ``KUBE-FIREWALL``, a CNI plugin's chains) is left out. IPv4 only, as the cluster is.

Source: pkg/proxy/iptables/proxier.go of Kubernetes 1.37, held to the output of a real node.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from podwalk.network.addresses import contains, node_ip
from podwalk.network.endpoints import Endpoint
from podwalk.network.service_ports import ServicePort, service_ports
from podwalk.types import ClusterOptions, Ref, View

FILTER, NAT = "filter", "nat"
MARK = "0x4000/0x4000"

BUILT_IN = {FILTER: ("INPUT", "FORWARD", "OUTPUT"), NAT: ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")}

_NEW = "-m conntrack --ctstate NEW "
_FIREWALL = '-m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL'
_HEALTH = '-m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS'
_EXTERNAL = '-m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES'
_PORTALS = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES'
_CONNTRACK = '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED'
_LAST = "kubernetes service nodeports; NOTE: this must be the last rule in this chain"


@dataclass(frozen=True)
class Rule:
    """One rule: its table, its chain, and what follows ``-A CHAIN``."""

    table: str
    chain: str
    text: str

    def __str__(self) -> str:
        """Render as ``iptables-save`` does."""
        return f"-A {self.chain} {self.text}"


BASE = (
    Rule(FILTER, "INPUT", _NEW + _FIREWALL),
    Rule(FILTER, "INPUT", _HEALTH),
    Rule(FILTER, "INPUT", _NEW + _EXTERNAL),
    Rule(FILTER, "FORWARD", _NEW + _FIREWALL),
    Rule(FILTER, "FORWARD", '-m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD'),
    Rule(FILTER, "FORWARD", _NEW + _PORTALS),
    Rule(FILTER, "FORWARD", _NEW + _EXTERNAL),
    Rule(FILTER, "OUTPUT", _NEW + _FIREWALL),
    Rule(FILTER, "OUTPUT", _NEW + _PORTALS),
    Rule(
        FILTER,
        "KUBE-FORWARD",
        "-m conntrack --ctstate INVALID -m nfacct --nfacct-name  ct_state_invalid_dropped_pkts -j DROP",
    ),
    Rule(FILTER, "KUBE-FORWARD", f'-m comment --comment "kubernetes forwarding rules" -m mark --mark {MARK} -j ACCEPT'),
    Rule(FILTER, "KUBE-FORWARD", f"{_CONNTRACK} -j ACCEPT"),
    Rule(NAT, "PREROUTING", _PORTALS),
    Rule(NAT, "OUTPUT", _PORTALS),
    Rule(NAT, "POSTROUTING", '-m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING'),
    Rule(NAT, "KUBE-MARK-MASQ", f"-j MARK --set-xmark {MARK}"),
    Rule(NAT, "KUBE-POSTROUTING", f"-m mark ! --mark {MARK} -j RETURN"),
    Rule(NAT, "KUBE-POSTROUTING", "-j MARK --set-xmark 0x4000/0x0"),
    Rule(
        NAT,
        "KUBE-POSTROUTING",
        '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ),
)
"""What is there without any Service; the jump to the NodePorts is written last of all."""

EMPTY_CHAINS = {
    FILTER: (
        "KUBE-EXTERNAL-SERVICES",
        "KUBE-FORWARD",
        "KUBE-NODEPORTS",
        "KUBE-PROXY-CANARY",
        "KUBE-PROXY-FIREWALL",
        "KUBE-SERVICES",
    ),
    NAT: ("KUBE-MARK-MASQ", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-PROXY-CANARY", "KUBE-SERVICES"),
}


def chain_hash(*parts: str) -> str:
    """Return the sixteen characters that name a chain: base32 of a SHA-256, as kube-proxy makes them."""
    return base64.b32encode(hashlib.sha256("".join(parts).encode()).digest()).decode()[:16]


def _hash(port: ServicePort) -> str:
    return chain_hash(port.name, port.protocol)


def probability(choices: int) -> str:
    """Return the chance of the first of some choices, as the kernel keeps it: in 31 bits."""
    return f"{round(float(f'{1 / choices:.10f}') * 0x80000000) / 0x80000000:.11f}"


def _match(port: ServicePort, ip: str, comment: str, number: int, *, local: bool = False) -> str:
    """Return the match of packets to an address and port; without an address, to any of the node's if ``local``."""
    to = f"-d {ip}/32 " if ip else ""
    kind = " -m addrtype --dst-type LOCAL" if local else ""
    return f"{to}-p {port.protocol} {_comment(comment)}{kind} -m {port.protocol} --dport {number}"


def _comment(text: str) -> str:
    return f'-m comment --comment "{text}"'


def rules(view: View, node: str, options: ClusterOptions, service: Ref | None = None) -> str:
    """Return what ``iptables-save`` prints of kube-proxy's rules on a node.

    Args:
        view: the objects.
        node: the node's name; which endpoints are local, and the zone, depend on it.
        options: the cluster's ranges.
        service: show the rules of this Service only.
    """
    own = [rule for port in service_ports(view, node, service) for rule in _rules_of(port, view, node, options)]
    every = own if service else [*BASE, *own, Rule(NAT, "KUBE-SERVICES", _nodeports_jump())]
    return "".join(_table(table, [rule for rule in every if rule.table == table]) for table in (FILTER, NAT))


def _nodeports_jump() -> str:
    return f"{_comment(_LAST)} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"


def _table(table: str, found: Sequence[Rule]) -> str:
    chains: dict[str, list[Rule]] = {chain: [] for chain in EMPTY_CHAINS[table]}
    for rule in found:
        chains.setdefault(rule.chain, []).append(rule)
    built_in = BUILT_IN[table]
    ordered = sorted(chains.keys() - set(built_in))
    lines = [
        f"*{table}",
        *(f":{chain} ACCEPT [0:0]" for chain in built_in),
        *(f":{chain} - [0:0]" for chain in ordered),
    ]
    lines += [str(rule) for chain in (*built_in, *ordered) for rule in chains.get(chain, ())]
    return "\n".join([*lines, "COMMIT", ""])


def _rules_of(port: ServicePort, view: View, node: str, options: ClusterOptions) -> Iterator[Rule]:
    yield from _health_check(port)
    yield from _rejections(port)
    if port.inside:
        target = f"KUBE-{'SVL' if port.inside_local else 'SVC'}-{_hash(port)}"
        match = _match(port, port.service["spec"]["clusterIP"], f"{port.name} cluster IP", port.port["port"])
        yield Rule(NAT, "KUBE-SERVICES", f"{match} -j {target}")
    if port.reachable and port.accessible:
        yield from _entries(port)
        yield from _external_chain(port, options)
    yield from _firewall(port, view, node)
    if port.uses_cluster:
        yield from _choice("SVC", port, port.cluster, options, masquerade=not port.inside_local)
    if port.uses_local:
        yield from _choice("SVL", port, port.local, options, masquerade=port.inside_local)
    for endpoint in port.reachable:
        yield from _endpoint_chain(port, endpoint)


def _health_check(port: ServicePort) -> Iterator[Rule]:
    spec = port.service["spec"]
    number = spec.get("healthCheckNodePort")
    if number and spec.get("type") == "LoadBalancer" and port.outside_local:
        text = f"-p tcp {_comment(f'{port.name} health check node port')} -m tcp --dport {number} -j ACCEPT"
        yield Rule(FILTER, "KUBE-NODEPORTS", text)


def _rejections(port: ServicePort) -> Iterator[Rule]:
    """Refuse at once what has no endpoints anywhere; drop what has none on this node but should stay here."""
    reject, number = "REJECT --reject-with icmp-port-unreachable", port.port["port"]
    inside = outside = ""
    if not port.exists:
        inside = outside = reject
        comment = f"{port.name} has no endpoints"
    else:
        inside, outside = "" if port.inside else "DROP", "" if port.outside else "DROP"
        comment = f"{port.name} has no local endpoints"
    if inside:
        cluster_ip = port.service["spec"]["clusterIP"]
        yield Rule(FILTER, "KUBE-SERVICES", f"{_match(port, cluster_ip, comment, number)} -j {inside}")
    if outside:
        for ip in (*port.outside_ips, *port.balancer_ips):
            yield Rule(FILTER, "KUBE-EXTERNAL-SERVICES", f"{_match(port, ip, comment, number)} -j {outside}")
        if port.port.get("nodePort"):
            match = _match(port, "", comment, port.port["nodePort"], local=True)
            yield Rule(FILTER, "KUBE-EXTERNAL-SERVICES", f"{match} -j {outside}")


def _entries(port: ServicePort) -> Iterator[Rule]:
    """Lead external IPs, load balancer IPs and NodePorts to the external chain."""
    external, number = f"KUBE-EXT-{_hash(port)}", port.port["port"]
    for ip in port.outside_ips:
        yield Rule(NAT, "KUBE-SERVICES", f"{_match(port, ip, f'{port.name} external IP', number)} -j {external}")
    for ip in port.balancer_ips:
        target = f"KUBE-FW-{_hash(port)}" if port.ranges else external
        yield Rule(NAT, "KUBE-SERVICES", f"{_match(port, ip, f'{port.name} loadbalancer IP', number)} -j {target}")
    if port.port.get("nodePort"):
        match = _match(port, "", port.name, port.port["nodePort"])
        counted = "-m nfacct --nfacct-name  localhost_nps_accepted_pkts"
        yield Rule(NAT, "KUBE-NODEPORTS", f"-d 127.0.0.0/8 {match} {counted} -j {external}")
        yield Rule(NAT, "KUBE-NODEPORTS", f"{match} -j {external}")


def _external_chain(port: ServicePort, options: ClusterOptions) -> Iterator[Rule]:
    chain, cluster = f"KUBE-EXT-{_hash(port)}", f"KUBE-SVC-{_hash(port)}"
    towards = f"for {port.name} external destinations"
    if not port.outside_local:
        yield Rule(NAT, chain, f"{_comment(f'masquerade traffic {towards}')} -j KUBE-MARK-MASQ")
    else:
        from_here = "-m addrtype --src-type LOCAL"
        yield Rule(NAT, chain, f"-s {options.pod_cidr} {_comment(f'pod traffic {towards}')} -j {cluster}")
        yield Rule(NAT, chain, f"{_comment(f'masquerade LOCAL traffic {towards}')} {from_here} -j KUBE-MARK-MASQ")
        yield Rule(NAT, chain, f"{_comment(f'route LOCAL traffic {towards}')} {from_here} -j {cluster}")
    if port.outside:
        yield Rule(NAT, chain, f"-j KUBE-{'SVL' if port.outside_local else 'SVC'}-{_hash(port)}")


def _firewall(port: ServicePort, view: View, node: str) -> Iterator[Rule]:
    """Let only ``loadBalancerSourceRanges`` in by a load balancer's address."""
    if not port.ranges:
        return
    chain = f"KUBE-FW-{_hash(port)}"
    allowed = [cidr.strip() for cidr in port.ranges]
    if any(contains(cidr, node_ip(view, node)) for cidr in port.ranges):
        allowed += [f"{ip}/32" for ip in port.balancer_ips]
    for cidr in allowed:
        yield Rule(NAT, chain, f"-s {cidr} {_comment(f'{port.name} loadbalancer IP')} -j KUBE-EXT-{_hash(port)}")
    yield Rule(NAT, chain, _comment(f"other traffic to {port.name} will be dropped by KUBE-PROXY-FIREWALL"))
    for ip in port.balancer_ips:
        match = _match(port, ip, f"{port.name} traffic not accepted by {chain}", port.port["port"])
        yield Rule(FILTER, "KUBE-PROXY-FIREWALL", f"{match} -j DROP")


def _choice(
    kind: str, port: ServicePort, candidates: Sequence[Endpoint], options: ClusterOptions, *, masquerade: bool
) -> Iterator[Rule]:
    """Choose among endpoints: first the one a client was sent to before, then one at random."""
    chain = f"KUBE-{kind}-{_hash(port)}"
    if masquerade:
        match = _match(port, port.service["spec"]["clusterIP"], f"{port.name} cluster IP", port.port["port"])
        yield Rule(NAT, chain, f"! -s {options.pod_cidr} {match} -j KUBE-MARK-MASQ")
    named = [(_comment(f"{port.name} -> {one.ip}:{one.port}"), _endpoint_name(port, one)) for one in candidates]
    if port.affinity_s:
        for comment, target in named:
            recent = f"-m recent --rcheck --seconds {port.affinity_s} --reap --name {target}"
            yield Rule(NAT, chain, f"{comment} {recent} --mask 255.255.255.255 --rsource -j {target}")
    for left, (comment, target) in zip(range(len(named), 0, -1), named, strict=True):
        chance = f" -m statistic --mode random --probability {probability(left)}" if left > 1 else ""
        yield Rule(NAT, chain, f"{comment}{chance} -j {target}")


def _endpoint_name(port: ServicePort, endpoint: Endpoint) -> str:
    return f"KUBE-SEP-{chain_hash(port.name, port.protocol, f'{endpoint.ip}:{endpoint.port}')}"


def _endpoint_chain(port: ServicePort, endpoint: Endpoint) -> Iterator[Rule]:
    chain, protocol = _endpoint_name(port, endpoint), port.protocol
    yield Rule(NAT, chain, f"-s {endpoint.ip}/32 {_comment(port.name)} -j KUBE-MARK-MASQ")
    recent = f" -m recent --set --name {chain} --mask 255.255.255.255 --rsource" if port.affinity_s else ""
    target = f"-j DNAT --to-destination {endpoint.ip}:{endpoint.port}"
    yield Rule(NAT, chain, f"-p {protocol} {_comment(port.name)}{recent} -m {protocol} {target}")
