"""What it takes to start a container: its files, environment, command line, and the program that the command names.

Source: pkg/kubelet/container/helpers.go (ExpandContainerCommandAndArgs); runc's messages for a command that cannot be
run.
"""

from __future__ import annotations

import dataclasses
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podwalk.containers import images
from podwalk.containers.files import FileError, FileSystem
from podwalk.containers.images import Image
from podwalk.containers.images.image import PATH
from podwalk.containers.process import ELF, SIGKILL, Container, Pipe, Process, Program
from podwalk.errors import PodwalkError
from podwalk.kubelet import addresses, system_files, volumes
from podwalk.kubelet.environment import environment, expand
from podwalk.simulation import Task

if TYPE_CHECKING:
    from podwalk.kubelet.runner import Runner
    from podwalk.kubelet.worker import Worker

SHEBANG_LIMIT = 256


@dataclass(frozen=True)
class Found:
    """A program and the command line it gets."""

    program: Program
    argv: list[str]


def known_images(reference: str) -> str:
    """Say which images there are, for somebody whose image is not."""
    name, _, tag = images.normal(reference).rpartition(":")
    if name in images.IMAGES:
        return f"podwalk has {name}, but not with the tag {tag}; it has tags like {images.IMAGES[name].tags}"
    short = sorted(image.removeprefix("docker.io/library/").removeprefix("docker.io/") for image in images.IMAGES)
    return f"The embedded cluster has no registry to pull {reference} from; it has the images {', '.join(short)}"


def container(worker: Worker, spec: Mapping[str, Any], image: Image) -> tuple[Container, tuple[int, int]]:
    """Make a container of a Pod, and tell the user and group it runs as.

    Raises:
        ConfigError: when its environment cannot be had.
        MountError: when a volume cannot be mounted.
    """
    pod, simulation, options = worker.pod, worker.simulation, worker.options
    own = environment(worker.objects, pod, spec, worker.ip, worker.host_ip, options.cluster_domain)
    hostname, full = addresses.hostname_and_domain(pod, options)
    hostname = full if full and pod["spec"].get("setHostnameAsFQDN") else hostname
    if pod["spec"].get("hostNetwork"):
        hostname = pod["spec"].get("nodeName", hostname)
    env = ChainMap(*own.maps, {"PATH": PATH, "HOSTNAME": hostname, **image.env})
    if "HOME" not in env:
        env = env.new_child({"HOME": "/root" if _user(pod, spec, image)[0] == 0 else "/"})
    uid, gid = _user(pod, spec, image)
    security = spec.get("securityContext") or {}
    # What the kubelet puts in place is put there by root, whoever the container runs as.
    files = FileSystem(image.root, clock=lambda: simulation.now)
    made = Container(
        simulation=simulation,
        name=spec["name"],
        hostname=hostname,
        env=env,
        files=files,
        network=worker.network,
        programs=image.programs,
        pod=pod,
        limits=(spec.get("resources") or {}).get("limits") or {},
    )
    system_files.write(
        made, worker.shared_files(hostname), spec.get("terminationMessagePath") or "/dev/termination-log"
    )
    for entry in spec.get("volumeMounts") or ():
        volumes.mount(files, worker.volumes, entry, lambda text: expand(text, env))
    if security.get("readOnlyRootFilesystem"):
        files.mounts["/"] = dataclasses.replace(files.mounts["/"], read_only=True)
    files.uid, files.gid = uid, gid
    return made, (uid, gid)


def _user(pod: Mapping[str, Any], spec: Mapping[str, Any], image: Image) -> tuple[int, int]:
    own, shared = spec.get("securityContext") or {}, pod["spec"].get("securityContext") or {}
    uid = own.get("runAsUser", shared.get("runAsUser", image.user))
    gid = own.get("runAsGroup", shared.get("runAsGroup", 0))
    return int(uid), int(gid)


def command(spec: Mapping[str, Any], image: Image, env: Mapping[str, str]) -> list[str]:
    """Return the command line of a container's main process."""
    entrypoint, args = list(image.entrypoint), list(image.cmd)
    if spec.get("command"):
        entrypoint, args = [expand(word, env) for word in spec["command"]], []
    if spec.get("args"):
        args = [expand(word, env) for word in spec["args"]]
    argv = [*entrypoint, *args]
    if not argv:
        raise PodwalkError(f"failed to generate container spec: no command specified for {image.name}")
    return argv


def program(made: Container, argv: Sequence[str]) -> Found | str:
    """Return the program that a command line names, or runc's words for why it cannot be run."""
    name = argv[0]
    if "/" not in name:
        if name in made.programs:
            return Found(made.programs[name], list(argv))
        found = next((path for path in _on_path(made, name) if made.files.exists(path)), None)
        if found is None:
            return f'exec: "{name}": executable file not found in $PATH'
        return _file(made, found, argv)
    try:
        made.files.stat(name)
    except FileError as error:
        base = name.rpartition("/")[2]
        if base in made.programs and name.rpartition("/")[0] in PATH.split(":"):
            return Found(made.programs[base], list(argv))
        return f'exec: "{name}": stat {name}: {error.reason[0].lower()}{error.reason[1:]}'
    return _file(made, name, argv)


def _on_path(made: Container, name: str) -> list[str]:
    return [f"{folder}/{name}" for folder in made.env.get("PATH", PATH).split(":")]


def _file(made: Container, path: str, argv: Sequence[str]) -> Found | str:
    """Return how a file is executed: a program of the image, or a script with the interpreter it names."""
    if made.files.is_dir(path):
        return f'exec: "{argv[0]}": is a directory'
    if not made.files.stat(path).mode & 0o111:
        return f'exec: "{argv[0]}": permission denied'
    data = made.files.read(path)
    base = path.rpartition("/")[2]
    if data.startswith(ELF):
        program = made.programs.get(base) or made.programs.get(data[len(ELF) :].decode(errors="replace").strip())
        return f"exec {path}: not simulated by Podwalk" if program is None else Found(program, list(argv))
    if not data.startswith(b"#!"):
        return f"exec {path}: exec format error"
    words = data[2:SHEBANG_LIMIT].partition(b"\n")[0].decode(errors="replace").split(None, 1)
    interpreter = [part for word in words for part in ([word] if word is words[0] else [word.strip()])]
    if interpreter and interpreter[0].endswith("/env"):
        interpreter = interpreter[1].split() if len(interpreter) > 1 else []
    if not interpreter:
        return f"exec {path}: exec format error"
    name = interpreter[0].rpartition("/")[2]
    if name not in made.programs:
        return f"exec {path}: no such file or directory"
    return Found(made.programs[name], [*interpreter, path, *argv[1:]])


def run_hook(runner: Runner, hook: Mapping[str, Any], name: str, limit_s: float) -> Task:
    """Run a lifecycle hook; returns what went wrong, empty if nothing did.

    Source: pkg/kubelet/lifecycle/handlers.go.
    """
    simulation = runner.simulation
    task = simulation.spawn(_hook(runner, hook))
    timeout = simulation.sleep(limit_s)
    yield task | timeout
    if not task.processed and task.is_alive:
        task.interrupt()
        return ""
    problem = str(task.value or "")
    if problem:
        runner.event("Warning", f"Failed{name}Hook", f"{name}Hook failed")
    return problem


def _hook(runner: Runner, hook: Mapping[str, Any]) -> Task:
    import simpy

    try:
        if hook.get("sleep"):
            yield runner.simulation.sleep(float(hook["sleep"].get("seconds") or 0))
            return ""
        if hook.get("exec"):
            code, output = yield from execute(runner, hook["exec"].get("command") or [])
            return f"exited with {code}: {output.decode(errors='replace')}" if code else ""
        if hook.get("httpGet"):
            from podwalk.kubelet.probes import http_get

            return (yield from http_get(runner, hook["httpGet"], 30.0))
        return "this kind of hook is not simulated"
    except simpy.Interrupt:
        return ""


def execute(runner: Runner, argv: Sequence[str], on_started: Callable[[Process], None] | None = None) -> Task:
    """Run a command in a running container to its end; returns exit code and output."""
    if runner.container is None or not runner.running or not argv:
        return 1, b"container not running"
    found = program(runner.container, argv)
    if isinstance(found, str):
        return 127, f"OCI runtime exec failed: exec failed: unable to start container process: {found}".encode()
    output = Pipe(runner.simulation)
    collected = bytearray()
    output.on_write = collected.extend
    child = Process(runner.container, found.argv, stdout=output, stderr=output)
    if on_started is not None:
        on_started(child)
    child.start(found.program)
    try:
        if child.exit_code is None:
            yield child.done
    finally:
        if child.exit_code is None:
            child.kill(SIGKILL)
    return child.exit_code or 0, bytes(collected)
