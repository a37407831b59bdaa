"""The assignment `networking-lab`: eleven steps, marked when all of them are done, under the policies of the tenth."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.isolation.bench import Judge
from tests.grader.conftest import Assignment, one_quick, released

FULL = {
    "backend": 3.0, "clusterip": 3.0, "names": 2.0, "nodeport": 3.0, "loadbalancer": 2.0, "frontend": 2.0,
    "hosts": 4.0, "paths": 3.0, "deny": 2.0, "allow": 6.0, "cleanup": 2.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(course: Course, judge: Judge, root: Path) -> Assignment:
    return released(course, judge, root / "notebooks" / "source" / "networking-lab")


@pytest.mark.slow
def test_the_reference_answers_earn_all_points(lab: Assignment) -> None:
    assert lab.mark(lab.solutions).points == FULL


ONE_INGRESS = '''
cluster.apply("""
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
    http: &frontend
      paths:
      - pathType: Prefix
        path: /
        backend: {service: {name: frontend-service, port: {name: http}}}
  - host: backend.local
    http: &backend
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
'''

LABELLED = """
def policy(name, app, **rules):
    kinds = [kind.capitalize() for kind in rules]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "networking-lab"},
            "spec": {"podSelector": {"matchLabels": {"app": app}} if app else {}, "policyTypes": kinds, **rules}}

for name in cluster.get("namespaces").names:
    if name in ("ingress-nginx", "ingress", "traefik"):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"door": "yes"}}})

door = {"namespaceSelector": {"matchLabels": {"door": "yes"}}}
frontend = {"podSelector": {"matchLabels": {"app": "frontend"}}}
backend = {"podSelector": {"matchLabels": {"app": "backend"}}}
dns = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
cluster.apply([
    policy("to-backend", "backend", ingress=[{"from": [frontend, door], "ports": [{"port": 8080}]}]),
    policy("to-frontend", "frontend", ingress=[{"from": [door]}]),
    policy("from-frontend", "frontend", egress=[{"to": [backend]}]),
    policy("dns", "", egress=[{"ports": dns}]),
])
"""


@pytest.mark.slow
def test_other_kinds_of_right_answers_earn_all_points(lab: Assignment) -> None:
    """One Ingress instead of two, a label of one's own on the controller's namespace, DNS wherever it is."""
    other = {"hosts-answer": ONE_INGRESS, "paths-answer": "", "allow-answer": LABELLED}
    assert lab.mark({**lab.solutions, **other}).points == FULL


KUBECTL = """
import json
from podwalk.facade import kubectl

kubectl.run(cluster, "kubectl delete namespace networking-lab-trial")
kubectl.run(cluster, "kubectl delete ingressclass networking-lab-trial")
"""


@pytest.mark.slow
def test_clearing_up_by_kubectl_earns_all_points(lab: Assignment) -> None:
    assert lab.mark({**lab.solutions, "cleanup-answer": KUBECTL}).points == FULL


@pytest.mark.slow
def test_an_untouched_notebook_earns_nothing(lab: Assignment) -> None:
    assert lab.mark({}).total == 0


CONTROLLER = "        - key: kubernetes.io/metadata.name\n"
MISTAKES = {
    "the Pods do not say who they are": (
        ("backend-answer", "Hello from $(POD_NAME)", "Hello"),
        {"backend": 1.0, "clusterip": 1.67, "loadbalancer": 1.0, "hosts": 1.0, "paths": 1.0},
    ),
    "the Service's own port": (
        ("clusterip-answer", "targetPort: http", "targetPort: 80"),
        {"clusterip": 0.0, "hosts": 1.0, "paths": 1.0, "deny": 1.0, "allow": 0.0},
    ),
    "the node's own DNS": (("names-answer", "  dnsPolicy: ClusterFirstWithHostNet\n", ""), {"names": 1.0}),
    "no network of the node's": (("names-answer", "  hostNetwork: true\n", ""), {"names": 0.0}),
    "another port of the nodes": (("nodeport-answer", "nodePort: 30080", "nodePort: 30090"), {"nodeport": 2.0}),
    "no load balancer": (("loadbalancer-answer", "  type: LoadBalancer\n", ""), {"loadbalancer": 1.0}),
    "one frontend": (("frontend-answer", "replicas: 2", "replicas: 1"), {"frontend": 1.5}),
    "a misspelt host": (("hosts-answer", "host: backend.local", "host: backend.locl"), {"hosts": 1.0}),
    "a class that nobody serves": (
        ("hosts-answer", "ingressClassName: nginx", "ingressClassName: networking-lab-trial"),
        {"hosts": 0.0},
    ),
    "a path that must be exact": (("paths-answer", "pathType: Prefix", "pathType: Exact"), {"paths": 0.0}),
    "the label that nobody set": (("allow-answer", CONTROLLER, "        - key: name\n"), {"hosts": 0.0, "paths": 0.0}),
    "DNS over UDP only": (("allow-answer", "    - port: 53\n      protocol: TCP\n", ""), {"allow": 5.0}),
    "the trial's class left over": (
        ("cleanup-answer", 'cluster.delete("ingressclass/networking-lab-trial")', ""),
        {"cleanup": 1.0},
    ),
    "all of it cleared away": (
        ("cleanup-answer", "namespace/networking-lab-trial", "namespace/networking-lab"),
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
}


@pytest.mark.parametrize("mistake", one_quick(MISTAKES))
def test_a_plausible_mistake_costs_what_it_should(lab: Assignment, mistake: str) -> None:
    (cell, right, wrong), expected = MISTAKES[mistake]
    assert right in lab.solutions[cell], "the mistake must change something"
    answers = lab.solutions | {cell: lab.solutions[cell].replace(right, wrong)}
    assert lab.mark(answers).points == {**FULL, **expected}
