"""A sample class of five students, whose submissions are made from code: what a first look at grading is tried on."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import yaml
from nbformat.notebooknode import NotebookNode

from grader import notebooks

ASSIGNMENT = "services"
Answers = Mapping[str, str]
"""The source of each answer, by the cell's ``grade_id``."""


def students(source: Path) -> dict[str, Answers]:
    """Return the answers of each student of the sample class; ``source`` is the assignment with its solutions."""
    right = solutions(notebooks.read(source))
    return {
        "ada-right": right,
        "bela-other-way": {**right, **OTHER_WAY},
        "chen-untouched": {},
        "dora-wrong-port": right | {"service-answer": right["service-answer"].replace("8080", "80")},
        "emil-crash": right | {"affinity-answer": "import os\nos.abort()"},
    }


def solutions(notebook: NotebookNode) -> dict[str, str]:
    """Return the reference answers of an assignment's source notebook."""
    cells = [cell for cell in notebook.cells if notebooks.about(cell).get("solution")]
    return {
        cell.metadata["nbgrader"]["grade_id"]: "\n".join(
            line for line in cell.source.splitlines() if not line.strip().startswith(("### BEGIN", "### END"))
        )
        for cell in cells
    }


def submission(release: NotebookNode, answers: Answers) -> str:
    """Return the student's version with these answers in it, as the text of a notebook."""
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        name = notebooks.about(cell).get("grade_id", "")
        if name in answers:
            cell.source = answers[name]
    return notebooks.text(notebook)


def _service(name: str, **spec: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def _apply(*objects: Mapping[str, object]) -> str:
    return f'cluster.apply("""\n{yaml.safe_dump_all(objects, sort_keys=False)}""")'


BACKEND = {"app": "backend"}
OTHER_WAY: Answers = {
    # A port by its name, on every node as well.
    "service-answer": _apply(
        _service("backend", type="NodePort", selector=BACKEND, ports=[{"port": 80, "targetPort": "http"}])
    ),
    # The official client, without a manifest.
    "affinity-answer": """
from kubernetes import client

ports = [client.V1ServicePort(port=80, target_port=8080)]
spec = client.V1ServiceSpec(selector={"app": "backend"}, session_affinity="ClientIP", ports=ports)
service = client.V1Service(metadata=client.V1ObjectMeta(name="cart"), spec=spec)
client.CoreV1Api(cluster.api).create_namespaced_service("shop", service)
""".strip(),
    # No ports at all: a headless Service needs none.
    "headless-answer": _apply(_service("backend-pods", clusterIP="None", selector=BACKEND)),
}
"""Right answers that look different."""
