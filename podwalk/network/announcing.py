"""Which node answers for the address of a load balancer of MetalLB's: in layer 2 one at a time, drawn by a hash.

Of the nodes that may, that is the first by the SHA-256 of its name and the address; with ``externalTrafficPolicy``
Local only those that have an endpoint may. Left out: BGP, and pools that are announced by some nodes only.

Source: metallb, speaker/layer2_controller.go; the nodes that it chose on kind.
"""

from __future__ import annotations

import hashlib

from podwalk.network import endpoints
from podwalk.types import Object, View

FROM_POOL = "metallb.io/ip-allocated-from-pool"
"""The annotation by which MetalLB says that it gave a Service its address."""

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
"""The label of nodes that take no part; kubeadm gives it to the control plane."""


def is_announced(service: Object) -> bool:
    """Whether MetalLB gave a Service its address."""
    return FROM_POOL in (service["metadata"].get("annotations") or {})


def announcer(view: View, service: Object, ip: str) -> str:
    """Return the node that answers for an address; empty if none does, as no endpoint could serve.

    Args:
        view: the objects.
        service: a Service of type LoadBalancer.
        ip: its first address.
    """
    spec = service["spec"]
    serving = {
        endpoint.node
        for port in spec.get("ports") or ()
        for endpoint in endpoints.behind(view, service, port)
        if endpoint.serving
    }
    if not serving:
        return ""
    local = spec.get("externalTrafficPolicy") == "Local"
    nodes = [node["metadata"] for node in view.list("nodes")]
    able = [node["name"] for node in nodes if EXCLUDED not in (node.get("labels") or {})]
    able = [name for name in able if not local or name in serving]
    return min(able, key=lambda name: hashlib.sha256(f"{name}#{ip}".encode()).digest(), default="")
