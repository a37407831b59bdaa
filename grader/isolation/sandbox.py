"""The sandbox: bubblewrap around the student's kernel.

Inside there is no network but loopback, no file of the course, no other process; the system and Python are there to be
read, and one folder to be written, which goes when the kernel goes. The cluster's Unix socket is bound in.

Source: the manual page bwrap(1).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grader
import podwalk
from grader.finding import NotGradableError
from podwalk.facade.seeds import SEED_VARIABLE

HOME = "/home/learner"
SOCKET = "/run/cluster.sock"
KUBECONFIG = "/run/kubeconfig"
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache",
    "/etc/localtime", "/etc/ssl/certs",
)  # fmt: skip
SCRATCH_BYTES = 256 * 1024**2
MAX_FILE_BYTES = 64 * 1024**2
MAX_FILES = 256
CPU_MARGIN_S = 5


@contextlib.contextmanager
def opened(socket: Path, kubeconfig: Path) -> Iterator[int]:
    """Make a sandbox, and end it with all that runs in it when the block is left.

    Yields:
        A process inside, whose namespaces a kernel enters.

    Raises:
        NotGradableError: when bubblewrap is not installed or does not work here.
    """
    read, write = os.pipe()
    process = subprocess.Popen(
        [*_command(socket, kubeconfig, write), "/bin/sh", "-c", "echo ready; exec sleep infinity"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(write,),
        text=True,
    )
    os.close(write)
    assert process.stdout is not None, "it was asked for"
    assert process.stderr is not None, "it was asked for"
    try:
        if process.stdout.readline() != "ready\n":
            raise NotGradableError(f"bubblewrap does not work here: {process.stderr.read().strip()}")
        with os.fdopen(read) as about:
            pid = int(json.load(about)["child-pid"])
        yield pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def works() -> bool:
    """Whether bubblewrap is installed and may make namespaces here."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return False
    return subprocess.run([bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True).returncode == 0


def processes(pid: int) -> int:
    """Count the processes in the sandbox of ``pid``; none if it has ended."""
    try:
        return sum(entry.name.isdigit() for entry in Path(f"/proc/{pid}/root/proc").iterdir())
    except OSError:
        return 0


def _command(socket: Path, kubeconfig: Path, info_fd: int) -> list[str]:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NotGradableError(
            "bubblewrap (bwrap) is not installed, and submissions are run in a sandbox: install it "
            "(apt install bubblewrap), or pass --unsandboxed if you trust every submission with your files"
        )
    library = (Path(podwalk.__file__).parent, Path(grader.__file__).parent)
    return [
        bwrap, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "learner",
        "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL", "--clearenv",
        "--info-fd", str(info_fd),
        # The scratch folders come first: Python may be installed below one of them.
        "--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp",
        "--size", str(SCRATCH_BYTES), "--tmpfs", HOME,
        *_binds(),
        *(word for path in library for word in ("--ro-bind", str(path), str(path))),
        "--ro-bind", str(kubeconfig), KUBECONFIG, "--bind", str(socket), SOCKET,
        "--remount-ro", "/", "--chdir", HOME,
    ]  # fmt: skip


def environment(kubeconfig: str, home: str, seed: int | None = None) -> dict[str, str]:
    """Return the environment of the student's kernel: nothing of ours but where its cluster is, and whose variant."""
    own = {} if seed is None else {SEED_VARIABLE: str(seed)}
    return own | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(podwalk.__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "KUBECONFIG": kubeconfig,
        "PODWALK_BACKEND": "context",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "NBGRADER_EXECUTION": "autograde",
    }


def limits(memory_bytes: int, cpu_s: float, processes: int) -> dict[str, int]:
    """Return the limits of the student's kernel, by their names in :mod:`resource`.

    The kernel does not count root's processes; those are counted by whoever waits for the sandbox.
    """
    return {
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_CPU": int(cpu_s) + CPU_MARGIN_S,
        "RLIMIT_FSIZE": MAX_FILE_BYTES,
        "RLIMIT_NOFILE": MAX_FILES,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": processes,
    }


def _binds() -> Iterator[str]:
    seen: list[Path] = []
    for path in map(Path, (*SYSTEM, sys.base_prefix, sys.prefix)):
        if path.is_symlink() and path.parent == Path("/"):
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.exists() and not any(path.is_relative_to(above) for above in seen):
            seen.append(path)
            yield from ("--ro-bind", str(path), str(path))
