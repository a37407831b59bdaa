"""The course's own kind cluster: a real Kubernetes in Docker containers.

kind writes a context ``kind-NAME`` into the kubeconfig, so reaching the cluster is the context backend's work; this
module adds making and deleting it. The cluster has one control plane and two workers in two zones, like the embedded
one.

Source: kind.sigs.k8s.io, "Configuration".
"""

from __future__ import annotations

import os
import shutil
import subprocess

import yaml

from podwalk.backends.context import ContextBackend
from podwalk.errors import PodwalkError

NAME_VARIABLE = "PODWALK_KIND_CLUSTER"
"""The environment variable that names the kind cluster, ``podwalk`` by default."""

IMAGE_VARIABLE = "PODWALK_KIND_IMAGE"
"""The environment variable that names the node image; by default kind's own choice."""

WAIT = "180s"


class KindError(PodwalkError):
    """kind is missing or failed."""


class KindBackend(ContextBackend):
    """A kind cluster by its name."""

    name = "kind"
    remedy = "make it with `podwalk up --kind`, or use podwalk.cluster('embedded')"

    def __init__(self, cluster: str = "") -> None:
        self.cluster = cluster or os.environ.get(NAME_VARIABLE, "podwalk")
        super().__init__(f"kind-{self.cluster}")

    def describe(self) -> str:
        """Name the cluster and the server's version."""
        return f'kind cluster "{self.cluster}", Kubernetes {self._version}'

    def up(self, *, image: str = "", workers: int = 2) -> None:
        """Make the cluster, unless it is there; kind's own progress goes to the terminal.

        Args:
            image: the node image, by default what ``PODWALK_KIND_IMAGE`` says, else kind's choice.
            workers: how many worker nodes.

        Raises:
            KindError: when kind or Docker is missing, or kind fails.
        """
        if self.cluster in self._clusters():
            return
        image = image or os.environ.get(IMAGE_VARIABLE, "")
        command = ["create", "cluster", "--name", self.cluster, "--config", "-", "--wait", WAIT]
        self._kind(*command, *(["--image", image] if image else []), given=yaml.safe_dump(configuration(workers)))

    def down(self) -> None:
        """Delete the cluster; nothing happens if there is none.

        Raises:
            KindError: when kind is missing or fails.
        """
        self._kind("delete", "cluster", "--name", self.cluster)

    def _clusters(self) -> list[str]:
        return self._kind("get", "clusters", quiet=True).split()

    def _kind(self, *arguments: str, given: str = "", quiet: bool = False) -> str:
        kind = shutil.which("kind")
        if kind is None:
            raise KindError(
                "kind is not installed: see kind.sigs.k8s.io, or use podwalk.cluster('embedded'), which needs nothing"
            )
        output = subprocess.PIPE if quiet else None
        done = subprocess.run([kind, *arguments], input=given, text=True, stdout=output, stderr=output, check=False)
        if done.returncode:
            said = f": {done.stderr.strip()}" if done.stderr else ""
            raise KindError(f"`kind {' '.join(arguments)}` failed{said}; is Docker running? (`docker info`)")
        return done.stdout or ""


def configuration(workers: int) -> dict[str, object]:
    """Return kind's configuration of the course's cluster: the workers in zones ``zone-a`` and ``zone-b`` by turns."""
    zones = [{"topology.kubernetes.io/zone": f"zone-{'ab'[number % 2]}"} for number in range(workers)]
    nodes: list[dict[str, object]] = [{"role": "control-plane"}]
    nodes += [{"role": "worker", "labels": labels} for labels in zones]
    return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}
