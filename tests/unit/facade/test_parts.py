"""Parts of a kind cluster from their projects' manifests: pinned, adapted, and clear without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import urllib3

import podwalk
from podwalk.controllers.ingress import manifest as ingress_manifest
from podwalk.facade import addons, parts
from podwalk.facade.errors import LearnerError

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: metrics-server, namespace: kube-system}
spec: {template: {spec: {containers: [{name: metrics-server, args: [--secure-port=10250]}]}}}
"""


def test_a_manifest_from_a_file_is_adapted_to_kind(tmp_path: Path) -> None:
    file = tmp_path / "components.yaml"
    file.write_text(DEPLOYMENT)
    (found,) = parts.fetch(parts.METRICS, file)
    arguments = found["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments == ["--secure-port=10250", "--kubelet-insecure-tls"]


def test_without_a_network_the_error_names_the_file_and_the_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib3.exceptions.ConnectTimeoutError("no network")

    monkeypatch.setattr(urllib3, "request", unreachable)
    with pytest.raises(LearnerError, match=r"v0\.9\.0 cannot be fetched") as caught:
        parts.fetch(parts.METRICS, None)
    assert parts.METRICS.url in caught.value.hint
    assert "--manifest FILE" in caught.value.hint


@pytest.mark.parametrize("part", [parts.METRICS, parts.LOAD_BALANCER, parts.GATEWAY_API])
def test_every_manifest_is_pinned(part: parts.Part) -> None:
    assert part.version in part.url
    assert all(image.endswith(f":{part.version}") for image in part.images)
    assert "latest" not in part.url


@pytest.mark.parametrize(
    "told",
    ['[{"IPAM": {"Config": [{"Subnet": "fc00::/64"}, {"Subnet": "172.18.0.0/16"}]}}]',
     '[{"subnets": [{"subnet": "10.89.0.0/24"}]}]'],
    ids=["docker", "podman"],
)  # fmt: skip
def test_the_network_of_the_nodes_is_read_from_docker_and_podman(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\necho '{told}'\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("KIND_EXPERIMENTAL_PROVIDER", raising=False)
    assert str(parts.docker_network()) in told


def test_what_was_not_added_is_not_removed() -> None:
    with pytest.raises(LearnerError, match="did not add gateway"):
        addons.remove(podwalk.cluster("in-process", quiet=True), "gateway")


def test_who_gives_addresses_from_outside_of_the_cluster_is_found_by_what_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    before = cluster.get("services", namespace="default").names
    assert parts.LOAD_BALANCER.is_there(cluster) is False
    cluster.addon("load-balancer")  # the embedded cluster's is cloud-provider-kind, of which no Pod tells
    monkeypatch.setattr(addons, "is_embedded", lambda cluster: False)
    cluster.backend = "kind"
    assert len(cluster.addon("load-balancer")) == 0
    assert cluster.get("services", namespace="default").names == before


def test_what_an_add_on_runs_is_pinned_and_can_be_fetched_before() -> None:
    site = ingress_manifest(real=True)
    [deployment] = [obj for obj in site if obj["kind"] == "Deployment"]
    ran = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert ran in addons.images()
    assert all(re.search(r":v\d+\.\d+\.\d+$", image) for image in addons.images())
