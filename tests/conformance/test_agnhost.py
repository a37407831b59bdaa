"""The image agnhost, with which Kubernetes tests itself: when it is ready, and what it tells of itself."""

from __future__ import annotations

import re

import pytest
from kubernetes.client import CoreV1Api

from podwalk.facade import Cluster
from tests.conformance.world import event_messages

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: server}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: c, image: "registry.k8s.io/e2e-test-images/agnhost:2.53", args: [netexec, "--udp-port={port}"]}}
"""


@pytest.mark.parametrize(("port", "status"), [(8081, "200"), (-1, "412")])
def test_netexec_is_ready_by_its_datagrams(cluster: Cluster, port: int, status: str) -> None:
    cluster.apply(POD.format(port=port))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    ask = f"curl -s -o /dev/null -w '%{{http_code}}' http://localhost:8080/healthz | grep {status}"
    assert cluster.exec("server", ask, until="succeeds").stdout.strip() == status


def test_netexec_tells_its_variables(cluster: Cluster) -> None:
    cluster.apply(POD.format(port=8081).replace("- {name: c,", "- {name: c, env: [{name: FOO, value: bar}],"))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    cluster.exec("server", "curl -s http://localhost:8080/", until="succeeds")

    def ask(query: str) -> str:
        return cluster.exec("server", f"curl -s -w ' %{{http_code}}' 'http://localhost:8080/envvar{query}'").stdout

    assert ask("?var=FOO") == "bar 200"
    assert ask("?var=NOPE") == 'env var "NOPE" is not set\n 500'
    assert ask("") == "'var' query parameter is required\n 400"
    assert cluster.exec("server", "wget -q -O - 'http://localhost:8080/envvar?var=FOO'").stdout == "bar"


def test_netexec_takes_no_more_work_while_it_delays_its_end(cluster: Cluster) -> None:
    probe = "readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1, failureThreshold: 1}"
    pod = POD.format(port=8081).replace("Seconds: 0", "Seconds: 30").replace("- {name: c,", f"- {{name: c, {probe},")
    cluster.apply(pod.replace("netexec,", "netexec, --delay-shutdown=30,"))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    ask = "curl -s -w ' %{http_code}' http://localhost:8080/readyz"
    assert cluster.exec("server", ask).stdout == "ok 200"
    CoreV1Api(cluster.api).delete_namespaced_pod("server", cluster.namespace)
    cluster.wait("pod/server", "condition=Ready=False", timeout_s=20)
    assert cluster.exec("server", ask).stdout == "shutting down 503"


def test_netexec_tells_a_variable_by_datagram_too(cluster: Cluster) -> None:
    cluster.apply(POD.format(port=8081).replace("- {name: c,", "- {name: c, env: [{name: FOO, value: bar}],"))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    ask = "echo -n 'envvar FOO' | nc -u -w 1 -W 1 -p 40000 127.0.0.1 8081"
    assert cluster.exec("server", ask).stdout == "bar"
    refused = cluster.exec("server", "nc -u -W 0 127.0.0.1 8081")
    assert (refused.exit_code, refused.stderr) == (1, "nc: receive limit too small: 0\n")


SHELLS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: names}
data: {my-key: one, my.name: two}
---
apiVersion: v1
kind: Pod
metadata: {name: shells}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: ash
    image: busybox:1.37
    command: [sleep, infinity]
    envFrom: [{configMapRef: {name: names}}]
  - name: debian
    image: nicolaka/netshoot:v0.13
    command: [sleep, infinity]
    envFrom: [{configMapRef: {name: names}}]
"""


def test_ash_and_bash_hand_on_a_variable_whose_name_they_cannot_write_and_dash_does_not(cluster: Cluster) -> None:
    cluster.apply(SHELLS)
    cluster.wait("pod/shells", "condition=Ready", timeout_s=120)
    for container, shell, found in (("ash", "sh", 2), ("debian", "bash", 2), ("debian", "sh", 0)):
        text = cluster.exec("shells", [shell, "-c", "env | grep ^my || true"], container=container).stdout
        assert len(text.split()) == found, (container, shell, text)


def test_kube_proxy_tells_its_node_the_mode_it_works_in(cluster: Cluster) -> None:
    pod = POD.format(port=8081).replace("spec:", "spec:\n  hostNetwork: true", 1)
    cluster.apply(pod.replace('[netexec, "--udp-port=8081"]', "[pause]"))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    ask = "curl -s http://localhost:10249/proxyMode; curl -s -w ' %{http_code}' http://localhost:10249/none"
    assert cluster.exec("server", ask).stdout == "iptables404 page not found\n 404"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pause, --udp-port=8081", "Error: unknown flag: --udp-port\n"),
        ("pause, more", "Error: accepts at most 0 arg(s), received 1\n"),
        ("netexec, --nope=1", "Error: unknown flag: --nope\n"),
    ],
)
def test_a_word_that_a_subcommand_does_not_know_ends_it(cluster: Cluster, words: str, said: str) -> None:
    pod = POD.format(port=8081).replace("spec:", "spec:\n  restartPolicy: Never", 1)
    cluster.apply(pod.replace('netexec, "--udp-port=8081"', words))
    cluster.wait("pod/server", "jsonpath={.status.phase}=Failed", timeout_s=120)
    assert CoreV1Api(cluster.api).read_namespaced_pod_log("server", cluster.namespace) == said


@pytest.mark.detail
def test_netexec_dials_and_tells_what_it_was_answered(cluster: Cluster) -> None:
    cluster.apply(POD.format(port=8081))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    cluster.exec("server", "curl -s http://localhost:8080/", until="succeeds")

    def dial(query: str) -> str:
        ask = f"curl -s -w ' %{{http_code}}' 'http://localhost:8080/dial?{query}'"
        return re.sub(r"(?<=127.0.0.1:)\d{5}", "PORT", cluster.exec("server", ask).stdout)

    udp = "host=127.0.0.1&port=8081&protocol=udp"
    nothing = "reading from udp connection failed. err:'read udp 127.0.0.1:PORT-\\u003e127.0.0.1:"
    assert dial(f"{udp}&request=hostname&tries=2") == '{"responses":["server","server"]} 200'
    assert dial(f"{udp}&request=echo%20HeLLo%20There") == '{"responses":["hello there"]} 200'
    assert dial(f"{udp}&request=clientip") == '{"responses":["127.0.0.1:PORT"]} 200'
    assert dial(f"{udp}&request=other") == f'{{"errors":["{nothing}8081: i/o timeout\'"]}} 200'
    assert dial(udp.replace("8081", "9") + "&request=hostname") == (
        f'{{"errors":["{nothing}9: read: connection refused\'"]}} 200'
    )
    assert dial("host=localhost&port=9&request=hostname") == (
        '{"errors":["Get \\"http://127.0.0.1:9/hostname\\": dial tcp 127.0.0.1:9: connect: connection refused"]} 200'
    )
    assert dial("host=10.244.99.9&port=80&request=a") == (
        '{"errors":["Get \\"http://10.244.99.9:80/a\\": context deadline exceeded'
        ' (Client.Timeout exceeded while awaiting headers)"]} 200'
    )
    assert dial(udp) == "request parameter not specified. <nil>\n 400"
    assert dial(f"{udp}&request=a&tries=x") == (
        'tries parameter is invalid. strconv.Atoi: parsing "x": invalid syntax\n 400'
    )
    assert dial("host=localhost&port=1&protocol=odd&request=a") == "unsupported protocol. odd\n 400"
    unknown = "host and/or port param are invalid. lookup nope.invalid on 10.96.0.10:53: no such host\n 400"
    assert dial("host=nope.invalid&port=1&request=a") == unknown


CONNECT = [
    ("127.0.0.1:8080", ""),
    ("--timeout=1s 127.0.0.1:8081 --protocol=udp", ""),
    ("127.0.0.1:9", "REFUSED\n"),
    ("10.244.99.9:80 --timeout=1s", "TIMEOUT\n"),
    ("127.0.0.1:9 --protocol=udp", "REFUSED: read udp 127.0.0.1:PORT->127.0.0.1:9: read: connection refused\n"),
    ("127.0.0.1:8081 --protocol=udp --timeout=1s --udp-data=x",
     "TIMEOUT: read udp 127.0.0.1:PORT->127.0.0.1:8081: i/o timeout\n"),
    ("nope.invalid:80", "DNS: lookup nope.invalid on 10.96.0.10:53: no such host\n"),
    ("127.0.0.1", "UNKNOWN: address 127.0.0.1: missing port in address\n"),
    ("127.0.0.1 --protocol=sctp", "DNS: address 127.0.0.1: missing port in address\n"),
    ("127.0.0.1:9 --protocol=sctp", "TIMEOUT\n"),
    ("127.0.0.1:zz", "DNS: lookup tcp/zz: unknown port\n"),
    ("127.0.0.1:9 --protocol=odd", "Unsupported protocol\nodd"),
    ("127.0.0.1:9 --timeout=zz",
     'Error: invalid argument "zz" for "--timeout" flag: time: invalid duration "zz"\n'),
    ("--foo 127.0.0.1:9", "Error: unknown flag: --foo\n"),
    ("", "Error: accepts 1 arg(s), received 0\n"),
]  # fmt: skip


@pytest.mark.detail
def test_connect_says_in_one_word_what_became_of_it(cluster: Cluster) -> None:
    cluster.apply(POD.format(port=8081))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    for words, said in CONNECT:
        done = cluster.exec("server", f"/agnhost connect {words}")
        assert re.sub(r"(?<=127.0.0.1:)\d{5}", "PORT", done.stderr) == said, words
        assert done.exit_code == (1 if said else 0), words


HEALTH = "grpc-health-checking"
FAILED = "error: health rpc probe failed:"
SETTINGS = rb"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00@\x00".decode()


@pytest.mark.detail
@pytest.mark.parametrize(
    ("args", "probe", "said"),
    [
        (f"{HEALTH}, --port=5001, --service=db", "port: 5001, service: db", ""),
        (HEALTH, "port: 5000, mode: TLS", ""),
        (HEALTH, "port: 5000, service: db", f"{FAILED} rpc error: code = NotFound desc = unknown service"),
        (f"{HEALTH}, --delay-unhealthy-sec=0", "port: 5000", 'service unhealthy (responded with "NOT_SERVING")'),
        (HEALTH, "port: 8080", 'timeout: failed to connect service "IP:8080" within 2s: context deadline exceeded'),
        (HEALTH, "port: 9", 'timeout: failed to connect service "IP:9" within 2s: context deadline exceeded'),
    ],
)  # fmt: skip
def test_a_grpc_probe_asks_for_the_health_of_a_service(cluster: Cluster, args: str, probe: str, said: str) -> None:
    asks = f"readinessProbe: {{grpc: {{{probe}}}, timeoutSeconds: 2, initialDelaySeconds: 3, periodSeconds: 3}}"
    pod = POD.format(port=8081).replace("- {name: c,", f"- {{name: c, {asks},")
    cluster.apply(pod.replace('netexec, "--udp-port=8081"', args))
    if not said:
        cluster.wait("pod/server", "condition=Ready", timeout_s=120)
        assert "mode" not in cluster.get("pod", "server").object["spec"]["containers"][0]["readinessProbe"]["grpc"]
        return
    cluster.wait("pod/server", "condition=ContainersReady=False", timeout_s=120)
    cluster.wait("pod/server", "jsonpath={.status.phase}=Running", timeout_s=120)
    ip = cluster.get("pod", "server").object["status"]["podIP"]
    said = f"Readiness probe failed: {said.replace('IP', ip)}"
    assert said in event_messages(cluster, until=said)


@pytest.mark.detail
def test_a_liveness_probe_over_grpc_restarts_what_says_that_it_does_not_serve(cluster: Cluster) -> None:
    asks = "livenessProbe: {grpc: {port: 5000}, periodSeconds: 1, failureThreshold: 2}"
    pod = POD.format(port=8081).replace("- {name: c,", f"- {{name: c, {asks},")
    cluster.apply(pod.replace('netexec, "--udp-port=8081"', HEALTH))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    age = cluster.exec("server", "curl -s http://localhost:8080/make-not-serving").stdout
    assert re.fullmatch(r"(\d+m)?[\d.]+m?s", age)
    cluster.wait("pod/server", "jsonpath={.status.containerStatuses[0].restartCount}=1", timeout_s=60)


@pytest.mark.detail
def test_a_grpc_server_greets_who_does_not_speak_it(cluster: Cluster) -> None:
    asks = "readinessProbe: {httpGet: {port: 5000}, initialDelaySeconds: 3, periodSeconds: 3}"
    pod = POD.format(port=8081).replace("- {name: c,", f"- {{name: c, {asks},")
    cluster.apply(pod.replace('netexec, "--udp-port=8081"', HEALTH))
    cluster.wait("pod/server", "jsonpath={.status.phase}=Running", timeout_s=120)
    ip = cluster.get("pod", "server").object["status"]["podIP"]
    transport = "net/http: HTTP/1.x transport connection broken"
    said = f'Readiness probe failed: Get "http://{ip}:5000/": {transport}: malformed HTTP response "{SETTINGS}"'
    assert said in event_messages(cluster, until=said)
    asked = cluster.exec("server", "curl -sS http://localhost:5000/")
    assert (asked.exit_code, asked.stderr) == (1, "curl: (1) Received HTTP/0.9 when not allowed\n")


def test_netexec_answers_as_it_was_told_to_and_listens_where(cluster: Cluster) -> None:
    told = '"--http-override=/echo?msg=hi&code=201", "--udp-listen-addresses=127.0.0.1,127.0.0.1"'
    cluster.apply(POD.format(port=8081).replace("netexec,", f"netexec, {told},"))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    cluster.exec("server", "curl -s http://localhost:8080/", until="succeeds")
    ask = "curl -s -X POST -w ' %{http_code}' http://localhost:8080/hostname?x=y"
    assert cluster.exec("server", ask).stdout == "hi 201"
    assert cluster.exec("server", "echo -n hostname | nc -u -w 1 -W 1 127.0.0.1 8081").stdout == "server"
    elsewhere = "/agnhost connect --protocol=udp --timeout=1s $(hostname -i):8081"
    assert cluster.exec("server", elsewhere).stderr.startswith("REFUSED: read udp ")
    log = CoreV1Api(cluster.api).read_namespaced_pod_log("server", cluster.namespace)
    assert log.count("Started UDP server on port 127.0.0.1 8081") == 1
