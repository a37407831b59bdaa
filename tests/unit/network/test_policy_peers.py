"""What other projects hold to be right about NetworkPolicy, cell by cell.

Their columns are the two directions by themselves. One thing in them is left out of the comparison with whole
verdicts: a Pod that opens a connection to its own address. They judge it by the policies; on a real cluster it never
leaves the Pod's network namespace, so no policy ever sees it. The columns of those cells are still compared.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.network import policy
from podwalk.network.policy import Direction, Matrix
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object, Peer, Ref

PEERS = Path(os.environ.get("PODWALK_PEERS", Path(__file__).parents[4] / "shared" / "peers"))
OPTIONS = ClusterOptions()
POLICIES = "networkpolicies.networking.k8s.io"

needs_peers = pytest.mark.skipif(not PEERS.is_dir(), reason=f"the peers' answers are not there: {PEERS}")


class Cluster:
    """The Pods that the peers reason about, each with an address, and the four ports they all serve."""

    def __init__(self) -> None:
        self.store = Store()
        self._ip = 0

    def namespace(self, name: str, labels: dict[str, str] | None) -> None:
        named = {"kubernetes.io/metadata.name": name, **(labels or {})}
        self.store.put("namespaces", {"metadata": {"name": name, "labels": named}})

    def pod(self, namespace: str, name: str, labels: dict[str, str] | None) -> None:
        old = self.store.get("pods", namespace, name)
        if old is None:
            self._ip += 1
        ip = old["status"]["podIP"] if old else f"192.168.1.{self._ip}"
        ports = [
            {"containerPort": port, "protocol": protocol, "name": f"serve-{port}-{protocol.lower()}"}
            for port in (80, 81)
            for protocol in ("TCP", "UDP", "SCTP")
        ]
        self.store.put(
            "pods",
            {
                "metadata": {"namespace": namespace, "name": name, "labels": labels or {}},
                "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": ports}]},
                "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
            },
        )

    def peer(self, name: str) -> Peer:
        namespace, _, pod = name.partition("/")
        found = self.store.get("pods", namespace, pod)
        assert found is not None
        return Peer(found["status"]["podIP"], Ref("pods", namespace, pod), "n")

    def matrix(self, port: int, protocol: str) -> Matrix:
        return policy.matrix(self.store, port=port, protocol=protocol, options=OPTIONS)

    def act(self, action: dict[str, Any]) -> None:
        (kind, what), *_ = [(kind, what) for kind, what in action.items() if what is not None]
        if kind in ("CreatePolicy", "UpdatePolicy"):
            self.store.put(POLICIES, what["Policy"])
        elif kind == "DeletePolicy":
            self.store.remove(POLICIES, what["Namespace"], what["Name"])
        elif kind in ("CreateNamespace", "SetNamespaceLabels"):
            self.namespace(what["Namespace"], what["Labels"])
        elif kind == "DeleteNamespace":
            for pod in list(self.store.list("pods", what["Namespace"])):
                self.store.remove("pods", what["Namespace"], pod["metadata"]["name"])
            self.store.remove("namespaces", "", what["Namespace"])
        elif kind in ("CreatePod", "SetPodLabels"):
            self.pod(what["Namespace"], what["Pod"], what["Labels"])
        elif kind == "DeletePod":
            self.store.remove("pods", what["Namespace"], what["Pod"])
        else:
            raise AssertionError(f"an action this test does not know: {kind}")


def cyclonus_cases() -> list[dict[str, Any]]:
    path = PEERS / "cyclonus_cases.json.gz"
    if not path.exists():
        return []
    cases: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return cases


def cyclonus_start() -> Cluster:
    cluster = Cluster()
    for namespace in "xyz":
        cluster.namespace(namespace, {"ns": namespace})
        for pod in "abc":
            cluster.pod(namespace, pod, {"pod": pod})
    return cluster


def compare(cluster: Cluster, cells: list[list[Any]]) -> Iterator[str]:
    """Return the cells that differ: by the matrix for all, and by an explanation for one in fifty."""
    matrices: dict[tuple[int, str], Matrix] = {}
    for number, (source, target, port, protocol, ingress, egress, combined) in enumerate(cells):
        if (port, protocol) not in matrices:
            matrices[port, protocol] = cluster.matrix(port, protocol)
        found = matrices[port, protocol]
        here, there = cluster.peer(source), cluster.peer(target)
        assert here.pod is not None
        assert there.pod is not None
        out = found.egress[found.index[here.pod]] >> found.index[there.pod] & 1
        into = found.ingress[found.index[here.pod]] >> found.index[there.pod] & 1
        ours = ["allowed" if bit else "blocked" for bit in (into, out, into and out)]
        if ours != [ingress, egress, combined]:
            yield f"matrix {source} → {target} {port}/{protocol}: {ours}, they say {[ingress, egress, combined]}"
        if number % 50 == 0:
            yield from _explained(cluster, (here, there, port, protocol), (ingress, egress))
        # A Pod's traffic to itself never leaves it, and no policy is asked; the peers' model asks them all the same.
        # What they say of each direction is compared above for these cells too; what comes of both is left out.
        if source != target and found.allowed(here.pod, there.pod) != (combined == "allowed"):
            yield f"verdict {source} → {target} {port}/{protocol}: they say {combined}"


def _explained(cluster: Cluster, flow: tuple[Peer, Peer, int, str], expected: tuple[str, str]) -> Iterator[str]:
    for direction, theirs in zip((Direction.INGRESS, Direction.EGRESS), expected, strict=True):
        judgement = policy.judge(cluster.store, direction, *flow, options=OPTIONS)
        assert judgement is not None
        if judgement.allowed != (theirs == "allowed"):
            yield f"{direction} {flow}: {judgement}, they say {theirs}"


@needs_peers
def test_every_cell_of_cyclonus() -> None:
    cells = 0
    for case in cyclonus_cases():
        cluster = cyclonus_start()
        for step in case["steps"]:
            for action in step["actions"] or ():
                cluster.act(action)
            expected = [[cell[0], cell[1], cell[2], *cell[4:]] for cell in step["expected"]]
            cells += len(expected)
            assert list(compare(cluster, expected)) == [], case["description"]
    assert cells == 123_669


@needs_peers
def test_every_cell_of_the_recipes() -> None:
    cells = 0
    for recipe in json.loads((PEERS / "recipes.json").read_text(encoding="utf-8")):
        cluster = Cluster()
        for name, labels in recipe["namespaces"].items():
            cluster.namespace(name, labels)
        for pod in recipe["pods"]:
            cluster.pod(pod["ns"], pod["name"], pod["labels"])
        for text in recipe["policies_yaml"]:
            manifest: Object = yaml.safe_load(text)
            manifest["metadata"].setdefault("namespace", "default")
            cluster.store.put(POLICIES, manifest)
        answered = [cell for cell in recipe["expected"] if cell[4] != "invalidportprotocol"]
        assert len(answered) == len(recipe["expected"]) or recipe["recipe"] == "11-2"
        cells += len(answered)
        assert list(compare(cluster, answered)) == [], recipe["recipe"]
    assert cells == 1_153
