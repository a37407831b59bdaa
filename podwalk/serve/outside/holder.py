"""Who holds a port of this machine, as far as this user may know.

psutil was chosen over reading ``/proc``: it knows Linux, macOS and Windows, and ipykernel brings it already.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import psutil

SERVER = "podwalk.serve"
UNKNOWN = "another program, of another user perhaps (`sudo ss -ltunp` names it)"


def holder(address: str, port: int, protocol: str) -> str:
    """Return who is bound to a port of an address, in words for a sentence."""
    kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
    try:
        pids = {pid for pid, kinds, ip in _bound(port) if kinds == kind and ip in (address, "0.0.0.0", "::")}
    except psutil.Error:
        return UNKNOWN
    return next((words for pid in pids if pid and (words := _describe(pid))), UNKNOWN)


def _bound(port: int) -> Iterator[tuple[int | None, int, str]]:
    for entry in psutil.net_connections(kind="inet"):
        at = entry.laddr
        if at and at.port == port and not entry.raddr:
            yield entry.pid, entry.type, at.ip


def cluster_of(pid: int) -> str:
    """Return the name of the embedded cluster that a process serves; empty if it is gone, or is another program."""
    try:
        command = psutil.Process(pid).cmdline()
        return command[command.index(SERVER) + 1] if SERVER in command else ""
    except (psutil.Error, IndexError):
        return ""


def _describe(pid: int) -> str:
    cluster = cluster_of(pid)
    try:
        process = psutil.Process(pid)
        what = f"the embedded cluster {cluster}" if cluster else f"process {pid} ({process.name()})"
        return f"{what} of {process.username()}"
    except psutil.Error:
        return ""
