"""exec, attach, logs and port-forward as conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podwalk.errors import ApiError
from podwalk.types import LogOptions, Request

LOOP = """
apiVersion: v1
kind: Pod
metadata: {name: loop}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: busybox, command: [sh, -c, "while true; do wget -qO- http://backend; sleep 1; done"]}
"""


def test_exec_hands_stdin_to_the_command(lab: Any) -> None:
    assert lab.exec("client", "cat", given=b"one\ntwo\n").stdout == "one\ntwo\n"


def test_exec_with_a_terminal_echoes_and_runs_a_shell(lab: Any) -> None:
    session = lab.open("client", "sh", stdin=True, tty=True)
    lab.pass_time(0.1)
    session.receive(0, b"echo $((20+3))\r")
    lab.pass_time(0.1)
    session.receive(4, json.dumps({"Width": 100, "Height": 30}).encode())
    session.receive(0, b"exit 4\r")
    lab.until(lambda: session.closed)
    output = b"".join(data for channel, data in session.outbox if channel == 1)
    assert b"echo $((20+3))\r\n23\r\n" in output
    assert b'"message":"4"' in next(data for channel, data in session.outbox if channel == 3)


def test_interrupting_a_terminal_ends_what_runs_in_it(lab: Any) -> None:
    session = lab.open("client", "sleep", "1000", stdin=True, tty=True)
    lab.pass_time(1)
    session.receive(0, b"\x03")
    lab.pass_time(1)
    assert session.closed


def test_exec_into_a_container_that_does_not_run_is_refused(bench: Any) -> None:
    bench.apply("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: c, image: nosuch}]}\n")
    bench.pass_time(2)
    with pytest.raises(ApiError, match=r'unable to upgrade connection: container not found \("c"\)'):
        bench.open("x", "ls")


def test_a_client_that_loops_does_not_hold_up_the_cluster_and_its_log_can_be_followed(lab: Any) -> None:
    lab.apply(LOOP)
    lab.ready("loop")
    stream = lab.cluster.kubelets.logs(lab.pod("loop"), "c", LogOptions(follow=True))
    lab.pass_time(10)
    lines = stream.take().decode().splitlines()
    assert 9 <= len(lines) <= 11
    assert all(line.startswith("hello from backend-") for line in lines)
    lab.simulation.settle()
    lab.delete("Pod", "loop")
    lab.until(lambda: not lab.exists("loop"))
    assert stream.closed


def test_a_follower_that_leaves_is_forgotten(lab: Any) -> None:
    lab.apply(LOOP)
    lab.ready("loop")
    stream = lab.cluster.kubelets.logs(lab.pod("loop"), "c", LogOptions(follow=True))
    stream.cancel()
    lab.pass_time(5)
    assert stream.take() == b""


def test_log_options_choose_lines(bench: Any) -> None:
    bench.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: talk}\nspec:\n  containers:\n  - {name: c, image: busybox,"
        " command: [sh, -c, 'for i in 1 2 3 4 5; do echo line $i; sleep 10; done; sleep 1000']}\n"
    )
    bench.ready("talk")
    bench.pass_time(45)
    assert bench.logs("talk", tail=2) == "line 4\nline 5\n"
    assert bench.logs("talk", tail=0) == ""
    assert bench.logs("talk", limit_bytes=9) == "line 1\nli"
    assert bench.logs("talk", since_s=20) in ("line 4\nline 5\n", "line 3\nline 4\nline 5\n")
    stamped = bench.logs("talk", timestamps=True, tail=1)
    assert stamped.startswith("2026-11-02T09:0")
    assert stamped.split(" ", 1)[0].endswith("Z")


def test_a_log_keeps_no_more_than_its_limit(bench: Any) -> None:
    bench.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: loud}\nspec:\n  containers:\n  - {name: c, image: busybox,"
        " command: [sh, -c, 'yes 0123456789012345678901234567890123456789 | head -c 3000000; sleep 1000']}\n"
    )
    bench.ready("loud")
    bench.pass_time(60)
    assert 500_000 < len(bench.logs("loud")) <= 1024 * 1024


def test_attach_joins_the_main_process(bench: Any) -> None:
    bench.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: cat}\nspec:\n  containers: [{name: c, image: busybox, stdin: true,"
        " command: [cat]}]\n"
    )
    bench.ready("cat")
    session = bench.cluster.kubelets.attach(bench.pod("cat"), "c", stdin=True, stdout=True, stderr=True, tty=False)
    session.receive(0, b"meow\n")
    bench.pass_time(1)
    assert (1, b"meow\n") in session.take()
    assert bench.logs("cat") == "meow\n"


def test_a_forwarded_port_carries_bytes_both_ways(lab: Any) -> None:
    name = next(pod["metadata"]["name"] for pod in lab.cluster.store.list("pods", "default", {"app": "backend"}))
    session = lab.cluster.kubelets.port_forward(lab.pod(name), [8080])
    assert session.take() == [(0, (8080).to_bytes(2, "little")), (1, (8080).to_bytes(2, "little"))]
    lab.pass_time(0.01)
    session.receive(0, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    lab.until(lambda: session.closed)
    assert b"hello from " + name.encode() in b"".join(data for channel, data in session.take() if channel == 0)


def test_forwarding_a_port_that_nobody_listens_on_says_so(lab: Any) -> None:
    session = lab.cluster.kubelets.port_forward(lab.pod("client"), [81])
    lab.until(lambda: session.closed)
    error = b"".join(data for channel, data in session.take() if channel == 1)
    assert b"failed to connect to localhost:81 inside namespace" in error
    assert b"connect: connection refused" in error


def test_the_proxy_reaches_a_pod(lab: Any) -> None:
    name = next(pod["metadata"]["name"] for pod in lab.cluster.store.list("pods", "default", {"app": "backend"}))
    response = lab.cluster.kubelets.http(lab.pod(name), 8080, Request("GET", "/"))
    assert (response.status, response.body) == (200, f"hello from {name}\n".encode())
    with pytest.raises(ApiError, match="connection refused") as caught:
        lab.cluster.kubelets.http(lab.pod(name), 81, Request("GET", "/"))
    assert caught.value.code == 503
