"""The kubelets of all nodes, and what the API asks of them.

One value stands for all: a node's kubelet is made when its first Pod is bound to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from podwalk.containers.fabric import Fabric
from podwalk.containers.files import FileSystem
from podwalk.containers.sockets import NetNs
from podwalk.controllers.recorder import Recorder
from podwalk.errors import ApiError
from podwalk.kubelet import outside, proxying, streams
from podwalk.kubelet.addresses import Range
from podwalk.kubelet.runner import Runner
from podwalk.kubelet.worker import Worker
from podwalk.network.addresses import node_ip
from podwalk.simulation import Simulation
from podwalk.types import (
    Change,
    ClusterOptions,
    LogOptions,
    Object,
    Objects,
    Request,
    Response,
    Session,
    Stream,
)

VOLUME_UPDATE_S = 30.0
"""From a change of a ConfigMap or Secret to the files of running Pods: a kubelet looks about once a minute."""

FINISHED = ("Succeeded", "Failed")


class Kubelet:
    """One node's kubelet: what its Pods share."""

    def __init__(self, kubelets: Kubelets, name: str, node: Object) -> None:
        """Take the node's address and its range of Pod addresses from the Node object."""
        self.name = name
        self.objects, self.simulation, self.options = kubelets.objects, kubelets.simulation, kubelets.options
        self.fabric = kubelets.fabric
        self.ip = node_ip(self.objects, name)
        self.files = FileSystem(clock=lambda: self.simulation.now)
        self.range = Range(node.get("spec", {}).get("podCIDR") or kubelets.spare_range())
        self.network: NetNs = self.fabric.node(name, self.ip)
        self.recorder = Recorder(self.objects, self.simulation, "kubelet", name)


class Kubelets:
    """All kubelets; implements :class:`podwalk.types.Runtime`."""

    def __init__(self, objects: Objects, simulation: Simulation, options: ClusterOptions) -> None:
        """Watch Pods from now on, and take up those that are there already once the clock runs."""
        self.objects, self.simulation, self.options = objects, simulation, options
        self.fabric = Fabric(objects, simulation, options)
        outside.populate(self.fabric)
        self._nodes: dict[str, Kubelet] = {}
        self._workers: dict[str, Worker] = {}
        self._users: dict[tuple[str, str, str], set[str]] = {}
        objects.subscribe(self._on_change)
        simulation.call(self._take_up)

    def serve_api(self, handle: Callable[[Request], Response]) -> None:
        """Let Pods reach the API: ``handle`` answers at port 6443 of the control plane."""
        self.fabric.api = handle

    def worker(self, pod: Object) -> Worker | None:
        """Return who drives a Pod."""
        return self._workers.get(pod["metadata"].get("uid", ""))

    def spare_range(self) -> str:
        """Return a range for a node that has none."""
        base = self.options.pod_cidr.split(".")
        return f"{base[0]}.{base[1]}.{200 + len(self._nodes)}.0/24"

    def _take_up(self) -> None:
        for pod in self.objects.list("pods"):
            if self.worker(pod) is None:
                self._admit(pod, restored=True)

    def _on_change(self, change: Change) -> None:
        if change.resource == "pods":
            self._on_pod(change)
        elif change.resource in ("configmaps", "secrets"):
            self._on_source(change)

    def _on_pod(self, change: Change) -> None:
        worker = self.worker(change.object)
        if change.type == "DELETED":
            if worker is not None:
                del self._workers[worker.uid]
                for source in worker.sources():
                    self._users.get(source, set()).discard(worker.uid)
                worker.vanish()
        elif worker is not None:
            if change.object["metadata"].get("uid", "") == worker.uid:
                worker.update(change.object)
        else:
            self._admit(change.object, restored=False)

    def _on_source(self, change: Change) -> None:
        metadata = change.object["metadata"]
        users = self._users.get((change.resource, metadata.get("namespace", ""), metadata["name"]))
        if users:
            self.simulation.call(lambda: self._refresh(tuple(users)), VOLUME_UPDATE_S)

    def _refresh(self, uids: Sequence[str]) -> None:
        for uid in uids:
            if worker := self._workers.get(uid):
                worker.refresh_volumes()

    def _admit(self, pod: Object, *, restored: bool) -> None:
        """Begin to drive a Pod that is bound to a node."""
        name, state = pod["spec"].get("nodeName"), pod.get("status", {})
        if not name or state.get("phase") in FINISHED:
            if name and pod["metadata"].get("deletionTimestamp"):
                self._confirm(pod)
            return
        kubelet = self._kubelet(name)
        if kubelet is None:
            return
        worker = Worker(kubelet, pod)
        self._workers[worker.uid] = worker
        for source in worker.sources():
            self._users.setdefault(source, set()).add(worker.uid)
        if restored or state.get("containerStatuses"):
            worker.adopt(state)
        worker.start()
        if pod["metadata"].get("deletionTimestamp"):
            worker.update(pod)

    def _confirm(self, pod: Object) -> None:
        metadata = pod["metadata"]
        self.simulation.call(
            lambda: self.objects.delete(
                "pods", metadata["namespace"], metadata["name"], grace_s=0, uid=metadata.get("uid")
            )
        )

    def _kubelet(self, name: str) -> Kubelet | None:
        kubelet = self._nodes.get(name)
        if kubelet is None:
            node = self.objects.get("nodes", "", name)
            if node is None:
                return None
            kubelet = self._nodes[name] = Kubelet(self, name, node)
        return kubelet

    def _runner(self, pod: Object, container: str) -> tuple[Worker, Runner]:
        """Return who drives a container.

        Raises:
            ApiError: when the Pod is not on a node, or has no such container.
        """
        name = pod["metadata"]["name"]
        worker = self.worker(pod)
        container = container or _default_container(pod)
        runner = worker.find(container) if worker is not None else None
        if worker is None or runner is None:
            names = [
                one["name"]
                for field in ("initContainers", "containers", "ephemeralContainers")
                for one in pod["spec"].get(field) or ()
            ]
            if container not in names:
                raise ApiError(400, "BadRequest", f"container {container} is not valid for pod {name}")
            reason = "ContainerCreating" if pod["spec"].get("nodeName") else ""
            if not reason:
                raise ApiError(400, "BadRequest", f"pod {name} does not have a host assigned")
            raise ApiError(400, "BadRequest", f'container "{container}" in pod "{name}" is waiting to start: {reason}')
        return worker, runner

    def logs(self, pod: Object, container: str, options: LogOptions) -> Stream:
        """Return a container's log; see :class:`podwalk.types.Runtime`."""
        _, runner = self._runner(pod, container)
        name = pod["metadata"]["name"]
        if options.previous:
            log = runner.previous
            if "terminated" in runner.last_state and "waiting" in runner.state:
                log = runner.log
            if log is None:
                raise ApiError(
                    400, "BadRequest", f'previous terminated container "{runner.name}" in pod "{name}" not found'
                )
            return log.read(options)
        if "waiting" in runner.state and not runner.last_state:
            waiting = runner.state["waiting"]["reason"]
            if waiting in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"):
                words = {
                    "ErrImageNeverPull": "image can't be pulled",
                    "ErrImagePull": "image can't be pulled",
                }.get(waiting, "trying and failing to pull image")
                raise ApiError(
                    400, "BadRequest", f'container "{runner.name}" in pod "{name}" is waiting to start: {words}'
                )
            raise ApiError(
                400, "BadRequest", f'container "{runner.name}" in pod "{name}" is waiting to start: {waiting}'
            )
        return runner.log.read(options)

    def exec(
        self, pod: Object, container: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> Session:
        """Run a command in a container; see :class:`podwalk.types.Runtime`."""
        worker, runner = self._runner(pod, container)
        return streams.execute(worker, runner, command, stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)

    def attach(self, pod: Object, container: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> Session:
        """Join a container's main process; see :class:`podwalk.types.Runtime`."""
        worker, runner = self._runner(pod, container)
        return streams.attach(worker, runner, stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)

    def port_forward(self, pod: Object, ports: Sequence[int]) -> Session:
        """Open ports of a Pod; see :class:`podwalk.types.Runtime`."""
        worker = self.worker(pod)
        if worker is None or not worker.sandbox_ready:
            raise ApiError(
                400, "BadRequest", f"unable to forward port because pod is not running. Current status={_phase(pod)}"
            )
        return streams.port_forward(worker, ports)

    def http(self, pod: Object, port: int, request: Request, *, tls: bool = False) -> Response:
        """Send an HTTP request to a port of a Pod from its node; see :class:`podwalk.types.Runtime`."""
        worker = self.worker(pod)
        if worker is None:
            raise ApiError(503, "ServiceUnavailable", "no endpoints available for the pod")
        return proxying.send(self.simulation, worker.host_network, (worker.ip, port), request, tls=tls)


def _phase(pod: Object) -> Any:
    return pod.get("status", {}).get("phase", "Pending")


def _default_container(pod: Object) -> str:
    annotations = pod["metadata"].get("annotations") or {}
    first: str = pod["spec"]["containers"][0]["name"]
    return annotations.get("kubectl.kubernetes.io/default-container") or first
