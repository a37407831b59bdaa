"""Write down anew what a real cluster answers in the sessions: ``python -m tests.conformance.kubectl.record [NAME…]``.

A step that is tried again keeps what is written unless it never comes about; a new one is given four seconds to settle.
Read the difference before committing it: it is what every cluster is held to.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.conformance.kubectl.place import SESSIONS, kind_kubeconfig, missing_kubectl, terminal
from tests.conformance.kubectl.transcript import Step, Terminal, follow, parse

SETTLE_S = 4.0


def record(name: str, kubeconfig: Path) -> None:
    """Run a session on the cluster of a kubeconfig and write its outputs down."""
    path = SESSIONS / f"{name}.txt"
    with tempfile.TemporaryDirectory() as folder, terminal(kubeconfig, Path(folder)) as shell:
        steps = [replace(step, output=_answer(shell, step)) for step in parse(path.read_text())]
    path.write_text("".join(str(step) for step in steps))


def _answer(shell: Terminal, step: Step) -> str:
    if step.until and step.output:
        return follow(shell, step)
    output = follow(shell, replace(step, until=False))
    last_change = time.monotonic()
    while step.until and time.monotonic() - last_change < SETTLE_S:
        again = shell.run(step.command)
        if again != output:
            output, last_change = again, time.monotonic()
    return output


if __name__ == "__main__":
    if reason := missing_kubectl():
        sys.exit(reason)
    found = kind_kubeconfig()
    if found is None:
        sys.exit("no kind cluster is up: set KUBECONFIG to one")
    for session in sys.argv[1:] or sorted(path.stem for path in SESSIONS.glob("*.txt")):
        print(session, flush=True)
        record(session, found)
