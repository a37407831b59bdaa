"""A warm process that has imported what notebooks import, and forks a student's kernel whenever it is asked to.

It knows nothing worth stealing: no test, no gradebook, no path of the course. Each fork enters its own sandbox before
it reads a line of a submission.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from grader.finding import NotGradableError

MAX_REQUEST = 64 * 1024


class Zygote:
    """The warm process, as the judge sees it."""

    def __init__(self) -> None:
        """Start it; importing goes on while the caller does something else."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptor = theirs.fileno()
        # Threads of a numerical library would keep a fork from entering a sandbox.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "grader.isolation.zygote", str(descriptor)]
        self._process = subprocess.Popen(
            command, pass_fds=(descriptor,), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        theirs.close()

    def fork(self, request: Mapping[str, Any], descriptors: list[int]) -> int:
        """Fork a kernel and return its process's id.

        Args:
            request: ``sandbox`` (the process whose namespaces it enters; 0 for none), ``environment``, ``limits``,
                ``folder``.
            descriptors: the file it reads its cells from, and the pipe for its results.

        Raises:
            NotGradableError: when the process is gone.
        """
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
            answer = self._socket.recv(MAX_REQUEST)
        except OSError as error:
            raise NotGradableError(f"the kernels' process has ended: {error}") from error
        if not answer:
            raise NotGradableError("the kernels' process has ended")
        return int(answer)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


def serve(descriptor: int) -> None:
    """Fork kernels until the judge goes away."""
    from grader.isolation import kernel

    kernel.warm()
    gc.collect()
    gc.freeze()
    # Kernels end without being waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as judge:
        while True:
            data, descriptors, _, _ = socket.recv_fds(judge, MAX_REQUEST, 2)
            if not data:
                return
            child = os.fork()
            if child == 0:
                _become_kernel(json.loads(data), descriptors)
            for received in descriptors:
                os.close(received)
            judge.send(str(child).encode())


def _become_kernel(request: Mapping[str, Any], descriptors: list[int]) -> None:
    """Run the cells in a child of this fork: only children are in the sandbox's process namespace."""
    from grader.isolation import kernel, namespaces

    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        cells, results = _settle(descriptors)
        if request["sandbox"]:
            namespaces.enter(request["sandbox"])
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            os._exit(0)
        if request["sandbox"]:
            namespaces.drop_capabilities()
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["home"])
        for name, value in request["limits"].items():
            with contextlib.suppress(ValueError):
                resource.setrlimit(getattr(resource, name), (value, value))
        kernel.run(cells, results)
    finally:
        os._exit(1)


def _settle(descriptors: list[int]) -> tuple[int, int]:
    """Keep the two descriptors and nothing else, and let standard streams lead nowhere."""
    cells, results = 10, 11
    os.dup2(descriptors[0], 20)
    os.dup2(descriptors[1], 21)
    os.dup2(20, cells)
    os.dup2(21, results)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.closerange(3, cells)
    os.closerange(results + 1, 4096)
    return cells, results


if __name__ == "__main__":
    serve(int(sys.argv[1]))
