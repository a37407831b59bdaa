"""What CoreDNS's own continuous integration holds to be right, on a real cluster's objects.

:data:`LEFT_OUT` says what is left out, and why. Of three answers the file holds no records (one TXT, two SRV): their
response code is compared. As in CoreDNS's tests, a TTL of 303 means any, and of a SOA the server's name is compared.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.network import dns
from podwalk.network.dns import Question, Record
from podwalk.network.dns.corefile import CorefileError
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object
from tests.unit.network.worlds import World, endpoint

PEERS = Path(os.environ.get("PODWALK_PEERS", Path(__file__).parents[4] / "shared" / "peers"))
RCODES = {"Success": "NOERROR", "NameError": "NXDOMAIN"}
ANY_TTL = "303"
LEFT_OUT = {
    "axfr_test.go": "it transfers the zone, by the plugin `transfer`; the file holds no records of the answers",
    "autopath_test.go": "it walks the search list in the server, by the plugin `autopath`, which kubeadm leaves out",
    "fallthrough_test.go": "the answers are those of the plugin `file`, from zones that the test writes to disk",
}
"""Files of CoreDNS's tests that are not compared, each with the reason. A Corefile with their plugins is refused."""
COREFILES = {
    "dnsTestCasesPodsInsecure": "kubernetes cluster.local {\n pods insecure\n}",
    "dnsTestCasesPodsVerified": "kubernetes cluster.local {\n pods verified\n}",
    "dnsTestCasesPTR": "kubernetes cluster.local 10.96.0.0/24 172.17.0.0/24 1234:abcd::/64 {\n namespaces test-1\n}",
    "TestKubernetesEndpointPodNames": "kubernetes cluster.local {\n endpoint_pod_names\n}",
}
DEFAULT = "kubernetes cluster.local"


def queries() -> list[Any]:
    path = PEERS / "dns_ci_realcluster.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    kept = [query for query in found if not query["file"].endswith(tuple(LEFT_OUT))]
    return [pytest.param(query, id=f"{query['table']} {query['qname']} {query['qtype']}") for query in kept]


def slices(manifest: Object) -> Iterator[Object]:
    """Return the EndpointSlices that the control plane mirrors from an Endpoints object."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    for number, subset in enumerate(manifest["subsets"]):
        yield {
            "metadata": {
                "name": f"{name}-{number}",
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": name},
            },
            "endpoints": [
                {"addresses": [address["ip"]], "hostname": address.get("hostname", "")}
                for address in subset["addresses"]
            ],
            "ports": subset["ports"],
        }


@pytest.fixture(scope="module")
def cluster() -> Store:
    world = World()
    coredns = world.pod("coredns", namespace="kube-system")
    world.service("kube-dns", "10.96.0.10", namespace="kube-system", ports=[{"port": 53, "protocol": "UDP"}])
    world.slice("kube-dns", [endpoint(coredns)], namespace="kube-system")
    for manifest in yaml.safe_load_all((PEERS / "dns_ci_manifests.yaml").read_text(encoding="utf-8")):
        if manifest is None:
            continue
        if manifest["kind"] == "Service" and manifest["spec"].get("clusterIP"):
            manifest["spec"]["clusterIPs"] = [manifest["spec"]["clusterIP"]]
        if manifest["kind"] in ("Namespace", "Service"):
            world.put(manifest["kind"].lower() + "s", manifest)
        elif manifest["kind"] == "Endpoints":
            for mirrored in slices(manifest):
                world.put("endpointslices.discovery.k8s.io", mirrored)
    for number, name in ((1, "test-name"), (2, "test-name-longer-than-63-characters-making-it-an-invalid-dns-label")):
        pod = world.pod(name, namespace="test-3", ip=f"172.17.1.{number}")
        ports = [{"port": 80, "name": "http", "protocol": "TCP"}]
        world.slice(f"headless-{number}", [endpoint(pod)], namespace="test-3", ports=ports)
    world.service("new-svc", "10.96.0.222", namespace="test-1")
    world.slice("new-svc", [{"addresses": ["172.17.0.222"]}], namespace="test-1")
    return world.store


def same(record: Record, expected: list[str]) -> bool:
    name, ttl, _, kind, *data = expected
    if (record.name, record.type) != (name, kind) or (ttl != ANY_TTL and record.ttl != int(ttl)):
        return False
    return record.data.split()[0] == data[0] if kind == "SOA" else record.data.split() == data


@pytest.mark.skipif(not PEERS.is_dir(), reason=f"the peers' answers are not there: {PEERS}")
@pytest.mark.parametrize("query", queries())
def test_the_answer_is_coredns_own(cluster: Store, query: Any) -> None:
    corefile = ".:53 {\n" + COREFILES.get(query["table"], DEFAULT) + "\n}"
    question = Question(query["qname"], query["qtype"])
    answer = dns.answer(cluster, question, options=ClusterOptions(), corefile=corefile)
    assert answer.rcode == RCODES[query["rcode"]]
    if query["qtype"] == "TXT" or query["table"] == "TestKubernetesEndpointPodNames":
        assert answer.answers
        return
    sections = (answer.answers, query["answer"]), (answer.authority, query["ns"]), (answer.additional, query["extra"])
    for records, expected in sections:
        assert len(records) == len(expected)
        for wanted in expected:
            assert any(same(record, wanted) for record in records), (records, wanted)


def test_what_is_left_out_needs_a_plugin_that_is_refused_by_name() -> None:
    for plugin in ("transfer", "autopath", "file"):
        with pytest.raises(CorefileError, match=f"the plugin '{plugin}' is CoreDNS's, but not simulated"):
            dns.answer(Store(), Question("a."), options=ClusterOptions(), corefile=f".:53 {{\n {plugin}\n}}")


@pytest.mark.skipif(not PEERS.is_dir(), reason=f"the peers' answers are not there: {PEERS}")
def test_twenty_seven_queries_are_compared() -> None:
    assert len(queries()) == 27
