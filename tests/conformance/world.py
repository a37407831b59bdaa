"""What several of these tests stand on: a server and a caller on nodes of their own, a CoreDNS, a Service's slice."""

from __future__ import annotations

from kubernetes import watch
from kubernetes.client import CoreV1Api

from podwalk.facade import Cluster

AGNHOST = """
apiVersion: v1
kind: Pod
metadata: {{name: server, labels: {{app: server}}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=8080]
    readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}
"""
"""A server that tells whose address it sees, on a ``node``."""

CALLER = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  nodeName: {node}
  hostNetwork: {host}
  terminationGracePeriodSeconds: 0
  containers: [{{name: c, image: "nicolaka/netshoot:v0.13", command: [sleep, infinity]}}]
"""
"""A Pod to call from: its ``name`` and ``node``, and whether it is in the ``host``'s network."""

COREDNS = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: coredns
    image: registry.k8s.io/coredns/coredns:v1.14.6
    args: [-conf, /etc/coredns/Corefile]
    volumeMounts: [{{name: conf, mountPath: /etc/coredns}}]
  volumes: [{{name: conf, configMap: {{name: {name}}}}}]
"""
"""A CoreDNS with the Corefile of the ConfigMap of its ``name``."""


def slice_of(cluster: Cluster, service: str) -> str:
    """Return the name of a Service's EndpointSlice, which its controller makes a moment after the Service."""
    selector = f"kubernetes.io/service-name={service}"
    cluster.wait("endpointslices", "create", selector=selector)
    return cluster.get("endpointslices", selector=selector).names[0]


def event_messages(cluster: Cluster, *, until: str, timeout_s: int = 60) -> set[str]:
    """Return what the namespace's events say, once ``until`` is among it or the time is up."""
    said: set[str] = set()
    following = watch.Watch()
    source = CoreV1Api(cluster.api).list_namespaced_event
    for event in following.stream(source, cluster.namespace, timeout_seconds=timeout_s):
        said.add(event["object"].message)
        if until in said:
            following.stop()
    return said
