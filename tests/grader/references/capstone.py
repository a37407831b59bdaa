"""Reference answers of the assignment `capstone`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Edit, Mistake, Reference, Way

TWO_INGRESSES = """
def ingress(name, path, service):
    backend = {"service": {"name": service, "port": {"number": 80}}}
    rule = {"host": "shop.capstone.example",
            "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    tls = [{"hosts": ["shop.capstone.example"], "secretName": "shop-tls"}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": "capstone"},
            "spec": {"ingressClassName": "nginx", "tls": tls, "rules": [rule]}}

cluster.apply([ingress("web", "/", "web"), ingress("orders", "/orders", "orders")])
"""

ONE_POLICY_A_TIER = """
def pods(app):
    return {"podSelector": {"matchLabels": {"app": app}}}

def policy(app, callers, called):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": app or "all", "namespace": "capstone"},
            "spec": {"podSelector": {"matchLabels": {"app": app}} if app else {}, "policyTypes": ["Ingress", "Egress"],
                     "ingress": [{"from": callers}] if callers else [], "egress": called}}

door = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
        for name in ("ingress-nginx", "ingress", "traefik")]
dns = [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}]
payments = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "capstone-partner"}}}
cluster.apply([
    policy("", [], dns),
    policy("web", door, [{"to": [pods("orders")]}]),
    policy("orders", [pods("web"), *door], [{"to": [pods("stock"), payments]}]),
    policy("stock", [pods("orders")], []),
])
"""
ONE_POLICY_A_CALL = """
def policy(name, app, **rules):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "capstone"},
            "spec": {"podSelector": {"matchLabels": {"app": app}} if app else {},
                     "policyTypes": [kind.capitalize() for kind in rules], **rules}}

def call(caller, called, port):
    one, other = ({"podSelector": {"matchLabels": {"app": app}}} for app in (caller, called))
    return [policy(f"{caller}-calls-{called}", caller, egress=[{"to": [other], "ports": [{"port": port}]}]),
            policy(f"{called}-from-{caller}", called, ingress=[{"from": [one], "ports": [{"port": port}]}])]

names = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
controller = {"namespaceSelector": {"matchExpressions": [
    {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ingress-nginx", "ingress", "traefik"]}]}}
partner = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "capstone-partner"}}}
cluster.apply([
    policy("in", "", ingress=[]), policy("out", "", egress=[{"ports": names}]),
    *call("web", "orders", 80), *call("orders", "stock", 6000),
    *(policy(f"{app}-from-outside", app, ingress=[{"from": [controller], "ports": [{"port": 80}]}])
      for app in ("web", "orders")),
    policy("orders-pays", "orders", egress=[{"to": [partner], "ports": [{"port": 8080}]}]),
])
"""
OWN_ENDPOINTS = """
cluster.delete("service/payments")
cluster.wait("pods", "condition=Ready", namespace="capstone-partner", selector="app=payments")
pod = next(iter(cluster.get("pods", namespace="capstone-partner", selector="app=payments")))
cluster.apply([
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "payments", "namespace": "capstone"},
     "spec": {"ports": [{"name": "pay", "port": 8080}]}},
    {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
     "metadata": {"name": "payments-1", "namespace": "capstone", "labels": {"kubernetes.io/service-name": "payments"}},
     "ports": [{"name": "pay", "port": 8080}], "endpoints": [{"addresses": [pod["status"]["podIP"]]}]},
])
"""
PAYMENTS = """---
apiVersion: v1
kind: Service
metadata:
  name: payments
  namespace: capstone
spec:
  type: ExternalName
  externalName: payments.capstone-partner.svc.cluster.local
"""
WAYS: Mapping[str, Way] = {
    "patient probes, a slice for the partner, two Ingresses, a policy a tier": {
        "tiers-answer": (
            Edit(
                "          periodSeconds: 2\n          failureThreshold: 1\n",
                "          periodSeconds: 1\n          failureThreshold: 2\n",
            ),
            Edit(
                "            path: /health\n            port: http", "            path: /health\n            port: 80"
            ),
        ),
        "names-answer": Edit(PAYMENTS + '""")', '""")\n' + OWN_ENDPOINTS),
        "door-answer": TWO_INGRESSES,
        "policies-answer": ONE_POLICY_A_TIER,
    },
    "one more probe, numbers for names, a rule more, a policy a call": {
        "tiers-answer": (
            Edit(
                "          periodSeconds: 2\n          failureThreshold: 1\n",
                "          periodSeconds: 2\n          failureThreshold: 1\n"
                "        startupProbe: {tcpSocket: {port: http}, periodSeconds: 1}\n",
            ),
            Edit("  serviceName: stock\n", "  serviceName: stock\n  podManagementPolicy: Parallel\n"),
        ),
        "names-answer": (
            Edit("    targetPort: http", "    targetPort: 80"),
            Edit("  clusterIP: None\n", "  clusterIP: None\n  publishNotReadyAddresses: true\n"),
        ),
        "door-answer": Edit("      - path: /orders\n", "      - path: /orders/\n"),
        "policies-answer": ONE_POLICY_A_CALL,
    },
}

FULL = {"tiers": 4.0, "names": 6.0, "health": 3.0, "door": 6.0, "policies": 8.0}

PROBE = """        readinessProbe:
          httpGet:
            path: /health
            port: http
          periodSeconds: 2
          failureThreshold: 1
"""

ORDERS = "    - podSelector:\n        matchLabels:\n          app: orders\n"

STOCK_DOOR = f"{ORDERS}    ports:\n    - port: stock"

MISTAKES: Mapping[str, Mistake] = {
    "one Pod too few": ("tiers-answer", "replicas: 3", "replicas: 2", {"tiers": 3.67}),
    "no probes": ("tiers-answer", PROBE, "", {"health": 0.0}),
    "the wrong kind of probe": ("tiers-answer", "readinessProbe", "livenessProbe", {"health": 2.0}),
    "no affinity": ("names-answer", "  sessionAffinity: ClientIP\n", "", {"names": 5.0}),
    "an address for the stock": ("names-answer", "  clusterIP: None\n", "", {"names": 5.0}),
    "a partner misspelt": ("names-answer", "payments.capstone-partner", "payment.capstone-partner", {"names": 5.0}),
    "no TLS": (
        "door-answer",
        "  tls:\n  - hosts: [shop.capstone.example]\n    secretName: shop-tls\n",
        "",
        {"door": 4.0},
    ),
    "a certificate that is not there": ("door-answer", "secretName: shop-tls", "secretName: none", {"door": 5.0}),
    "a path that must be exact": (
        "door-answer",
        "path: /orders\n        pathType: Prefix",
        "path: /orders\n        pathType: Exact",
        {"door": 4.0},
    ),
    "the door shut by the policies": (
        "policies-answer",
        "kubernetes.io/metadata.name\n          operator",
        "name\n          operator",
        {"door": 2.0},
    ),
    "DNS over UDP only": ("policies-answer", "    - port: 53\n      protocol: TCP\n", "", {"policies": 7.0}),
    "a door of the stock's for every namespace": (
        "policies-answer",
        STOCK_DOOR,
        STOCK_DOOR.replace(ORDERS, "    - namespaceSelector: {}\n"),
        {"policies": 7.81},
    ),
    "one Pod of web": (
        "tiers-answer",
        "  replicas: 2\n  selector:\n    matchLabels:\n      app: web",
        "  replicas: 1\n  selector:\n    matchLabels:\n      app: web",
        {"tiers": 3.5},
    ),
    "all of the stock say the same": ("tiers-answer", "-text=$(POD_NAME)", "-text=stock", {"tiers": 2.0, "names": 5.0}),
    "nobody behind web": (
        "names-answer",
        "  selector:\n    app: web\n",
        "  selector:\n    app: webb\n",
        {"names": 5.0, "door": 4.0},
    ),
    "nobody behind orders": (
        "names-answer",
        "  selector:\n    app: orders\n",
        "  selector:\n    app: order\n",
        {"names": 4.0, "health": 0.0, "door": 4.0, "policies": 7.25},
    ),
    "no policies": ("policies-answer", 'cluster.apply("""', 'manifests = ("""', {"policies": 0.0}),
}

BY_CONTROLLER = {
    # Traefik 3.6 leaves the whole Ingress out, and answers 404 in plain too; ingress-nginx shows its own certificate.
    "a certificate that is not there": frozenset({"door"}),
}

REFERENCE = Reference(FULL, WAYS, MISTAKES, answered_in={"health": ("tiers-answer",)}, by_controller=BY_CONTROLLER)
