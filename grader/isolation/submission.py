"""Runs a submission's cells in the student's kernel, against the one cluster that it may reach."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from grader.isolation import sandbox
from grader.isolation.job import Job, Output
from podwalk.facade import Cluster
from podwalk.facade.sharing import shared

KERNEL = ("-m", "grader.isolation.kernel")
PORT = 8001
MAX_LINE = 4_000_000
STREAMS = frozenset({"stdout", "stderr"})


def run(cluster: Cluster, job: Job) -> tuple[tuple[Output, ...], ...]:
    """Run the submission's cells and return the outputs of each, whatever becomes of the kernel.

    Raises:
        NotGradableError: when the sandbox or the cluster cannot be had.
    """
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="grader-") as name:
        folder = Path(name)
        socket, kubeconfig = folder / "api.sock", folder / "kubeconfig"
        port = PORT if job.sandboxed else _free_port()
        kubeconfig.write_text(_kubeconfig(port, token))
        with shared(cluster, socket, token=token):
            lines, ending = _converse(job, folder, socket, kubeconfig, port)
    outputs = [_outputs(line) for line in lines[: len(job.answers)]]
    lost = len(job.answers) - len(outputs)
    return (*outputs, *[_stopped(ending) for _ in range(lost)])


def _converse(job: Job, folder: Path, socket: Path, kubeconfig: Path, port: int) -> tuple[list[str], str]:
    read, write = os.pipe()
    request: dict[str, Any] = {"cells": job.answers, "cell_timeout_s": job.cell_timeout_s, "port": port}
    if job.sandboxed:
        command = sandbox.command(KERNEL, socket=socket, kubeconfig=kubeconfig, pass_fd=write)
        environment = None
        request |= {"socket": sandbox.SOCKET, "folder": "/tmp", "processes": job.processes}
    else:
        command = [sys.executable, *KERNEL]
        library = ":".join(filter(None, sys.path))
        environment = sandbox.environment(library, str(kubeconfig), str(folder), write)
        request |= {"socket": str(socket), "folder": str(folder), "processes": 0}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(write,),
        env=environment,
        cwd=folder,
        start_new_session=True,
        preexec_fn=sandbox.limit(job.memory_bytes, job.timeout_s),
    )
    os.close(write)
    try:
        return _collect(process, read, json.dumps(request).encode(), job)
    finally:
        _end(process)


def _collect(process: subprocess.Popen[bytes], read: int, request: bytes, job: Job) -> tuple[list[str], str]:
    assert process.stdin is not None, "it was asked for"
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(request)
        process.stdin.close()
    deadline, data = time.monotonic() + job.timeout_s, b""
    os.set_blocking(read, False)
    ending = f"the kernel was stopped after {job.timeout_s:g} s"
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([read], [], [], left)[0]:
            continue
        chunk = os.read(read, 65536)
        if not chunk:
            ending = "the kernel died while running this cell"
            break
        data += chunk
        if len(data) > MAX_LINE * len(job.answers):
            ending = "the kernel put out too much"
            break
    os.close(read)
    return data.decode("utf-8", "replace").splitlines(), ending


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stderr is not None:
        process.stderr.close()


def _outputs(line: str) -> tuple[Output, ...]:
    """Read a line of the kernel, which may be anything: only well-formed outputs are taken."""
    try:
        entries = json.loads(line)
    except ValueError:
        return _stopped("the kernel put out something unreadable")
    return tuple(made for entry in entries if (made := _output(entry))) if isinstance(entries, list) else ()


def _output(entry: Any) -> Output | None:
    match entry:
        case {"output_type": "stream", "name": str(name), "text": str(text)} if name in STREAMS:
            return {"output_type": "stream", "name": name, "text": text}
        case {"output_type": "display_data", "data": dict(data)}:
            kept = {str(key): value for key, value in data.items() if isinstance(value, str)}
            return {"output_type": "display_data", "data": kept, "metadata": {}}
        case {"output_type": "error", "ename": str(ename), "evalue": str(evalue), "traceback": list(lines)}:
            return {
                "output_type": "error",
                "ename": ename,
                "evalue": evalue,
                "traceback": [str(line) for line in lines],
            }
    return None


def _stopped(why: str) -> tuple[Output, ...]:
    return ({"output_type": "error", "ename": "KernelStopped", "evalue": why, "traceback": [f"KernelStopped: {why}"]},)


def _kubeconfig(port: int, token: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "assignment",
            "clusters": [{"name": "assignment", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "learner", "user": {"token": token}}],
            "contexts": [{"name": "assignment", "context": {"cluster": "assignment", "user": "learner"}}],
        }
    )


def _free_port() -> int:
    import socket

    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])
