"""SCTP between Pods, as agnhost speaks it: held to its source and to Linux's, since the reference's kernel has none."""

from __future__ import annotations

from typing import Any

import pytest

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"
PODS = f"""
apiVersion: v1
kind: Pod
metadata: {{name: server, labels: {{app: server}}}}
spec:
  containers:
  - {{name: netexec, image: "{IMAGE}", args: [netexec, --udp-port=-1, --sctp-port=8082]}}
  - name: porter
    image: {IMAGE}
    args: [porter]
    env: [{{name: SERVE_SCTP_PORT_9004, value: a value}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: client}}
spec: {{containers: [{{name: c, image: "{IMAGE}", args: [pause]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: echo}}
spec: {{selector: {{app: server}}, ports: [{{protocol: SCTP, port: 90, targetPort: 8082}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: empty}}
spec: {{selector: {{app: nobody}}, ports: [{{protocol: SCTP, port: 90}}]}}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: no-sctp}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress: [{ports: [{protocol: TCP, port: 8082}]}]
"""


@pytest.fixture
def pods(bench: Any) -> Any:
    bench.apply(PODS)
    bench.ready("server", "client")
    return bench


def connect(lab: Any, to: str, *more: str) -> tuple[str, int]:
    done = lab.exec("client", "/agnhost", "connect", "--protocol=sctp", *more, to)
    return done.stderr.strip(), done.code


def dial(lab: Any, port: int, request: str) -> str:
    address = lab.pod("server")["status"]["podIP"]
    query = f"host={address}&port={port}&protocol=sctp&request={request}"
    text: str = lab.exec("server", "curl", "-s", f"http://localhost:8080/dial?{query}").stdout
    return text


def test_netexec_answers_one_message_of_an_association(pods: Any) -> None:
    address = pods.pod("server")["status"]["podIP"]
    assert dial(pods, 8082, "hostname") == '{"responses":["server"]}'
    assert dial(pods, 8082, "echo%20Hello") == '{"responses":["hello"]}'
    assert dial(pods, 8082, "clientip").startswith(f'{{"responses":["{address}:')
    assert dial(pods, 8082, "other") == '{"errors":["reading from sctp connection failed. err:\'EOF\'"]}'
    assert dial(pods, 8083, "hostname") == '{"errors":["sctp dial failed. err:connection refused"]}'
    assert connect(pods, "echo:90", "--timeout=5s") == ("", 0)
    log = pods.logs("server", container="netexec")
    for line in ("Started SCTP server", "Sending SCTP hostName response", "Echoing hello to SCTP client"):
        assert line in log
    assert f"Unknown SCTP command received from {address}:" in log


def test_porter_sends_its_value_to_everyone(pods: Any) -> None:
    assert dial(pods, 9004, "anything") == '{"responses":["a value"]}'


def test_connect_tells_a_closed_port_from_silence(pods: Any) -> None:
    address = pods.pod("server")["status"]["podIP"]
    assert connect(pods, f"{address}:8082", "--timeout=5s") == ("", 0)
    assert connect(pods, f"{address}:8083", "--timeout=5s") == ("OTHER: connection refused", 1)
    assert connect(pods, f"{address}:8082") == ("TIMEOUT", 1)
    assert connect(pods, "nope.invalid:1", "--timeout=5s")[0].startswith("DNS: lookup nope.invalid on 10.96.0.10:53:")


def test_an_icmp_error_does_not_end_an_association_that_is_tried(pods: Any) -> None:
    """TCP is refused by a Service without endpoints; SCTP hears kube-proxy's ICMP error and goes on."""
    assert connect(pods, "empty:90", "--timeout=60s") == ("TIMEOUT", 1)
    assert connect(pods, "empty:90", "--timeout=300s") == ("OTHER: connection timed out", 1)


def test_a_policy_that_allows_tcp_denies_sctp(pods: Any) -> None:
    pods.apply(DENY)
    assert connect(pods, "echo:90", "--timeout=5s") == ("TIMEOUT", 1)
    pods.apply(DENY.replace("no-sctp", "sctp").replace("protocol: TCP", "protocol: SCTP"))
    assert connect(pods, "echo:90", "--timeout=5s") == ("", 0)
