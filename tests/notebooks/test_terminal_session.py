"""The one page that is recorded in a terminal says what a terminal says, also today."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "start" / "from-outside.md").read_text(encoding="utf-8")
SESSION = [
    line
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
PARTS = re.split(r"^\$ ", "\n".join(SESSION), flags=re.MULTILINE)[1:]
STEPS = [
    (command, [line for line in output if line != "…"]) for command, *output in (part.splitlines() for part in PARTS)
]
WRITTEN_ON = "127.84.223."
"""What the addresses of the machine begin with on which the page was written."""
END = "--- end of an output"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="each node has an address on Linux only"),
    pytest.mark.skipif(
        not all(shutil.which(name) for name in ("bash", "kubectl", "curl", "dig")), reason="needs kubectl, curl and dig"
    ),
]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A shell's variables, with `podwalk` on the PATH and a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PODWALK", "KUBE"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = kept | {"PODWALK_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": path}
    yield variables
    subprocess.run(["podwalk", "down"], env=variables, capture_output=True, check=False)


def same(line: str) -> str:
    """Leave out of a line what may differ: ports that a kernel picks, milliseconds, and how wide columns are."""
    line = re.sub(r"(RemoteAddr: [\d.]+:|after )\d+", r"\1N", line)
    return " ".join(line.split())


def test_each_command_of_the_page_answers_as_it_is_shown(environment: dict[str, str]) -> None:
    started = subprocess.run(["podwalk", "up"], env=environment, capture_output=True, text=True, check=True)
    status = subprocess.run(["podwalk", "status"], env=environment, capture_output=True, text=True, check=True).stdout
    ours = re.search(r"node +(127\.\d+\.\d+\.)\d+ ", status)
    assert ours, started.stdout + status
    script = "\n".join(f"{{ {command}; }} 2>&1\necho; echo '{END}'" for command, _ in STEPS)
    ran = subprocess.run(
        ["bash", "-c", script.replace(WRITTEN_ON, ours[1])],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = ran.stdout.replace(ours[1], WRITTEN_ON).split(END)
    assert len(said) == len(STEPS) + 1, ran.stderr
    missing = [
        f"$ {command}\n  is shown: {line}\n  said: {answer.strip()}"
        for (command, shown), answer in zip(STEPS, said, strict=False)
        for line in shown
        if line.strip() and same(line) not in [same(one) for one in answer.splitlines()]
    ]
    assert STEPS[0] == ("podwalk up", [])
    assert missing == []
