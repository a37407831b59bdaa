"""Reference answers of the assignment `networking-lab`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Edit, Mistake, Reference, Way, apply

ONE_INGRESS = apply("""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: all
  namespace: networking-lab
  annotations:
    kubernetes.io/description: every host and path of the lab
spec:
  ingressClassName: nginx
  rules:
  - host: frontend.local
    http:
      paths:
      - pathType: Prefix
        path: /
        backend: {service: {name: frontend-service, port: {name: http}}}
  - host: backend.local
    http:
      paths:
      - pathType: Prefix
        path: /
        backend: {service: {name: backend-clusterip, port: {name: http}}}
  - host: app.local
    http:
      paths:
      - pathType: Prefix
        path: /frontend
        backend: {service: {name: frontend-service, port: {name: http}}}
      - pathType: Prefix
        path: /backend
        backend: {service: {name: backend-clusterip, port: {name: http}}}
""")

BY_HAND = """
def policy(name, app, **rules):
    kinds = [kind.capitalize() for kind in rules]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "networking-lab"},
            "spec": {"podSelector": {"matchLabels": {"app": app}} if app else {}, "policyTypes": kinds, **rules}}

here = ("ingress-nginx", "ingress", "traefik")
door = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}} for name in here]
frontend = {"podSelector": {"matchLabels": {"app": "frontend"}}}
backend = {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["backend"]}]}}
dns = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
cluster.apply([
    policy("to-backend", "backend", ingress=[{"from": [frontend, *door], "ports": [{"port": 8080}]}]),
    policy("to-frontend", "frontend", ingress=[{"from": door}]),
    policy("from-frontend", "frontend", egress=[{"to": [backend]}]),
    policy("dns", "", egress=[{"ports": dns}]),
])
"""
ONE_POLICY_A_TIER = (
    BY_HAND[: BY_HAND.index("cluster.apply([")]
    + """
cluster.apply([
    policy("backend", "backend", ingress=[{"from": [frontend]}, {"from": door}], egress=[{"ports": dns}]),
    policy("frontend", "frontend", ingress=[{"from": door, "ports": [{"port": 80}]}],
           egress=[{"ports": dns}, {"to": [backend], "ports": [{"port": "http"}]}]),
    policy("others", "", ingress=[], egress=[{"ports": dns}]),
])
"""
)
KUBECTL = """
from podwalk.facade import kubectl

kubectl.run(cluster, "kubectl delete namespace networking-lab-trial")
kubectl.run(cluster, "kubectl delete ingressclass networking-lab-trial")
"""
CLIENT = """
from kubernetes import client

client.NetworkingV1Api(cluster.api).delete_ingress_class("networking-lab-trial")
cluster.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "networking-lab-trial"}})
"""
TWO_DENIALS = apply("""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nothing-in, namespace: networking-lab}
spec: {podSelector: {}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nothing-out, namespace: networking-lab}
spec: {podSelector: {matchLabels: {}}, policyTypes: [Egress], egress: []}
""")
BY_NUMBER = Edit("targetPort: http", "targetPort: 8080")
WAYS: Mapping[str, Way] = {
    "numbers instead of names, one Ingress, policies in Python, kubectl": {
        "backend-answer": Edit("        args:\n", "        command: [/http-echo]\n        args:\n"),
        "clusterip-answer": BY_NUMBER,
        "names-answer": Edit(
            "  dnsPolicy: ClusterFirstWithHostNet\n",
            "  dnsPolicy: None\n  dnsConfig:\n    nameservers: [10.96.0.10]\n"
            "    searches: [networking-lab.svc.cluster.local, svc.cluster.local]\n",
        ),
        "nodeport-answer": BY_NUMBER,
        "loadbalancer-answer": BY_NUMBER,
        "frontend-answer": (
            Edit("targetPort: http", "targetPort: 80"),
            Edit(
                "        - name: page\n          mountPath",
                "        - name: page\n          readOnly: true\n          mountPath",
            ),
        ),
        "hosts-answer": ONE_INGRESS,
        "paths-answer": "",
        "deny-answer": TWO_DENIALS,
        "allow-answer": BY_HAND,
        "cleanup-answer": KUBECTL,
    },
    "more than was asked for, named ports of the Ingress, a policy a tier, the official client": {
        "backend-answer": Edit("    spec:\n      termination", "    spec:\n      hostname: echo\n      termination"),
        "clusterip-answer": Edit(
            "    targetPort: http\n", "    targetPort: http\n  - {name: more, port: 8080, targetPort: http}\n"
        ),
        "names-answer": Edit(
            "  hostNetwork: true\n", "  hostNetwork: true\n  hostAliases: [{ip: 192.0.2.1, hostnames: [nobody]}]\n"
        ),
        "nodeport-answer": Edit("  type: NodePort\n", "  type: NodePort\n  sessionAffinity: ClientIP\n"),
        "loadbalancer-answer": Edit(
            "  type: LoadBalancer\n", "  type: LoadBalancer\n  loadBalancerClass: example.com/none\n"
        ),
        "frontend-answer": (
            Edit(
                "  index.html: |\n    Hello from the frontend\n",
                "  first: |\n    Hello from the frontend\n  second: |\n    Hello from the frontend, too\n",
            ),
            Edit(
                "          - key: index.html\n            path: index.html\n",
                "          - key: first\n            path: index.html\n",
            ),
            Edit(
                "          - key: index.html\n            path: frontend",
                "          - key: second\n            path: frontend",
            ),
        ),
        "hosts-answer": Edit("              number: 80", "              name: http"),
        "paths-answer": (
            Edit("              number: 80", "              name: http"),
            Edit("path: /frontend\n", "path: /frontend/\n"),
        ),
        "deny-answer": Edit(
            "policyTypes: [Ingress, Egress]", "policyTypes: [Egress, Ingress]\n  ingress: []\n  egress: []"
        ),
        "allow-answer": ONE_POLICY_A_TIER,
        "cleanup-answer": CLIENT,
    },
}

FULL = {
    "backend": 3.0, "clusterip": 3.0, "names": 2.0, "nodeport": 3.0, "loadbalancer": 2.0, "frontend": 2.0,
    "hosts": 4.0, "paths": 3.0, "deny": 2.0, "allow": 6.0, "cleanup": 2.0,
}  # fmt: skip

CONTROLLER = "        - key: kubernetes.io/metadata.name\n"

MISTAKES: Mapping[str, Mistake] = {
    "the Pods do not say who they are": (
        "backend-answer",
        "Hello from $(POD_NAME)",
        "Hello",
        {"backend": 1.0, "clusterip": 1.67, "loadbalancer": 1.0, "hosts": 1.0, "paths": 1.0},
    ),
    "the Service's own port": (
        "clusterip-answer",
        "targetPort: http",
        "targetPort: 80",
        {"clusterip": 0.0, "hosts": 1.0, "paths": 1.0, "deny": 1.0, "allow": 0.0},
    ),
    "the node's own DNS": ("names-answer", "  dnsPolicy: ClusterFirstWithHostNet\n", "", {"names": 1.0}),
    "no network of the node's": ("names-answer", "  hostNetwork: true\n", "", {"names": 0.0}),
    "another port of the nodes": ("nodeport-answer", "nodePort: 30080", "nodePort: 30090", {"nodeport": 2.0}),
    "no load balancer": ("loadbalancer-answer", "  type: LoadBalancer\n", "", {"loadbalancer": 1.0}),
    "one frontend": ("frontend-answer", "replicas: 2", "replicas: 1", {"frontend": 1.5}),
    "a misspelt host": ("hosts-answer", "host: backend.local", "host: backend.locl", {"hosts": 1.0}),
    "a class that nobody serves": (
        "hosts-answer",
        "ingressClassName: nginx",
        "ingressClassName: networking-lab-trial",
        {"hosts": 0.0},
    ),
    "a path that must be exact": ("paths-answer", "pathType: Prefix", "pathType: Exact", {"paths": 0.0}),
    "the label that nobody set": ("allow-answer", CONTROLLER, "        - key: name\n", {"hosts": 0.0, "paths": 0.0}),
    "DNS over UDP only": ("allow-answer", "    - port: 53\n      protocol: TCP\n", "", {"allow": 5.0}),
    "the trial's class left over": (
        "cleanup-answer",
        'cluster.delete("ingressclass/networking-lab-trial")',
        "",
        {"cleanup": 1.0},
    ),
    "all of it cleared away": (
        "cleanup-answer",
        "namespace/networking-lab-trial",
        "namespace/networking-lab",
        {
            "backend": 0.0,
            "clusterip": 0.0,
            "names": 0.0,
            "nodeport": 0.0,
            "loadbalancer": 0.0,
            "frontend": 0.0,
            "hosts": 0.0,
            "paths": 0.0,
            "deny": 0.0,
            "allow": 0.0,
            "cleanup": 1.0,
        },
    ),
    "two Pods instead of three": (
        "backend-answer",
        "replicas: 3",
        "replicas: 2",
        {"backend": 2.0, "clusterip": 2.33},
    ),
    "a node port that leads nowhere": ("nodeport-answer", "targetPort: http", "targetPort: 80", {"nodeport": 1.0}),
    "a frontend that nobody reaches": (
        "frontend-answer",
        "targetPort: http",
        "targetPort: 81",
        {"frontend": 1.0, "hosts": 2.0, "paths": 1.0},
    ),
    "all calls out are open": (
        "allow-answer",
        (
            "  - to:\n    - namespaceSelector:\n        matchLabels:\n"
            "          kubernetes.io/metadata.name: kube-system\n    ports:\n"
            "    - port: 53\n      protocol: UDP\n    - port: 53\n      protocol: TCP\n"
        ),
        "  - {}\n",
        {"deny": 1.0},
    ),
}

REFERENCE = Reference(FULL, WAYS, MISTAKES)
