"""CoreDNS counts what it is asked and what it answers, for Prometheus to read."""

from __future__ import annotations

import re

from podwalk.facade import Cluster

CLIENT = """
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: tools, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}
"""


def counters(cluster: Cluster, metric: str) -> dict[str, float]:
    """Return the counters of all CoreDNS Pods together, by their labels."""
    found: dict[str, float] = {}
    for pod in cluster.get("pods", namespace="kube-system", selector="k8s-app=kube-dns"):
        text = cluster.exec("client", f"curl -sS -m 5 http://{pod['status']['podIP']}:9153/metrics").stdout
        for labels, value in re.findall(rf"^{metric}(\{{.*\}}) (\S+)$", text, re.MULTILINE):
            found[labels] = found.get(labels, 0) + float(value)
    return found


def test_each_question_and_its_answer_is_counted(cluster: Cluster) -> None:
    cluster.apply(CLIENT)
    cluster.wait("pod/client", "condition=Ready")
    asked = '{family="1",proto="udp",server="dns://:53",type="SRV",view="",zone="."}'
    missing = '{plugin="errors",rcode="NXDOMAIN",server="dns://:53",view="",zone="."}'
    requests, responses = (counters(cluster, f"coredns_dns_{name}_total") for name in ("requests", "responses"))
    cluster.exec("client", "for i in 1 2 3; do dig +short SRV nobody.default.svc.cluster.local; done")
    assert counters(cluster, "coredns_dns_requests_total")[asked] >= requests.get(asked, 0) + 3
    assert counters(cluster, "coredns_dns_responses_total")[missing] >= responses.get(missing, 0) + 3
