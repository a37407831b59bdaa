"""One Pod on its node, from the moment it is bound to the moment it is gone.

Source: pkg/kubelet/pod_workers.go, pkg/kubelet/kubelet.go (SyncPod, SyncTerminatingPod),
pkg/kubelet/kuberuntime/kuberuntime_manager.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import simpy

from podwalk.containers.files import File
from podwalk.containers.process import SIGKILL
from podwalk.containers.sockets import NetNs
from podwalk.kubelet import addresses, status, volumes
from podwalk.kubelet.addresses import OutOfAddresses
from podwalk.kubelet.runner import Runner
from podwalk.kubelet.volumes import MountError, Volume
from podwalk.simulation import Simulation, Task
from podwalk.types import Object, Peer, Ref

if TYPE_CHECKING:
    from podwalk.kubelet.kubelets import Kubelet

MOUNT_S = 0.01
SANDBOX_S = 0.03
SANDBOX_RETRY_S = 10.0
MOUNT_RETRY_S = 0.5
MOUNT_RETRY_LIMIT_S = 122.0
TEAR_DOWN_S = 0.2
DEFAULT_GRACE_S = 30.0
WORDS_OF_WAITING = {"containers": "ContainerCreating", "initContainers": "PodInitializing"}

Attached = Callable[[int, bytes], None]


class Worker:
    """Drives one Pod.

    Attributes:
        pod: the object as last seen.
        ip: the Pod's address, empty before it has one.
        network: its network namespace.
        sandbox_ready: whether the namespace is up.
        had_sandbox: whether it ever was.
        reason: reason and message of a Pod that the node ended itself.
    """

    simulation: Simulation

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        """Look at a Pod for the first time; :meth:`start` begins to run it."""
        self.kubelet = kubelet
        self.objects, self.simulation, self.options = kubelet.objects, kubelet.simulation, kubelet.options
        self.pod = pod
        self.uid: str = pod["metadata"].get("uid", "")
        self.host_ip = kubelet.ip
        self.ip = ""
        self.network: NetNs = kubelet.network
        self.sandbox_ready = self.had_sandbox = False
        self.reason: tuple[str, str] | None = None
        self.volumes: dict[str, Volume] = {}
        self._began_s = self.simulation.now
        self.start_time = pod.get("status", {}).get("startTime") or self.simulation.timestamp()
        self.terminating = self.gone = False
        self._task: simpy.Process | None = None
        self._dirty = False
        self._shared: dict[str, File] = {}
        self._attached: dict[str, dict[int, Attached]] = {}
        self._on_detach: dict[str, dict[int, Callable[[], None]]] = {}
        self._keys = 0
        spec = pod["spec"]
        waiting = "PodInitializing" if spec.get("initContainers") else "ContainerCreating"
        self.inits = [
            Runner(self, one, "initContainers", "PodInitializing") for one in spec.get("initContainers") or ()
        ]
        self.mains = [Runner(self, one, "containers", waiting) for one in spec.get("containers") or ()]
        self.ephemerals: list[Runner] = []
        self._tasks: dict[str, simpy.Process] = {}

    @property
    def runners(self) -> list[Runner]:
        """Every container."""
        return [*self.inits, *self.mains, *self.ephemerals]

    @property
    def host_network(self) -> NetNs:
        """The network namespace of the node."""
        return self.kubelet.network

    @property
    def sidecars_running(self) -> bool:
        """Whether a sidecar still runs."""
        return any(init.is_sidecar and init.running for init in self.inits)

    @property
    def grace_s(self) -> float:
        """The Pod's own grace period."""
        grace = self.pod["spec"].get("terminationGracePeriodSeconds")
        return DEFAULT_GRACE_S if grace is None else float(grace)

    def find(self, name: str) -> Runner | None:
        """Return the container of a name."""
        return next((runner for runner in self.runners if runner.name == name), None)

    def start(self) -> None:
        """Begin to run the Pod."""
        self._task = self.simulation.spawn(self._run())

    def event(
        self, kind: Literal["Normal", "Warning"] | str, reason: str, message: str, *, field_path: str = ""
    ) -> None:
        """Record an event about the Pod."""
        kind_: Literal["Normal", "Warning"] = "Warning" if kind == "Warning" else "Normal"
        self.kubelet.recorder.event(self.pod, kind_, reason, message, field_path=field_path)

    def changed(self) -> None:
        """Report the status, once for all that happens in this moment."""
        if not self._dirty and not self.gone:
            self._dirty = True
            self.simulation.call(self._publish)

    def _publish(self) -> None:
        self._dirty = False
        if self.gone:
            return

        def write(pod: Object) -> None:
            if pod["metadata"].get("uid", "") == self.uid:
                pod["status"] = status.compute(self, pod.get("status") or {})

        metadata = self.pod["metadata"]
        self.objects.modify(
            "pods", metadata["namespace"], metadata["name"], write, subresource="status", manager="kubelet"
        )

    def _run(self) -> Task:
        try:
            self.changed()
            self._began_s = self.simulation.now
            self._watch_deadline()
            yield from self._set_up_volumes()
            yield from self._set_up_sandbox()
            if (yield from self._initialize()):
                self._launch_all()
                for main in self.mains:
                    if not main.finished.triggered:
                        yield main.finished
            yield from self._finish()
        except simpy.Interrupt:
            return

    def _set_up_volumes(self) -> Task:
        yield self.simulation.sleep(MOUNT_S)
        retry_s = MOUNT_RETRY_S
        while True:
            try:
                for spec in self.pod["spec"].get("volumes") or ():
                    if spec["name"] not in self.volumes:
                        self.volumes[spec["name"]] = volumes.set_up(
                            self.objects, self.simulation, self.pod, spec, lambda: self.ip, self.kubelet.files
                        )
                return
            except MountError as error:
                self.event("Warning", "FailedMount", str(error))
            yield self.simulation.sleep(retry_s)
            retry_s = min(2 * retry_s, MOUNT_RETRY_LIMIT_S)

    def _set_up_sandbox(self) -> Task:
        if self.pod["spec"].get("hostNetwork"):
            yield self.simulation.sleep(SANDBOX_S)
            self.ip, self.network = self.kubelet.ip, self.kubelet.network
        else:
            while not self.ip:
                yield self.simulation.sleep(SANDBOX_S)
                try:
                    self.ip = self.kubelet.range.take(self.pod.get("status", {}).get("podIP", ""))
                except OutOfAddresses as error:
                    self.event(
                        "Warning",
                        "FailedCreatePodSandBox",
                        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for"
                        f" sandbox: {error}",
                    )
                    yield self.simulation.sleep(SANDBOX_RETRY_S)
            metadata = self.pod["metadata"]
            peer = Peer(self.ip, Ref("pods", metadata["namespace"], metadata["name"]), self.kubelet.name)
            self.network = self.kubelet.fabric.pod(peer)
        self.sandbox_ready = self.had_sandbox = True
        for volume in self.volumes.values():
            volumes.refresh(volume, self.simulation)
        self.changed()

    def _initialize(self) -> simpy.events.ProcessGenerator:
        """Run the init containers in order; whether all are passed."""
        for init in self.inits:
            self._spawn(init)
            if init.is_sidecar:
                yield init.first_start
                if init.finished.triggered:
                    return False
            else:
                yield init.finished
                if not init.succeeded:
                    return False
        return True

    def _spawn(self, runner: Runner) -> None:
        self._tasks[runner.name] = self.simulation.spawn(runner.run())

    def _launch_all(self) -> None:
        for main in self.mains:
            self._spawn(main)
        self._launch_ephemerals()

    def _launch_ephemerals(self) -> None:
        known = {runner.name for runner in self.ephemerals}
        for spec in self.pod["spec"].get("ephemeralContainers") or ():
            if spec["name"] not in known and self.sandbox_ready:
                runner = Runner(self, spec, "ephemeralContainers", "ContainerCreating")
                self.ephemerals.append(runner)
                self._spawn(runner)
                self.changed()

    def _finish(self) -> Task:
        """End what is left of a Pod whose containers have ended, and report it."""
        for sidecar in reversed([init for init in self.inits if init.is_sidecar]):
            sidecar.stop()
            yield from sidecar.kill(self.grace_s)
        self.changed()
        yield self.simulation.sleep(SANDBOX_S)
        self._tear_down()
        self.changed()

    def update(self, pod: Object) -> None:
        """Look at a newer state of the object."""
        before, self.pod = self.pod, pod
        metadata = pod["metadata"]
        if pod["spec"].get("activeDeadlineSeconds") != before["spec"].get("activeDeadlineSeconds"):
            self._watch_deadline()
        if metadata.get("deletionTimestamp"):
            grace_s = float(metadata.get("deletionGracePeriodSeconds") or 0)
            if not self.terminating:
                self.terminating = True
                self.simulation.spawn(self._terminate(grace_s))
            elif grace_s < float(before["metadata"].get("deletionGracePeriodSeconds") or 0):
                self.simulation.spawn(self._kill_after(grace_s))
            return
        if pod["spec"].get("ephemeralContainers"):
            self._launch_ephemerals()
        labels = (metadata.get("labels"), metadata.get("annotations"))
        if labels != (before["metadata"].get("labels"), before["metadata"].get("annotations")):
            self.refresh_volumes()
        if pod["spec"].get("readinessGates") or metadata.get("generation") != before["metadata"].get("generation"):
            self.changed()
        self._restart_for_images(before)

    def _restart_for_images(self, before: Object) -> None:
        """Restart containers whose image was changed in place."""
        images = {one["name"]: one.get("image") for one in before["spec"].get("containers") or ()}
        for spec in self.pod["spec"].get("containers") or ():
            runner = self.find(spec["name"])
            if runner is not None and spec.get("image") != images.get(spec["name"]):
                runner.spec = spec
                if runner.running:
                    runner.event("Normal", "Killing", f"Container {runner.name} definition changed, will be restarted")
                    self.simulation.spawn(runner.kill(self.grace_s))

    def refresh_volumes(self) -> None:
        """Bring ConfigMaps, Secrets and the like up to date in the containers."""
        if not self.gone:
            for volume in self.volumes.values():
                volumes.refresh(volume, self.simulation)

    def sources(self) -> Iterator[tuple[str, str, str]]:
        """Yield resource, namespace and name of the ConfigMaps and Secrets that volumes of the Pod are made of."""
        namespace = self.pod["metadata"]["namespace"]
        for volume in self.pod["spec"].get("volumes") or ():
            for entry in (volume, *((volume.get("projected") or {}).get("sources") or ())):
                if entry.get("configMap"):
                    yield "configmaps", namespace, entry["configMap"].get("name", "")
                if entry.get("secret"):
                    yield "secrets", namespace, entry["secret"].get("secretName") or entry["secret"].get("name", "")

    def vanish(self) -> None:
        """End the containers of a Pod whose object is gone already, as after a forced deletion."""
        self.gone = True
        if not self.terminating:
            self.terminating = True
            self.simulation.spawn(self._terminate(min(self.grace_s, 2.0)))

    def _terminate(self, grace_s: float) -> Task:
        """End everything and confirm the deletion."""
        for runner in self.runners:
            runner.stop()
        if self._task is not None and self._task.is_alive:
            self._task.interrupt()
        for runner in self.runners:
            task = self._tasks.get(runner.name)
            if runner.running:
                runner.event("Normal", "Killing", f"Stopping container {runner.name}")
            elif task is not None and task.is_alive:
                task.interrupt()
        yield from self._kill_all(grace_s)
        if self.sandbox_ready or not self.had_sandbox:
            yield self.simulation.sleep(TEAR_DOWN_S)
        self._tear_down()
        self._dirty = True
        self._publish()
        metadata = self.pod["metadata"]
        if not self.gone:
            self.objects.delete("pods", metadata["namespace"], metadata["name"], grace_s=0, uid=self.uid)

    def _kill_all(self, grace_s: float) -> Task:
        """End the main containers together, then the sidecars, the last first."""
        deadline_s = self.simulation.now + grace_s
        running = [runner for runner in [*self.mains, *self.ephemerals] if runner.running]
        running += [init for init in self.inits if init.running and not init.is_sidecar]
        if tasks := [self.simulation.spawn(runner.kill(grace_s)) for runner in running]:
            yield self.simulation.env.all_of(tasks)
        for sidecar in reversed([init for init in self.inits if init.is_sidecar and init.running]):
            yield from sidecar.kill(max(2.0, deadline_s - self.simulation.now) if grace_s else 0.0)

    def _kill_after(self, grace_s: float) -> Task:
        yield self.simulation.sleep(grace_s)
        for runner in self.runners:
            if runner.process is not None:
                runner.process.kill(SIGKILL)

    def _watch_deadline(self) -> None:
        if limit := self.pod["spec"].get("activeDeadlineSeconds"):
            self.simulation.spawn(self._expire(limit))

    def _expire(self, limit_s: int) -> Task:
        """End a Pod that was active for too long, unless it was given another limit meanwhile."""
        yield self.simulation.sleep(max(0.0, self._began_s + limit_s - self.simulation.now))
        if self.pod["spec"].get("activeDeadlineSeconds") != limit_s:
            return
        if self.terminating or self.gone or all(main.finished.triggered for main in self.mains):
            return
        self.reason = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self.event("Normal", "DeadlineExceeded", self.reason[1])
        for runner in self.runners:
            runner.stop()
        if self._task is not None and self._task.is_alive:
            self._task.interrupt()
        yield from self._kill_all(self.grace_s)
        self._tear_down()
        self.changed()

    def _tear_down(self) -> None:
        """Take the sandbox down and give the address back."""
        if not self.sandbox_ready:
            return
        self.sandbox_ready = False
        if not self.pod["spec"].get("hostNetwork"):
            self.kubelet.fabric.remove(self.network)
            self.kubelet.range.release(self.ip)

    def shared_files(self, hostname: str) -> dict[str, File]:
        """Return the files in ``/etc`` that all containers of the Pod share."""
        if not self._shared:
            contents = {
                "/etc/hosts": addresses.hosts_file(self.pod, self.ip, self.options),
                "/etc/resolv.conf": addresses.resolv_conf(self.pod, self.options),
                "/etc/hostname": f"{hostname}\n",
            }
            now_s = self.simulation.now
            self._shared = {path: File(data=bytearray(text.encode()), mtime=now_s) for path, text in contents.items()}
        return self._shared

    def attach(self, name: str, receive: Attached, on_end: Callable[[], None]) -> Callable[[], None]:
        """Hand a container's output to somebody too; returns the function that ends it."""
        self._keys += 1
        key = self._keys
        self._attached.setdefault(name, {})[key] = receive
        self._on_detach.setdefault(name, {})[key] = on_end

        def leave() -> None:
            self._attached.get(name, {}).pop(key, None)
            self._on_detach.get(name, {}).pop(key, None)

        return leave

    def attached(self, name: str, descriptor: int, data: bytes) -> None:
        """Pass on what a container wrote."""
        for receive in list(self._attached.get(name, {}).values()):
            receive(descriptor, data)

    def detach(self, name: str) -> None:
        """Tell those attached that the container has ended."""
        self._attached.pop(name, None)
        for end in list(self._on_detach.pop(name, {}).values()):
            end()

    def adopt(self, old: dict[str, Any]) -> None:
        """Go on where a Pod was before the cluster was restored from its journal: its containers are restarted."""
        lists = ((self.inits, "initContainerStatuses"), (self.mains, "containerStatuses"))
        for runners, field in lists:
            known = {entry["name"]: entry for entry in old.get(field) or ()}
            for runner in runners:
                entry = known.get(runner.name)
                if entry is None or not entry.get("containerID"):
                    continue
                runner.container_id, runner.restarts = entry["containerID"], entry.get("restartCount", 0)
                started = (entry.get("state", {}).get("running") or {}).get("startedAt")
                if started:
                    runner.last_state = {
                        "terminated": {
                            "containerID": entry["containerID"],
                            "exitCode": 255,
                            "finishedAt": self.simulation.timestamp(),
                            "reason": "Unknown",
                            "startedAt": started,
                        }
                    }
