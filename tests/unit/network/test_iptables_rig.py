"""The rules of a real kube-proxy, where a kind cluster is there: Services of every kind, made now and removed after."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from podwalk.network import iptables
from podwalk.store import Store
from podwalk.types import ClusterOptions, Ref
from tests.unit.network.rigs import Rig, connect
from tests.unit.network.test_iptables import DATA, by_chain

NAMESPACE = "podwalk-rules"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    found = connect()
    names = [node["metadata"]["name"] for node in found.get("nodes")]
    worker = next(name for name in names if name.endswith("-worker"))
    manifests = list(yaml.safe_load_all((DATA / "services.yaml").read_text(encoding="utf-8")))
    text = yaml.safe_dump_all(_on(manifests, worker.removesuffix("-worker")))
    found.run("kubectl", "apply", "-f", "-", stdin=text)
    for manifest in manifests:
        if manifest.get("status"):
            patch = json.dumps({"status": manifest["status"]})
            where = ("-n", NAMESPACE, "service", manifest["metadata"]["name"], "--subresource=status")
            found.run("kubectl", "patch", *where, "--type=merge", "-p", patch)
    yield found
    found.run("kubectl", "delete", "namespace", NAMESPACE)


def _on(value: Any, cluster: str) -> Any:
    """Return manifests with the nodes of a cluster in them."""
    if isinstance(value, list):
        return [_on(entry, cluster) for entry in value]
    if isinstance(value, dict):
        return {
            key: _node(entry, cluster) if key == "nodeName" else _on(entry, cluster) for key, entry in value.items()
        }
    return value


def _node(name: str, cluster: str) -> str:
    return f"{cluster}-control-plane" if name == "control" else f"{cluster}-{name}"


def ours(chains: dict[tuple[str, str], list[str]]) -> dict[tuple[str, str], list[str]]:
    """Keep the rules of the test's namespace: other people's Services come and go meanwhile."""
    own = {
        key
        for key, rules in chains.items()
        if re.match(r"KUBE-(SVC|SVL|EXT|FW|SEP)-", key[1]) and any(f"{NAMESPACE}/" in rule for rule in rules)
    }
    kept = {
        key: [rule for rule in rules if key in own or f"{NAMESPACE}/" in rule]
        for key, rules in chains.items()
        if key[1].startswith("KUBE-")
    }
    return {key: rules for key, rules in kept.items() if rules}


def node_name(store: Store, suffix: str) -> str:
    names = (str(node["metadata"]["name"]) for node in store.list("nodes"))
    return next(name for name in names if name.endswith(f"-{suffix}"))


@pytest.mark.slow
@pytest.mark.parametrize("node", ["worker", "worker2", "control-plane"])
def test_the_rules_are_those_that_kube_proxy_writes_now(rig: Rig, node: str) -> None:
    store = rig.snapshot(NAMESPACE)
    name = node_name(store, node)
    expected = ours(by_chain(iptables.rules(store, name, ClusterOptions())))
    for _ in range(50):
        found = ours(by_chain(rig.run("docker", "exec", name, "iptables-save")))
        if found == expected:
            break
    assert found == expected


@pytest.mark.slow
def test_one_services_rules_are_found_on_the_node(rig: Rig) -> None:
    store = rig.snapshot(NAMESPACE)
    name = node_name(store, "worker")
    real = rig.run("docker", "exec", name, "iptables-save").splitlines()
    text = iptables.rules(store, name, ClusterOptions(), Ref("services", NAMESPACE, "node-port-local"))
    assert [line for line in text.splitlines() if line.startswith("-A") and line not in real] == []
