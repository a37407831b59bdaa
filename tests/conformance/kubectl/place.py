"""Where the sessions run: a terminal on a cluster, in a namespace that is gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.conformance.kubectl.transcript import Terminal

SESSIONS = Path(__file__).parent / "sessions"
VERSION = "1.37"
"""The kubectl that the sessions were written down with: another one words some things otherwise."""


def missing_kubectl() -> str:
    """Return why the kubectl on PATH cannot run the sessions; empty if it can."""
    if shutil.which("kubectl") is None:
        return f"kubectl is not on PATH: the sessions need v{VERSION}"
    told = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, check=True).stdout
    found = json.loads(told)["clientVersion"]
    if f"{found['major']}.{found['minor']}" == VERSION:
        return ""
    return f"the kubectl on PATH is {found['gitVersion']}, and the sessions are those of v{VERSION}"


def kind_kubeconfig() -> Path | None:
    """Return the kubeconfig that KUBECONFIG names, if it selects a kind cluster that answers."""
    path = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    try:
        config = yaml.safe_load(path.read_text())
    except OSError:
        return None
    if not str(config.get("current-context", "")).startswith("kind-"):
        return None
    ready = subprocess.run(["kubectl", "get", "--raw", "/readyz"], capture_output=True, check=False, timeout=30)
    return path if ready.returncode == 0 else None


@contextmanager
def terminal(kubeconfig: Path, folder: Path) -> Iterator[Terminal]:
    """Give a terminal in a fresh namespace of the cluster that a kubeconfig selects."""
    namespace = f"kubectl-{uuid.uuid4().hex[:6]}"
    config = yaml.safe_load(kubeconfig.read_text())
    [context] = [one for one in config["contexts"] if one["name"] == config["current-context"]]
    [cluster] = [one for one in config["clusters"] if one["name"] == context["context"]["cluster"]]
    context["context"]["namespace"] = namespace
    (folder / "work").mkdir()
    own = folder / "kubeconfig"
    own.write_text(yaml.safe_dump(config))
    own.chmod(0o600)
    nodes = subprocess.run(
        ["kubectl", "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}", "--kubeconfig", str(own)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.removesuffix("-control-plane")
    shell = Terminal(own, folder / "work", namespace, nodes, cluster["cluster"]["server"])
    shell.run(f"kubectl create namespace {namespace}")
    shell.run("until kubectl get serviceaccount default; do :; done")
    try:
        yield shell
    finally:
        shell.run(f"kubectl delete namespace {namespace} --wait=false --now")
