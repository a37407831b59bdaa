"""Probes: what the kubelet asks of a container, how often, and what follows.

Source: pkg/kubelet/prober, k8s.io/kubernetes/pkg/probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import simpy

from podwalk.containers import http, tls
from podwalk.containers.process import BrokenPipe
from podwalk.containers.sockets import ConnectionRefused, ConnectionTimedOut, SocketError
from podwalk.errors import PodwalkError
from podwalk.kubelet import launch, wording
from podwalk.simulation import Task

if TYPE_CHECKING:
    from podwalk.kubelet.runner import Runner

FIRST_S = 0.05
"""From the start of a container to its first probe, if no initial delay says otherwise."""

OUTPUT_LIMIT = 10 * 1024
USER_AGENT = "kube-probe/1.37"


class Prober:
    """The probes of one container."""

    def __init__(self, runner: Runner) -> None:
        """Start with nothing probed."""
        self._runner = runner
        self._tasks: dict[str, simpy.Process] = {}

    def start(self) -> None:
        """Begin to probe a container that has just started."""
        self.stop()
        spec, simulation = self._runner.spec, self._runner.simulation
        self._tasks = {
            kind: simulation.spawn(self._watch(kind, spec[f"{kind}Probe"]))
            for kind in ("startup", "liveness", "readiness")
            if spec.get(f"{kind}Probe")
        }

    def stop(self, *, but_readiness: bool = False) -> None:
        """Stop probing.

        Args:
            but_readiness: go on to ask whether it is ready: a container on its way out may say that it is not.

        Source: pkg/kubelet/prober, StopLivenessAndStartup.
        """
        active = self._runner.simulation.env.active_process
        kept = {"readiness"} if but_readiness else set()
        for kind in self._tasks.keys() - kept:
            task = self._tasks.pop(kind)
            if task.is_alive and task is not active:
                task.interrupt()

    def _watch(self, kind: str, probe: Mapping[str, Any]) -> Task:
        runner, simulation = self._runner, self._runner.simulation
        running = runner.process
        passed = failed = 0
        try:
            yield simulation.sleep(max(FIRST_S, float(probe.get("initialDelaySeconds") or 0)))
            while runner.process is running and runner.running:
                if kind == "startup" and runner.started:
                    return
                if kind == "startup" or runner.started:
                    problem = yield from self._once(probe)
                    if not (runner.process is running and runner.running):
                        return
                    passed, failed = (0, failed + 1) if problem else (passed + 1, 0)
                    if problem:
                        runner.event("Warning", "Unhealthy", f"{kind.capitalize()} probe {problem}"[:OUTPUT_LIMIT])
                    if self._decide(kind, probe, passed, failed):
                        return
                yield simulation.sleep(float(probe.get("periodSeconds") or 10))
        except simpy.Interrupt:
            return

    def _decide(self, kind: str, probe: Mapping[str, Any], passed: int, failed: int) -> bool:
        """Do what the results so far ask for; whether this probe is over."""
        runner = self._runner
        if passed >= int(probe.get("successThreshold") or 1):
            if kind == "readiness" and not runner.ready:
                runner.ready = True
                runner.worker.changed()
            elif kind == "startup" and not runner.started:
                runner.started = True
                runner.ready = "readinessProbe" not in runner.spec
                if not runner.first_start.triggered:
                    runner.first_start.succeed()
                runner.worker.changed()
                return True
        elif failed >= int(probe.get("failureThreshold") or 3):
            if kind == "readiness":
                if runner.ready:
                    runner.ready = False
                    runner.worker.changed()
            else:
                runner.fail_probe(kind)
                return True
        return False

    def _once(self, probe: Mapping[str, Any]) -> Task:
        """Probe once; returns what went wrong, empty if nothing did."""
        timeout_s = float(probe.get("timeoutSeconds") or 1)
        if probe.get("httpGet"):
            problem = yield from http_get(self._runner, probe["httpGet"], timeout_s)
        elif probe.get("tcpSocket"):
            problem = yield from _tcp(self._runner, probe["tcpSocket"], timeout_s)
        elif probe.get("exec"):
            # A command may fail without a word.
            output: str | None = yield from _exec(self._runner, probe["exec"].get("command") or [], timeout_s)
            return "" if output is None else f"failed: {output}"
        else:
            problem = yield from _grpc(self._runner, probe["grpc"], timeout_s)
        return f"failed: {problem}" if problem else ""


def port_of(runner: Runner, port: int | str) -> int:
    """Return the number of a port that may be a name."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for entry in runner.spec.get("ports") or ():
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise PodwalkError(f'couldn\'t find port: "{port}"')


def http_get(runner: Runner, action: Mapping[str, Any], timeout_s: float) -> Task:
    """Get a page of the container from its node; returns what went wrong, empty if nothing did."""
    worker = runner.worker
    try:
        port = port_of(runner, action["port"])
    except PodwalkError as error:
        return str(error)
    host = action.get("host") or worker.ip
    scheme = (action.get("scheme") or "HTTP").lower()
    path = action.get("path") or "/"
    path = path if path.startswith("/") else f"/{path}"
    headers = [(entry["name"], entry["value"]) for entry in action.get("httpHeaders") or ()]
    named = {name.lower() for name, _ in headers}
    defaults = (("Host", f"{host}:{port}"), ("User-Agent", USER_AGENT), ("Accept", "*/*"))
    headers = [pair for pair in defaults if pair[0].lower() not in named] + [*headers, ("Connection", "close")]
    url = f'Get "{scheme}://{host}:{port}{path}"'
    deadline_s = runner.simulation.now + timeout_s
    connection = None
    try:
        connection = yield from worker.host_network.connect(host, port, timeout_s=timeout_s)
        stream: http.ByteStream = connection
        if scheme == "https":
            stream = yield from tls.client(connection, tls.unverified(), host, timeout_s)
        left_s = max(0.0, deadline_s - runner.simulation.now)
        reply = yield from http.exchange(stream, "GET", path, headers, timeout_s=left_s)
    except ConnectionTimedOut:
        return f"{url}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    except ConnectionRefused:
        return f"{url}: dial tcp {host}:{port}: connect: connection refused"
    except (SocketError, BrokenPipe):
        return f"{url}: EOF"
    except http.NotHttp as error:
        said = f"malformed HTTP response {wording.quoted(error.line)}"
        return f"{url}: net/http: HTTP/1.x transport connection broken: {said}"
    except PodwalkError as error:
        return f"{url}: {error}"
    finally:
        if connection is not None:
            connection.close()
    return "" if 200 <= reply.status < 400 else f"HTTP probe failed with statuscode: {reply.status}"


def _tcp(runner: Runner, action: Mapping[str, Any], timeout_s: float) -> Task:
    try:
        port = port_of(runner, action["port"])
    except PodwalkError as error:
        return str(error)
    host = action.get("host") or runner.worker.ip
    try:
        connection = yield from runner.worker.host_network.connect(host, port, timeout_s=timeout_s)
    except ConnectionRefused:
        return f"dial tcp {host}:{port}: connect: connection refused"
    except SocketError:
        return f"dial tcp {host}:{port}: i/o timeout"
    connection.close()
    return ""


def _grpc(runner: Runner, action: Mapping[str, Any], timeout_s: float) -> Task:
    # Few probes speak gRPC, and each cluster would start later for the library.
    from podwalk.kubelet import grpc_probe

    return (yield from grpc_probe.ask(runner, action, timeout_s))


def _exec(runner: Runner, argv: list[str], timeout_s: float) -> Task:
    simulation = runner.simulation
    task = simulation.spawn(_run(runner, argv))
    deadline = simulation.sleep(timeout_s)
    yield task | deadline
    if task.is_alive:
        task.interrupt()
        quoted = " ".join(argv)
        return f'command timed out: "{quoted}" timed out after {wording.duration(timeout_s)}'
    result: tuple[int, bytes] = task.value or (0, b"")
    code, output = result
    if code == 127 and output.startswith(b"OCI runtime"):
        return f"rpc error: code = Unknown desc = failed to exec in container: {output.decode()}"
    return output.decode(errors="replace") if code else None


def _run(runner: Runner, argv: list[str]) -> Task:
    try:
        return (yield from launch.execute(runner, argv))
    except simpy.Interrupt:
        return 0, b""
