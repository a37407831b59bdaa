"""The course's kind cluster: how kind is called, and what is never touched."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from podwalk.backends import images, kind
from podwalk.backends.kind import KindBackend, KindError
from podwalk.cli import addons as addons_command
from podwalk.facade import addons
from tests.unit.backends.conftest import Fake

KIND = """
case "$1 $2" in
  "get clusters") cat {place}/clusters 2>/dev/null || true;;
  "create cluster") cat > {place}/config; {then};;
  "delete cluster") : > {place}/clusters;;
esac
"""
MADE = "echo podwalk > {place}/clusters; while [ $# -gt 1 ]; do [ $1 = --kubeconfig ] && echo {{}} > $2; shift; done"


@pytest.fixture
def made(place: Path, fake: Fake) -> KindBackend:
    fake("kind", KIND.format(place=place, then=MADE.format(place=place)))
    fake("docker", "exit 0")
    return KindBackend()


def calls(place: Path) -> str:
    return (place / "calls").read_text()


def test_the_cluster_is_made_with_the_pinned_image_zones_and_loopback_ports(place: Path, made: KindBackend) -> None:
    assert made.up(ports=False) is True
    assert f"--name podwalk --image {kind.NODE_IMAGE} " in calls(place)
    assert "@sha256:" in kind.NODE_IMAGE
    config = yaml.safe_load((place / "config").read_text())
    assert [node["labels"][kind.ZONE] for node in config["nodes"]] == ["zone-a", "zone-a", "zone-b"]
    mapped = kind.configuration(2, (80, 443, *kind.NODE_PORTS))["nodes"]
    assert isinstance(mapped, list)
    assert {entry["listenAddress"] for entry in mapped[0]["extraPortMappings"]} == {"127.0.0.1"}
    assert [entry["hostPort"] for entry in mapped[0]["extraPortMappings"]] == [80, 443, 30080, 30180, 30280]


@pytest.mark.parametrize("way", ["argument", "variable"])
def test_another_node_image_can_be_chosen(
    place: Path, made: KindBackend, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODWALK_KIND_IMAGE", "mine:1" if way == "variable" else "other:1")
    made.up(image="" if way == "variable" else "mine:1", ports=False)
    assert "--image mine:1 " in calls(place)


def test_the_users_kubeconfig_is_left_alone(place: Path, made: KindBackend) -> None:
    made.up(ports=False)
    assert not (place / "kubeconfig").exists()
    assert KindBackend().is_ours()
    assert KindBackend().kubectl() == ("--kubeconfig", str(made.own_kubeconfig), "--context", "kind-podwalk")


def test_nothing_is_left_of_a_cluster_that_could_not_be_made(place: Path, fake: Fake) -> None:
    fake("kind", KIND.format(place=place, then="exit 1"))
    fake("docker", "exit 0")
    with pytest.raises(KindError, match="podwalk doctor"):
        KindBackend().up(ports=False)
    assert "kind delete cluster --name podwalk" in calls(place)
    assert kind.made() == []


def test_down_leaves_nothing_not_even_the_network(place: Path, made: KindBackend) -> None:
    made.up(ports=False)
    assert KindBackend().down() is True
    assert kind.made() == []
    assert "docker network rm kind" in calls(place)
    assert KindBackend().down() is False


def test_a_cluster_that_the_course_did_not_make_is_neither_taken_nor_deleted(place: Path, made: KindBackend) -> None:
    (place / "clusters").write_text("podwalk\n")
    with pytest.raises(KindError, match="the course did not make it"):
        made.up(ports=False)
    with pytest.raises(KindError, match="the course did not make"):
        made.down()
    assert "delete" not in calls(place)


def test_a_port_that_is_taken_is_named_before_anything_is_made(
    place: Path, made: KindBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(kind, "INGRESS_PORTS", (port,))
        monkeypatch.setattr(kind, "NODE_PORTS", ())
        with pytest.raises(KindError, match=rf"port {port} of 127.0.0.1 taken .*--no-ports"):
            made.up()
    assert "create" not in calls(place)


def test_kinds_own_choice_of_a_provider_is_followed(place: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("podman", "exit 0")
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "podman")
    assert kind.provider() == "podman"
    with pytest.raises(KindError, match="there is no nerdctl"):
        kind.provider({"KIND_EXPERIMENTAL_PROVIDER": "nerdctl"})


DOCKER = """
case "$*" in
  exec*) echo docker.io/library/busybox:1.36;;
  "image inspect here:1") exit 0;;
  "image inspect"*) exit 1;;
  "pull far:1") exit 0;;
  pull*) echo "no such host" >&2; exit 1;;
esac
"""


def test_images_are_loaded_once_and_what_cannot_be_had_is_told(place: Path, fake: Fake) -> None:
    fake("kind", '[ "$1" = get ] && echo podwalk-control-plane; exit 0')
    fake("docker", DOCKER)
    found = {item.image: item for item in images.fetch("podwalk", ["busybox:1.36", "here:1", "far:1", "gone:1"])}
    assert {image: item.how for image, item in found.items()} == {
        "busybox:1.36": "there",
        "here:1": "loaded",
        "far:1": "loaded",
        "gone:1": "missing",
    }
    assert found["gone:1"].why == "no such host"
    assert "kind load docker-image busybox" not in calls(place)


def test_the_images_are_those_that_the_notebooks_name(root: Path) -> None:
    found = images.named(sorted((root / "notebooks").rglob("*.ipynb")))
    assert {"busybox:1.36", "hashicorp/http-echo:1.0"} <= set(found)
    assert images.whole("nginx") == "docker.io/library/nginx:latest"
    assert images.whole("hashicorp/http-echo:1.0") == "docker.io/hashicorp/http-echo:1.0"
    assert images.whole("registry.k8s.io/e2e-test-images/agnhost:2.53").startswith("registry.k8s.io/")


@pytest.mark.parametrize("words", [["--kind"], []])
def test_an_addon_is_removed_by_the_words_that_added_it(
    place: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(addons_command, "_cluster", lambda name, kind: asked.append(f"{name} {kind}"))
    monkeypatch.setattr(addons, "remove", lambda cluster, addon: f"{addon} removed")
    done = CliRunner().invoke(addons_command.addon_command, ["remove", "ingress", *words])
    assert (done.exit_code, done.output, asked) == (0, "ingress removed\n", ["podwalk True"])
