"""What is asked over a WebSocket: commands in every framing there is, logs, and watches."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from websocket import ABNF, WebSocket, WebSocketBadStatusException, create_connection

from podwalk.facade import Cluster

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "busybox:1.36", command: [sh, -c, echo one; echo two; sleep 1000]}]
"""
FAILED = "command terminated with non-zero exit code"


@pytest.fixture
def pod(cluster: Cluster, backend: str) -> Cluster:
    if backend == "in-process":
        pytest.skip("a cluster in the process has no sockets")
    cluster.apply(POD)
    cluster.wait("pod/p", "condition=Ready", timeout_s=120)
    return cluster


@contextmanager
def opened(cluster: Cluster, path: str, protocol: str = "", origin: str = "") -> Iterator[WebSocket]:
    settings = cluster.api.configuration
    files = {"ca_certs": settings.ssl_ca_cert, "certfile": settings.cert_file, "keyfile": settings.key_file}
    headers: dict[str, str] = {}
    cluster.api.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
    socket = create_connection(
        f"{settings.host.replace('https', 'wss')}/api/v1/namespaces/{cluster.namespace}/{path}",
        timeout=30,
        sslopt={name: file for name, file in files.items() if file},
        header=headers,
        subprotocols=[protocol] if protocol else None,
        suppress_origin=not origin,
        origin=origin or None,
    )
    try:
        yield socket
    finally:
        socket.shutdown()  # type: ignore[no-untyped-call]  # closes the socket even where the other end closed first


def message(socket: WebSocket) -> bytes | str | None:
    """Return the next message; None at the end."""
    kind, data = socket.recv_data()
    if kind == ABNF.OPCODE_CLOSE:
        return None
    return data.decode() if kind == ABNF.OPCODE_TEXT else bytes(data)


def messages(socket: WebSocket) -> list[bytes | str]:
    return list(iter(partial(message, socket), None))


def channels(cluster: Cluster, command: str, protocol: str) -> dict[int, bytes]:
    words = "&".join(f"command={word}" for word in command.split())
    said: dict[int, bytes] = {}
    with opened(cluster, f"pods/p/exec?{words}&stdout=1&stderr=1", protocol) as socket:
        for one in messages(socket):
            assert isinstance(one, str) == ("base64" in protocol)
            channel, data = (int(one[0]), base64.b64decode(one[1:])) if isinstance(one, str) else (one[0], one[1:])
            said[channel] = said.get(channel, b"") + data
    return said


@pytest.mark.parametrize("protocol", ["channel.k8s.io", "base64.channel.k8s.io"])
def test_an_early_client_hears_of_a_command_in_plain_words(pod: Cluster, protocol: str) -> None:
    assert channels(pod, "echo hi", protocol) == {1: b"hi\n"}
    words = f"{FAILED}: error executing command [false], exit code 1".encode()
    assert channels(pod, "false", protocol) == {1: b"", 3: words}
    assert channels(pod, "nope", protocol)[3].startswith(b"Internal error occurred: error executing command in contai")


@pytest.mark.parametrize(
    ("protocol", "said", "wrapped"),
    [
        ("v4.channel.k8s.io", "error executing command [false], exit code 1", ""),
        ("v4.base64.channel.k8s.io", "error executing command [false], exit code 1", ""),
        ("v5.channel.k8s.io", "command terminated with exit code 1", "Internal error occurred: "),
    ],
)
def test_a_later_client_hears_of_a_command_in_a_status(pod: Cluster, protocol: str, said: str, wrapped: str) -> None:
    found = channels(pod, "echo hi", protocol)
    assert found == {1: b"hi\n", 3: b'{"metadata":{},"status":"Success"}'}
    status = json.loads(channels(pod, "false", protocol)[3])
    assert status == {
        "metadata": {},
        "status": "Failure",
        "message": f"{FAILED}: {said}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "1"}]},
    }
    status = json.loads(channels(pod, "nope", protocol)[3])
    assert (status["reason"], status["code"]) == ("InternalError", 500)
    [cause] = status["details"]["causes"]
    assert cause["message"].startswith(f"{wrapped}error executing command in container: failed to exec in container")
    assert status["message"] == f"Internal error occurred: {cause['message']}"


def test_what_an_early_client_types_arrives(pod: Cluster) -> None:
    path = "pods/p/exec?command=head&command=-n1&stdin=1&stdout=1"
    with opened(pod, path, "base64.channel.k8s.io") as socket:
        socket.send("0" + base64.b64encode(b"hello\n").decode())
        assert messages(socket) == ["1", "1" + base64.b64encode(b"hello\n").decode()]


def test_a_log_is_read_in_bytes_and_in_base64(pod: Cluster) -> None:
    with opened(pod, "pods/p/log", "binary.k8s.io") as socket:
        assert messages(socket) == [b"", b"one\n", b"two\n"]
    with opened(pod, "pods/p/log", "base64.binary.k8s.io") as socket:
        assert messages(socket) == ["", "b25lCg==", "dHdvCg=="]
    with opened(pod, "pods/p/log?follow=true", "binary.k8s.io") as socket:
        assert [message(socket) for _ in range(3)] == [b"", b"one\n", b"two\n"]


def test_a_watch_gives_each_event_in_a_message(pod: Cluster) -> None:
    watch = "pods?watch=1&timeoutSeconds=2&fieldSelector=metadata.name=p"
    with opened(pod, watch, origin="http://localhost") as socket:
        events = [json.loads(event) for event in messages(socket)]
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [("ADDED", "p")]


@pytest.mark.parametrize(
    ("path", "protocol", "status"),
    [
        ("pods?watch=1", "", 403),
        ("pods/p/log", "channel.k8s.io", 403),
        ("pods/nope/log", "binary.k8s.io", 404),
        ("pods/p/exec?command=id&stdout=1", "nope.k8s.io", 403),
        ("pods/p/portforward?ports=80", "channel.k8s.io", 403),
        ("pods/p/portforward", "v4.channel.k8s.io", 400),
        ("pods", "", 200),
    ],
)
def test_what_cannot_be_spoken_of_is_answered_plainly(pod: Cluster, path: str, protocol: str, status: int) -> None:
    with pytest.raises(WebSocketBadStatusException) as refused, opened(pod, path, protocol):
        pass
    assert refused.value.status_code == status
