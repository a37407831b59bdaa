"""kube-proxy as far as it answers: whether it works itself, and to load balancers whether its node has an endpoint.

What it programs is the network model's. To its own node it tells the mode that it works in. Left out: its metrics.

Source: pkg/proxy/healthcheck/proxy_health.go and service_health.go, and a real node's answers.
"""

from __future__ import annotations

import json

from podwalk.containers import http
from podwalk.containers.images import serving
from podwalk.containers.process import Process
from podwalk.containers.sockets import Listener
from podwalk.network import health_check
from podwalk.simulation import Task

HEALTHZ_PORT = 10256

METRICS_PORT = 10249
"""Open to the node itself only."""

MODE = "iptables"


class KubeProxy:
    """The kube-proxy of one node."""

    def __init__(self, process: Process) -> None:
        """Run in a process on its node's network."""
        self.simulation, self.network = process.simulation, process.container.network

    def healthz(self, request: http.Incoming) -> http.Answer:
        """Answer ``/healthz`` and ``/livez``; the former says too whether load balancers should use the node."""
        path = request.target.partition("?")[0]
        if path not in ("/healthz", "/livez"):
            return serving.text(http.date(self.simulation), "404 page not found\n", 404)
        now = self.simulation.datetime().isoformat(timespec="microseconds").removesuffix("+00:00") + "000Z"
        eligible = {"nodeEligible": True} if path == "/healthz" else {}
        families = {"IPv4": {"lastUpdated": now, "healthy": True}}
        said = {"lastUpdated": now, "currentTime": now, **eligible, "healthy": True, "status": families}
        return self._answer(200, json.dumps(said, separators=(",", ":")))

    def metrics(self, request: http.Incoming) -> http.Answer:
        """Answer ``/proxyMode`` and ``/healthz``; of metrics, that they are not simulated."""
        path = request.target.partition("?")[0]
        missing = "404 page not found\n", 404
        answers = {
            "/proxyMode": (MODE, 200),
            "/healthz": ("ok", 200),
            "/metrics": ("kube-proxy's metrics are not simulated by Podwalk\n", 501),
        }
        return serving.error(http.date(self.simulation), *answers.get(path, missing))

    def listener(self, port: int) -> Listener | None:
        """Return who takes one connection to a port: a ``healthCheckNodePort`` is open while its Service is there."""
        found = health_check(self.network.fabric.view, self.network.peer.node, port)
        if found is None:
            return None
        headers = [(name, value) for name, value in found.headers.items() if name != "Content-Type"]
        made = Listener(self.network, port, "TCP", "")
        server = http.Server(self.simulation, made, lambda _: self._answer(found.status, found.body, headers))
        self.simulation.spawn(serving.guarded(server.run_once()))
        return made

    def _answer(self, status: int, body: str, more: http.Headers = ()) -> http.Answer:
        date, kind = http.date(self.simulation), [("Content-Type", "application/json")]
        own = [] if more else [("X-Content-Type-Options", "nosniff")]
        return http.Answer(
            status, [*kind, *own, *more, ("Date", date), ("Content-Length", str(len(body)))], body.encode()
        )


def kube_proxy(process: Process) -> Task:
    """Answer health checks until told to end."""
    yield process.sleep(0)
    proxy = KubeProxy(process)
    proxy.network.on_demand = proxy.listener
    metrics = serving.serve(process, METRICS_PORT, proxy.metrics, address="127.0.0.1")
    try:
        return (yield from serving.hold(process, [serving.serve(process, HEALTHZ_PORT, proxy.healthz), metrics]))
    finally:
        proxy.network.on_demand = None
