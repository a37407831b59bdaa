"""Enters a sandbox that bubblewrap has made, from a warm process: as nsenter(1) does, and for good.

Starting Python and importing what notebooks import takes a second; forking a process that has done so takes
milliseconds. bubblewrap starts a program, so the fork joins the namespaces of a sandbox whose only program sleeps.

Source: the manual pages setns(2), ioctl_ns(2), user_namespaces(7), capabilities(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
from pathlib import Path

NS_GET_USERNS = 0xB701
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522
KINDS = ("net", "ipc", "uts", "pid", "mnt")
"""In this order: after ``mnt``, the outside's ``/proc`` is out of sight."""


def enter(pid: int) -> None:
    """Join the namespaces of a sandboxed process, without any capability; children are then inside altogether.

    Must be called in a process with a single thread.

    Raises:
        OSError: when the kernel refuses.
    """
    folder = f"/proc/{pid}/ns"
    opened = {kind: os.open(f"{folder}/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in (*KINDS, "user")}
    # bubblewrap may end in a user namespace inside of the one that owns the others.
    owner = fcntl.ioctl(opened["mnt"], NS_GET_USERNS)
    own = Path("/proc/self/ns/user").stat().st_ino
    try:
        if os.fstat(owner).st_ino != own:
            _setns(owner)
        for kind in KINDS:
            _setns(opened[kind])
        if os.fstat(opened["user"]).st_ino != os.fstat(owner).st_ino:
            _setns(opened["user"])
    finally:
        for descriptor in (owner, *opened.values()):
            os.close(descriptor)


def drop_capabilities() -> None:
    """Give up every capability, for this process and all it will start."""
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(OSError):
        for capability in range(64):
            _must(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    _must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _must(libc.capset(header, nothing))


def _setns(descriptor: int) -> None:
    _must(ctypes.CDLL(None, use_errno=True).setns(descriptor, 0))


def _must(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
