"""A review of a real namespace finds what is open in it, and nothing once it is mended."""

from __future__ import annotations

from podwalk.facade import Cluster

CARELESS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: desk}
spec:
  selector: {matchLabels: {app: desk}}
  template:
    metadata: {labels: {app: desk}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: hashicorp/http-echo:1.0
        args: [-listen=:8080, -text=hello]
        ports: [{name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: desk}
spec:
  type: NodePort
  selector: {app: desk}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: desk}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: default}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: desk}
spec:
  rules:
  - host: desk.example
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: desk, port: {number: 80}}}}
"""

CAREFUL = """
apiVersion: v1
kind: Service
metadata: {name: desk}
spec:
  type: ClusterIP
  selector: {app: desk}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
  annotations: {kubernetes.io/description: Nobody calls anybody here.}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
"""


def test_a_careless_namespace_is_told_what_is_open(cluster: Cluster) -> None:
    cluster.apply(CARELESS)
    found = {(each.rule, each.object) for each in cluster.review()}
    namespace = f"namespace/{cluster.namespace}"
    assert found == {
        ("default-deny", namespace),
        ("exposure", "service/desk"),
        ("tls", "ingress/desk"),
        ("readiness", "deployment/desk"),
        ("rbac", "rolebinding/desk"),
        ("pod-security", namespace),
    }


def test_what_is_mended_is_no_longer_found(cluster: Cluster) -> None:
    cluster.apply(CARELESS)
    cluster.apply(CAREFUL)
    cluster.delete("rolebinding/desk")
    cluster.delete("ingress/desk")
    assert {each.rule for each in cluster.review()} == {"readiness", "pod-security"}
