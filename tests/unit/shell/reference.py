"""Runs one-liners in a busybox container of the real cluster, and freezes what they gave.

The tables hold the scripts and their outcomes. ``python -m tests.unit.shell.reference`` writes the outcomes anew, where
the rig is there; with ``TABLE SCRIPT…`` it adds scripts to a table.
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RIG = HERE.parents[2].parent / "shared" / "rig" / "env"
NAMESPACE = "shell-reference"
IMAGE = "busybox:1.36"
TABLES = ("outcomes.json", "tool_outcomes.json")
START = 'd=$(mktemp -d); cd $d; export HOME=/root; exec sh -c "$0"'

Outcome = dict[str, Any]


def normalise(outcome: Outcome) -> Outcome:
    """Take out what differs from run to run, and the texts of help."""
    lines, in_usage = list[str](), False
    for line in outcome["stderr"].split("\n"):
        if line.startswith("BusyBox v"):
            in_usage = True
            lines.append("<usage>")
        elif in_usage and re.match(r"(?!or:)[a-z0-9_\[]+: ", line):
            in_usage = False
        if not in_usage:
            lines.append(line)
    stdout = re.sub(r"/tmp/(tmp\.\w{6}|case)\b", "/tmp/DIR", outcome["stdout"])
    return {"stdout": stdout, "stderr": "\n".join(lines).strip(), "exit_code": outcome["exit_code"]}


def frozen(table: str) -> dict[str, Any]:
    """Return the outcomes that were seen, with the day and the image."""
    loaded: dict[str, Any] = json.loads((HERE / table).read_text())
    return loaded


def environment() -> dict[str, str]:
    """Return the environment in which ``kubectl`` reaches the rig."""
    shell = subprocess.run(
        ["sh", "-c", f'eval "$({RIG})"; env -0'], capture_output=True, text=True, check=True, timeout=60
    )
    return dict(pair.split("=", 1) for pair in shell.stdout.split("\0") if "=" in pair)


def reachable() -> bool:
    """Whether the rig is there and answers."""
    if not RIG.exists():
        return False
    probe = subprocess.run(
        ["kubectl", "get", "nodes", "--request-timeout=5s"],
        capture_output=True,
        check=False,
        env=environment(),
        timeout=60,
    )
    return probe.returncode == 0


@contextmanager
def pod() -> Iterator[dict[str, str]]:
    """Give a busybox Pod of the real cluster, in a namespace that goes afterwards."""
    env = {**os.environ, **environment()}
    namespace = f"{NAMESPACE}-{os.getpid()}"

    def kubectl(*words: str) -> None:
        subprocess.run(["kubectl", *words], check=True, capture_output=True, env=env, timeout=180)

    kubectl("create", "namespace", namespace)
    try:
        kubectl("-n", namespace, "run", "box", f"--image={IMAGE}", "--restart=Never", "--", "sleep", "100000")
        kubectl("-n", namespace, "wait", "pod/box", "--for=condition=Ready", "--timeout=120s")
        yield {**env, "SHELL_REFERENCE": namespace}
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def run(env: dict[str, str], script: str) -> Outcome:
    """Run one script in the Pod, in a directory of its own."""
    command = ["kubectl", "-n", env["SHELL_REFERENCE"], "exec", "box", "--", "sh", "-c", START, script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=120)
    stderr = re.sub(r"command terminated with exit code \d+\n$", "", done.stderr)
    return normalise({"stdout": done.stdout, "stderr": stderr, "exit_code": done.returncode})


def observe(env: dict[str, str], scripts: Sequence[str]) -> dict[str, Outcome]:
    """Run scripts and return their outcomes."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return dict(zip(scripts, pool.map(lambda script: run(env, script), scripts), strict=True))


def main(words: Sequence[str]) -> None:
    """Write the outcomes anew, or add scripts to a table."""
    with pod() as env:
        for table in words[:1] or TABLES:
            known = frozen(table)["outcomes"]
            seen = {"seen": dt.datetime.now(dt.UTC).date().isoformat(), "image": IMAGE}
            outcomes = known | observe(env, words[1:]) if words else observe(env, list(known))
            (HERE / table).write_text(json.dumps({**seen, "outcomes": outcomes}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
