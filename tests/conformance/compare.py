"""Run the conformance tests on kind and on the embedded cluster, and write down what came of it, for the book's page.

``python -m tests.conformance.compare`` runs all of them; a path after it runs a part, and what is given goes to pytest.
A part replaces its own rows of the record, unless the cluster is another than the record's: then it begins anew.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

import podwalk
from podwalk.facade import Cluster
from tests.conformance.conftest import kind_name

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "book" / "_data" / "comparison.yml"
BACKENDS = ("kind", "embedded")
HEAD = (
    "# Written by `python -m tests.conformance.compare`: how many tests ran on each cluster, and what became of them.\n"
)
OUTCOMES = ("passed", "failed", "skipped")


class Recorder:
    """A pytest plugin that counts outcomes by module and backend.

    Attributes:
        counts: outcomes by module and backend.
        reasons: why tests were skipped, by module.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], Counter[str]] = {}
        self.reasons: dict[str, set[str]] = {}
        self._places: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remember which test is of which module and runs on which backend."""
        for item in items:
            params: Mapping[str, Any] = getattr(item, "callspec").params if hasattr(item, "callspec") else {}  # noqa: B009
            backend = next((value for value in params.values() if value in BACKENDS), None)
            if backend:
                self._places[item.nodeid] = (str(item.path.relative_to(ROOT)), str(backend))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: at its call, or where it did not get so far."""
        if report.nodeid not in self._places or (report.when != "call" and report.passed):
            return
        module, backend = self._places[report.nodeid]
        self.counts.setdefault((module, backend), Counter())[report.outcome] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons.setdefault(module, set()).add(report.longrepr[2].removeprefix("Skipped: "))

    def rows(self, today: date) -> dict[str, dict[str, Any]]:
        """Return a row for each module that ran."""
        return {
            module: {
                "about": _about(ROOT / module),
                "checked": today,
                **{name: self._row(module, name) for name in BACKENDS},
                **({"skipped": sorted(self.reasons[module])} if module in self.reasons else {}),
            }
            for module in sorted({module for module, _ in self.counts})
        }

    def _row(self, module: str, backend: str) -> dict[str, int]:
        counts = self.counts.get((module, backend), Counter())
        return {outcome: counts[outcome] for outcome in OUTCOMES}


def _about(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0].rstrip(".")


def versions(cluster: Cluster) -> dict[str, str]:
    """Return what a kind cluster is made of."""
    [node, *_] = [node["status"]["nodeInfo"] for node in cluster.get("nodes")]
    kind = subprocess.run(["kind", "version"], capture_output=True, text=True, check=True).stdout.split()
    return {
        "Kubernetes": str(client.VersionApi(cluster.api).get_code().git_version),
        "kind": kind[1],
        "container runtime": node["containerRuntimeVersion"].replace("://", " "),
        "CNI": _cni(cluster),
        "kubernetes (Python)": client.__version__,
    }


def _cni(cluster: Cluster) -> str:
    """Name the images of the DaemonSets of kube-system that run in the nodes' own network and are not kube-proxy."""
    images = {
        container["image"].rsplit("/", 1)[-1].partition("@")[0]
        for item in cluster.get("daemonsets", namespace="kube-system")
        if item["metadata"]["name"] != "kube-proxy" and item["spec"]["template"]["spec"].get("hostNetwork")
        for container in item["spec"]["template"]["spec"]["containers"]
    }
    return ", ".join(sorted(images)) or "unknown"


def merged(before: Mapping[str, Any], found: Mapping[str, str], rows: Mapping[str, Any]) -> dict[str, Any]:
    """Put new rows into a record; one of another cluster is dropped, since its rows say nothing of this one."""
    kept = before["modules"] if before and before["versions"] == dict(found) else {}
    return {"versions": dict(found), "modules": dict(sorted({**kept, **rows}.items()))}


def main(arguments: Iterable[str]) -> int:
    """Run, and write the record."""
    name = kind_name()
    if not name:
        print("no kind cluster is up: `podwalk up --kind`, or set KUBECONFIG to one", file=sys.stderr)
        return 1
    recorder = Recorder()
    chosen = [*arguments] or [str(ROOT / "tests" / "conformance")]
    code = int(pytest.main(["-q", "-k", " or ".join(BACKENDS), *chosen], plugins=[recorder]))
    if recorder.counts:
        before = yaml.safe_load(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
        found = versions(podwalk.cluster(f"kind:{name}", quiet=True))
        record = merged(before, found, recorder.rows(datetime.now(UTC).date()))
        RECORD.write_text(HEAD + yaml.safe_dump(record, sort_keys=False, allow_unicode=True), encoding="utf-8")
        print(f"written: {RECORD.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
