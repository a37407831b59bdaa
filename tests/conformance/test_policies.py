"""NetworkPolicies select, add up, and drop what nobody allows."""

from __future__ import annotations

from podwalk.facade import Cluster

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
"""
FROM_CLIENT = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: backend-from-client}
spec:
  podSelector: {matchLabels: {app: backend}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{protocol: TCP, port: 8080}]
"""
TO_BACKEND = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client-to-backend}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: backend}}}]
    ports: [{protocol: TCP, port: 8080}]
"""
DNS = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-dns}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
"""


# A resolver that asks once and waits one second: with the default, twice five seconds a name, this test took 82.
HASTY = """
apiVersion: v1
kind: Pod
metadata: {name: hasty, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 1
  dnsConfig: {options: [{name: timeout, value: "1"}, {name: attempts, value: "1"}]}
  containers:
  - {name: shell, image: "busybox:1.36", command: [sleep, infinity]}
"""


def test_deny_all_breaks_names_first_and_both_sides_must_open(shop: Cluster) -> None:
    ip = shop.get("pods", selector="app=backend")[0]["status"]["podIP"]
    by_address, by_name = f"wget -qO- -T 1 http://{ip}:8080", "wget -qO- -T 1 http://backend"
    shop.apply(HASTY)
    shop.wait("pod/hasty", "condition=Ready")
    shop.apply(DENY)
    assert "timed out" in shop.exec("hasty", by_address, until="fails").stdout
    assert "bad address" in shop.exec("hasty", by_name).stderr
    shop.apply(FROM_CLIENT)
    assert not shop.exec("hasty", by_address).ok
    shop.apply(TO_BACKEND)
    assert shop.exec("hasty", by_address, until="succeeds").ok
    assert "bad address" in shop.exec("hasty", by_name).stderr
    shop.apply(DNS)
    assert shop.exec("hasty", by_name, until="succeeds").stdout.startswith("Hello from ")


def test_ingress_alone_leaves_egress_open(shop: Cluster) -> None:
    shop.apply(DENY.replace("[Ingress, Egress]", "[Ingress]"))
    ip = shop.get("pods", selector="app=backend")[0]["status"]["podIP"]
    shop.exec("client", f"wget -qO- -T 1 http://{ip}:8080", until="fails")
    assert shop.exec("client", "nslookup -type=a backend.default.svc.cluster.local 2>&1 | grep -c 10.96.0.10").ok


def test_ncs_limit_counts_the_lookup_too(shop: Cluster) -> None:
    shop.apply(DENY.replace("[Ingress, Egress]", "[Egress]"))
    shop.exec("client", "nc -w 2 10.96.0.10 53 -e true", until="fails")
    started = shop.exec("client", "date +%s")
    output = shop.exec("client", "nc -w 2 backend 80 -e true")
    assert (output.stderr, output.exit_code) == ("nc: timed out\n", 1)
    assert int(shop.exec("client", "date +%s").stdout) - int(started.stdout) < 5
