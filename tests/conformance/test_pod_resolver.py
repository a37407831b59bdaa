"""What the kubelet writes into a Pod's ``/etc/resolv.conf`` and ``/etc/hosts``, for each policy and setting."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator

import pytest
from kubernetes.client import CoreV1Api

from podwalk.facade import Cluster

pytestmark = pytest.mark.detail

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  {settings}
  containers: [{{name: c, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}}]
"""
CONFIG = 'dnsConfig: {nameservers: ["192.0.2.1"], searches: [a.example], options: [{name: ndots, value: "2"}]}'
PODS = {
    "plain": "",
    "none": f"dnsPolicy: None\n  {CONFIG.replace(']}', ', {name: rotate}]}')}",
    "more": CONFIG,
    "host": "hostNetwork: true\n  dnsPolicy: ClusterFirstWithHostNet",
    "named": "hostname: one\n  subdomain: group\n  hostAliases: [{ip: 192.0.2.7, hostnames: [db, db.example]}]",
    "full": "hostname: one\n  subdomain: group\n  setHostnameAsFQDN: true",
}


@pytest.fixture(scope="module")
def pods(whole_cluster: Cluster) -> Iterator[Cluster]:
    cluster = copy.copy(whole_cluster)
    cluster.namespace = f"test-{uuid.uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}})
    for name, settings in PODS.items():
        cluster.apply(POD.format(name=name, settings=settings))
    for name in PODS:
        cluster.wait(f"pod/{name}", "condition=Ready", timeout_s=120)
    yield cluster
    CoreV1Api(cluster.api).delete_namespace(cluster.namespace)


def resolver(cluster: Cluster, pod: str) -> list[str]:
    """Return the lines; what the node's own resolver adds to a search list differs from machine to machine."""
    return cluster.exec(pod, "cat /etc/resolv.conf").stdout.splitlines()


def searched(cluster: Cluster) -> str:
    return f"search {cluster.namespace}.svc.cluster.local svc.cluster.local cluster.local"


def test_cluster_first_is_the_default(pods: Cluster) -> None:
    search, server, options = resolver(pods, "plain")
    assert search.startswith(searched(pods))
    assert (server, options) == ("nameserver 10.96.0.10", "options ndots:5")


def test_none_takes_what_dns_config_says_and_nothing_else(pods: Cluster) -> None:
    *names, options = resolver(pods, "none")
    assert names == ["search a.example", "nameserver 192.0.2.1"]
    # The kubelet writes several options in the order of a Go map: another one each time.
    assert sorted(options.split()) == ["ndots:2", "options", "rotate"]


def test_dns_config_adds_to_the_policy_and_its_options_win(pods: Cluster) -> None:
    search, first, second, options = resolver(pods, "more")
    assert search.startswith(searched(pods))
    assert search.endswith(" a.example")
    assert (first, second, options) == ("nameserver 10.96.0.10", "nameserver 192.0.2.1", "options ndots:2")


def test_a_pod_on_the_hosts_network_asks_the_cluster_if_it_says_so(pods: Cluster) -> None:
    assert resolver(pods, "host")[1:] == resolver(pods, "plain")[1:]
    assert resolver(pods, "host")[0].startswith(searched(pods))


def test_host_aliases_stand_below_the_pods_own_name(pods: Cluster) -> None:
    lines = pods.exec("named", "cat /etc/hosts").stdout.splitlines()
    ip = pods.get("pods", "named").object["status"]["podIP"]
    assert lines[0] == "# Kubernetes-managed hosts file."
    assert lines[1:7] == [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
    ]
    assert lines[7] == f"{ip}\tone.group.{pods.namespace}.svc.cluster.local\tone"
    assert lines[8:] == ["", "# Entries added by HostAliases.", "192.0.2.7\tdb\tdb.example"]
    assert pods.exec("named", "getent hosts db.example").stdout.split()[0] == "192.0.2.7"


def test_the_hostname_is_short_unless_the_whole_is_wanted(pods: Cluster) -> None:
    assert pods.exec("named", "hostname").stdout.strip() == "one"
    assert pods.exec("full", "hostname").stdout.strip() == f"one.group.{pods.namespace}.svc.cluster.local"


def test_a_name_with_a_subdomain_has_a_record_under_a_headless_service(pods: Cluster) -> None:
    pods.exec("named", "true")
    CoreV1Api(pods.api).patch_namespaced_pod("named", pods.namespace, {"metadata": {"labels": {"app": "named"}}})
    spec = {"clusterIP": "None", "selector": {"app": "named"}, "ports": [{"port": 80}]}
    pods.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "group"}, "spec": spec})
    ip = pods.get("pods", "named").object["status"]["podIP"]
    assert pods.exec("plain", "dig +short +search one.group | grep .", until="succeeds").stdout.strip() == ip


@pytest.mark.parametrize(
    ("question", "answer"),
    [("TXT dns-version.cluster.local", '"1.1.0"'), ("-x 10.96.0.1", "kubernetes.default.svc.cluster.local.")],
)
def test_the_zone_says_its_version_and_whose_an_address_is(pods: Cluster, question: str, answer: str) -> None:
    assert pods.exec("plain", f"dig +short {question}").stdout.strip() == answer
