"""Runs a submission's cells in the student's kernel, against the one cluster that it may reach."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grader.finding import NotGradableError
from grader.isolation import sandbox
from grader.isolation.job import Job, Output
from grader.isolation.zygote import Zygote
from podwalk.facade import Cluster
from podwalk.facade.sharing import shared

PORT = 8001
MAX_OUTPUT = 4_000_000
"""Bytes of output of one cell that are read."""

CANARY = "import podwalk\n_ = podwalk.cluster(quiet=True).get('namespaces')\ndel podwalk, _"
"""Runs before anything of the student's: if it fails, the kernel or its cluster is at fault and nobody loses a mark."""

STREAMS = frozenset({"stdout", "stderr"})
GLANCE_S = 0.1
RESERVED_PROCESSES = 4
MARGIN_S = 5.0


def run(cluster: Cluster, zygote: Zygote, job: Job, credentials: str = "") -> tuple[tuple[Output, ...], ...]:
    """Run the submission's cells and return the outputs of each, whatever becomes of the kernel.

    A cell that ends the kernel costs itself: the next one gets a new kernel, in which the assignment's own cells
    before it have run again.

    Args:
        cluster: the cluster, which is the submission's alone while this runs.
        zygote: forks the kernels.
        job: what is run.
        credentials: the bearer token with which a real cluster is reached; empty for the caller's own credentials.

    Raises:
        NotGradableError: when the sandbox or the cluster cannot be had.
    """
    outputs: list[tuple[Output, ...]] = []
    deadline = time.monotonic() + job.timeout_s
    with tempfile.TemporaryDirectory(prefix="grader-") as name:
        token = credentials or secrets.token_urlsafe(24)
        place = Place(Path(name), token, PORT if job.sandboxed else _free_port())
        place.kubeconfig.write_text(_kubeconfig(place.port, place.token))
        with shared(cluster, place.socket, token=place.token, credentials=credentials):
            while len(outputs) < len(job.answers):
                again = [job.answers[number] for number in job.given if number < len(outputs)]
                cells = [CANARY, *again, *job.answers[len(outputs) :]]
                lines, ending = _converse(place, zygote, job, cells, deadline)
                if not outputs:
                    _check_canary(lines, ending)
                first = not outputs
                outputs += [_outputs(line) for line in lines[1 + len(again) :]]
                if ending:
                    outputs.append(_stopped(ending))
                if first:
                    _check_setup(job, outputs)
    return tuple(outputs[: len(job.answers)])


@dataclass(frozen=True)
class Place:
    """Where a kernel meets its cluster.

    Attributes:
        folder: of the host, seen by nobody else.
        token: what opens the cluster.
        port: of loopback, where the kernel finds it.
    """

    folder: Path
    token: str
    port: int

    @property
    def socket(self) -> Path:
        """The cluster's Unix socket."""
        return self.folder / "api.sock"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the kernel."""
        return self.folder / "kubeconfig"


def _converse(place: Place, zygote: Zygote, job: Job, cells: Sequence[str], deadline: float) -> tuple[list[str], str]:
    """Run cells in a new kernel: the lines it wrote, and why it ended early (empty if it did not)."""
    if not job.sandboxed:
        return _kernel(place, zygote, job, cells, deadline, 0)
    with sandbox.opened(place.socket, place.kubeconfig) as inside:
        return _kernel(place, zygote, job, cells, deadline, inside)


def _kernel(
    place: Place, zygote: Zygote, job: Job, cells: Sequence[str], deadline: float, inside: int
) -> tuple[list[str], str]:
    folder = "/tmp" if inside else str(place.folder)
    home = sandbox.HOME if inside else str(place.folder)
    kubeconfig = sandbox.KUBECONFIG if inside else str(place.kubeconfig)
    limits = sandbox.limits(job.memory_bytes, job.timeout_s, job.processes)
    if not inside:
        # Outside of a sandbox it would count what else its user runs.
        del limits["RLIMIT_NPROC"]
    request = {
        "sandbox": inside,
        "environment": sandbox.environment(kubeconfig, home, job.seed),
        "limits": limits,
        "home": home,
    }
    document = {
        "cells": list(cells),
        "cell_timeout_s": job.cell_timeout_s,
        "port": place.port,
        "socket": sandbox.SOCKET if inside else str(place.socket),
        "folder": folder,
        "files": job.files,
    }
    read, write = os.pipe()
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(document).encode())
        file.seek(0)
        pid = zygote.fork(request, [file.fileno(), write])
    os.close(write)
    try:
        return _collect(read, job, len(cells), deadline, inside)
    finally:
        os.close(read)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _collect(read: int, job: Job, wanted: int, deadline: float, inside: int) -> tuple[list[str], str]:
    data, lines, started = b"", list[str](), time.monotonic()
    while len(lines) < wanted:
        now = time.monotonic()
        if now > deadline:
            return lines, f"the submission was stopped after {job.timeout_s:g} s"
        if now > started + job.cell_timeout_s + MARGIN_S:
            return lines, f"this cell was stopped after {job.cell_timeout_s:g} s"
        if inside and sandbox.processes(inside) > job.processes + RESERVED_PROCESSES:
            return lines, f"this cell started more than {job.processes} processes"
        if not select.select([read], [], [], GLANCE_S)[0]:
            continue
        chunk = os.read(read, 1 << 16)
        if not chunk:
            return lines, "the kernel died while it ran this cell"
        data += chunk
        if len(data) > MAX_OUTPUT:
            return lines, "this cell put out too much"
        *complete, data = data.split(b"\n")
        if complete:
            lines += [line.decode("utf-8", "replace") for line in complete]
            started = now
    return lines[:wanted], ""


def _check_canary(lines: Sequence[str], ending: str) -> None:
    if not lines:
        raise NotGradableError(f"the student's kernel did not start: {ending}")
    failed = [output for output in _outputs(lines[0]) if output["output_type"] == "error"]
    if failed:
        error = failed[0]
        raise NotGradableError(f"a kernel cannot reach its cluster: {error['ename']}: {error['evalue']}")


def _check_setup(job: Job, outputs: Sequence[tuple[Output, ...]]) -> None:
    """Take an error of the assignment's own cells, before any of the student's has run, for a fault of ours."""
    for number, found in enumerate(outputs):
        if number not in job.given:
            return
        for output in found:
            if output["output_type"] == "error":
                raise NotGradableError(f"the assignment's own cell failed: {output['ename']}: {output['evalue']}"[:400])


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
