"""Where a cluster lives: names, private files, and other people's kubeconfigs left whole."""

from __future__ import annotations

import ssl
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwalk.errors import PodwalkError
from podwalk.serve import place as places
from podwalk.serve.place import Place, Server
from podwalk.types import ClusterOptions

SERVER = Server(pid=4711, port=6443, started="2026-11-02T09:00:00Z", clock="wall", options=ClusterOptions(name="one"))
OTHERS = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "work", "cluster": {"server": "https://work.example"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
    "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
    "current-context": "work",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PODWALK_HOME", str(tmp_path / "home"))
    made = places.find("one")
    made.prepare()
    return made


@pytest.mark.parametrize("name", ["", "Upper", "-a", "a-", "a/b", "..", "x" * 33, "ä"])
def test_name_that_is_no_label_is_refused(name: str) -> None:
    with pytest.raises(PodwalkError, match="lower-case letters"):
        places.find(name)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_nobody_else_can_read_the_secrets(place: Place) -> None:
    places.write_kubeconfig(place.kubeconfig, places.make_kubeconfig(place, SERVER))
    for path in [place.kubeconfig, place.folder / "token", place.tls[2]]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700


def test_preparing_again_keeps_the_token_and_the_certificate(place: Place) -> None:
    before = place.token, place.tls[1].read_bytes()
    place.prepare()
    assert (place.token, place.tls[1].read_bytes()) == before


def test_server_certificate_is_trusted_by_the_authority_for_loopback(place: Place) -> None:
    ca, certificate, key = place.tls
    client_side, server_side = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    server = server_context.wrap_bio(client_side, server_side, server_side=True)
    client = ssl.create_default_context(cafile=str(ca)).wrap_bio(server_side, client_side, server_hostname="127.0.0.1")
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"


def test_two_clusters_have_two_tokens(place: Place) -> None:
    other = places.find("two")
    other.prepare()
    assert other.token != place.token
    assert places.names() == ["one", "two"]


def test_recorded_server_is_read_back(place: Place) -> None:
    place.write_server(SERVER)
    assert place.read_server() == SERVER


def test_damaged_record_counts_as_no_server(place: Place) -> None:
    (place.folder / "server.json").write_text('{"pid": 3')
    assert place.read_server() is None


def test_merge_keeps_other_clusters_and_selects_ours(place: Place, tmp_path: Path) -> None:
    own = tmp_path / "config"
    own.write_text(yaml.safe_dump(OTHERS))
    places.merge_kubeconfig(own, places.make_kubeconfig(place, SERVER))
    places.merge_kubeconfig(own, places.make_kubeconfig(place, SERVER))
    merged: dict[str, Any] = yaml.safe_load(own.read_text())
    assert [entry["name"] for entry in merged["contexts"]] == ["work", "podwalk-one"]
    assert merged["current-context"] == "podwalk-one"
    assert merged["clusters"][0] == OTHERS["clusters"][0]


def test_unmerge_takes_out_only_ours(place: Place, tmp_path: Path) -> None:
    own = tmp_path / "config"
    own.write_text(yaml.safe_dump(OTHERS))
    places.merge_kubeconfig(own, places.make_kubeconfig(place, SERVER))
    assert places.unmerge_kubeconfig(own, place.context)
    left: dict[str, Any] = yaml.safe_load(own.read_text())
    assert (left["clusters"], left["users"], left["contexts"]) == (
        OTHERS["clusters"],
        OTHERS["users"],
        OTHERS["contexts"],
    )
    assert left["current-context"] == ""
    assert not places.unmerge_kubeconfig(own, place.context)


@pytest.mark.parametrize("text", ["kind: Pod", "- a list", "key: [unclosed"])
def test_file_that_is_no_kubeconfig_is_left_as_it_is(place: Place, tmp_path: Path, text: str) -> None:
    own = tmp_path / "config"
    own.write_text(text)
    with pytest.raises(PodwalkError, match="left as it is"):
        places.merge_kubeconfig(own, places.make_kubeconfig(place, SERVER))
    assert own.read_text() == text


def test_folder_that_cannot_be_written_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(PodwalkError, match="PODWALK_HOME"):
        places.write_private(tmp_path / "absent" / "file", b"x")
