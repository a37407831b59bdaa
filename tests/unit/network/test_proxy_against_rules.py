"""Packets sent through the rules of a real node end where the model sends them, with the same source.

The rules are kube-proxy's own, printed by a real node; what follows them here is a small reading of iptables: matches,
jumps, DNAT, marks and rejections. Every endpoint that chance could choose is tried.
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from podwalk.network import services
from podwalk.network.addresses import contains
from podwalk.network.proxy import Packet, Proxy, translate
from podwalk.types import Outcome
from tests.unit.network.test_iptables import DATA, by_chain, manifests
from tests.unit.network.test_iptables import cluster as cluster
from tests.unit.network.worlds import NODES, World

MOST_ENDPOINTS = 7
"""Of any Service in the manifests."""

Chains = dict[tuple[str, str], list[str]]


@dataclass(frozen=True)
class State:
    """A packet on its way through the rules."""

    packet: Packet
    node_ip: str
    to: str = ""
    masquerade: bool = False


@dataclass(frozen=True)
class End:
    """What became of it."""

    verdict: str
    to: str = ""
    masquerade: bool = False


def matches(words: list[str], state: State) -> bool:
    packet, negated = state.packet, False
    to_node = packet.ip in (state.node_ip, "127.0.0.1")
    tests: dict[str, Any] = {
        "-s": lambda value: contains(value, packet.source_ip),
        "-d": lambda value: contains(value, packet.ip),
        "-p": lambda value: value == packet.protocol.lower(),
        "--dport": lambda value: int(value) == packet.port,
        "--dst-type": lambda _: to_node,
        "--src-type": lambda _: packet.local,
    }
    for place, word in enumerate(words):
        if word in tests and tests[word](words[place + 1]) == negated:
            return False
        negated = word == "!"
    return True


def walk(chains: Chains, table: str, chain: str, state: State) -> Iterator[State | End]:
    """Yield every state in which a packet may leave a chain; an :class:`End` if it leaves the table there."""
    states = [state]
    for rule in chains.get((table, chain), ()):
        words = shlex.split(rule)
        after: list[State] = []
        for each in states:
            if not matches(words, each) or "-j" not in words or "--rcheck" in words:
                after.append(each)
                continue
            if "--probability" in words:
                after.append(each)
            target = words[words.index("-j") + 1]
            if target == "KUBE-MARK-MASQ":
                after.append(replace(each, masquerade=True))
            elif target == "DNAT":
                yield End("DNAT", words[-1], each.masquerade)
            elif target in ("REJECT", "DROP"):
                yield End(target)
            elif target == "ACCEPT":
                yield End("ACCEPT")
            else:
                for left in walk(chains, table, target, each):
                    if isinstance(left, End):
                        yield left
                    else:
                        after.append(left)
        states = after
    yield from states


def by_rules(chains: Chains, state: State) -> set[End]:
    """Send a packet through ``nat``, and through ``filter`` if no Service took it."""
    ends: set[End] = set()
    for left in walk(chains, "nat", "KUBE-SERVICES", state):
        if isinstance(left, End):
            ends.add(left)
            continue
        hook = ("KUBE-PROXY-FIREWALL", "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES")
        stopped = [end for chain in hook for end in walk(chains, "filter", chain, left) if isinstance(end, End)]
        ends.add(stopped[0] if stopped else End("nothing"))
    return ends


class Each(random.Random):
    """A chance that takes one place after the other."""

    def __init__(self, place: int) -> None:
        super().__init__(0)
        self.place = place

    def choice(self, seq: Any) -> Any:
        return seq[self.place % len(seq)]


def by_model(world: World, node: str, packet: Packet) -> set[End]:
    """Send a packet through the model, once for every choice."""
    ends: set[End] = set()
    for place in range(MOST_ENDPOINTS):
        front = services.find(world.store, packet.ip, packet.port, packet.protocol)
        front = front or services.find_node_port(world.store, packet.ip, packet.port, packet.protocol, world.options)
        if front is None:
            return {End("nothing")}
        found = translate(Proxy(world.store, node, world.options, Each(place)), front, packet)
        if found.endpoint is None:
            ends.add(End("REJECT" if found.outcome is Outcome.REFUSED else "DROP"))
        else:
            ends.add(End("DNAT", f"{found.endpoint.ip}:{found.endpoint.port}", found.masquerade))
    return ends


def entries() -> list[Any]:
    """Return every address and port by which a Service of the manifests is entered."""
    found = []
    for manifest in manifests():
        spec, status = manifest.get("spec", {}), manifest.get("status", {})
        if manifest["kind"] != "Service" or spec.get("clusterIP", "None") == "None":
            continue
        ingress = status.get("loadBalancer", {}).get("ingress", ())
        ips = [spec["clusterIP"], *spec.get("externalIPs", ()), *(entry["ip"] for entry in ingress)]
        for port in spec["ports"]:
            where = [(ip, port["port"]) for ip in ips]
            where += [("NODE", port["nodePort"])] if port.get("nodePort") else []
            where.append((spec["clusterIP"], 4))
            name = manifest["metadata"]["name"]
            found += [
                pytest.param(ip, number, port["protocol"], id=f"{name} {ip}:{number}/{port['protocol']}")
                for ip, number in where
            ]
    return found


@pytest.fixture(scope="module")
def chains() -> dict[str, Chains]:
    return {
        node: by_chain((DATA / f"kube_proxy_{node}.rules").read_text(encoding="utf-8"))
        for node in ("worker", "worker2")
    }


@pytest.mark.parametrize("node", ["worker", "worker2"])
@pytest.mark.parametrize(("ip", "port", "protocol"), entries())
def test_the_rules_and_the_model_agree(
    cluster: World, chains: dict[str, Chains], node: str, ip: str, port: int, protocol: str
) -> None:
    node_ip = NODES[node][0]
    sources = [
        ("10.244.9.9", False),
        ("10.244.200.12", False),
        (node_ip, True),
        ("203.0.113.9", False),
        ("192.0.2.77", False),
        ("172.18.0.1", False),
    ]
    for source, local in sources:
        packet = Packet(source, local, node_ip if ip == "NODE" else ip, port, protocol)
        assert by_model(cluster, node, packet) == by_rules(chains[node], State(packet, node_ip)), (source, local)
