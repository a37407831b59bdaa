"""A served cluster, by the official client over its socket: who gets in, what survives, what a conversation carries."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config, stream, watch
from kubernetes.client.exceptions import ApiException

from podwalk.errors import PodwalkError
from podwalk.serve import control, program
from podwalk.serve.place import Place, find
from podwalk.types import ClusterOptions

pytestmark = [
    # The official client leaves sockets of its conversations to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ECHO = """
apiVersion: v1
kind: Pod
metadata: {name: echo, labels: {app: echo}}
spec:
  containers:
  - {name: echo, image: hashicorp/http-echo, args: ["-listen=:8080", "-text=here"], ports: [{containerPort: 8080}]}
"""
BOX = """
apiVersion: v1
kind: Pod
metadata: {name: box}
spec:
  containers:
  - {name: box, image: busybox, command: [sleep, infinity]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PODWALK_HOME", str(folder))
        yield folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def place(home: Path) -> Iterator[Place]:
    made = find("tested")
    control.start(made, clock="jump")
    yield made
    control.stop(made)


def connect(place: Place) -> client.ApiClient:
    configuration = client.Configuration()
    config.load_kube_config(str(place.kubeconfig), client_configuration=configuration)
    return client.ApiClient(configuration)


def core_of(place: Place) -> Any:
    return client.CoreV1Api(connect(place))


@pytest.fixture(scope="module")
def core(place: Place) -> Any:
    core = core_of(place)
    for text in (ECHO, BOX):
        pod = yaml.safe_load(text)
        core.create_namespaced_pod("default", pod)
        wait_until_ready(core, pod["metadata"]["name"])
    return core


def wait_until_ready(core: Any, name: str) -> None:
    events = watch.Watch().stream(
        core.list_namespaced_pod, "default", field_selector=f"metadata.name={name}", timeout_seconds=60
    )
    for event in events:
        conditions = event["object"].status.conditions or []
        if any(each.type == "Ready" and each.status == "True" for each in conditions):
            return
    raise AssertionError(f"{name} did not become ready")


def bare_request(place: Place, token: str) -> int:
    server = control.alive(place)
    assert server is not None
    configuration = client.Configuration(host=server.url)
    configuration.ssl_ca_cert = str(place.tls[0])
    api = client.ApiClient(configuration)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = api.rest_client.pool_manager.request("GET", f"{server.url}/api/v1/namespaces", headers=headers)
    return int(response.status)


@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 401), (None, 200)])
def test_only_the_token_of_the_kubeconfig_gets_in(place: Place, token: str | None, status: int) -> None:
    assert bare_request(place, place.token if token is None else token) == status


def test_nothing_listens_beyond_loopback(place: Place) -> None:
    server = control.alive(place)
    assert server is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    with socket.socket() as other:
        other.settimeout(5)
        assert own.startswith("127.") or other.connect_ex((own, server.port)) != 0


def test_exec_carries_streams_and_exit_code(core: Any) -> None:
    command = ["sh", "-c", "echo out; echo err >&2; wget -qO- http://$0:8080; exit 3"]
    ip = core.read_namespaced_pod("echo", "default").status.pod_ip
    session = stream.stream(
        core.connect_get_namespaced_pod_exec, "box", "default", command=[*command, ip],
        stdin=False, stdout=True, stderr=True, tty=False, _preload_content=False,
    )  # fmt: skip
    session.run_forever(timeout=30)
    assert session.read_stdout() == "out\nhere\n"
    assert session.read_stderr() == "err\n"
    assert session.returncode == 3


def test_exec_takes_stdin_to_its_end(core: Any) -> None:
    session = stream.stream(
        core.connect_get_namespaced_pod_exec, "box", "default", command=["head", "-n", "1"],
        stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False,
    )  # fmt: skip
    session.write_stdin("first\nsecond\n")
    session.run_forever(timeout=30)
    assert session.read_stdout() == "first\n"


def test_exec_in_a_pod_that_is_not_there_is_refused(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        stream.stream(core.connect_get_namespaced_pod_exec, "absent", "default", command=["true"], stdout=True)
    assert caught.value.status in (0, 404)
    assert "404" in str(caught.value)


def test_port_forward_reaches_the_container(core: Any) -> None:
    forward = stream.portforward(core.connect_get_namespaced_pod_portforward, "echo", "default", ports="8080")
    connection = forward.socket(8080)
    connection.setblocking(True)
    connection.settimeout(30)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\nConnection: close\r\n\r\n")
    received = b""
    while part := connection.recv(4096):
        received += part
    connection.close()
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"\r\n\r\nhere\n")


def test_kubectl_forwards_a_port_through_spdy_in_a_websocket(place: Place, core: Any) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on the PATH")
    command = [
        kubectl,
        "--kubeconfig",
        str(place.kubeconfig),
        "port-forward",
        "pod/echo",
        ":8080",
        "--address",
        "127.0.0.1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert match, line
        with socket.create_connection(("127.0.0.1", int(match[1])), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\nConnection: close\r\n\r\n")
            received = b""
            while part := connection.recv(4096):
                received += part
        process.terminate()
    assert received.endswith(b"here\n")


def test_followed_log_of_a_loop_goes_on_and_ends_with_its_reader(core: Any) -> None:
    script = "i=0; while true; do i=$((i+1)); echo line $i; sleep 1; done"
    containers = [{"name": "loop", "image": "busybox", "command": ["sh", "-c", script]}]
    core.create_namespaced_pod("default", {"metadata": {"name": "loop"}, "spec": {"containers": containers}})
    wait_until_ready(core, "loop")
    answer = core.read_namespaced_pod_log("loop", "default", follow=True, _preload_content=False)
    text = b""
    for part in answer.stream():
        text += part
        if b"line 5\n" in text:
            break
    answer.close()
    core.delete_namespaced_pod("loop", "default", grace_period_seconds=0)
    assert text.startswith(b"line 1\nline 2\n")


def test_a_hundred_watches_at_once_see_the_same_write(place: Place, core: Any) -> None:
    seen: list[str] = []
    opened = threading.Semaphore(0)

    def look() -> None:
        own = core_of(place)
        version = own.list_namespaced_config_map("default").metadata.resource_version
        opened.release()
        for event in watch.Watch().stream(
            own.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=3000
        ):
            seen.append(event["object"].metadata.name)
            return

    threads = [threading.Thread(target=look) for _ in range(100)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert opened.acquire(timeout=60)
    core.create_namespaced_config_map("default", {"metadata": {"name": "seen-by-all"}})
    for thread in threads:
        thread.join(timeout=60)
    assert seen == ["seen-by-all"] * 100


def test_body_over_the_limit_is_refused_with_a_status(place: Place, core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_config_map("default", {"metadata": {"name": "huge"}, "data": {"k": "x" * 4_000_000}})
    assert caught.value.status == 413
    assert json.loads(str(caught.value.body))["reason"] == "RequestEntityTooLarge"


def half_asked(place: Place, *lines: str) -> socket.socket:
    """Return a connection on which a request was begun, with the headers that the lines are; the body is missing."""
    server = control.alive(place)
    assert server is not None
    context = ssl.create_default_context(cafile=str(place.tls[0]))
    made = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="127.0.0.1")
    first, *rest = lines
    head = [f"{first} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {place.token}", *rest]
    made.sendall("\r\n".join(head).encode())
    return made


def test_clients_that_are_slow_or_vanish_hold_nobody_up_and_store_nothing(place: Place, core: Any) -> None:
    config_maps = "/api/v1/namespaces/default/configmaps"
    length = ("Content-Type: application/json", "Content-Length: 1000", "", '{"metadata": {"name": "half"}')
    slow = [half_asked(place, f"GET {config_maps}") for _ in range(10)]
    halves = [half_asked(place, f"POST {config_maps}", *length) for _ in range(10)]
    watches = [half_asked(place, f"GET {config_maps}?watch=true", "", "") for _ in range(10)]
    assert {one.recv(12) for one in watches} == {b"HTTP/1.1 200"}
    for one in (*halves, *watches[:5]):
        # With nothing to linger for, the connection is reset, as by a machine that was switched off.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    for number in range(10):
        core.create_namespaced_config_map(
            "default", {"metadata": {"name": f"after-{number}"}, "data": {"k": "x" * 50_000}}
        )
    names = {one.metadata.name for one in core.list_namespaced_config_map("default").items}
    assert {f"after-{number}" for number in range(10)} <= names
    assert "half" not in names
    slow[0].sendall(b"\r\nConnection: close\r\n\r\n")
    assert slow[0].recv(12) == b"HTTP/1.1 200"
    for one in (*slow, *watches[5:]):
        one.close()


def test_cluster_that_is_up_is_used_as_it_is(place: Place) -> None:
    server, started = control.start(place)
    assert not started
    assert server == control.alive(place)


def test_cluster_that_is_up_refuses_other_options(place: Place) -> None:
    with pytest.raises(PodwalkError, match="podwalk down --name tested"):
        control.start(place, ClusterOptions(name="tested", cni="flannel"))


def test_two_clusters_do_not_open_to_each_other(home: Path, place: Place) -> None:
    other = find("other")
    control.start(other)
    try:
        assert bare_request(other, place.token) == 401
        assert bare_request(other, other.token) == 200
    finally:
        assert control.stop(other)
    assert not other.folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_nothing_acknowledged_is_lost_by_a_kill(home: Path) -> None:
    place = find("killed")
    options = ClusterOptions(name="killed", cni="flannel")
    server, _ = control.start(place, options)
    try:
        core = core_of(place)
        names = [f"kept-{index}" for index in range(50)]
        for name in names:
            core.create_namespaced_config_map("default", {"metadata": {"name": name}})
        os.kill(server.pid, signal.SIGKILL)
        again, started = control.start(place)
        assert started
        assert (again.port, again.options) == (server.port, options)
        found = [obj.metadata.name for obj in core_of(place).list_namespaced_config_map("default").items]
        assert set(names) <= set(found)
    finally:
        control.stop(place)


def test_stopped_cluster_goes_on_where_it_was_and_reset_makes_it_new(home: Path) -> None:
    place = find("stopped")
    options = ClusterOptions(name="stopped", seed=7)
    control.start(place, options)
    try:
        core_of(place).create_namespace({"metadata": {"name": "mine"}})
        control.stop(place, keep=True)
        server, _ = control.start(place)
        assert server.options == options
        assert namespaces(place) >= {"mine"}
        control.reset(place, control.alive(place))
        assert "mine" not in namespaces(place)
        again = control.alive(place)
        assert again is not None
        assert again.options == options
    finally:
        control.stop(place)


def test_a_server_that_is_late_is_not_taken_for_dead(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = find("late")
    server, _ = control.start(place)
    monkeypatch.setattr(control, "ANSWER_TIMEOUT_S", 0.1)
    try:
        os.kill(server.pid, signal.SIGSTOP)
        for ask in (control.start, control.stop):
            with pytest.raises(PodwalkError, match=f"process {server.pid}, runs and has not answered"):
                ask(place)
        os.kill(server.pid, signal.SIGCONT)
        monkeypatch.setattr(control, "ANSWER_TIMEOUT_S", 10)
        assert control.start(place) == (server, False)
    finally:
        os.kill(server.pid, signal.SIGCONT)
        control.stop(place)


def namespaces(place: Place) -> set[str]:
    return {obj.metadata.name for obj in core_of(place).list_namespace().items}


def test_answers_are_not_held_back_for_more_to_send() -> None:
    # asyncio sets TCP_NODELAY on connections of a listener that names its protocol, and on no others.
    with program._listen(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
