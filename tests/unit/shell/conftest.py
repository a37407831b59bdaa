"""A container without an image, and a way to run scripts in it on a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from podwalk.containers.files import Directory, FileSystem, devices
from podwalk.containers.process import Container, Pipe, Process, Program
from podwalk.containers.tools import BUSYBOX
from podwalk.simulation import Simulation


@dataclass
class Outcome:
    stdout: str
    stderr: str
    exit_code: int


class Box:
    """A container, and what its processes printed."""

    def __init__(self, programs: Mapping[str, Program] | None = None, **env: str) -> None:
        self.simulation = Simulation(seed=1)
        self.files = FileSystem(clock=lambda: self.simulation.now)
        for path in ("/bin", "/root", "/tmp/case", "/proc", "/etc"):
            self.files.mkdir(path, parents=True)
        self.files.mount("/dev", devices())
        self.files.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        self.files.write("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        known = dict(BUSYBOX if programs is None else programs)
        self.container = Container(
            simulation=self.simulation,
            name="box",
            hostname="box",
            env={"PATH": "/usr/bin:/bin", "HOME": "/root", **env},
            files=self.files,
            network=cast(Any, None),
            programs=known,
        )
        # Process 1, as a Pod's `sleep` would be, so that scripts are ordinary processes.
        Process(self.container, ["sleep", "1000000"]).start(_forever)

    def start(self, argv: Sequence[str], *, stdin: bytes = b"") -> tuple[Process, bytearray, bytearray]:
        source, stdout, stderr = (Pipe(self.simulation) for _ in range(3))
        out, err = bytearray(), bytearray()
        stdout.on_write = out.extend
        stderr.on_write = err.extend
        source.write(stdin)
        source.close()
        process = Process(self.container, argv, stdin=source, stdout=stdout, stderr=stderr, cwd="/tmp/case")
        process.start(self.container.programs[argv[0]])
        return process, out, err

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 1000) -> Outcome:
        process, out, err = self.start(argv, stdin=stdin)
        self.simulation.jump_until(lambda: process.exit_code is not None, timeout_s)
        assert process.exit_code is not None, f"{argv} still runs after {timeout_s} s: {out!r} {err!r}"
        return Outcome(out.decode(errors="replace"), err.decode(errors="replace"), process.exit_code)

    def sh(self, script: str, **options: Any) -> Outcome:
        return self.run(["sh", "-c", script], **options)


def _forever(process: Process) -> Any:
    yield process.sleep(1_000_000)


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def make_box() -> Callable[..., Box]:
    return Box


__all__ = ["Box", "Directory", "Outcome"]
