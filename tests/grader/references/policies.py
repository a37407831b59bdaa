"""Reference answers of the assignment `policies`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Edit, Mistake, Reference, Way

POLICY = """
def policy(name, namespace="shop", chosen=None, **rules):
    spec = {"podSelector": chosen or {}, "policyTypes": [kind.capitalize() for kind in rules], **rules}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec}

"""
WAYS: Mapping[str, Way] = {
    "a policy a tier, two that add up, eleven ports, ranges put together": {
        "tiers-answer": """
def ingress(app, *rules):
    chosen = {"matchExpressions": [{"key": "app", "operator": "In", "values": [app]}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": app, "namespace": "shop"},
            "spec": {"podSelector": chosen, "ingress": list(rules)}}

def pods(app):
    return [{"podSelector": {"matchLabels": {"app": app}}}]

web = [{"port": 8080, "protocol": "TCP"}]
cluster.apply([
    ingress("frontend", {"ports": web}),
    ingress("backend", {"ports": web, "from": pods("frontend")}),
    ingress("database", {"ports": web, "from": pods("backend")}),
])
""",
        "metrics-answer": Edit(
            "        matchLabels:\n          team: monitoring\n",
            "        matchExpressions:\n        - {key: team, operator: In, values: [monitoring]}\n",
        ),
        "egress-answer": '''
cluster.apply("""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: no-calls
  namespace: shop
spec:
  podSelector: {matchLabels: {app: database}}
  policyTypes: [Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: names
  namespace: shop
spec:
  podSelector: {matchLabels: {app: database}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
""")
''',
        "tenants-answer": """
def policy(name, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": {}, **spec}}

for tenant in ("tenant-a", "tenant-b"):
    here = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant}}}]
    ports = [{"port": port, "protocol": "TCP"} for port in range(9000, 9011)]
    cluster.apply([
        policy("nothing", policyTypes=["Ingress", "Egress"]),
        policy("in", policyTypes=["Ingress"], ingress=[{"from": here, "ports": ports}]),
        policy("out", policyTypes=["Egress"], egress=[{"to": here, "ports": ports}]),
        policy("dns", policyTypes=["Egress"],
               egress=[{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}]),
    ], namespace=tenant)
""",
        "outside-answer": """
addresses = [{"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/5", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6",
             "16.0.0.0/4", "32.0.0.0/3", "64.0.0.0/2", "128.0.0.0/1")]
cluster.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
               "metadata": {"name": "updater", "namespace": "tenant-a"},
               "spec": {"podSelector": {"matchLabels": {"role": "updater"}}, "policyTypes": ["Egress"],
                        "egress": [{"to": addresses, "ports": [{"port": 6443}]}]}})
""",
    },
    "one rule a caller, a policy a port, a policy a neighbour": {
        "tiers-answer": POLICY
        + """
def app(*names):
    return {"matchExpressions": [{"key": "app", "operator": "In", "values": list(names)}]}

web = [{"port": 8080}]
everybody = [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}]
cluster.apply([
    policy("shut", chosen=app("backend", "database"), ingress=[]),
    policy("front", chosen=app("frontend"), ingress=[{"from": everybody, "ports": web}]),
    policy("back", chosen=app("backend"), ingress=[{"from": [{"podSelector": app("frontend")}], "ports": web}]),
    policy("data", chosen=app("database"), ingress=[{"from": [{"podSelector": app("backend")}], "ports": web}]),
])
""",
        "metrics-answer": POLICY
        + """
prometheus = {"namespaceSelector": {"matchLabels": {"team": "monitoring"}},
              "podSelector": {"matchLabels": {"app": "prometheus"}}}
for name in ("frontend", "backend", "database"):
    cluster.apply(policy(f"metrics-{name}", chosen={"matchLabels": {"app": name}},
                         ingress=[{"from": [prometheus], "ports": [{"port": 9100, "endPort": 9100}]}]))
""",
        "egress-answer": POLICY
        + """
names = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
system = {"namespaceSelector": {"matchExpressions": [
    {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["kube-system"]}]}}
cluster.apply(policy("database", chosen={"matchLabels": {"app": "database"}},
                     egress=[{"to": [system], "ports": names}]))
""",
        "tenants-answer": POLICY
        + """
names = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
anybody, ports = [{"podSelector": {}}], [{"port": 9000, "endPort": 9005}, {"port": 9006, "endPort": 9010}]
for tenant in ("tenant-a", "tenant-b"):
    cluster.apply([
        policy("in", tenant, ingress=[{"from": anybody, "ports": ports}]),
        policy("out", tenant, egress=[{"to": anybody, "ports": ports}, {"ports": names}]),
    ])
""",
        "outside-answer": POLICY
        + """
beyond = [{"ipBlock": {"cidr": cidr, "except": ["10.0.0.0/8"]}} for cidr in ("0.0.0.0/1",)]
beyond.append({"ipBlock": {"cidr": "128.0.0.0/1"}})
cluster.apply(policy("updater", "tenant-a", {"matchLabels": {"role": "updater"}},
                     egress=[{"to": beyond, "ports": [{"port": 6443, "protocol": "TCP"}]}]))
""",
    },
}

FULL = {"tiers": 5.0, "metrics": 4.0, "egress": 4.0, "tenants": 5.0, "outside": 3.0}

MISTAKES: Mapping[str, Mistake] = {
    "the AND is written as an OR": ("metrics-answer", "      podSelector:", "    - podSelector:", {"metrics": 3.0}),
    "the frontend is forgotten": (
        "tiers-answer",
        "      app: frontend\n  ingress",
        "      app: front\n  ingress",
        {"tiers": 4.0, "egress": 3.0, "tenants": 4.0},
    ),
    "everybody reaches the database": (
        "tiers-answer",
        "  - from:\n    - podSelector:\n        matchLabels:\n          app: backend\n    ports:",
        "  - ports:",
        {"tiers": 2.25},
    ),
    "names cannot be resolved": (
        "egress-answer",
        "    - port: 53\n      protocol: UDP\n    - port: 53\n      protocol: TCP",
        "    - port: 54",
        {"egress": 2.0},
    ),
    "DNS over UDP only": ("egress-answer", "    - port: 53\n      protocol: TCP\n", "", {"egress": 3.0}),
    "not the database's policy": ("egress-answer", "      app: database", "      app: databases", {"egress": 0.0}),
    "one direction only": (
        "tenants-answer",
        "policyTypes: [Ingress, Egress]",
        "policyTypes: [Ingress]",
        {"tenants": 4.0, "outside": 0.0},
    ),
    "a single port": ("tenants-answer", "      endPort: 9010\n", "", {"tenants": 4.25}),
    "all ports": ("tenants-answer", "    ports:\n    - port: 9000\n      endPort: 9010\n", "", {"tenants": 4.79}),
    "every namespace": ("tenants-answer", "    - podSelector: {}", "    - namespaceSelector: {}", {"tenants": 2.14}),
    "one tenant only": ("tenants-answer", "namespace: tenant-b", "namespace: tenant-a", {"tenants": 4.57}),
    "no range excepted": ("outside-answer", "        except: [10.0.0.0/8]\n", "", {"outside": 2.0}),
    "the Service's address": (
        "outside-answer",
        "        cidr: 0.0.0.0/0\n        except: [10.0.0.0/8]",
        "        cidr: 10.96.0.1/32",
        {"outside": 0.0},
    ),
    "the Service's port": ("outside-answer", "port: 6443", "port: 443", {"outside": 0.0}),
    "every Pod": ("outside-answer", "    matchLabels:\n      role: updater", "    matchLabels: {}", {"outside": 0.0}),
    "metrics for everybody": (
        "metrics-answer",
        (
            "  - from:\n    - namespaceSelector:\n        matchLabels:\n          team: monitoring\n"
            "      podSelector:\n        matchLabels:\n          app: prometheus\n    ports:"
        ),
        "  - ports:",
        {"metrics": 0.0},
    ),
}

REFERENCE = Reference(FULL, WAYS, MISTAKES)
