"""The ConfigMap ``coredns`` is followed: rewrite, hosts, template, stub domains, cache, log and errors.

The cluster's own file is changed, for names that nobody else asks for, and put back as it was.
"""

from __future__ import annotations

import copy
import datetime as dt
import re
import uuid
from collections.abc import Iterator

import pytest
from kubernetes.client import AppsV1Api, CoreV1Api

from podwalk.facade import Cluster
from tests.conformance.world import COREDNS

from .test_dns import Answer

pytestmark = pytest.mark.detail

WORLD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: company}
data:
  Corefile: |
    corp.OWN:53 {
        log
        hosts {
            192.0.2.53 wiki.corp.OWN
            ttl 100
        }
    }
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  hostname: web-0
  subdomain: web
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "hashicorp/http-echo:1.0", args: [-text=hello]}]
---
apiVersion: v1
kind: Pod
metadata: {name: tools}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: tools, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}]
"""
REWRITES = """
    rewrite name exact old.OWN web.OWN.svc.cluster.local
    rewrite name suffix .sfx.OWN .OWN.svc.cluster.local answer auto
    rewrite stop {
        name regex ^(.*)[.]rx[.]OWN[.]$ {1}.OWN.svc.cluster.local
        answer name ^(.*)[.]OWN[.]svc[.]cluster[.]local[.]$ {1}.rx.OWN
    }
"""
BLOCKS = """
corp.OWN:53 {
    errors
    cache 30
    forward . COMPANY
}
list.OWN:53 {
    errors
    log
    hosts {
        192.0.2.7 one.list.OWN both.list.OWN
        192.0.2.8 both.list.OWN
        fallthrough
    }
}
made.OWN:53 {
    log . {
        class denial
    }
    template IN A made.OWN {
        match ^(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]made
        answer "{{ .Name }} 60 IN A 10.9.{{ .Group.a }}.{{ .Group.b }}"
        fallthrough
    }
    template IN TXT made.OWN {
        answer "{{ .Name }} 60 IN TXT \\"{{ .Type }} of {{ .Zone }}\\""
    }
    template ANY ANY {
        rcode NXDOMAIN
    }
}
"""


def restart(cluster: Cluster) -> None:
    """Let CoreDNS read its file now: by itself it does within two minutes."""
    now = dt.datetime.now(dt.UTC).isoformat()
    annotations = {"kubectl.kubernetes.io/restartedAt": now}
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    AppsV1Api(cluster.api).patch_namespaced_deployment("coredns", "kube-system", body)
    generation = cluster.get("deployments", "coredns", namespace="kube-system").object["metadata"]["generation"]
    for field, value in {"observedGeneration": generation, "updatedReplicas": 2, "replicas": 2}.items():
        cluster.wait("deployment/coredns", f"jsonpath={{.status.{field}}}={value}", namespace="kube-system")
    cluster.wait("deployment/coredns", "jsonpath={.status.readyReplicas}=2", namespace="kube-system", timeout_s=60)


@pytest.fixture(scope="module")
def zone(whole_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster whose CoreDNS knows more names, until the tests are over."""
    cluster = copy.copy(whole_cluster)
    cluster.namespace = own = f"test-{uuid.uuid4().hex[:8]}"
    core = CoreV1Api(cluster.api)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": own}})
    cluster.apply(WORLD.replace("OWN", own) + "---" + COREDNS.format(name="company"))
    for pod in ("company", "tools", "web"):
        cluster.wait(f"pod/{pod}", "condition=Ready", timeout_s=120)
    before = cluster.get("configmaps", "coredns", namespace="kube-system").object["data"]
    text = before["Corefile"].replace(".:53 {", f".:53 {{{REWRITES}", 1) + BLOCKS
    text = text.replace("OWN", own).replace("COMPANY", cluster.get("pods", "company").object["status"]["podIP"])
    try:
        core.patch_namespaced_config_map("coredns", "kube-system", {"data": {"Corefile": text}})
        restart(cluster)
        # One that is on its way out may still be asked for a moment.
        cluster.exec("tools", f"for i in $(seq 12); do dig +short old.{own} | grep . || exit; done", until="succeeds")
        yield cluster
    finally:
        core.patch_namespaced_config_map("coredns", "kube-system", {"data": before})
        restart(cluster)
        core.delete_namespace(own)


def ask(cluster: Cluster, words: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the code of an answer and its records, with the test's own domain and address left out."""
    found = Answer(cluster, words.replace("OWN", cluster.namespace))
    ip = cluster.get("pods", "web").object["status"]["podIP"]
    shown = [
        (name.replace(cluster.namespace, "OWN"), kind, data.replace(cluster.namespace, "OWN").replace(ip, "WEB"))
        for name, kind, data in found.records
    ]
    return found.status, sorted(shown)


def logs(cluster: Cluster) -> list[str]:
    """Return what both CoreDNS wrote of the test's names."""
    pods = cluster.get("pods", namespace="kube-system", selector="k8s-app=kube-dns").names
    lines = [line for pod in pods for line in cluster.logs(pod, namespace="kube-system").splitlines()]
    return [line.replace(cluster.namespace, "OWN") for line in lines if cluster.namespace in line]


MADE_TXT = ("1-2.made.OWN.", "TXT", '"TXT of made.OWN."')
WEB_0 = "0 100 80 web-0.web.OWN.svc.cluster.local."


@pytest.mark.parametrize(
    ("words", "status", "records"),
    [
        ("old.OWN", "NOERROR", [("old.OWN.", "A", "WEB")]),
        ("old.OWN SRV", "NOERROR", [("old.OWN.", "SRV", "0 100 80 web-0.old.OWN.")]),
        ("web.sfx.OWN", "NOERROR", [("web.sfx.OWN.", "A", "WEB")]),
        ("web.sfx.OWN SRV", "NOERROR", [("web.sfx.OWN.", "SRV", "0 100 80 web-0.web.sfx.OWN.")]),
        ("web-0.web.rx.OWN", "NOERROR", [("web-0.web.rx.OWN.", "A", "WEB")]),
        ("_http._tcp.web.rx.OWN SRV", "NOERROR", [("_http._tcp.web.rx.OWN.", "SRV", WEB_0)]),
        ("one.list.OWN", "NOERROR", [("one.list.OWN.", "A", "192.0.2.7")]),
        ("both.list.OWN", "NOERROR", [("both.list.OWN.", "A", "192.0.2.7"), ("both.list.OWN.", "A", "192.0.2.8")]),
        ("one.list.OWN AAAA", "NOERROR", []),
        ("none.list.OWN", "SERVFAIL", []),
        ("1-2.made.OWN", "NOERROR", [("1-2.made.OWN.", "A", "10.9.1.2")]),
        ("1-2.made.OWN TXT", "NOERROR", [MADE_TXT]),
        ("x.made.OWN", "NXDOMAIN", []),
        ("1-2.made.OWN AAAA", "NXDOMAIN", []),
        ("wiki.corp.OWN", "NOERROR", [("wiki.corp.OWN.", "A", "192.0.2.53")]),
        ("wiki.corp.OWN AAAA", "NOERROR", []),
        ("none.corp.OWN", "SERVFAIL", []),
    ],
)
def test_names_mean_what_the_file_says(
    zone: Cluster, words: str, status: str, records: list[tuple[str, str, str]]
) -> None:
    assert ask(zone, words) == (status, records)


def test_a_rewritten_name_that_is_not_there_is_denied_by_the_zone_that_was_asked(zone: Cluster) -> None:
    status, [(name, kind, _)] = ask(zone, "nothing.sfx.OWN")
    assert (status, name, kind) == ("NXDOMAIN", "cluster.local.", "SOA")


def test_a_stub_domains_server_is_asked_once_by_each_cache(zone: Cluster) -> None:
    before = zone.logs("company").count(" IN ")
    # All in one go: without a record to take a TTL from, "no such data" is kept for five seconds only.
    question = f"dig +noall +comments wiki.corp.{zone.namespace} MX"
    printed = zone.exec("tools", f"for i in $(seq 12); do {question}; done").stdout
    assert re.findall(r"status: (\w+)", printed) == ["NOERROR"] * 12
    assert 1 <= zone.logs("company").count(" IN ") - before <= 2
    found = [Answer(zone, f"wiki.corp.{zone.namespace}") for _ in range(6)]
    assert all(20 <= ttl <= 30 for one in found for ttl in one.ttls)


def test_the_log_tells_questions_and_the_errors_their_reason(zone: Cluster) -> None:
    for words in ("one.list.OWN", "none.list.OWN", "x.made.OWN TXT", "y.made.OWN"):
        ask(zone, words)
    source = r"\[INFO\] [0-9.]+:\d+ - \d+ "
    wanted = [
        source + r'"A IN one\.list\.OWN\. udp 63 false 1232" NOERROR qr,aa,rd 78 [\d.]+s',
        source + r'"A IN none\.list\.OWN\. udp 64 false 1232" SERVFAIL qr,rd 41 [\d.]+s',
        source + r'"A IN y\.made\.OWN\. udp 61 false 1232" NXDOMAIN qr,aa,rd 38 [\d.]+s',
        r"\[ERROR\] plugin/errors: 2 none\.list\.OWN\. A: plugin/hosts: no next plugin found",
    ]
    lines = logs(zone)
    missing = [pattern for pattern in wanted if not any(re.fullmatch(pattern, line) for line in lines)]
    assert not missing, "\n".join(lines)
    # The block of made.OWN writes down denials only, that of corp.OWN nothing.
    assert not [line for line in lines if "TXT IN x.made" in line or "IN wiki.corp" in line]
