"""Defaults of Services, their endpoints, and what is in networking.k8s.io.

The addresses and the families of a Service are given out when it is stored, not here.

Source: kubernetes/pkg/apis/core/v1/defaults.go, networking/v1/defaults.go and discovery/v1/defaults.go, release 1.37.
"""

from __future__ import annotations

from podwalk.api.defaults.fill import child, fill, fill_absent, items
from podwalk.types import Object

_AFFINITY_S = 10800


def service(obj: Object) -> None:
    """Fill in a Service."""
    spec = child(obj, "spec")
    fill(spec, "sessionAffinity", "None")
    _affinity(spec)
    fill(spec, "type", "ClusterIP")
    for port in items(spec, "ports"):
        fill(port, "protocol", "TCP")
        if port.get("targetPort") in (None, "", 0):
            port["targetPort"] = port.get("port", 0)
    kind = spec["type"]
    if kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs")):
        fill(spec, "externalTrafficPolicy", "Cluster")
    if kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        fill_absent(spec, "internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        fill(spec, "allocateLoadBalancerNodePorts", True)
        for address in items((obj.get("status") or {}).get("loadBalancer") or {}, "ingress"):
            if address.get("ip"):
                fill(address, "ipMode", "VIP")


def _affinity(spec: Object) -> None:
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _AFFINITY_S}}


def endpoints(obj: Object) -> None:
    """Fill in Endpoints."""
    for subset in items(obj, "subsets"):
        for port in items(subset, "ports"):
            fill(port, "protocol", "TCP")


def endpoint_slice(obj: Object) -> None:
    """Fill in an EndpointSlice."""
    for port in items(obj, "ports"):
        if port.get("name") is None:
            port["name"] = ""
        fill_absent(port, "protocol", "TCP")


def network_policy(obj: Object) -> None:
    """Fill in a NetworkPolicy."""
    spec = child(obj, "spec")
    for name in ("ingress", "egress"):
        for rule in items(spec, name):
            for port in items(rule, "ports"):
                fill_absent(port, "protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def ingress_class(obj: Object) -> None:
    """Fill in an IngressClass."""
    parameters = child(obj, "spec").get("parameters")
    if isinstance(parameters, dict):
        fill_absent(parameters, "scope", "Cluster")
