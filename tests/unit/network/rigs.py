"""A real kind cluster, where one is up: what the network's tests compare with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from podwalk.store import Store
from podwalk.types import Object

RIG = Path(os.environ.get("PODWALK_RIG", Path(__file__).parents[4] / "shared" / "rig"))
RESOURCES = ("services", "endpointslices.discovery.k8s.io", "pods", "nodes", "namespaces", "configmaps")
CLUSTER_WIDE = ("nodes", "namespaces")


def rig_environment() -> dict[str, str] | None:
    """Return the environment in which kubectl and docker reach the rig, or None where it is not up."""
    if not (RIG / "env").exists() or shutil.which("bash") is None:
        return None
    command = f'eval "$({RIG}/env)" && kubectl get nodes -o name >/dev/null && env -0'
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=20, check=False)
    pairs = (pair.partition("=") for pair in done.stdout.decode().split("\0") if pair)
    return {key: value for key, _, value in pairs} if done.returncode == 0 else None


class Rig:
    """A running kind cluster."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def run(self, *command: str, stdin: str = "") -> str:
        done = subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, resource: str, *more: str) -> list[Object]:
        items: list[Object] = json.loads(self.run("kubectl", "get", resource, "-o", "json", *more))["items"]
        return items

    def snapshot(self, *namespaces: str) -> Store:
        """Return the objects of some namespaces, and those of the whole cluster; others come and go meanwhile."""
        store = Store()
        for resource in RESOURCES:
            scopes = [()] if resource in CLUSTER_WIDE else [("-n", namespace) for namespace in namespaces]
            for obj in (obj for scope in scopes for obj in self.get(resource, *scope)):
                store.put(resource, obj)
        return store


def connect() -> Rig:
    """Return the cluster; skips the test, visibly, where none is up."""
    environment = rig_environment()
    if environment is None:
        pytest.skip(f"no kind cluster is up at {RIG}")
    return Rig(environment)
