"""The sandbox: bubblewrap around the student's kernel.

Inside there is no network but loopback, no file of the course, no other process; the system and Python are there to be
read, and one folder to be written, which goes when the kernel goes. The cluster's Unix socket is bound in.

Source: the manual page bwrap(1).
"""

from __future__ import annotations

import resource
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import grader
import podwalk
from grader.finding import NotGradableError

HOME = "/home/learner"
LIBRARY = "/opt/course"
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


def command(arguments: Sequence[str], *, socket: Path, kubeconfig: Path, pass_fd: int) -> list[str]:
    """Return the command that runs Python with these arguments in a sandbox.

    Raises:
        NotGradableError: when bubblewrap is not installed.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NotGradableError(
            "bubblewrap (bwrap) is not installed, and submissions are run in a sandbox: install it "
            "(apt install bubblewrap), or pass --unsandboxed if you trust every submission with your files"
        )
    return [
        bwrap, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "learner",
        "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
        *_binds(),
        "--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp",
        "--size", str(SCRATCH_BYTES), "--tmpfs", HOME,
        "--ro-bind", str(Path(podwalk.__file__).parent), f"{LIBRARY}/podwalk",
        "--ro-bind", str(Path(grader.__file__).parent), f"{LIBRARY}/grader",
        "--ro-bind", str(kubeconfig), KUBECONFIG, "--bind", str(socket), SOCKET,
        *(word for pair in environment(LIBRARY, KUBECONFIG, HOME, pass_fd).items() for word in ("--setenv", *pair)),
        "--remount-ro", "/", "--chdir", HOME,
        sys.executable, *arguments,
    ]  # fmt: skip


def environment(library: str, kubeconfig: str, home: str, results_fd: int) -> dict[str, str]:
    """Return the environment of the student's kernel: nothing of ours but where its cluster is."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": library,
        "PYTHONDONTWRITEBYTECODE": "1",
        "KUBECONFIG": kubeconfig,
        "PODWALK_BACKEND": "context",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "NBGRADER_EXECUTION": "autograde",
        "GRADER_RESULTS_FD": str(results_fd),
    }


def limit(memory_bytes: int, cpu_s: float) -> Callable[[], None]:
    """Return a function that sets the limits of the process it runs in, and of its children."""

    def apply() -> None:
        seconds = int(cpu_s) + CPU_MARGIN_S
        for kind, value in (
            (resource.RLIMIT_AS, memory_bytes),
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
            (resource.RLIMIT_NOFILE, MAX_FILES),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (value, value))

    return apply


def _binds() -> Iterator[str]:
    seen: list[Path] = []
    for path in map(Path, (*SYSTEM, sys.base_prefix, sys.prefix)):
        if path.is_symlink() and path.parent == Path("/"):
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.exists() and not any(path.is_relative_to(above) for above in seen):
            seen.append(path)
            yield from ("--ro-bind", str(path), str(path))
