"""Logs, exec, attach, port-forward and proxy reach the kubelet with what was asked, or are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from podwalk.api.server import Api
from podwalk.errors import ApiError
from podwalk.types import LogOptions, Object, Request, Response, Session, Stream
from tests.unit.api.calls import MERGE, PODS, SERVICES, Caller, pod


@dataclass
class Kubelet:
    """Writes down what it is asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    page: Response | None = None

    def logs(self, pod: Object, container: str, options: LogOptions) -> Stream:
        self.asked.append(("logs", pod["metadata"]["name"], container, options))
        stream = Stream()
        stream.write(b"one line\n")
        if not options.follow:
            stream.close()
        return stream

    def exec(
        self, pod: Object, container: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> Session:
        self.asked.append(("exec", container, list(command), stdin, stdout, stderr, tty))
        return Session()

    def attach(self, pod: Object, container: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> Session:
        self.asked.append(("attach", container, stdin, stdout, stderr, tty))
        return Session()

    def port_forward(self, pod: Object, ports: Sequence[int]) -> Session:
        self.asked.append(("port_forward", list(ports)))
        return Session()

    def http(self, pod: Object, port: int, request: Request, *, tls: bool = False) -> Response:
        scheme = "https" if tls else "http"
        self.asked.append((scheme, pod["metadata"]["name"], port, request.method, request.path))
        return self.page or Response(200, {"content-type": "text/plain"}, b"hello")


@pytest.fixture
def kubelet(api: Api) -> Kubelet:
    kubelet = Kubelet()
    api.runtime = kubelet
    return kubelet


def run(call: Caller, name: str = "web", **spec: Any) -> None:
    """Create a Pod that runs on a node."""
    call.created(PODS, pod(name, **spec))
    call("POST", f"{PODS}/{name}/binding", {"metadata": {"name": name}, "target": {"kind": "Node", "name": "n1"}})
    status = {"status": {"phase": "Running", "podIP": "10.244.1.2", "podIPs": [{"ip": "10.244.1.2"}]}}
    call("PATCH", f"{PODS}/{name}/status", status, content_type=MERGE)


TWO: dict[str, Any] = {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]}


def connect(call: Caller, path: str, *query: tuple[str, str]) -> Session:
    return call.api.connect(Request("GET", path, query))


def test_a_log_is_read_with_its_options(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    answer = call("GET", f"{PODS}/web/log", tailLines="3", timestamps="true", sinceSeconds="60")
    assert answer.body == b"one line\n"
    assert answer.headers["content-type"] == "text/plain"
    assert kubelet.asked == [("logs", "web", "main", LogOptions(tail=3, timestamps=True, since_s=60.0))]


def test_a_followed_log_is_a_stream(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    stream = call("GET", f"{PODS}/web/log", follow="true").response.stream
    assert stream is not None
    assert stream.take() == b"one line\n"


def test_a_pod_without_a_node_has_an_empty_log(call: Caller, kubelet: Kubelet) -> None:
    call.created(PODS, pod())
    assert call("GET", f"{PODS}/web/log").body == b""
    assert kubelet.asked == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "a container name must be specified for pod web, choose one of: [a b]"),
        ({"container": "c"}, "container c is not valid for pod web"),
        (
            {"container": "a", "tailLines": "-1"},
            'PodLogOptions "" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
        ),
    ],
)
def test_a_log_that_cannot_be_read_is_refused(
    call: Caller, kubelet: Kubelet, query: dict[str, Any], message: str
) -> None:
    run(call, **TWO)
    assert call("GET", f"{PODS}/web/log", **query).message == message


def test_exec_reaches_the_container(call: Caller, kubelet: Kubelet) -> None:
    run(call, **TWO)
    query = [
        ("container", "b"),
        ("command", "ls"),
        ("command", "-l"),
        ("stdout", "true"),
        ("stderr", "1"),
        ("tty", "false"),
    ]
    connect(call, f"{PODS}/web/exec", *query)
    assert kubelet.asked == [("exec", "b", ["ls", "-l"], False, True, True, False)]


def test_attach_and_port_forward_reach_the_pod(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    connect(call, f"{PODS}/web/attach", ("stdout", "true"))
    connect(call, f"{PODS}/web/portforward", ("ports", "80"), ("ports", "8080,9090"))
    assert kubelet.asked == [("attach", "main", False, True, False, False), ("port_forward", [80, 8080, 9090])]


@pytest.mark.parametrize(
    ("phase", "query", "message"),
    [
        ("Running", [("command", "ls")], "you must specify at least 1 of stdin, stdout, stderr"),
        ("Running", [("stdout", "1")], 'PodExecOptions "" is invalid: command: Required value'),
        (
            "Succeeded",
            [("stdout", "1"), ("command", "ls")],
            "cannot exec into a container in a completed pod; current phase is Succeeded",
        ),
    ],
)
def test_an_exec_that_cannot_be_is_refused(
    call: Caller, kubelet: Kubelet, phase: str, query: list[tuple[str, str]], message: str
) -> None:
    run(call)
    call("PATCH", f"{PODS}/web/status", {"status": {"phase": phase}}, content_type=MERGE)
    with pytest.raises(ApiError) as caught:
        connect(call, f"{PODS}/web/exec", *query)
    assert caught.value.message == message


def test_a_pod_without_a_node_cannot_be_talked_to(call: Caller, kubelet: Kubelet) -> None:
    call.created(PODS, pod())
    with pytest.raises(ApiError, match="pod web does not have a host assigned"):
        connect(call, f"{PODS}/web/exec", ("stdout", "1"), ("command", "ls"))


def test_a_plain_request_for_a_conversation_is_refused(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    assert call("GET", f"{PODS}/web/exec", command="ls", stdout="1").message == "Upgrade request required"


def test_the_proxy_passes_a_request_on_to_a_pod(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    assert call("GET", f"{PODS}/web:8080/proxy/a/b", x="1").body == b"hello"
    assert call("POST", f"{PODS}/web/proxy/").status == 200
    assert call("OPTIONS", f"{PODS}/web/proxy").status == 200
    assert kubelet.asked == [
        ("http", "web", 8080, "GET", "/a/b"),
        ("http", "web", 80, "POST", "/"),
        ("http", "web", 80, "OPTIONS", "/"),
    ]


def test_the_proxy_speaks_tls_if_asked(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    assert call("GET", f"{PODS}/https:web:8443/proxy/").body == b"hello"
    assert kubelet.asked == [("https", "web", 8443, "GET", "/")]


@pytest.mark.parametrize(
    ("page", "seen"),
    [
        ('<a href="/rewriteme">test</a>', '<a href="{}/rewriteme">test</a>'),
        ("<IMG SRC=/x.png?a=1&amp;b=2 alt='a\"b'>", '<img src="{}/x.png?a=1&amp;b=2" alt="a&quot;b">'),
        ('<p class=x>a &amp b\n<form action="/f/"/>', '<p class=x>a &amp b\n<form action="{}/f/"/>'),
        ('<a href="http://10.244.1.2:80/p#q">', '<a href="{}/p#q">'),
        ('<a href="http://example.com/">', '<a href="http://example.com/">'),
        ('<a href="relative">', '<a href="relative">'),
        ("<script>if (a < b) { '<a href=\"/x\">' }</script>", "<script>if (a < b) { '<a href=\"/x\">' }</script>"),
    ],
)
def test_links_of_a_page_lead_through_the_proxy(call: Caller, kubelet: Kubelet, page: str, seen: str) -> None:
    run(call)
    kubelet.page = Response(200, {"content-type": "text/html; charset=utf-8", "content-length": "1"}, page.encode())
    answer = call("GET", f"{PODS}/web/proxy/some/page")
    assert answer.body.decode() == seen.replace("{}", f"{PODS}/web/proxy")
    assert answer.headers["content-length"] == str(len(answer.body))


def test_redirects_lead_through_the_proxy(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    kubelet.page = Response(302, {"location": "/login?next=/"}, b"")
    assert call("GET", f"{PODS}/web/proxy/").headers["location"] == f"{PODS}/web/proxy/login?next=/"


def test_the_proxy_picks_one_of_a_services_pods(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    call.created(SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": ports}})
    empty = call("GET", f"{SERVICES}/s:http/proxy/")
    assert (empty.status, empty.message) == (503, 'no endpoints available for service "s"')
    endpoint = {
        "addresses": ["10.244.1.2"],
        "conditions": {"ready": True},
        "targetRef": {"kind": "Pod", "namespace": "default", "name": "web"},
    }
    part = {
        "metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [endpoint],
    }
    call.created("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", part)
    assert call("GET", f"{SERVICES}/s:http/proxy/x").body == b"hello"
    assert kubelet.asked == [("http", "web", 8080, "GET", "/x")]


def test_without_kubelets_there_is_nobody_to_ask(call: Caller) -> None:
    run(call)
    assert call("GET", f"{PODS}/web/log").status == 503


def test_the_proxy_of_a_bare_name_sends_to_its_root(call: Caller, kubelet: Kubelet) -> None:
    run(call)
    answer = call("GET", f"{PODS}/web/proxy", x="1")
    assert (answer.status, answer.headers["Location"]) == (301, f"{PODS}/web/proxy/?x=1")
    assert call("DELETE", f"{PODS}/web/proxy").status == 200
