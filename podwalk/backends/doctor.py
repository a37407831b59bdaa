"""What stands between this machine and a real cluster, each with what to do about it.

The embedded cluster needs none of this.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import yaml
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from podwalk.backends import kind, rights
from podwalk.backends.context import ContextBackend, UnreachableError
from podwalk.backends.production import ProductionError

LEAST_KIND = (0, 33)
"""The kind that the pinned node image was made for."""

LEAST_MEMORY_GIB = 4
VERSION = re.compile(r"v?(\d+)\.(\d+)")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
NOT_BY_PROXY = ("localhost", "127.0.0.1", "10.96.0.0/16", "10.244.0.0/16", ".svc", ".cluster.local")
ANSWER_TIMEOUT_S = 20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what was looked at.
        good: whether it is as it should be.
        said: what was found.
        remedy: what to do; empty if it is good.
    """

    subject: str
    good: bool
    said: str
    remedy: str = ""


def examine(context: str = "", namespace: str = "default") -> Iterator[Finding]:
    """Look at everything and yield what was found.

    Args:
        context: the context to try, by default the current one.
        namespace: where labs are to run on it.
    """
    yield from containers()
    yield from kind_itself()
    yield from ports()
    yield proxies()
    yield from cluster(context, namespace)


def containers() -> Iterator[Finding]:
    """Look at Docker, or what kind is told to use instead: there, running, with memory enough."""
    try:
        program = kind.provider()
    except kind.KindError:
        remedy = "install Docker Desktop, Docker Engine or Podman; the embedded cluster (`podwalk up`) needs none"
        yield Finding("Docker", False, "there is no Docker, Podman or nerdctl on PATH", remedy)
        return
    code, out, err = _run(program, "info", "--format", "{{json .}}")
    told = _told(out)
    # Docker 20.10 says so in its answer only, with exit code 0.
    errors = told.get("ServerErrors") or ()
    err = "\n".join(errors) or err
    if code or errors:
        said = (err.strip().splitlines() or ["no answer"])[-1]
        remedy = (
            "let your user use it: `sudo usermod -aG docker $USER`, then log in again"
            if "permission denied" in err.lower()
            else "start it: Docker Desktop, or `sudo systemctl start docker`"
        )
        yield Finding("Docker", False, f"{program} is installed but does not run: {said}", remedy)
        return
    yield Finding("Docker", True, f"{program} runs")
    memory = _memory_gib(told)
    if memory and memory < LEAST_MEMORY_GIB:
        remedy = f"give it {LEAST_MEMORY_GIB} GiB: Docker Desktop, Settings, Resources; or a machine with more"
        yield Finding("memory", False, f"{program} has {memory:.1f} GiB; three nodes need {LEAST_MEMORY_GIB}", remedy)
    elif memory:
        yield Finding("memory", True, f"{program} has {memory:.1f} GiB")


def kind_itself() -> Iterator[Finding]:
    """Look at kind: there, and new enough for the pinned node image."""
    wanted = ".".join(map(str, LEAST_KIND))
    if which("kind") is None:
        yield Finding(
            "kind", False, "kind is not on PATH", f"install v{wanted}.0 or newer: kind.sigs.k8s.io, Quick Start"
        )
        return
    _, out, err = _run("kind", "version")
    version = _version(out)
    if version is None:
        yield Finding("kind", False, f"`kind version` said {out.strip() or err.strip()!r}", "install it anew")
    elif version < LEAST_KIND:
        said = f"kind {_dotted(version)} is too old for Kubernetes v1.37"
        yield Finding("kind", False, said, f"install v{wanted}.0 or newer: kind.sigs.k8s.io, Quick Start")
    else:
        yield Finding("kind", True, f"kind {_dotted(version)}")


def ports() -> Iterator[Finding]:
    """Look whether the ports that a kind cluster listens on are free; those of the course's own are."""
    if kind.made():
        yield Finding("ports", True, "the course's kind cluster has them")
        return
    busy = [port for port in (*kind.INGRESS_PORTS, *kind.NODE_PORTS) if kind.taken(port)]
    for port in busy:
        remedy = f"end the program (`sudo lsof -i :{port}` names it), or `podwalk up --kind --no-ports`"
        yield Finding(f"port {port}", False, f"port {port} of 127.0.0.1 is taken", remedy)
    if not busy:
        yield Finding("ports", True, "80, 443 and the labs' NodePorts are free")


def proxies() -> Finding:
    """Look whether a proxy would swallow what is meant for the cluster."""
    given = [name for name in PROXIES if os.environ.get(name)]
    excused = {part.strip() for part in (os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "").split(",")}
    missing = [part for part in NOT_BY_PROXY if part not in excused]
    if not given or not missing or "*" in excused:
        return Finding("proxy", True, "no proxy stands in the way")
    remedy = (
        f"export NO_PROXY={','.join([*sorted(excused - {''}), *missing])} (and no_proxy), then make the cluster anew"
    )
    return Finding("proxy", False, f"{', '.join(given)} set, and NO_PROXY lacks {', '.join(missing)}", remedy)


def cluster(context: str, namespace: str) -> Iterator[Finding]:
    """Look at the kubeconfig, the context's cluster, kubectl's version against it, and the user's rights."""
    files = kubeconfigs()
    broken = [finding for path in files if (finding := _file(path)) is not None]
    yield from broken
    server = None
    if files and not broken:
        yield Finding("kubeconfig", True, ", ".join(map(str, files)))
        api, found = _reach(context)
        yield found
        if api is not None:
            server = _version(found.said.rpartition("Kubernetes ")[2])
            yield _rights(api, namespace)
    yield kubectl(server or (1, 37))


def kubectl(server: tuple[int, int]) -> Finding:
    """Look whether kubectl is within one minor version of a server; notebooks do without it."""
    if which("kubectl") is None:
        return Finding("kubectl", True, "kubectl is not on PATH; notebooks do without it")
    _, out, err = _run("kubectl", "version", "--client", "--output=json")
    try:
        client = _version(json.loads(out)["clientVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError):
        client = None
    if client is None:
        return Finding("kubectl", False, f"`kubectl version` said {(out or err).strip()!r}", "install it anew")
    if client[0] != server[0] or abs(client[1] - server[1]) > 1:
        said = f"kubectl {_dotted(client)} and Kubernetes {_dotted(server)} are more than one minor version apart"
        return Finding("kubectl", False, said, f"install kubectl {_dotted(server)}: kubernetes.io, Install Tools")
    return Finding("kubectl", True, f"kubectl {_dotted(client)}")


def kubeconfigs() -> list[Path]:
    """Return the kubeconfig files that are there."""
    named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    paths = [Path(part) for part in named] or [Path.home() / ".kube" / "config"]
    return [path for path in paths if path.is_file()]


def _file(path: Path) -> Finding | None:
    remedy = f"mend it, or move it away: `mv {path} {path}.old`"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return Finding("kubeconfig", False, f"{path} cannot be read: {' '.join(str(error).split())}", remedy)
    if not isinstance(content, dict) or not isinstance(content.get("contexts") or [], list):
        return Finding("kubeconfig", False, f"{path} is no kubeconfig", remedy)
    return None


def _reach(context: str) -> tuple[ApiClient | None, Finding]:
    backend = ContextBackend(context)
    try:
        api = backend.connect()
    except ProductionError as error:
        return None, Finding("context", False, str(error), "choose another: `podwalk doctor --context NAME`")
    except UnreachableError as error:
        remedy = "start the cluster, log in anew, join its network, or choose another: `podwalk doctor --context NAME`"
        return None, Finding("context", False, str(error).removesuffix(f"; {backend.remedy}"), remedy)
    return api, Finding("context", True, backend.describe())


def _rights(api: ApiClient, namespace: str) -> Finding:
    try:
        lacking = list(rights.lacking(api, rights.needed(namespace)))
    except ApiException as error:
        remedy = "log in anew: the token may have expired"
        return Finding("rights", False, f"the cluster does not say what you may do: HTTP {error.status}", remedy)
    if lacking:
        remedy = f"ask for the role `edit` there, or name a namespace of yours: --namespace (not {namespace})"
        return Finding("rights", False, f"you may not {', '.join(map(str, lacking))}", remedy)
    return Finding("rights", True, f"you may do what labs do in namespace {namespace}")


def _run(*command: str) -> tuple[int, str, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ANSWER_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer within {ANSWER_TIMEOUT_S} s"
    return done.returncode, done.stdout, done.stderr


def _told(info: str) -> dict[str, Any]:
    """Return what Docker or Podman says of itself; nothing if it is not what it should be."""
    try:
        told = json.loads(info)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _memory_gib(told: dict[str, Any]) -> float:
    """Return the memory that Docker or Podman has; 0 if it does not say."""
    return float(told.get("MemTotal") or told.get("host", {}).get("memTotal") or 0) / 2**30


def _version(text: str) -> tuple[int, int] | None:
    match = VERSION.search(text)
    return (int(match[1]), int(match[2])) if match else None


def _dotted(version: tuple[int, int]) -> str:
    return f"v{version[0]}.{version[1]}"
