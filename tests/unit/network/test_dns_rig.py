"""A table of our own against a real CoreDNS, asked with ``dig`` from a Pod, where a kind cluster is up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from podwalk.network import dns
from podwalk.network.dns import Answer, Question, Record
from podwalk.store import Store
from podwalk.types import ClusterOptions
from tests.unit.network.rigs import Rig, connect
from tests.unit.network.test_iptables import DATA

NAMESPACE = "podwalk-names"
SERVER = "10.96.0.10"

POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: asker, namespace: {NAMESPACE}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}}
"""

QUESTIONS = """
web A|web AAAA|web SRV|web TXT|web MX|web NS|web SOA|web PTR|web CNAME|web ANY|web HINFO
_http._tcp.web SRV|_http._tcp.web A|_dns._udp.web SRV|_http._udp.web SRV|_no._tcp.web SRV|http.tcp.web SRV
10-244-201-1.web A|10-244-201-2.web A
nothing.web A|a.b.c.web A|unnamed SRV|_80._tcp.unnamed SRV
db A|db AAAA|db SRV|_sql._tcp.db SRV|_admin._tcp.db SRV
db-0.db A|db-1.db A|db-3.db A|db-6.db AAAA|db-6.db A|db-0.db AAAA
10-244-201-13.db A|10-244-201-11.db A|db-0.db SRV|portless A|portless SRV|nobody A|nobody SRV
alias A|alias AAAA|alias CNAME|alias SRV|alias TXT|x.alias A
_a._b.alias A|alias-of-alias A|dead-alias A|dead-alias CNAME
own-alias A|loop-a A|nothing A|WeB A|dB-0.Db A|* A
"""

ABSOLUTE = """
svc.cluster.local A|pod.cluster.local A|cluster.local A|cluster.local AAAA|cluster.local SOA|cluster.local NS
cluster.local TXT|podwalk-names.svc.cluster.local A|podwalk-names.svc.cluster.local SRV
podwalk-names.svc.cluster.local TXT
podwalk-names.pod.cluster.local A|nowhere.svc.cluster.local A|nowhere.pod.cluster.local A
web.nowhere.svc.cluster.local A
any.cluster.local A|web.podwalk-names.cluster.local A
dns-version.cluster.local TXT|dns-version.cluster.local A
10-1-2-3.podwalk-names.pod.cluster.local A|10-1-2-3.podwalk-names.pod.cluster.local AAAA
x.podwalk-names.pod.cluster.local A|10-1-2-3.nowhere.pod.cluster.local A|x.10-1-2-3.podwalk-names.pod.cluster.local A
2001-db8--1.podwalk-names.pod.cluster.local AAAA|2001-db8--1.podwalk-names.pod.cluster.local A
10-1-2-3.podwalk-names.pod.cluster.local TXT|10-1-2-3.podwalk-names.pod.cluster.local SRV
ns.dns.cluster.local A|kube-dns.kube-system.svc.cluster.local A
_dns._udp.kube-dns.kube-system.svc.cluster.local SRV
1.0.96.10.in-addr.arpa PTR|10.0.96.10.in-addr.arpa PTR
11.201.244.10.in-addr.arpa PTR|13.201.244.10.in-addr.arpa PTR
1.201.244.10.in-addr.arpa PTR
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR
"""


def questions() -> list[tuple[str, str]]:
    own = [tuple(entry.split()) for line in QUESTIONS.split("\n") for entry in line.split("|") if entry]
    rest = [tuple(entry.split()) for line in ABSOLUTE.split("\n") for entry in line.split("|") if entry]
    return [(f"{name}.{NAMESPACE}.svc.cluster.local.", kind) for name, kind in own] + [
        (f"{name}.", kind) for name, kind in rest
    ]


@dataclass(frozen=True)
class Heard:
    """What dig printed."""

    rcode: str
    authoritative: bool
    sections: tuple[tuple[str, ...], ...]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    found = connect()
    found.run("kubectl", "apply", "-f", "-", stdin=(DATA / "names.yaml").read_text(encoding="utf-8") + "\n---" + POD)
    found.run("kubectl", "wait", "-n", NAMESPACE, "--for=condition=Ready", "pod/asker", "--timeout=50s")
    yield found
    found.run("kubectl", "delete", "namespace", NAMESPACE)


@pytest.fixture(scope="module")
def snapshot(rig: Rig) -> Store:
    return rig.snapshot(NAMESPACE, "kube-system", "default")


@pytest.fixture(scope="module")
def heard(rig: Rig) -> list[Heard]:
    """Ask every question in one go."""
    asked = "\n".join(f"{name} {kind}" for name, kind in questions())
    dig = ("dig", f"@{SERVER}", "+noall", "+comments", "+answer", "+authority", "+additional", "+nocookie", "+tries=2")
    text = rig.run("kubectl", "exec", "-i", "-n", NAMESPACE, "asker", "--", *dig, "-f", "/dev/stdin", stdin=asked)
    return [listen(part) for part in text.split(";; Got answer:")[1:]]


def listen(text: str) -> Heard:
    rcode, flags = re.findall(r"status: (\w+)", text)[0], re.findall(r"flags: ([^;]*);", text)[0]
    found: dict[str, list[str]] = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}
    section = ""
    for line in text.splitlines():
        if match := re.match(r";; (\w+) SECTION:", line):
            section = match[1]
        elif line and not line.startswith(";"):
            name, ttl, _, kind, data = line.split(None, 4)
            found[section].append(spell(Record(name, kind, int(ttl), data)))
    return Heard(rcode, "aa" in flags.split(), tuple(tuple(sorted(records)) for records in found.values()))


def spell(record: Record) -> str:
    data = re.sub(r"(\S+ \S+) \d+", r"\1 SERIAL", record.data, count=1) if record.type == "SOA" else record.data
    return f"{record.name} {record.ttl} {record.type} {data}"


def say(answer: Answer) -> Heard:
    sections = (answer.answers, answer.authority, answer.additional)
    spelled = (tuple(sorted(spell(record) for record in records)) for records in sections)
    return Heard(answer.rcode, answer.authoritative, tuple(spelled))


@pytest.mark.slow
def test_every_question_has_the_answer_of_a_real_coredns(snapshot: Store, heard: list[Heard]) -> None:
    config = snapshot.get("configmaps", "kube-system", "coredns")
    assert config is not None
    assert len(heard) == len(questions())
    different = []
    for (name, kind), real in zip(questions(), heard, strict=True):
        answer = dns.answer(
            snapshot, Question(name, kind), options=ClusterOptions(), corefile=config["data"]["Corefile"]
        )
        if say(answer) != real:
            different.append(f"{name} {kind}:\n  ours  {say(answer)}\n  real  {real}")
    assert not different, "\n".join(different)
