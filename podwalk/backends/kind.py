"""The course's own kind cluster: a real Kubernetes in Docker containers.

It has one control plane and two workers in two zones, like the embedded one, and lets this machine, and nobody else,
in through loopback: the Ingress controller's ports and the labs' NodePorts. Its kubeconfig is a file of its own, so
that making it does not change where the user's ``kubectl`` goes. That file is also the record of what the course made:
a cluster without one is never deleted.

Source: kind.sigs.k8s.io, "Configuration"; "Quick Start" (``KIND_EXPERIMENTAL_PROVIDER``).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from podwalk.backends.context import ContextBackend
from podwalk.backends.selection import NAME_VARIABLE
from podwalk.errors import PodwalkError
from podwalk.serve.place import home

IMAGE_VARIABLE = "PODWALK_KIND_IMAGE"
"""The environment variable that names the node image."""

PROVIDER_VARIABLE = "KIND_EXPERIMENTAL_PROVIDER"
"""kind's own environment variable for Docker, Podman or nerdctl; kind reads it."""

PROVIDERS = ("docker", "podman", "nerdctl")

NODE_IMAGE = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
"""kind v0.33.0's own node image. Source: its release page."""

INGRESS_PORTS = (80, 443)
NODE_PORTS = (30080, 30180, 30280)
"""The NodePorts that labs and chapters name."""

LOOPBACK = "127.0.0.1"
ZONE = "topology.kubernetes.io/zone"
NETWORK = "kind"
WAIT = "300s"


class KindError(PodwalkError):
    """kind is missing or failed."""


class KindBackend(ContextBackend):
    """A kind cluster by its name."""

    name = "kind"
    remedy = "make it with `podwalk up --kind`, or use podwalk.cluster('embedded')"

    def __init__(self, cluster: str = "") -> None:
        self.cluster = cluster or os.environ.get(NAME_VARIABLE, "podwalk")
        self.own_kubeconfig = folder() / f"{self.cluster}.kubeconfig"
        super().__init__(f"kind-{self.cluster}", self.own_kubeconfig if self.is_ours() else None)

    def is_ours(self) -> bool:
        """Whether the course made this cluster."""
        return self.own_kubeconfig.is_file()

    def describe(self) -> str:
        """Name the cluster and the server's version."""
        return f'kind cluster "{self.cluster}", Kubernetes {self._version}'

    def up(self, *, image: str = "", workers: int = 2, ports: bool = True) -> bool:
        """Make the cluster, unless it is there; kind's own progress goes to the terminal.

        Args:
            image: the node image, by default what ``PODWALK_KIND_IMAGE`` says, else :data:`NODE_IMAGE`.
            workers: how many worker nodes.
            ports: whether this machine's ports 80, 443 and the labs' NodePorts lead to the cluster.

        Returns:
            Whether it was made now.

        Raises:
            KindError: when kind or Docker is missing, a port is taken, or kind fails; nothing is left of it then.
        """
        if self.cluster in clusters():
            if not self.is_ours():
                raise KindError(
                    f'there is a kind cluster "{self.cluster}" already, and the course did not make it; choose another '
                    f"name with --name, or use it as it is: PODWALK_BACKEND=kind:{self.cluster}"
                )
            if self.is_up():
                return False
            self._delete()
        wanted = (*INGRESS_PORTS, *NODE_PORTS) if ports else ()
        _check_ports(wanted)
        image = image or os.environ.get(IMAGE_VARIABLE, "") or NODE_IMAGE
        self.own_kubeconfig.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = ["create", "cluster", "--name", self.cluster, "--image", image, "--wait", WAIT, "--config", "-"]
        try:
            run(*command, *self._file(), given=yaml.safe_dump(configuration(workers, wanted)))
        except BaseException:
            self._delete(quiet=True)
            raise
        self._kubeconfig = self.own_kubeconfig
        return True

    def down(self) -> bool:
        """Delete the cluster and what it leaves: its kubeconfig, and kind's network if it was the last.

        Returns:
            Whether there was one.

        Raises:
            KindError: when kind is missing or fails, or the course did not make the cluster.
        """
        there = self.cluster in clusters()
        if there and not self.is_ours():
            raise KindError(
                f'the course did not make the kind cluster "{self.cluster}", so it does not delete it; '
                f"`kind delete cluster --name {self.cluster}` does"
            )
        if there or self.is_ours():
            self._delete()
        if not clusters():
            subprocess.run([provider(), "network", "rm", NETWORK], capture_output=True, check=False)
        return there

    def _delete(self, *, quiet: bool = False) -> None:
        try:
            run("delete", "cluster", "--name", self.cluster, *self._file(), quiet=quiet)
        finally:
            self.own_kubeconfig.unlink(missing_ok=True)
            self.own_kubeconfig.with_name(f"{self.own_kubeconfig.name}.lock").unlink(missing_ok=True)

    def _file(self) -> tuple[str, str]:
        return "--kubeconfig", str(self.own_kubeconfig)


def folder() -> Path:
    """Return where the kubeconfigs of the course's kind clusters are."""
    return home() / "kind"


def made() -> list[str]:
    """Return the names of the kind clusters that the course made."""
    return sorted(path.stem for path in folder().glob("*.kubeconfig"))


def clusters() -> list[str]:
    """Return the names of this machine's kind clusters, whoever made them.

    Raises:
        KindError: when kind or Docker does not answer.
    """
    return run("get", "clusters", quiet=True).split()


def nodes(cluster: str) -> list[str]:
    """Return the containers of a kind cluster's nodes.

    Raises:
        KindError: when kind or Docker does not answer.
    """
    return run("get", "nodes", "--name", cluster, quiet=True).split()


def provider(environ: Mapping[str, str] | None = None) -> str:
    """Return the program that runs kind's containers: what kind is told to use, else the first there is.

    Raises:
        KindError: when there is none.
    """
    named = (os.environ if environ is None else environ).get(PROVIDER_VARIABLE, "")
    found = next((name for name in ([named] if named else PROVIDERS) if shutil.which(name)), None)
    if found is None:
        raise KindError(f"there is no {named or 'Docker, Podman or nerdctl'}: `podwalk doctor` says what to install")
    return found


def run(*arguments: str, given: str = "", quiet: bool = False) -> str:
    """Run kind and return what it printed, if ``quiet``.

    Raises:
        KindError: when kind is missing or fails.
    """
    kind = shutil.which("kind")
    if kind is None:
        raise KindError(
            "kind is not installed: `podwalk doctor` says how to get it; podwalk.cluster('embedded') needs nothing"
        )
    output = subprocess.PIPE if quiet else None
    done = subprocess.run([kind, *arguments], input=given, text=True, stdout=output, stderr=output, check=False)
    if done.returncode:
        said = f": {done.stderr.strip().splitlines()[0]}" if done.stderr and done.stderr.strip() else ""
        raise KindError(f"`kind {' '.join(arguments)}` failed{said}; `podwalk doctor` looks for the reason")
    return done.stdout or ""


def configuration(workers: int, ports: tuple[int, ...] = ()) -> dict[str, object]:
    """Return kind's configuration of the course's cluster.

    Args:
        workers: how many; in the zones ``zone-a`` and ``zone-b`` by turns.
        ports: of this machine's loopback, each led to the same port of the control plane.
    """
    mappings = [
        {"containerPort": port, "hostPort": port, "listenAddress": LOOPBACK, "protocol": "TCP"} for port in ports
    ]
    nodes: list[dict[str, object]] = [
        {"role": "control-plane", "labels": {ZONE: "zone-a"}, "extraPortMappings": mappings}
    ]
    nodes += [{"role": "worker", "labels": {ZONE: f"zone-{'ab'[number % 2]}"}} for number in range(workers)]
    networking = {"apiServerAddress": LOOPBACK}
    return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "networking": networking, "nodes": nodes}


def taken(port: int) -> bool:
    """Whether something listens on a port of loopback already."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _check_ports(ports: tuple[int, ...]) -> None:
    busy = [str(port) for port in ports if taken(port)]
    if busy:
        raise KindError(
            f"{'ports' if len(busy) > 1 else 'port'} {', '.join(busy)} of 127.0.0.1 taken by another program: end it "
            "(`lsof -i :PORT` names it), or pass --no-ports: Ingress and NodePorts then answer at the nodes' addresses"
        )
