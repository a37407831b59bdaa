"""One container of a Pod on its node: pulled, created, started, restarted with back-off, stopped.

Source: pkg/kubelet/kuberuntime (kuberuntime_container.go, kuberuntime_manager.go), pkg/kubelet/images. Times are
small and fixed, those of a node that has its images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import simpy

from podwalk.containers import images, process
from podwalk.containers.files import FileError, FileSystem
from podwalk.containers.images import Image
from podwalk.containers.process import SIGKILL, SIGTERM, Container, Pipe, Process
from podwalk.containers.terminal import Terminal
from podwalk.errors import PodwalkError
from podwalk.kubelet import launch, wording
from podwalk.kubelet.environment import ConfigError
from podwalk.kubelet.logs import Log
from podwalk.kubelet.probes import Prober
from podwalk.simulation import Simulation, Task

if TYPE_CHECKING:
    from podwalk.kubelet.worker import Worker

PULL_S = 0.05
CREATE_S = 0.02
NOTICE_S = 0.01
"""From the start of a container to the kubelet's noticing; the program has set its signal handlers by then."""

SYNC_S = 1.0
"""From the end of a container to the kubelet's next look at its Pod."""

BACK_OFF_S = 10.0
BACK_OFF_LIMIT_S = 300.0
CONFIG_RETRY_S = 12.0
BACK_OFF_EVENT_S = 12.0
HOOK_LIMIT_S = 3600.0
MESSAGE_LIMIT = 4096
MESSAGE_LINES = 80

PullBackOff = "ImagePullBackOff"


class Stopped(Exception):
    """The container is not to be started (again)."""


class Runner:
    """One container: its state as the status shows it, and the task that drives it.

    Attributes:
        spec: the container as the Pod has it.
        kind: ``containers``, ``initContainers`` or ``ephemeralContainers``.
        state: ``waiting``, ``running`` or ``terminated``, as in the API.
        last_state: the one before the restart.
        ready: whether its readiness is passed.
        started: whether its startup probe, if any, is passed; None before it ran.
    """

    def __init__(self, worker: Worker, spec: Mapping[str, Any], kind: str, waiting: str) -> None:
        """Describe the container; :meth:`run` drives it."""
        self.worker = worker
        self.simulation: Simulation = worker.simulation
        self.spec = spec
        self.kind = kind
        self.name: str = spec["name"]
        self.state: dict[str, Any] = {"waiting": {"reason": waiting}}
        self.last_state: dict[str, Any] = {}
        self.ready = False
        self.started: bool | None = None
        self.restarts = 0
        self.container_id = ""
        self.image: Image | None = None
        self.container: Container | None = None
        self.process: Process | None = None
        self.log = Log(self.simulation)
        self.previous: Log | None = None
        self.stdin: Pipe | None = None
        self.terminal: Terminal | None = None
        self.stopping = False
        self.finished = self.simulation.event()
        self.first_start = self.simulation.event()
        self.user: tuple[int, int] = (0, 0)
        self._back_off_s = 0.0
        self._back_off_at = 0.0
        self._pull_back_off_s = 0.0
        self._prober = Prober(self)

    @property
    def restart_policy(self) -> str:
        """The container's own policy, or the Pod's; an init container that is no sidecar is done when it succeeds."""
        own: str | None = self.spec.get("restartPolicy")
        policy = own or self.worker.pod["spec"].get("restartPolicy", "Always")
        if self.kind == "initContainers" and own != "Always" and policy == "Always":
            return "OnFailure"
        return "Never" if self.kind == "ephemeralContainers" else policy

    @property
    def is_sidecar(self) -> bool:
        """Whether it is an init container that goes on running."""
        return self.kind == "initContainers" and self.spec.get("restartPolicy") == "Always"

    @property
    def running(self) -> bool:
        """Whether its main process runs."""
        return "running" in self.state

    @property
    def succeeded(self) -> bool:
        """Whether it ended with exit code 0."""
        return bool(self.state.get("terminated", {}).get("exitCode", 1) == 0)

    def event(self, kind: str, reason: str, message: str) -> None:
        """Record an event about the container."""
        self.worker.event(kind, reason, message, field_path=f"spec.{self.kind}{{{self.name}}}")

    def run(self) -> Task:
        """Start the container, and again as long as its policy says; :attr:`finished` comes when it is over."""
        try:
            while not self.stopping:
                image = yield from self._pull()
                if not (yield from self._start(image)):
                    continue
                yield from self._wait()
                if not self._goes_on():
                    break
                yield from self._back_off()
        except (simpy.Interrupt, Stopped):
            pass
        finally:
            if not self.finished.triggered:
                self.finished.succeed()
            if not self.first_start.triggered:
                self.first_start.succeed()
        self.worker.changed()

    def wait_for(self, reason: str, message: str = "") -> None:
        """Say in the status what the container waits for."""
        waiting = {"reason": reason, **({"message": message} if message else {})}
        if self.state != {"waiting": waiting}:
            self.state = {"waiting": waiting}
            self.worker.changed()

    def _pull(self) -> simpy.events.ProcessGenerator:
        reference, policy = self.spec["image"], self.spec.get("imagePullPolicy", "IfNotPresent")
        while True:
            image = images.find(reference)
            if image is not None and policy != "Always":
                self.event(
                    "Normal",
                    "Pulled",
                    f'Container image "{reference}" already present on machine and can be accessed by the pod',
                )
                return image
            if image is None and policy == "Never":
                absent = f'Container image "{reference}" is not present with pull policy of Never'
                self.event("Warning", "ErrImageNeverPull", absent)
                self._refuse_pull("ErrImageNeverPull", absent)
                yield from self.pause(CONFIG_RETRY_S)
                continue
            self.event("Normal", "Pulling", f'Pulling image "{reference}"')
            yield from self.pause(PULL_S)
            if image is not None:
                self._pull_back_off_s = 0.0
                milliseconds = f"{round(PULL_S * 1000)}ms"
                self.event(
                    "Normal",
                    "Pulled",
                    f'Successfully pulled image "{reference}" in {milliseconds} ({milliseconds} including waiting). '
                    f"Image size: {image.size} bytes.",
                )
                return image
            yield from self._fail_pull(reference)

    def _fail_pull(self, reference: str) -> Task:
        full = images.normal(reference)
        words = (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": '
            f"failed to resolve image: {full}: not found"
        )
        self.event("Warning", "Failed", f'Failed to pull image "{reference}": {words}')
        if not self._pull_back_off_s:
            self.event("Normal", "ImagesSimulated", launch.known_images(reference))
        self._refuse_pull("ErrImagePull", words)
        self._pull_back_off_s = min(max(BACK_OFF_S, 2 * self._pull_back_off_s), BACK_OFF_LIMIT_S)
        yield from self.pause(SYNC_S)
        self.event("Normal", "BackOff", f'Back-off pulling image "{reference}"')
        self._refuse_pull(PullBackOff, f'Back-off pulling image "{reference}": ErrImagePull: {words}')
        yield from self.pause(self._pull_back_off_s)

    def _refuse_pull(self, reason: str, message: str) -> None:
        self.event("Warning", "Failed", f"Error: {reason}")
        self.wait_for(reason, message)

    def _start(self, image: Image) -> simpy.events.ProcessGenerator:
        """Create and start the container; whether it runs."""
        self.image = image
        yield from self.pause(CREATE_S)
        try:
            self.container, self.user = launch.container(self.worker, self.spec, image)
            argv = launch.command(self.spec, image, self.container.env)
        except ConfigError as error:
            self.event("Warning", "Failed", f"Error: {error}")
            self.wait_for("CreateContainerConfigError", str(error))
            yield from self.pause(CONFIG_RETRY_S)
            return False
        except (PodwalkError, FileError) as error:
            self.event("Warning", "Failed", f"Error: {error}")
            self.wait_for("CreateContainerError", str(error))
            yield from self.pause(CONFIG_RETRY_S)
            return False
        self._renew()
        self.event("Normal", "Created", "Container created")
        found = launch.program(self.container, argv)
        if isinstance(found, str):
            yield from self._fail_start(found)
            return False
        self._launch(found)
        self.event("Normal", "Started", "Container started")
        yield self.simulation.sleep(NOTICE_S)
        yield from self._post_start()
        if not self.first_start.triggered and "startupProbe" not in self.spec:
            self.first_start.succeed()
        self.worker.changed()
        return True

    def _post_start(self) -> Task:
        """Run the postStart hook; a container whose hook fails is killed."""
        hook = (self.spec.get("lifecycle") or {}).get("postStart")
        if not hook:
            return
        problem = yield from launch.run_hook(self, hook, "PostStart", HOOK_LIMIT_S)
        if problem and self.running:
            self.event("Normal", "Killing", f"FailedPostStartHook {problem}".strip())
            yield from self.kill(self.worker.grace_s)

    def _renew(self) -> None:
        """Take a fresh id and log for the next run."""
        if self.container_id:
            self.restarts += 1
            self.previous, self.log = self.log, Log(self.simulation)
        seed = f"{self.worker.uid}/{self.name}/{self.restarts}"
        self.container_id = "containerd://" + hashlib.sha256(seed.encode()).hexdigest()

    def _launch(self, found: launch.Found) -> None:
        container = self.container
        if container is None:
            raise Stopped
        log = self.log
        streams = self._terminal(log) if self.spec.get("tty") else self._pipes(log)
        cwd = self.spec.get("workingDir") or (self.image.cwd if self.image else "/")
        self.process = Process(container, found.argv, cwd=cwd, tty=self.spec.get("tty") is True, **streams)
        if self.terminal is not None:
            self.process.terminal, self.terminal.foreground = self.terminal, (self.process,)
        self.state = {"running": {"startedAt": self.simulation.timestamp()}}
        self.started = "startupProbe" not in self.spec
        self.ready = self.started and "readinessProbe" not in self.spec
        self.process.start(found.program)
        self._prober.start()

    def _pipes(self, log: Log) -> dict[str, Any]:
        stdout, stderr = Pipe(self.simulation), Pipe(self.simulation)
        stdout.on_write = lambda data: self._output(log, 1, data)
        stderr.on_write = lambda data: self._output(log, 2, data)
        self.stdin = Pipe(self.simulation) if self.spec.get("stdin") else None
        return {"stdout": stdout, "stderr": stderr, **({"stdin": self.stdin} if self.stdin is not None else {})}

    def _terminal(self, log: Log) -> dict[str, Any]:
        self.terminal = Terminal(self.simulation, lambda data: self._output(log, 1, data))
        given = {"stdin": self.terminal.stdin} if self.spec.get("stdin") else {}
        return {"stdout": self.terminal.stdout, "stderr": self.terminal.stdout, **given}

    def _output(self, log: Log, descriptor: int, data: bytes) -> None:
        log.write(descriptor, data)
        self.worker.attached(self.name, descriptor, data)

    def _fail_start(self, words: str) -> Task:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create"
            f" failed: unable to start container process: {words}"
        )
        self.event("Warning", "Failed", f"Error: {message}")
        terminated = {
            "containerID": self.container_id,
            "exitCode": 128,
            "finishedAt": self.simulation.timestamp(),
            "message": message,
            "reason": "StartError",
            "startedAt": "1970-01-01T00:00:00Z",
        }
        self.started = self.ready = False
        if self.restart_policy == "Never":
            self.state = {"terminated": terminated}
            self.worker.changed()
            raise Stopped
        self.last_state = {"terminated": terminated}
        self.wait_for("RunContainerError", message)
        yield from self._back_off()

    def _wait(self) -> Task:
        """Wait until the main process has ended, and note how."""
        running = self.process
        if running is None:
            raise Stopped
        if running.exit_code is None:
            yield running.done
        self.ended()

    def ended(self) -> None:
        """Put the end of the main process into the status."""
        if self.process is None or self.process.exit_code is None or "running" not in self.state:
            return
        code = self.process.exit_code
        self._prober.stop()
        self.log.close()
        self.worker.detach(self.name)
        terminated = {
            "containerID": self.container_id,
            "exitCode": code,
            "finishedAt": self.simulation.timestamp(),
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": self.state["running"]["startedAt"],
        }
        if message := self._message(code):
            terminated["message"] = message
        self.state = {"terminated": terminated}
        self.ready = self.kind == "initContainers" and code == 0
        self.started = False
        self.worker.changed()

    def _message(self, code: int) -> str:
        """Return the termination message.

        Source: pkg/kubelet/kuberuntime/kuberuntime_container.go, getTerminationMessage.
        """
        if self.container is None:
            return ""
        path = self.spec.get("terminationMessagePath") or "/dev/termination-log"
        try:
            message = self.container.files.read(path)[:MESSAGE_LIMIT].decode(errors="replace")
        except FileError:
            message = ""
        if not message and code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            message = self.log.tail(MESSAGE_LINES, 2048)
        return message

    def _goes_on(self) -> bool:
        policy = self.restart_policy
        if self.stopping or policy == "Never":
            return False
        return policy == "Always" or not self.succeeded

    def _back_off(self) -> Task:
        """Wait as long as the back-off says before the next start."""
        yield from self.pause(SYNC_S)
        now = self.simulation.now
        if self._back_off_s and now - self._back_off_at > 2 * BACK_OFF_LIMIT_S:
            self._back_off_s = 0.0
        wait_s = max(0.0, self._back_off_s - SYNC_S)
        if wait_s:
            self._wait_in_back_off()
        until = now + wait_s
        while self.simulation.now < until - 1e-9:
            pod = self.worker.pod["metadata"]
            where = f"{pod['name']}_{pod['namespace']}({self.worker.uid})"
            self.event("Warning", "BackOff", f"Back-off restarting failed container {self.name} in pod {where}")
            yield from self.pause(min(BACK_OFF_EVENT_S, until - self.simulation.now))
        self._back_off_s = min(max(BACK_OFF_S, 2 * self._back_off_s), BACK_OFF_LIMIT_S)
        self._back_off_at = self.simulation.now
        if "terminated" in self.state:
            self.last_state = self.state

    def _wait_in_back_off(self) -> None:
        if "terminated" in self.state:
            self.last_state = self.state
        pod = self.worker.pod["metadata"]
        duration = wording.duration(self._back_off_s)
        where = f"{pod['name']}_{pod['namespace']}({self.worker.uid})"
        self.wait_for("CrashLoopBackOff", f"back-off {duration} restarting failed container={self.name} pod={where}")

    def pause(self, seconds: float) -> Task:
        """Let time pass, unless the Pod is to end."""
        yield self.simulation.sleep(seconds)
        if self.stopping:
            raise Stopped

    def fail_probe(self, kind: str) -> None:
        """Restart the container because its liveness or startup probe failed."""
        self.event("Normal", "Killing", f"Container {self.name} failed {kind} probe, will be restarted")
        grace = (self.spec.get(f"{kind}Probe") or {}).get("terminationGracePeriodSeconds")
        grace = self.worker.grace_s if grace is None else float(grace)
        self.simulation.spawn(self.kill(grace))

    def kill(self, grace_s: float) -> Task:
        """End the main process: preStop hook, SIGTERM, and SIGKILL after the grace period."""
        running = self.process
        if running is None or running.exit_code is not None:
            return
        deadline_s = self.simulation.now + grace_s
        self._prober.stop(but_readiness=True)
        hook = (self.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace_s > 0:
            yield from launch.run_hook(self, hook, "PreStop", grace_s)
        if running.exit_code is None:
            running.kill(getattr(process, self._stop_signal(), SIGTERM))
            left_s = max(0.0, deadline_s - self.simulation.now)
            if left_s > 0:
                yield running.done | self.simulation.sleep(left_s)
            else:
                yield self.simulation.sleep(0)
        if running.exit_code is None:
            running.kill(SIGKILL)
            yield running.done
        self.ended()

    def _stop_signal(self) -> str:
        own: str | None = (self.spec.get("lifecycle") or {}).get("stopSignal")
        return own or (self.image.stop_signal if self.image else "SIGTERM")

    def stop(self) -> None:
        """Do not start the container again."""
        self.stopping = True

    @property
    def files(self) -> FileSystem | None:
        """The container's files, if it was created."""
        return self.container.files if self.container else None
