"""The programs that images have beside their own: files, text, processes, archives.

Tools of the network are in modules of their own.

Output and messages are BusyBox's, 1.38 as the reference cluster has it.
"""

from __future__ import annotations

import importlib

from podwalk.containers.process import Program
from podwalk.containers.shell import ash, bash
from podwalk.containers.tools.busybox import APPLETS, binaries
from podwalk.containers.tools.command import PROGRAMS

MODULES = (
    "text", "fields", "grep", "sed", "listing", "finding", "trees", "names", "digests", "differences", "numbers",
    "dates", "system", "processes", "running", "archives", "awk",
)  # fmt: skip

for _module in MODULES:
    importlib.import_module(f"podwalk.containers.tools.{_module}")

PROGRAMS.update({"sh": ash, "ash": ash, "bash": bash})

BUSYBOX: dict[str, Program] = {
    name: program for name, program in PROGRAMS.items() if name in APPLETS or name == "busybox"
}
"""The applets of BusyBox that are simulated, the shell among them; an image adds those of the network."""

__all__ = ["APPLETS", "BUSYBOX", "PROGRAMS", "binaries"]
