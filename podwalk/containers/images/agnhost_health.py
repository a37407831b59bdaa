"""``agnhost grpc-health-checking``: a gRPC server that says whether it is well, and two pages that change what it says.

Source: kubernetes/test/images/agnhost/grpc-health-checking.
"""

from __future__ import annotations

from collections.abc import Mapping

from podwalk.containers import grpc, health, http
from podwalk.containers.images import serving
from podwalk.containers.images.agnhost_datagrams import log
from podwalk.containers.process import Process
from podwalk.containers.sockets import AddressInUse
from podwalk.simulation import Task


class HealthChecker:
    """``agnhost grpc-health-checking``: answers a gRPC health check, and pages that change its answer."""

    def __init__(self, process: Process, service: str, unhealthy_after_s: int) -> None:
        """Be healthy; negative: for ever."""
        self._process, self._service, self._unhealthy_after_s = process, service, unhealthy_after_s
        self._started, self._forced = process.simulation.datetime(), False

    @property
    def _age_s(self) -> float:
        return (self._process.simulation.datetime() - self._started).total_seconds()

    def check(self, request: bytes) -> bytes:
        """Answer a health check."""
        since = f"{self._started:%Y-%m-%d %H:%M:%S.%f}000 +0000 UTC m=+0.001000000"
        log(self._process, f"Serving the Check request for health check, started at {since}")
        if health.service_of(request) != self._service:
            raise grpc.RpcError("NotFound", "unknown service")
        late = 0 <= self._unhealthy_after_s <= self._age_s
        return health.answer(health.NOT_SERVING if self._forced or late else health.SERVING)

    def handle(self, request: http.Incoming) -> http.Answer:
        """Answer the two pages, with how long it has run."""
        date = http.date(self._process.simulation)
        if request.path not in ("/make-serving", "/make-not-serving"):
            return serving.error(date, "404 page not found\n", 404)
        self._forced = request.path == "/make-not-serving"
        return serving.text(date, f"{self._age_s:.9f}s")


def run(process: Process, options: Mapping[str, str]) -> Task:
    """Run both servers, with agnhost's options by their names."""
    checker = HealthChecker(process, options["service"], int(options["delay-unhealthy-sec"]))
    port, http_port = int(options["port"]), int(options["http-port"])
    log(process, f"Http server starting to listen on :{http_port}")
    log(process, f"gRPC server starting to listen on :{port}")
    try:
        pages = serving.serve(process, http_port, checker.handle)
        server = grpc.Server(process, port, {health.CHECK: checker.check})
    except AddressInUse as error:
        return process.fail(f"listen tcp {error}".replace("Address already", "bind: address already"))
    return (yield from serving.hold(process, [pages, server.run()], exit_code=2))
