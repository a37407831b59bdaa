"""Sessions of kubectl written down with what a real cluster answers, and how to hold another cluster to them.

A session is prose with indented commands, each with its output below, as a terminal shows it. ``$`` runs a command of
the shell once; ``~`` runs it again until the output is the one written, for what takes a while; ``>`` goes on with a
command. Standard error is mixed in, and an exit code other than 0 is the last line, in brackets. Names that are drawn
at random, addresses, ages and the like are replaced by words in capitals before two outputs are compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

INDENT = "  "
DEADLINE_S = 60.0
COMMAND_TIMEOUT_S = 90.0

# What a name drawn by the API server is made of.
DRAWN = "[bcdfghjklmnpqrstvwxz2456789]"
AGE = r"(?:\d+[dhms]){1,2}|<invalid>"


@dataclass(frozen=True)
class Step:
    """A command and its output; ``until`` means that it is tried again until the output is this one."""

    command: str
    output: str = ""
    until: bool = False
    prose: str = ""

    def __str__(self) -> str:
        """Return it as it stands in a session."""
        first, *rest = self.command.split("\n")
        lines = [f"{'~' if self.until else '$'} {first}", *(f"> {line}".rstrip() for line in rest)]
        lines += self.output.split("\n") if self.output else []
        return self.prose + "".join(f"{INDENT}{line}".rstrip() + "\n" for line in lines)


def parse(text: str) -> list[Step]:
    """Return the steps of a session."""
    steps: list[Step] = []
    prose = ""
    blank = 0
    for line in text.split("\n"):
        if line.startswith((f"{INDENT}$ ", f"{INDENT}~ ")):
            steps.append(Step(line[4:], "", line[2] == "~", prose + "\n" * blank))
            prose, blank = "", 0
        elif line.startswith((f"{INDENT}> ", f"{INDENT}>")) and steps and not steps[-1].output and not prose:
            steps[-1] = replace(steps[-1], command=f"{steps[-1].command}\n{line[4:]}")
        elif not line.strip():
            blank += 1
        elif line.startswith(INDENT) and not prose:
            output = steps[-1].output
            joined = line[2:] if not output else output + "\n" * (blank + 1) + line[2:]
            steps[-1] = replace(steps[-1], output=joined)
            blank = 0
        else:
            prose += "\n" * blank + line + "\n"
            blank = 0
    return steps


@dataclass(frozen=True)
class Terminal:
    """A shell with kubectl on a cluster, in a namespace and a folder of its own."""

    kubeconfig: Path
    folder: Path
    namespace: str
    nodes: str
    server: str
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> str:
        """Run a command and return what it prints, comparable."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "TZ": "UTC",
            "NAMESPACE": self.namespace,
            **self.environment,
        }
        try:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            return self.comparable((expired.stdout or b"").decode(errors="replace")) + "\n[timed out]"
        ending = f"\n[exit {done.returncode}]" if done.returncode else ""
        return (self.comparable(done.stdout.decode(errors="replace")) + ending).strip("\n")

    def comparable(self, text: str) -> str:
        """Replace what differs from one run to the next by words in capitals, and runs of spaces by two."""
        for pattern, word in self._rules():
            text = re.sub(pattern, word, text)
        lines = (re.sub(r"(?<=\S) {2,}", "  ", line.expandtabs(1)).rstrip() for line in text.split("\n"))
        return "\n".join(lines).strip("\n")

    def _rules(self) -> Iterator[tuple[str, str]]:
        yield re.escape(self.namespace), "NAMESPACE"
        yield re.escape(self.server), "https://SERVER"
        yield re.escape(str(self.folder)), "FOLDER"
        yield rf"\b{re.escape(self.nodes)}-worker2?\b", "WORKER"
        yield rf"\b{re.escape(self.nodes)}-control-plane\b", "CONTROL-PLANE"
        yield r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UID"
        yield rf"\bkube-api-access-{DRAWN}{{5}}\b", "kube-api-access-DRAWN"
        yield r"\bzone-[ab]\b", "ZONE"
        yield r"(?:docker\.io/\S+@)?\bsha256:[0-9a-f]{64}", "DIGEST"  # an image that was loaded has no registry
        yield r'exec "[0-9a-f]{64}"', 'exec "NUMBER"'
        yield r"\bcontainerd://[0-9a-f]{64}", "containerd://CONTAINER"
        yield r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)?", "TIME"
        yield r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d (\+0000|GMT)", "TIME"
        yield r"\b[IWE]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ", "LOG "
        yield r"\b10\.244\.\d+\.\d+\b", "POD-IP"
        yield r"\b10\.96\.\d+\.\d+\b", "CLUSTER-IP"
        yield r"\b172\.\d+\.\d+\.\d+\b", "NODE-IP"
        yield r"(?<=:)3[0-2]\d{3}(?=/(?:TCP|UDP))|(?<=  )3[0-2]\d{3}(?=/(?:TCP|UDP))", "NODEPORT"
        yield r'(nodePort"?: ?)3[0-2]\d{3}', r"\1NODEPORT"
        yield r'(resourceVersion"?: ?)"\d+"', r'\1"VERSION"'
        yield r"ImagesSimulated  .*", "ImagesSimulated  IMAGES"
        yield rf"-{DRAWN}{{6,10}}-{DRAWN}{{5}}\b", "-HASH-DRAWN"
        yield rf"((?:pod-template-hash|controller-revision-hash)\S*?[=:] ?\"?(?:\w+-)?){DRAWN}{{6,10}}\b", r"\1HASH"
        yield rf"\b(web|set|agent)-{DRAWN}{{8,10}}\b", r"\1-HASH"
        yield rf"\b(web|set|agent|done|cron)-(?=\w*[bcdfghjklmnpqrstvwxz0-9]{{5}}){DRAWN}{{5}}\b", r"\1-DRAWN"
        yield rf"(?m)(?<=  )(?:{AGE})(?=$|  )|(?<= )(?:{AGE})(?= ago)|(?<=\(x)\d+ over (?:{AGE})", "AGE"
        yield rf"(?m)^(?:{AGE})(?=  )", "AGE"


def follow(terminal: Terminal, step: Step, expected: str | None = None) -> str:
    """Run a step and return its output; one that is tried again ends when it prints what is expected."""
    expected = step.output if expected is None else expected
    deadline = time.monotonic() + DEADLINE_S
    while True:
        output = terminal.run(step.command)
        if not step.until or output == expected or time.monotonic() > deadline:
            return output
