"""kube-proxy's rules, equal to those of a real node; and, where a real cluster is there, to those it writes now."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest
import yaml

from podwalk.network import iptables
from podwalk.types import Object, Ref
from tests.unit.network.worlds import World

DATA = Path(__file__).parent / "data"
RESOURCES = {
    "Service": "services",
    "EndpointSlice": "endpointslices.discovery.k8s.io",
    "Namespace": "namespaces",
}
SHARED = ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL")
"""Chains to which every Service adds its rules, in the order in which kube-proxy came across them."""


@functools.cache
def _read() -> str:
    return json.dumps(list(yaml.safe_load_all((DATA / "services.yaml").read_text(encoding="utf-8"))))


def manifests() -> list[Object]:
    """Return the manifests anew: a store stamps what it keeps."""
    found: list[Object] = json.loads(_read())
    return found


@pytest.fixture
def cluster(world: World) -> World:
    for node, zone in (("control", "zone-a"), ("worker", "zone-a"), ("worker2", "zone-b")):
        found = world.store.get("nodes", "", node)
        assert found is not None
        labels = {**found["metadata"]["labels"], "topology.kubernetes.io/zone": zone}
        world.put("nodes", {**found, "metadata": {**found["metadata"], "labels": labels}})
    for manifest in manifests():
        if ip := manifest.get("spec", {}).get("clusterIP"):
            manifest["spec"]["clusterIPs"] = [ip]
        world.put(RESOURCES[manifest["kind"]], manifest)
    return world


def by_chain(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the rules of each table's chains; sorted where the order is of no consequence."""
    chains: dict[tuple[str, str], list[str]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("-A"):
            _, chain, rule = line.split(" ", 2)
            chains.setdefault((table, chain), []).append(rule)
    return {
        key: sorted(rules[:-1]) + rules[-1:]
        if key == ("nat", "KUBE-SERVICES")
        else sorted(rules)
        if key[1] in SHARED
        else rules
        for key, rules in chains.items()
    }


@pytest.mark.parametrize("node", ["worker", "worker2"])
def test_the_rules_are_those_of_a_real_node(cluster: World, node: str) -> None:
    expected = by_chain((DATA / f"kube_proxy_{node}.rules").read_text(encoding="utf-8"))
    found = by_chain(iptables.rules(cluster.store, node, cluster.options))
    assert found.keys() == expected.keys()
    for chain, rules in expected.items():
        assert found[chain] == rules


def test_the_chains_are_declared_before_they_are_used(cluster: World) -> None:
    text = iptables.rules(cluster.store, "worker", cluster.options)
    for table in text.split("COMMIT\n")[:-1]:
        declared = set(re.findall(r"^:(\S+)", table, re.MULTILINE))
        targets = set(re.findall(r"-j (KUBE-\S+)", table))
        assert targets <= declared
        assert len(declared) == len(re.findall(r"^:", table, re.MULTILINE))


def test_the_rules_of_one_service_can_be_read_alone(cluster: World) -> None:
    text = iptables.rules(cluster.store, "worker", cluster.options, Ref("services", "podwalk-rules", "plain"))
    rules = [line for line in text.splitlines() if line.startswith("-A")]
    assert len(rules) == 5
    assert all("podwalk-rules/plain" in rule for rule in rules)


def test_probabilities_are_rounded_as_the_kernel_does() -> None:
    assert [iptables.probability(count) for count in (2, 3, 5, 7)] == [
        "0.50000000000",
        "0.33333333349",
        "0.20000000019",
        "0.14285714272",
    ]
