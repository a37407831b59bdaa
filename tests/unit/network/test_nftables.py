"""kube-proxy's nftables, equal to those of a real one, for Services of every kind."""

from __future__ import annotations

import re

from podwalk.network import nftables
from podwalk.types import Ref
from tests.unit.network.test_iptables import DATA
from tests.unit.network.test_iptables import cluster as cluster
from tests.unit.network.worlds import World


def read(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the sets, maps and chains of a table; the elements of a set in any order."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind, name, body in re.findall(r"^\t(set|map|chain) (\S+) \{\n(.*?)^\t\}", text, re.MULTILINE | re.DOTALL):
        elements = re.search(r"\t\telements = \{ (.*?) \}\n", body, re.DOTALL)
        lines = [line.strip() for line in (body.replace(elements[0], "") if elements else body).splitlines()]
        if elements:
            lines += sorted(part.strip() for part in re.split(r",\s*", elements[1]))
        found[kind, name] = lines
    return found


def test_the_table_is_that_of_a_real_kube_proxy(cluster: World) -> None:
    expected = read((DATA / "kube_proxy_worker.nft").read_text(encoding="utf-8"))
    found = read(nftables.rules(cluster.store, "worker", cluster.options))
    # It ran in a Pod's network namespace, where the node's address, the only one for NodePorts, is not.
    assert found.pop(("set", "nodeport-ips"))[-1] == "172.18.0.3"
    del expected["set", "nodeport-ips"]
    assert found.keys() == expected.keys()
    for key, lines in expected.items():
        assert found[key] == lines


def test_one_service_is_shown_by_its_own_elements_and_chains(cluster: World) -> None:
    plain = Ref("services", "podwalk-rules", "plain")
    found = read(nftables.rules(cluster.store, "worker", cluster.options, plain))
    own = [name for kind, name in found if kind == "chain" and "podwalk-rules" in name]
    assert own == ["service-I5HFDHFM-podwalk-rules/plain/tcp/"]
    assert found["map", "service-ips"][-1] == f"10.96.250.10 . tcp . 80 : goto {own[0]}"
    assert found["chain", own[0]] == ["meta l4proto tcp dnat to 10.244.200.11:8080"]
