"""kube-proxy's answer at ``healthCheckNodePort``, by which a load balancer finds the nodes that have an endpoint.

Source: pkg/proxy/healthcheck/service_health.go, and a real node's answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podwalk.network import endpoints
from podwalk.types import View

BODY = """{{
\t"service": {{
\t\t"namespace": "{namespace}",
\t\t"name": "{name}"
\t}},
\t"localEndpoints": {count},
\t"serviceProxyHealthy": true
}}"""


@dataclass(frozen=True)
class Health:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: str


def health_check(view: View, node: str, port: int) -> Health | None:
    """Return what a node's kube-proxy answers at a health check port; None if no Service has this one."""
    for service in view.lookup("service-node-port", str(port)):
        spec, metadata = service["spec"], service["metadata"]
        if spec.get("healthCheckNodePort") != port or spec.get("externalTrafficPolicy") != "Local":
            continue
        every = (one for entry in spec.get("ports") or () for one in endpoints.behind(view, service, entry))
        count = len({one.ip for one in every if one.ready and one.node == node})
        headers = {
            "Content-Type": "application/json",
            "X-Content-Type-Options": "nosniff",
            "X-Load-Balancing-Endpoint-Weight": str(count),
        }
        body = BODY.format(namespace=metadata["namespace"], name=metadata["name"], count=count)
        return Health(200 if count else 503, headers, body)
    return None
