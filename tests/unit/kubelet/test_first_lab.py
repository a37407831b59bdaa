"""The first lab, end to end; outputs were seen on a v1.37 kind cluster on 2026-11-21."""

from __future__ import annotations

import re
from typing import Any


def test_wget_reaches_every_endpoint_of_a_service_by_name(lab: Any) -> None:
    answers = {lab.exec("client", "wget", "-qO-", "http://backend").stdout for _ in range(20)}
    names = {pod["metadata"]["name"] for pod in lab.cluster.store.list("pods", "default", {"app": "backend"})}
    assert answers == {f"hello from {name}\n" for name in names}


def test_wget_tells_what_it_does_on_stderr(lab: Any, echo: str) -> None:
    output = lab.exec("client", "wget", "-O-", "http://backend")
    assert output.stderr.startswith(
        f"Connecting to backend ({echo}:80)\nwriting to stdout\n-                    100% |***"
    )
    assert output.stderr.endswith("written to stdout\n")


def test_wget_shows_the_headers_as_http_echo_sends_them(lab: Any) -> None:
    output = lab.exec("client", "wget", "-S", "-q", "-O", "/dev/null", "http://backend")
    assert re.sub("Date: .*", "Date: D", output.stderr).splitlines() == [
        "  HTTP/1.1 200 OK",
        "  X-App-Name: http-echo",
        "  X-App-Version: 1.0.0",
        "  Date: D",
        "  Content-Length: 35",
        "  Content-Type: text/plain; charset=utf-8",
        "  Connection: close",
        "  ",
    ]


def test_wget_fails_as_busybox_does(lab: Any) -> None:
    unknown = lab.exec("client", "wget", "-qO-", "http://nosuch")
    assert (unknown.stderr, unknown.code) == ("wget: bad address 'nosuch'\n", 1)
    silent = lab.exec("client", "wget", "-qO-", "-T", "2", "http://10.244.99.9")
    assert (silent.stderr, silent.code) == ("wget: download timed out\n", 1)
    closed = lab.exec("client", "wget", "-qO-", "http://127.0.0.1:99")
    assert (closed.stderr, closed.code) == ("wget: can't connect to remote host (127.0.0.1): Connection refused\n", 1)


def test_a_port_that_the_service_does_not_have_times_out_after_tcps_own_time(lab: Any, echo: str) -> None:
    before = lab.simulation.now
    output = lab.exec("client", "wget", "-qO-", "http://backend:81")
    assert output.stderr == f"wget: can't connect to remote host ({echo}): Connection timed out\n"
    assert lab.simulation.now - before > 120


def test_busybox_nslookup_tries_every_search_domain_and_fails_although_one_answers(lab: Any, echo: str) -> None:
    output = lab.exec("client", "nslookup", "backend")
    assert output.code == 1
    assert (
        output.stdout == "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n"
        f"Name:\tbackend.default.svc.cluster.local\nAddress: {echo}\n\n"
        "** server can't find backend.svc.cluster.local: NXDOMAIN\n\n"
        "** server can't find backend.cluster.local: NXDOMAIN\n\n\n"
        "** server can't find backend.svc.cluster.local: NXDOMAIN\n\n"
        "** server can't find backend.cluster.local: NXDOMAIN\n\n"
    )


def test_busybox_nslookup_of_a_full_name_succeeds(lab: Any, echo: str) -> None:
    output = lab.exec("client", "nslookup", "backend.default.svc.cluster.local")
    assert output.code == 0
    assert output.stdout.endswith(f"Name:\tbackend.default.svc.cluster.local\nAddress: {echo}\n\n\n")


def test_the_resolver_is_configured_for_the_pods_namespace(lab: Any) -> None:
    assert (
        lab.exec("client", "cat", "/etc/resolv.conf").stdout
        == "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
    )
    assert lab.exec("client", "cat", "/etc/hosts").stdout.endswith(f"{lab.pod('client')['status']['podIP']}\tclient\n")


def test_services_are_in_the_environment_of_pods_made_after_them(lab: Any, echo: str) -> None:
    env = dict(line.split("=", 1) for line in lab.exec("client", "env").stdout.splitlines())
    assert env["BACKEND_SERVICE_HOST"] == echo
    assert env["BACKEND_PORT_80_TCP"] == f"tcp://{echo}:80"
    assert env["KUBERNETES_SERVICE_PORT_HTTPS"] == "443"
    assert (env["HOSTNAME"], env["HOME"]) == ("client", "/root")


def test_the_servers_log_names_the_client_and_the_probe(lab: Any) -> None:
    lab.exec("client", "wget", "-qO-", "http://backend")
    names = [pod["metadata"]["name"] for pod in lab.cluster.store.list("pods", "default", {"app": "backend"})]
    text = "".join(lab.logs(name) for name in names)
    assert re.search(r'"GET / HTTP/1.1" 200 35 "kube-probe/1.37"', text)
    assert re.search(rf'{lab.pod("client")["status"]["podIP"]}:\d+ - "GET / HTTP/1.1" 200 35 "Wget"', text)


def test_a_pod_becomes_ready_with_the_statuses_of_a_real_one(lab: Any) -> None:
    status = lab.pod("client")["status"]
    assert [(one["type"], one["status"]) for one in status["conditions"]] == [
        ("PodReadyToStartContainers", "True"),
        ("Initialized", "True"),
        ("Ready", "True"),
        ("ContainersReady", "True"),
        ("PodScheduled", "True"),
    ]
    container = status["containerStatuses"][0]
    assert (container["image"], container["started"], container["restartCount"], container["lastState"]) == (
        "docker.io/library/busybox:1.36",
        True,
        0,
        {},
    )
    assert container["containerID"].startswith("containerd://")
    assert container["imageID"].startswith("docker.io/library/busybox@sha256:")
    assert container["user"] == {"linux": {"gid": 0, "supplementalGroups": [0], "uid": 0}}
    assert container["volumeMounts"][0]["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert status["hostIPs"] == [{"ip": status["hostIP"]}]
    assert status["podIPs"] == [{"ip": status["podIP"]}]


def test_the_events_of_a_start_are_those_of_the_kubelet(lab: Any) -> None:
    assert [event[:2] for event in lab.events("client")] == [
        ("Normal", "Scheduled"),
        ("Normal", "Pulled"),
        ("Normal", "Created"),
        ("Normal", "Started"),
    ]
    assert lab.messages("client", "Pulled") == [
        'Container image "busybox:1.36" already present on machine and can be accessed by the pod'
    ]
    assert lab.messages("shoot", "Pulling") == ['Pulling image "nicolaka/netshoot:latest"']
    assert re.fullmatch(
        r'Successfully pulled image "nicolaka/netshoot:latest" in \d+ms \(\d+ms including waiting\)\. Image size:'
        r" 154153756 bytes\.",
        lab.messages("shoot", "Pulled")[0],
    )


def test_a_command_that_the_image_does_not_have_is_refused_in_containerds_words(lab: Any) -> None:
    output = lab.exec("client", "nosuch")
    assert output.code == -1
    assert re.fullmatch(
        r"Internal error occurred: error executing command in container: failed to exec in"
        r" container: failed to start exec "
        r'"[0-9a-f]{64}": OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": '
        r"executable file not found in \$PATH",
        output.status["message"],
    )


def test_the_exit_code_of_a_command_comes_back_in_the_status(lab: Any) -> None:
    output = lab.shell("client", "exit 3")
    assert output.status["reason"] == "NonZeroExitCode"
    assert output.code == 3
