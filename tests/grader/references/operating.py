"""Reference answers of the assignment `operating`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Edit, Mistake, Reference, Way

FULL = {"repair": 7.0, "watch": 4.0, "secure": 9.0}

BY_PATCHES: Way = {
    "repair-answer": """
from kubernetes import client

core, apps = client.CoreV1Api(cluster.api), client.AppsV1Api(cluster.api)
policies = client.NetworkingV1Api(cluster.api)

# The Pods get the label that the Service asks for, instead of the other way round.
template = {"metadata": {"labels": {"app": "cart", "kart": "yes"}}}
apps.patch_namespaced_deployment("cart", "shop", {"spec": {"template": template}})
core.patch_namespaced_service("cart", "shop", {"spec": {"selector": {"app": None, "kart": "yes"}}})
core.patch_namespaced_service("catalog", "shop", {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}})
probe = {"tcpSocket": {"port": 8080}, "httpGet": None}
patch = {"spec": {"template": {"spec": {"containers": [{"name": "server", "readinessProbe": probe}]}}}}
apps.patch_namespaced_deployment("payment", "shop", patch)
core.patch_namespace("analytics", {"metadata": {"labels": {"name": "analytics"}}})
policies.create_namespaced_network_policy("shop", {
    "metadata": {"name": "names"},
    "spec": {"podSelector": {"matchLabels": {"app": "frontend"}}, "policyTypes": ["Egress"],
             "egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
                        {"to": [{"podSelector": {"matchLabels": {"app": "prices"}}}]}]},
})
""",
    "watch-answer": '''
cluster.apply("""
apiVersion: batch/v1
kind: Job
metadata:
  name: communication
  namespace: warehouse
spec:
  backoffLimit: 2
  activeDeadlineSeconds: 30
  template:
    spec:
      restartPolicy: OnFailure
      initContainers:
      - name: web
        image: curlimages/curl:8.10.1
        args: [-sSf, -m, "3", http://web.warehouse.svc.cluster.local]
      - name: stock
        image: curlimages/curl:8.10.1
        args: [-sSf, -m, "3", http://stock]
      containers:
      - name: ledger
        image: nicolaka/netshoot:v0.13
        command: [sh, -c, "! nc -z -w 2 ledger 80"]
""")
''',
    "secure-answer": '''
def policy(name, why, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "clinic", "annotations": {"kubernetes.io/description": why}},
            "spec": spec}

def pods(app):
    return {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": [app]}]}}

def closed(app, why, **rules):
    names = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    rules["egress"] = [names, *rules.get("egress", [])]
    return policy(app, why, podSelector={"matchLabels": {"app": app}}, policyTypes=["Ingress", "Egress"], **rules)

probe = {"readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}
cluster.apply([
    policy("shut", "Shut but for the doors below.", podSelector={}, policyTypes=["Egress", "Ingress"]),
    closed("portal", "From the shop, to the records.",
           ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}],
           egress=[{"to": [pods("records")]}]),
    closed("records", "From the portal.", ingress=[{"from": [pods("portal")], "ports": [{"port": "http"}]}]),
    server("portal", "clinic", **probe), server("records", "clinic", **probe),
])
cluster.delete("service/records", namespace="clinic")
cluster.apply("""
apiVersion: v1
kind: Namespace
metadata:
  name: clinic
  labels:
    pod-security.kubernetes.io/enforce: baseline
    pod-security.kubernetes.io/warn: restricted
---
apiVersion: v1
kind: Service
metadata: {name: records, namespace: clinic}
spec:
  selector: {app: records}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: portal, namespace: clinic}
spec:
  tls:
  - hosts: ["*.example"]
    secretName: clinic-tls
  rules:
  - host: clinic.example
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: portal, port: {number: 80}}}}]
""")
cluster.delete("rolebinding/clinic", namespace="clinic")
cluster.apply("""
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: looks, namespace: clinic}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default}]
""")
''',
}

ONE_LINE = """
cluster.apply({
    "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "communication", "namespace": "warehouse"},
    "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 25, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{
        "name": "all", "image": "nicolaka/netshoot:v0.13", "command": ["bash", "-c"],
        "args": ["set -e; for name in web stock; do curl -sS -m 3 $name; done; "
                 "if curl -sS -m 3 ledger; then exit 3; else exit 0; fi"]}]}}},
})
"""
IN_PLACE = """
cluster.apply(server("cart", "shop"))
for name in ("cart", "catalog", "payment"):
    cluster.delete(f"service/{name}", namespace="shop")
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"},
                   "spec": {"selector": {"app": name}, "ports": [{"name": "web", "port": 80, "targetPort": 8080}]}})
cluster.delete("deployment/payment", namespace="shop")
cluster.apply(server("payment", "shop", readinessProbe={"tcpSocket": {"port": "http"}}))

def policy(name, chosen, **rules):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "shop"}, "spec": {"podSelector": {"matchLabels": {"app": chosen}},
                     "policyTypes": [kind.capitalize() for kind in rules], **rules}}

dns = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
reports = {"namespaceSelector": {"matchExpressions": [
               {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["analytics"]}]},
           "podSelector": {"matchLabels": {"app": "reports"}}}
for name in ("frontend-calls-prices", "prices-from-frontend-and-reports"):
    cluster.delete(f"networkpolicy/{name}", namespace="shop")
cluster.apply([
    policy("out", "frontend", egress=[{"ports": dns}, {"to": [{"podSelector": {"matchLabels": {"app": "prices"}}}]}]),
    policy("in", "prices",
           ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "frontend"}}}]}, {"from": [reports]}]),
])
"""
WAYS: Mapping[str, Way] = {
    "by patches, steps in a row, closed tier by tier": BY_PATCHES,
    "made anew, one line of shell, a version, one host more": {
        "repair-answer": IN_PLACE,
        "watch-answer": ONE_LINE,
        "secure-answer": (
            Edit("enforce: baseline", "enforce: baseline\n    pod-security.kubernetes.io/enforce-version: latest"),
            Edit("  type: ClusterIP\n", "  type: ClusterIP\n  sessionAffinity: ClientIP\n"),
            Edit("hosts: [clinic.example]", "hosts: [clinic.example, www.clinic.example]"),
        ),
    },
}
TEST = "watch-answer"

MISTAKES: Mapping[str, Mistake] = {
    "cart is not mended": ("repair-answer", "    app: cart\n", "    app: kart\n", {"repair": 6.0}),
    "a port that nobody listens at": (
        "repair-answer",
        "    app: catalog\n  ports:\n  - port: 80\n    targetPort: http",
        "    app: catalog\n  ports:\n  - port: 80",
        {"repair": 6.0},
    ),
    "the probe is taken away": (
        "repair-answer",
        'cluster.apply(server("payment", "shop", **payment))',
        'cluster.delete("deployment/payment", namespace="shop"); cluster.apply(server("payment", "shop"))',
        {"repair": 6.0},
    ),
    "the frontend's policy is opened to everything": (
        "repair-answer",
        "  egress:\n  - to:\n    - podSelector:\n        matchLabels:\n          app: prices\n",
        "  egress:\n  - {}\n",
        {"repair": 5.0},
    ),
    "the reports are let in from everywhere": (
        "repair-answer",
        (
            "    - namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: analytics\n"
            "      podSelector"
        ),
        "    - namespaceSelector: {}\n      podSelector",
        {"repair": 6.5},
    ),
    "the AND is written as an OR": (
        "repair-answer",
        "analytics\n      podSelector",
        "analytics\n    - podSelector",
        {"repair": 5.0},
    ),
    "a test that always passes": (TEST, "exit $failed", "exit 0", {"watch": 0.0}),
    "a test that always fails": (TEST, "exit $failed", "exit 1", {"watch": 0.0}),
    "a test of what should answer only": (TEST, 'should not"; failed=1', 'should not"', {"watch": 2.0}),
    "a test of web only": (TEST, "for name in web stock", "for name in web", {"watch": 3.0}),
    "no reasons": ("secure-answer", "    kubernetes.io/description", "    example.com/reason", {"secure": 8.0}),
    "no TLS": (
        "secure-answer",
        "  tls:\n  - hosts: [clinic.example]\n    secretName: clinic-tls\n",
        "",
        {"secure": 8.0},
    ),
    "a Secret that is not there": ("secure-answer", "secretName: clinic-tls", "secretName: clinic", {"secure": 8.0}),
    "still a NodePort": ("secure-answer", "type: ClusterIP", "type: NodePort", {"secure": 8.0}),
    "the old binding stays": (
        "secure-answer",
        'cluster.delete("rolebinding/clinic", namespace="clinic")',
        "",
        {"secure": 8.0},
    ),
    "every verb on everything": (
        "secure-answer",
        "resources: [configmaps]\n  verbs: [get, list, watch]",
        'resources: ["*"]\n  verbs: ["*"]',
        {"secure": 8.0},
    ),
    "a level that allows everything": ("secure-answer", "enforce: baseline", "enforce: privileged", {"secure": 8.0}),
    "no probes": ("secure-answer", "**probe), server", "), server", {"secure": 8.0}),
    "the records are open to everybody": (
        "secure-answer",
        "  - from:\n    - podSelector:\n        matchLabels:\n          app: portal\n    ports",
        "  - ports",
        {"secure": 8.62},
    ),
}

REFERENCE = Reference(FULL, WAYS, MISTAKES)
