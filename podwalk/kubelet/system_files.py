"""The files that the kubelet manages in every container: those in ``/etc``, and where the last words go."""

from __future__ import annotations

from collections.abc import Mapping

from podwalk.containers.files import File
from podwalk.containers.process import Container


def write(container: Container, shared: Mapping[str, File], termination_log: str) -> None:
    """Put them in place.

    Args:
        container: the container.
        shared: ``/etc/hosts``, ``/etc/resolv.conf``, ``/etc/hostname``: one file each for all containers of the Pod.
        termination_log: where the container may leave its last words.
    """
    files = container.files
    for path, file in shared.items():
        files.mount(path, file, source="/dev/vda")
    files.mount(termination_log, File(mode=0o666), source="/dev/vda")
