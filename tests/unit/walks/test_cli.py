"""``podwalk walk``, ``matrix`` and ``map`` write in the forms that were asked for."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner, Result

import podwalk
from podwalk.cli import podwalk as command
from podwalk.facade import Cluster

POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: NAME}}
spec: {containers: [{name: main, image: IMAGE}]}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = podwalk.cluster("in-process", quiet=True)
    for name, image in (("web", "traefik/whoami"), ("client", "nginx")):
        made.apply(POD.replace("NAME", name).replace("IMAGE", image))
        made.wait(f"pod/{name}", "condition=Ready")
    monkeypatch.setattr("podwalk.facade.connect", lambda *_, **__: made)
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(command, words)


def test_walk_in_every_form_and_its_exit_code(cluster: Cluster) -> None:
    ip = cluster.get("pods", "web").object["status"]["podIP"]
    found = run("walk", "client", f"http://{ip}")
    assert (found.exit_code, found.output.split()[0]) == (0, "default/client")
    assert json.loads(run("walk", "client", f"http://{ip}", "-o", "json").output)["outcome"] == "delivered"
    assert ET.fromstring(run("walk", "client", f"http://{ip}", "-o", "svg").output).tag.endswith("svg")
    assert "Packet: " in run("walk", "client", f"http://{ip}", "--steps").output
    cluster.apply(DENY)
    stopped = run("walk", "client", f"http://{ip}")
    assert stopped.exit_code == 3
    assert "kind: NetworkPolicy" in stopped.output


def test_name_outside_the_cluster_can_be_given(cluster: Cluster) -> None:
    assert run("walk", "client", "http://far.example").exit_code == 3
    assert run("walk", "client", "http://far.example", "--resolve", "far.example=203.0.113.7").exit_code == 0


@pytest.mark.usefixtures("cluster")
def test_matrix_and_map() -> None:
    assert run("matrix", "--port", "80").output.splitlines()[0].split() == ["FROM", "client:80/TCP", "web:80/TCP"]
    assert json.loads(run("matrix", "default/web", "--port", "80", "-o", "json").output)["namespaces"] == ["default"]
    assert "Pods behind no Service" in run("map").output
