"""CoreDNS answers alike to each kind of question: A, SRV, PTR, CNAME and what is not there."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterator

import pytest
from kubernetes.client import CoreV1Api

from podwalk.facade import Cluster
from tests.conformance.world import COREDNS

WORLD = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: hashicorp/http-echo:1.0
        args: [-listen=:8080, -text=hello]
        ports: [{name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  clusterIP: None
  selector: {app: db}
  ports: [{name: http, port: 8080, targetPort: http}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: db}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec:
  clusterIP: None
  selector: {app: nobody}
  ports: [{port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: ExternalName, externalName: db.example.invalid}
---
apiVersion: v1
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: web.NAMESPACE.svc.cluster.local}
---
apiVersion: v1
kind: Pod
metadata: {name: tools}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: tools, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}]
"""


@pytest.fixture(scope="module")
def zone(whole_cluster: Cluster) -> Iterator[Cluster]:
    """Names of each kind, and a client with dig; all tests share it, as no question changes anything."""
    cluster = copy.copy(whole_cluster)
    cluster.namespace = f"test-{uuid.uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}})
    cluster.apply(WORLD.replace("NAMESPACE", cluster.namespace))
    cluster.wait("statefulset/db", "jsonpath={.status.readyReplicas}=2", timeout_s=120)
    cluster.wait("pod/tools", "condition=Ready", timeout_s=120)
    for question in ("db | grep -c . | grep 2", "web | grep .", "alias | grep web"):
        cluster.exec("tools", f"dig +short +search {question}", until="succeeds")
    yield cluster
    CoreV1Api(cluster.api).delete_namespace(cluster.namespace)


class Answer:
    """What dig printed: the code of the answer, and its records as (name, type, data)."""

    def __init__(self, cluster: Cluster, words: str) -> None:
        text = cluster.exec("tools", f"dig +noall +comments +answer +authority {words}").stdout
        self.status = re.findall(r"status: (\w+)", text)[-1]
        self.flags = re.findall(r"flags: ([\w ]+);", text)[-1].split()
        rows = [line.split(None, 4) for line in text.splitlines() if line and not line.startswith(";")]
        self.records = [(name, kind, data) for name, _, _, kind, data in rows]
        self.ttls = {int(row[1]) for row in rows}


def addresses(cluster: Cluster, selector: str = "app=db") -> list[str]:
    return sorted(pod["status"]["podIP"] for pod in cluster.get("pods", selector=selector))


def domain(cluster: Cluster) -> str:
    return f"{cluster.namespace}.svc.cluster.local."


def test_each_question_gets_its_kind_of_answer(zone: Cluster) -> None:
    here, [first, second] = domain(zone), addresses(zone)
    virtual = zone.get("services", "web").object["spec"]["clusterIP"]

    answer = Answer(zone, f"web.{here}")
    assert answer.status == "NOERROR"
    assert answer.records == [(f"web.{here}", "A", virtual)]
    assert answer.ttls <= set(range(31))
    assert "aa" in answer.flags

    headless = Answer(zone, f"db.{here}")
    assert sorted(headless.records) == sorted((f"db.{here}", "A", address) for address in (first, second))

    for name in ("db-0", "db-1"):
        address = zone.get("pods", name).object["status"]["podIP"]
        assert Answer(zone, f"{name}.db.{here}").records == [(f"{name}.db.{here}", "A", address)]

    service = Answer(zone, f"SRV _http._tcp.web.{here}")
    assert service.records == [(f"_http._tcp.web.{here}", "SRV", f"0 100 80 web.{here}")]

    members = Answer(zone, f"SRV _http._tcp.db.{here}")
    assert sorted(members.records) == [
        (f"_http._tcp.db.{here}", "SRV", f"0 50 8080 db-{number}.db.{here}") for number in (0, 1)
    ]

    backwards = Answer(zone, f"-x {virtual}")
    assert [(kind, data) for _, kind, data in backwards.records] == [("PTR", f"web.{here}")]

    address = zone.get("pods", "db-0").object["status"]["podIP"]
    member = Answer(zone, f"-x {address}")
    assert sorted(data for _, _, data in member.records) == sorted(
        [f"db-0.db.{here}", f"{address.replace('.', '-')}.web.{here}"]
    ), "a name for each Service that it is behind"


def test_an_external_name_is_an_alias_and_one_inside_is_followed(zone: Cluster) -> None:
    here, virtual = domain(zone), zone.get("services", "web").object["spec"]["clusterIP"]
    followed = Answer(zone, f"alias.{here}")
    assert followed.records == [(f"alias.{here}", "CNAME", f"web.{here}"), (f"web.{here}", "A", virtual)]
    asked = Answer(zone, f"CNAME outside.{here}")
    assert asked.records == [(f"outside.{here}", "CNAME", "db.example.invalid.")]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("nobody.{here}", "NXDOMAIN"),
        ("db-7.db.{here}", "NXDOMAIN"),
        ("web.no-such-namespace.svc.cluster.local.", "NXDOMAIN"),
        ("SRV _ftp._tcp.web.{here}", "NXDOMAIN"),
        ("AAAA web.{here}", "NOERROR"),
        ("MX web.{here}", "NOERROR"),
        ("empty.{here}", "NXDOMAIN"),
        ("{here}", "NOERROR"),
    ],
)
def test_nothing_is_said_in_two_ways(zone: Cluster, words: str, status: str) -> None:
    answer = Answer(zone, words.format(here=domain(zone)))
    assert answer.status == status
    [(name, kind, data)] = answer.records
    assert (name, kind) == ("cluster.local.", "SOA"), "the authority says how long that may be believed"
    assert data.startswith("ns.dns.cluster.local. hostmaster.cluster.local. ")


def test_the_search_list_is_the_namespaces_and_a_final_dot_leaves_it_out(zone: Cluster) -> None:
    [search] = zone.exec("tools", "grep ^search /etc/resolv.conf").lines
    assert search.split()[1:4] == [f"{zone.namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    assert "options ndots:5" in zone.exec("tools", "cat /etc/resolv.conf").lines
    virtual = zone.get("services", "web").object["spec"]["clusterIP"]
    for name in ("web", f"web.{zone.namespace}", f"web.{zone.namespace}.svc"):
        assert zone.exec("tools", f"dig +short +search {name}").lines == [virtual], name
    assert zone.exec("tools", "dig +noall +comments +search web.").stdout.count("NXDOMAIN") == 1


OWN = """
apiVersion: v1
kind: ConfigMap
metadata: {name: own}
data:
  Corefile: |
    .:53 {
        hosts {
            192.0.2.53 both.example
        }
    }
    example:5353 inner.test:5353 {
        hosts {
            192.0.2.54 both.example
            192.0.2.56 a.inner.test
        }
        log
    }
"""


def test_server_blocks_of_two_ports_answer_each_at_its_own(zone: Cluster) -> None:
    zone.apply(OWN + "---" + COREDNS.format(name="own"))
    zone.wait("pod/own", "condition=Ready")
    ip = zone.get("pods", "own").object["status"]["podIP"]
    zone.exec("tools", f"dig +short @{ip} -p 5353 both.example", until="succeeds")

    def ask(words: str) -> tuple[str, list[str]]:
        found = Answer(zone, f"@{ip} {words}")
        return found.status, [data for _, _, data in found.records]

    assert ask("-p 53 both.example") == ("NOERROR", ["192.0.2.53"])
    assert ask("-p 5353 +tcp both.example") == ("NOERROR", ["192.0.2.54"])
    assert ask("-p 5353 a.inner.test") == ("NOERROR", ["192.0.2.56"])
    assert ask("-p 5353 other.org") == ("REFUSED", [])
    # CoreDNS lists its servers in the order of a Go map: another one each time.
    lines = sorted(line for line in zone.logs("own").splitlines() if line.endswith(("53", "5353")))
    assert lines == [".:53", "example.:5353", "inner.test.:5353"]
