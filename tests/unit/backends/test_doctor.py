"""The doctor finds each fault when it is really there, and says what to do."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from podwalk.backends import doctor, kind
from podwalk.backends.doctor import Finding
from podwalk.cli import podwalk
from tests.unit.backends.conftest import Fake

VERSION_FIELDS = ("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")


def wrong(findings: list[Finding], subject: str) -> Finding:
    found = [finding for finding in findings if finding.subject == subject and not finding.good]
    assert found, f"nothing is wrong with {subject}: {findings}"
    assert found[0].remedy
    return found[0]


def test_no_docker(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place / "bin"))
    assert "there is no Docker" in wrong(list(doctor.containers()), "Docker").said


@pytest.mark.parametrize(
    ("said", "remedy"),
    [("Cannot connect to the Docker daemon", "systemctl start"), ("permission denied while trying", "usermod")],
)
def test_docker_that_does_not_run(fake: Fake, said: str, remedy: str) -> None:
    fake("docker", f"echo '{said}' >&2; exit 1")
    assert remedy in wrong(list(doctor.containers()), "Docker").remedy


def test_docker_that_says_so_in_its_answer_only(fake: Fake) -> None:
    errors = json.dumps({"ServerErrors": ["Cannot connect to the Docker daemon"], "MemTotal": 0})
    fake("docker", f"echo '{errors}'")
    found = wrong(list(doctor.containers()), "Docker")
    assert "does not run: Cannot connect" in found.said
    assert "systemctl start" in found.remedy


def test_too_little_memory(fake: Fake) -> None:
    fake("docker", """echo '{"MemTotal": 2147483648}'""")
    assert "2.0 GiB" in wrong(list(doctor.containers()), "memory").said
    fake("docker", """echo '{"MemTotal": 8589934592}'""")
    assert all(finding.good for finding in doctor.containers())


def test_an_old_kind_and_none(place: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("kind", "echo kind v0.20.0 go1.20.4 linux/amd64")
    assert "kind v0.20 is too old" in wrong(list(doctor.kind_itself()), "kind").said
    fake("kind", "echo kind v0.33.0 go1.26 linux/amd64")
    assert all(finding.good for finding in doctor.kind_itself())
    monkeypatch.setenv("PATH", str(place))
    assert "not on PATH" in wrong(list(doctor.kind_itself()), "kind").said


@pytest.mark.parametrize(("version", "good"), [("v1.33.2", False), ("v1.36.0", True), ("v1.38.1", True)])
def test_kubectl_out_of_skew(fake: Fake, version: str, good: bool) -> None:
    fake("kubectl", f"""echo '{{"clientVersion": {{"gitVersion": "{version}"}}}}'""")
    found = doctor.kubectl((1, 37))
    assert found.good is good
    assert bool(found.remedy) is not good


def test_a_port_that_is_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(kind, "INGRESS_PORTS", (port,))
        monkeypatch.setattr(kind, "NODE_PORTS", ())
        assert "--no-ports" in wrong(list(doctor.ports()), f"port {port}").remedy
    assert all(finding.good for finding in doctor.ports())


def test_a_proxy_that_would_swallow_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*doctor.PROXIES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert doctor.proxies().good
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert "10.96.0.0/16" in wrong([doctor.proxies()], "proxy").remedy
    monkeypatch.setenv("NO_PROXY", ",".join(doctor.NOT_BY_PROXY))
    assert doctor.proxies().good


@pytest.mark.parametrize("text", ["a: [", "just words", "contexts: 5"])
def test_a_broken_kubeconfig(place: Path, text: str) -> None:
    (place / "kubeconfig").write_text(text)
    assert str(place / "kubeconfig") in wrong(list(doctor.cluster("", "default")), "kubeconfig").said


def kubeconfig(path: Path, server: str) -> None:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "far", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "far",
    }
    path.write_text(yaml.safe_dump(content))


def test_an_unreachable_context(place: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        kubeconfig(place / "kubeconfig", f"https://127.0.0.1:{closed.getsockname()[1]}")
        assert "does not answer" in wrong(list(doctor.cluster("", "default")), "context").said
    assert "there is no such context" in wrong(list(doctor.cluster("other", "default")), "context").said


class Narrow(BaseHTTPRequestHandler):
    """An API server that lets its user read Pods and create nothing."""

    def do_GET(self) -> None:
        self._answer(200, {"major": "1", "minor": "37", "gitVersion": "v1.37.0"} | dict.fromkeys(VERSION_FIELDS, ""))

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        allowed = review["spec"]["resourceAttributes"]["verb"] == "get"
        self._answer(201, review | {"status": {"allowed": allowed}})

    def _answer(self, code: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the base class
        """Keep quiet."""


def test_no_rights_in_the_namespace(place: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Narrow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            kubeconfig(place / "kubeconfig", f"http://127.0.0.1:{server.server_port}")
            found = wrong(list(doctor.cluster("", "team-a")), "rights")
        finally:
            server.shutdown()
            thread.join()
    assert "create pods in namespace team-a" in found.said
    assert "create deployments.apps in namespace team-a" in found.said
    assert "pods/log" not in found.said


def test_the_command_says_it_and_fails(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place / "bin"))
    result = CliRunner().invoke(podwalk, ["doctor"])
    assert result.exit_code == 1
    assert "WRONG Docker" in result.output
    assert "→ install Docker" in result.output
