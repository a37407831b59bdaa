"""The files that every container has: what the kubelet manages in ``/etc``, ``/dev``, and the part of ``/proc`` and ``/sys`` that tools read."""

from __future__ import annotations

from collections.abc import Mapping

from podwalk.containers.files import Device, File
from podwalk.containers.process import Container

DEVICES: Mapping[str, str] = {
    "null": "null", "zero": "zero", "full": "full", "random": "random", "urandom": "random", "tty": "tty",
    "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
}  # fmt: skip


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
    files.mkdir("/dev", parents=True)
    for name, kind in DEVICES.items():
        if not files.exists(f"/dev/{name}"):
            files.place(f"/dev/{name}", Device(kind=kind))
    files.mount(termination_log, File(mode=0o666), source="/dev/vda")
    files.mkdir("/tmp", parents=True)
