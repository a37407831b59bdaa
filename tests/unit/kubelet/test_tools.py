"""The network tools of netshoot and agnhost; outputs were seen on a v1.37 kind cluster on 2026-11-21."""

from __future__ import annotations

import re
from typing import Any

import pytest

from podwalk.containers.tools import socket_filter
from podwalk.types import Request

TRY = "curl: try 'curl --help' or 'curl --manual' for more information"
SERVERS = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: "nginx:1.22.1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agn}
spec: {containers: [{name: c, image: "registry.k8s.io/e2e-test-images/agnhost:2.66.1",
         args: [netexec, --sctp-port=8082]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: who}
spec:
  containers:
  - {name: w, image: traefik/whoami}
  - {name: h, image: "gcr.io/google-samples/hello-app:2.0"}
  - {name: r, image: "redis:7"}
"""


@pytest.fixture
def servers(lab: Any) -> Any:
    lab.apply(SERVERS)
    lab.ready("web", "agn", "who")
    return lab


def ip(bench: Any, name: str) -> str:
    found: str = bench.pod(name)["status"]["podIP"]
    return found


def test_curl_shows_the_conversation(lab: Any, echo: str) -> None:
    output = lab.exec("shoot", "curl", "-sv", "http://backend")
    assert re.sub("Date: .*", "Date: D", output.stderr).splitlines() == [
        f"*   Trying {echo}:80...",
        f"* Connected to backend ({echo}) port 80 (#0)",
        "> GET / HTTP/1.1",
        "> Host: backend",
        "> User-Agent: curl/7.88.1",
        "> Accept: */*",
        "> ",
        "< HTTP/1.1 200 OK",
        "< X-App-Name: http-echo",
        "< X-App-Version: 1.0.0",
        "< Date: D",
        "< Content-Length: 35",
        "< Content-Type: text/plain; charset=utf-8",
        "< ",
        "{ [35 bytes data]",
        "* Connection #0 to host backend left intact",
    ]


def test_curl_meters_a_transfer_whose_output_does_not_go_to_a_terminal(lab: Any, echo: str) -> None:
    row = "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0"
    output = lab.exec("shoot", "curl", "-f", "http://backend:80/x", "-o", "/dev/null")
    head, begun, over = output.stderr.split("\r")
    assert head.count("\n") == 2
    assert begun == row
    assert re.fullmatch(r"100    35  100    35    0     0 +\w+      0( --:--:--){3} +\w+\n", over)
    failed = lab.exec("shoot", "curl", "-m", "2", "http://10.244.250.1")
    assert failed.stderr.split("\r")[1:] == [
        row,
        row,
        row.replace("--:--:-- --:--:--     0", " 0:00:01 --:--:--     0"),
        row.replace("--:--:-- --:--:--     0", " 0:00:02 --:--:--     0")
        + "\ncurl: (28) Connection timed out after 2000 milliseconds\n",
    ]
    named = lab.exec("shoot", "curl", "-O", "http://backend")
    assert named.stderr == (
        "curl: Remote file name has no length!\ncurl: (23) Failed writing received data to disk/application\n"
    )


IPROUTE2 = [
    (
        "ip -4 -o addr show lo",
        ["1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever"],
    ),
    ("ip -br link show lo", ["lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> "]),
    ("ip addr show scope host dev lo | wc -l", ["6"]),
    ("ip -6 addr | grep -c inet6", ["2"]),
    ("ip route show default", ["default via 169.254.1.1 dev eth0 "]),
    ("ip route get 127.0.0.1", ["local 127.0.0.1 dev lo src 127.0.0.1 uid 0 ", "    cache <local> "]),
    ("ip addr show nothing 2>&1; echo $?", ['Device "nothing" does not exist.', "1"]),
    ("ip addr foo 2>&1; echo $?", ['Command "foo" is unknown, try "ip address help".', "255"]),
    ("ip link set lo down 2>&1; echo $?", ["RTNETLINK answers: Operation not permitted", "2"]),
    ("ip -s link 2>&1; echo $?", ["ip: the option -s is ip's, but Podwalk does not simulate it", "2"]),
    ("ip -V", ["ip utility, iproute2-6.1.0, libbpf 1.1.0"]),
]


def test_ip_of_iproute2_shows_what_it_is_asked_for(lab: Any) -> None:
    shown = {command: lab.exec("shoot", "sh", "-c", command).stdout for command, _ in IPROUTE2}
    assert {command: text.split("\n")[:-1] for command, text in shown.items()} == dict(IPROUTE2)


def test_only_the_errors_of_a_program_go_through_a_pipe(lab: Any) -> None:
    assert "No such file" in lab.exec("shoot", "sh", "-c", "ls /nothing 2>&1 >/dev/null | cat").stdout


def test_busybox_and_alpine_have_no_bash(lab: Any) -> None:
    lab.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: small}\n"
        "spec: {containers: [{name: c, image: 'alpine:3.22', command: [sleep, infinity]}]}"
    )
    lab.ready("small")
    output = lab.exec("small", "sh", "-c", "bash")
    assert (output.code, output.stderr) == (127, "sh: line 0: bash: not found\n")


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["http://nosuch"], "curl: (6) Could not resolve host: nosuch", 6),
        (["http://127.0.0.1:81"],
         "curl: (7) Failed to connect to 127.0.0.1 port 81 after 0 ms: Couldn't connect to server", 7),
        (["-m", "2", "http://10.244.99.9"], "curl: (28) Connection timed out after 2000 milliseconds", 28),
        (["foo://bar"], 'curl: (1) Protocol "foo" not supported or disabled in libcurl', 1),
        (["--nosuch"], f"curl: option --nosuch: is unknown\n{TRY}", 2),
        ([], TRY, 2),
    ],
)  # fmt: skip
def test_curl_fails_with_its_own_codes(lab: Any, arguments: list[str], message: str, code: int) -> None:
    output = lab.exec("shoot", "curl", "-sS", *arguments) if arguments else lab.exec("shoot", "curl")
    assert (output.stderr, output.code) == (f"{message}\n", code)


def test_curl_waits_for_a_connection_as_long_as_it_is_told(lab: Any) -> None:
    output = lab.exec("shoot", "curl", "-sS", "--connect-timeout", "1", "http://10.244.99.9")
    assert re.fullmatch(
        r"curl: \(28\) Failed to connect to 10\.244\.99\.9 port 80 after 100\d ms: Timeout was reached\n", output.stderr
    )


def test_curl_writes_out_what_it_is_asked(lab: Any, echo: str) -> None:
    output = lab.exec(
        "shoot",
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        r"%{http_code} %{remote_ip} %{size_download}\n",
        "http://backend",
    )
    assert output.stdout == f"200 {echo} 35\n"


def test_nginx_answers_with_its_pages(servers: Any) -> None:
    address = ip(servers, "web")
    found = servers.exec("shoot", "curl", "-si", f"http://{address}/nope").stdout
    assert (
        re.sub("Date: .*", "Date: D\r", found)
        == "HTTP/1.1 404 Not Found\r\nServer: nginx/1.22.1\r\nDate: D\r\nContent-Type: text/html\r\nContent-Length:"
        " 153\r\nConnection: keep-alive\r\n\r\n<html>\r\n<head><title>404 Not"
        " Found</title></head>\r\n<body>\r\n<center><h1>404 Not"
        " Found</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    )
    page = servers.exec("shoot", "curl", "-si", f"http://{address}/").stdout
    names = [line.partition(":")[0] for line in page.partition("\r\n\r\n")[0].splitlines()[1:]]
    assert names == [
        "Server",
        "Date",
        "Content-Type",
        "Content-Length",
        "Last-Modified",
        "Connection",
        "ETag",
        "Accept-Ranges",
    ]
    assert "Welcome to nginx!" in page
    failed = servers.exec("shoot", "curl", "-sSf", f"http://{address}/nope")
    assert (failed.stdout, failed.stderr, failed.code) == ("", "curl: (22) The requested URL returned error: 404\n", 22)
    log = servers.logs("web").splitlines()
    client = ip(servers, "shoot")
    assert re.fullmatch(
        r'\S+ \S+ \[error\] \d+#\d+: \*1 open\(\) "/usr/share/nginx/html/nope" failed \(2: No such file or'
        rf" directory\), client: {client}, "
        rf'server: localhost, request: "GET /nope HTTP/1.1", host: "{address}"',
        log[0],
    )
    assert re.fullmatch(rf'{client} - - \[.*\] "GET /nope HTTP/1.1" 404 153 "-" "curl/7.88.1"', log[1])


def test_the_sample_servers_answer_as_they_do(servers: Any) -> None:
    address, client = ip(servers, "who"), ip(servers, "shoot")
    found = servers.exec("shoot", "curl", "-s", f"http://{address}/x?y=1").stdout
    assert found.startswith(f"Hostname: who\nIP: 127.0.0.1\nIP: {address}\nIP: ::1\nIP: fe80::")
    assert re.search(
        rf"RemoteAddr: {client}:\d+\nGET /x\?y=1 HTTP/1.1\nHost: {address}\nAccept: \*/\*\nUser-Agent:"
        r" curl/7.88.1\n\n$",
        found,
    )
    assert (
        servers.exec("shoot", "curl", "-s", f"http://{address}:8080/").stdout
        == "Hello, world!\nVersion: 2.0.0\nHostname: who\n"
    )


def test_redis_speaks_its_protocol(servers: Any) -> None:
    address = ip(servers, "who")
    talk = servers.shell(
        "shoot", f"printf 'PING\\r\\nSET a 1\\r\\nINCR a\\r\\nGET a\\r\\nNOPE\\r\\n' | nc -w1 {address} 6379"
    ).stdout
    assert talk.splitlines() == [
        "+PONG",
        "+OK",
        ":2",
        "$1",
        "2",
        "-ERR unknown command 'NOPE', with args beginning with: ",
    ]
    assert servers.exec("who", "redis-cli", "get", "a", container="r").stdout == "2\n"
    assert servers.exec("who", "redis-cli", "set", "b", "x", "EX", "5", container="r").stdout == "OK\n"
    servers.pass_time(6)
    assert servers.exec("who", "redis-cli", "exists", "b", container="r").stdout == "0\n"


def test_agnhost_serves_http_udp_and_sctp(servers: Any) -> None:
    address = ip(servers, "agn")
    assert servers.exec("shoot", "curl", "-s", f"http://{address}:8080/hostname").stdout == "agn"
    assert servers.shell("shoot", f"printf hostname | nc -u -w1 {address} 8081").stdout == "agn"
    for protocol, port in (("udp", 8081), ("sctp", 8082), ("http", 8080)):
        url = f"http://{address}:8080/dial?host={address}&port={port}&protocol={protocol}&request=hostname&tries=2"
        assert servers.exec("shoot", "curl", "-s", url).stdout == '{"responses":["agn","agn"]}'
    assert (
        servers.exec("shoot", "curl", "-s", f"http://{address}:8080/shell?cmd=echo%20hi").stdout == '{"output":"hi\\n"}'
    )
    assert servers.exec("shoot", "curl", "-s", f"http://{address}:8080/clientip").stdout.startswith(
        ip(servers, "shoot")
    )


def test_agnhost_connect_says_in_one_word_what_happened(servers: Any) -> None:
    address = ip(servers, "agn")
    assert servers.exec("agn", "/agnhost", "connect", f"{address}:8080").code == 0
    refused = servers.exec("agn", "/agnhost", "connect", f"{address}:9")
    assert (refused.stderr, refused.code) == ("REFUSED\n", 1)
    silent = servers.exec("agn", "/agnhost", "connect", "--timeout=1s", "10.244.99.9:80")
    assert (silent.stderr, silent.code) == ("TIMEOUT\n", 1)


def cookie(output: str) -> str:
    """Return what dig sent to be told apart by, and got back."""
    return str(re.findall(r"COOKIE: ([0-9a-f]{16})", output)[0])


def size(output: str) -> int:
    return int(re.findall(r"rcvd: (\d+)", output)[0])


def test_dig_prints_the_message(lab: Any, echo: str) -> None:
    output = lab.exec("shoot", "dig", "backend.default.svc.cluster.local").stdout
    assert (
        re.sub(r"id: \d+|\d+ msec|WHEN: .*|rcvd: \d+|(?<=COOKIE: )[0-9a-f]{16}", "…", output)
        == "\n; <<>> DiG 9.18.49-1~deb12u1-Debian <<>> backend.default.svc.cluster.local\n;; global options: +cmd\n;;"
        " Got answer:\n;; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens"
        " when an mDNS query is leaked to DNS\n;; ->>HEADER<<- opcode: QUERY, status: NOERROR, …\n;; flags: qr aa"
        " rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1\n;; WARNING: recursion requested but not"
        " available\n\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: 1232\n; COOKIE: … (echoed)\n"
        ";; QUESTION SECTION:\n;backend.default.svc.cluster.local. IN\tA\n\n;; ANSWER"
        f" SECTION:\nbackend.default.svc.cluster.local. 30 IN A\t{echo}\n\n;; Query time: …\n;; SERVER:"
        " 10.96.0.10#53(10.96.0.10) (UDP)\n;; …\n;; MSG SIZE  …\n\n"
    )
    assert lab.exec("shoot", "dig", "backend.default.svc.cluster.local").stdout.count(cookie(output)) == 1
    without = lab.exec("shoot", "dig", "+nocookie", "backend.default.svc.cluster.local").stdout
    assert "COOKIE" not in without
    assert size(output) == size(without) + 12
    assert lab.exec("shoot", "dig", "+short", "backend.default.svc.cluster.local").stdout == f"{echo}\n"
    silent = lab.exec("shoot", "dig", "@10.244.99.9", "+time=1", "+tries=1", "foo")
    assert silent.code == 9
    assert silent.stdout.startswith(";; communications error to 10.244.99.9#53: timed out\n")


def test_host_and_nslookup_of_bind_find_short_names(lab: Any, echo: str) -> None:
    assert lab.exec("shoot", "host", "backend").stdout == f"backend.default.svc.cluster.local has address {echo}\n"
    missing = lab.exec("shoot", "host", "nosuch")
    assert (missing.stdout, missing.code) == ("Host nosuch not found: 3(NXDOMAIN)\n", 1)
    assert (
        lab.exec("shoot", "nslookup", "backend").stdout
        == ";; Got recursion not available from 10.96.0.10\nServer:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\n"
        f"Name:\tbackend.default.svc.cluster.local\nAddress: {echo}\n;; Got recursion not available from 10.96.0.10\n\n"
    )
    unknown = lab.exec("shoot", "nslookup", "nosuch")
    assert unknown.stdout.endswith("** server can't find nosuch: NXDOMAIN\n\n")
    assert unknown.code == 1


def test_nc_says_what_became_of_a_connection(lab: Any, echo: str) -> None:
    assert (
        lab.exec("shoot", "nc", "-zv", "backend", "80").stderr
        == f"Connection to backend ({echo}) 80 port [tcp/http] succeeded!\n"
    )
    silent = lab.exec("shoot", "nc", "-zv", "-w", "1", "10.244.99.9", "80")
    assert (silent.stderr, silent.code) == (
        "nc: connect to 10.244.99.9 port 80 (tcp) timed out: Operation now in progress\n",
        1,
    )
    refused = lab.exec("shoot", "nc", "-zv", "127.0.0.1", "9")
    assert refused.stderr == "nc: connect to 127.0.0.1 port 9 (tcp) failed: Connection refused\n"


def test_nc_of_busybox_knows_no_scan_and_can_serve(lab: Any) -> None:
    assert lab.exec("client", "nc", "-zv", "backend", "80").stderr.startswith(
        "nc: invalid option -- 'z'\nBusyBox v1.38.0"
    )
    lab.open("client", "sh", "-c", "echo from the server | nc -l -p 9000")
    lab.pass_time(1)
    assert lab.exec("shoot", "nc", "-w", "1", ip(lab, "client"), "9000").stdout == "from the server\n"


def test_ping_reaches_pods_but_no_service(lab: Any, echo: str) -> None:
    other = ip(lab, "client")
    found = lab.exec("shoot", "ping", "-c", "2", other).stdout
    assert f"PING {other} ({other}) 56(84) bytes of data.\n64 bytes from {other}: icmp_seq=1 ttl=6" in found
    assert "2 packets transmitted, 2 received, 0% packet loss" in found
    lost = lab.exec("client", "ping", "-c1", "-W1", "backend")
    assert lost.code == 1
    assert (
        lost.stdout
        == f"PING backend ({echo}): 56 data bytes\n\n--- backend ping statistics ---\n1 packets transmitted, 0 packets"
        " received, 100% packet loss\n"
    )


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        (["sport = :8080"], ["8080"]),
        (["sport", "eq", "8080"], ["8080"]),
        (["( sport = :8080 or sport = :9090 )"], ["8080", "9090"]),
        (["sport != :8080"], ["9090"]),
        (["not sport = :8080 and sport gt :9000"], ["9090"]),
        (["sport = :1"], []),
    ],
)
def test_ss_filters_by_port(words: list[str], ports: list[str]) -> None:
    passes = socket_filter.read(words)
    assert [port for port in ("8080", "9090") if passes(f"0.0.0.0:{port}", "0.0.0.0:*")] == ports


def test_ss_filters_by_address_and_state() -> None:
    own, peer = "10.0.0.1:40000", "10.0.0.2:80"
    assert socket_filter.read(["dst 10.0.0.2"])(own, peer)
    assert not socket_filter.read(["dst 10.0.0.1"])(own, peer)
    assert socket_filter.read(["src 10.0.0.0/30 and dst :80"])(own, peer)
    assert not socket_filter.read(["src 10.0.0.1:1"])(own, peer)
    words = ["state", "established", "dport = :80"]
    assert socket_filter.states(words) == {"ESTAB"}
    assert words == ["dport = :80"]
    assert "ESTAB" not in socket_filter.states(["exclude", "established"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sport = :x", 'Error: "x" does not look like a port.\nCannot parse dst/src address.\n'),
        ("dev eth0", "ss: podwalk simulates filters by state, src, dst, sport and dport, not by 'dev'\n"),
        ("( sport = :1", 'ss: bison bellows (while parsing filter): "syntax error!" Sorry.\n'),
    ],
)
def test_ss_says_which_filter_it_cannot_read(servers: Any, words: str, said: str) -> None:
    refused = servers.exec("shoot", "ss", "-tln", words)
    assert (refused.stderr, refused.code) == (said, 1)
    assert servers.exec("shoot", "ss", "-ant46", "sport = :1").stdout.count("\n") == 1


@pytest.mark.parametrize("option", ["-s", "-x", "-tie"])
def test_ss_refuses_what_it_cannot_show(servers: Any, option: str) -> None:
    refused = servers.exec("shoot", "ss", option)
    assert refused.code == 2
    assert refused.stderr.endswith("is not simulated by Podwalk\n")


def test_ss_leaves_its_heading_out_when_asked(servers: Any) -> None:
    whole, bare = (servers.exec("shoot", "ss", option).stdout.splitlines() for option in ("-tln", "-tlnH"))
    assert bare == whole[1:]


def test_interfaces_and_sockets_are_listed(servers: Any) -> None:
    address = ip(servers, "shoot")
    assert f"    inet {address}/32 scope global eth0\n" in servers.exec("shoot", "ip", "addr").stdout
    assert (
        servers.exec("client", "ip", "route").stdout
        == "default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link \n"
    )
    assert servers.exec("client", "hostname", "-i").stdout == f"{ip(servers, 'client')}\n"
    servers.open("client", "nc", "-l", "-p", "9000")
    servers.pass_time(0.1)
    listed = servers.exec("client", "netstat", "-tln").stdout
    assert re.search(r"tcp +0 +0 0\.0\.0\.0:9000 +0\.0\.0\.0:\* +LISTEN", listed)
    assert (
        servers.exec("shoot", "ss", "-tln").stdout
        == "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"
    )


def test_a_command_that_is_not_simulated_says_so_with_127(lab: Any) -> None:
    output = lab.exec("shoot", "tcpdump", "-i", "eth0")
    assert (output.stderr, output.code) == ("tcpdump: this image has it, but Podwalk does not simulate it\n", 127)
    output = lab.exec("shoot", "curl", "--proxy", "x:1", "http://backend")
    assert "podwalk does not simulate it" in output.stderr
    assert output.code == 2


def test_hosts_outside_the_cluster_are_found_by_name(lab: Any) -> None:
    assert "<h1>example.com</h1>" in lab.exec("client", "wget", "-qO-", "http://example.com").stdout


PORTER = """
apiVersion: v1
kind: Pod
metadata: {name: porter}
spec:
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/agnhost:2.66.1
    args: [porter, --json-response]
    env: [{name: SERVE_PORT_80, value: foo}]
"""


def test_agnhost_porter_serves_a_variable_a_port_in_json_if_asked(lab: Any) -> None:
    lab.apply(PORTER)
    lab.ready("porter")
    output = lab.exec("shoot", "curl", "-s", "-X", "POST", f"http://{ip(lab, 'porter')}/any").stdout
    assert output == '{"Method":"POST","Body":"foo"}'


def test_a_server_refuses_what_is_no_request_at_the_first_line(lab: Any, echo: str) -> None:
    output = lab.shell("shoot", f"echo hostName | nc -w 2 {echo} 80")
    assert output.stdout.splitlines() == [
        "HTTP/1.1 400 Bad Request",
        "Content-Type: text/plain; charset=utf-8",
        "Connection: close",
        "",
        "400 Bad Request",
    ]


def test_agnhost_serves_the_certificate_that_comes_with_it_until_it_is_moved(lab: Any) -> None:
    lab.apply(PORTER.replace("[porter, --json-response]", "[test-webserver]"))
    lab.ready("porter")
    fetch = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{ip(lab, 'porter')}/localhost.crt")
    assert lab.exec("shoot", *fetch).stdout == "200"
    assert lab.exec("porter", "mv", "/localhost.crt", "/tmp/").code == 0
    assert lab.exec("shoot", *fetch).stdout == "404"
    assert lab.exec("porter", "cat", "/tmp/localhost.crt").stdout.startswith("-----BEGIN CERTIFICATE-----")


def test_whoami_refuses_a_web_socket_without_its_handshake(servers: Any) -> None:
    output = servers.exec("shoot", "curl", "-si", f"http://{ip(servers, 'who')}/echo")
    assert re.sub("Date: .*", "Date: D\r", output.stdout).split("\r\n") == [
        "HTTP/1.1 400 Bad Request",
        "Content-Type: text/plain; charset=utf-8",
        "Sec-Websocket-Version: 13",
        "X-Content-Type-Options: nosniff",
        "Date: D",
        "Content-Length: 12",
        "",
        "Bad Request\n",
    ]


TLS = """
apiVersion: v1
kind: Pod
metadata: {name: porter}
spec:
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/agnhost:2.66.1
    args: [porter]
    env:
    - {name: SERVE_TLS_PORT_443, value: '<a href="/there">here</a>'}
    - {name: SERVE_UDP_PORT_53, value: datagram}
---
apiVersion: v1
kind: Pod
metadata: {name: netexec}
spec:
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/agnhost:2.66.1
    args: [netexec, --http-port=8443, --tls-cert-file=/localhost.crt, --tls-private-key-file=/localhost.key]
"""


def test_agnhost_serves_tls_and_the_api_proxies_it(lab: Any) -> None:
    lab.apply(TLS)
    lab.ready("porter", "netexec")
    assert lab.exec("shoot", "curl", "-sk", f"https://{ip(lab, 'netexec')}:8443/hostname").stdout == "netexec"
    assert "certificate" in lab.exec("shoot", "curl", "-sS", f"https://{ip(lab, 'netexec')}:8443/").stderr
    sent = lab.exec("shoot", "sh", "-c", f"echo | nc -u -w1 {ip(lab, 'porter')} 53")
    assert sent.stdout == "datagram"
    path = "/api/v1/namespaces/default/pods/https:porter:443/proxy"
    answer = lab.cluster.handle(Request("GET", f"{path}/", headers={"host": "127.0.0.1:6443"}))
    assert (answer.status, answer.body) == (200, f'<a href="{path}/there">here</a>'.encode())
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    plain = lab.cluster.handle(Request("GET", "/api/v1/namespaces/default/pods/porter:443/proxy/"))
    assert plain.status == 400, "plain HTTP to a TLS port"


def test_a_server_outlives_a_client_that_no_longer_listens(lab: Any) -> None:
    lab.open("shoot", "sh", "-c", "(sleep 4; echo late; sleep 99) | nc -u -l -p 9000")
    lab.pass_time(1)
    assert lab.exec("shoot", "sh", "-c", "echo hello | nc -u -w 1 127.0.0.1 9000").stdout == ""
    lab.pass_time(6)
    assert re.search(r"root +nc -u -l -p 9000", lab.exec("shoot", "ps").stdout)


@pytest.mark.parametrize(
    ("pod", "command", "said", "code"),
    [
        ("client", "wget -T abc http://backend", "wget: invalid number 'abc'\n", 1),
        ("client", "wget -q http://backend:x/", "wget: bad port 'x'\n", 1),
        ("client", "nc -w abc backend 80", "nc: invalid number 'abc'\n", 1),
        ("client", "nc -l -p x", "nc: bad port 'x'\n", 1),
        ("client", "nc backend 99999", "nc: bad port '99999'\n", 1),
        ("client", "read -t x", "sh: read: line 0: invalid timeout\n", 2),
        ("client", "ping a..b", "ping: bad address 'a..b'\n", 1),
        ("shoot", "nc -w abc backend 80", "nc: timeout invalid: abc\n", 1),
        ("shoot", "nc backend 99999", "nc: port number too large: 99999\n", 1),
        ("shoot", "nc -l x", "nc: getaddrinfo: Servname not supported for ai_socktype\n", 1),
        ("shoot", "host a..b", "host: 'a..b' is not in legal name syntax (empty label)\n", 1),
        ("shoot", "nslookup x..y", "nslookup: 'x..y' is not in legal name syntax (empty label)\n", 1),
        ("shoot", f"getent hosts {'a' * 64}", "", 2),
        ("shoot", "curl -sS http://a..b", "curl: (6) Could not resolve host: a..b\n", 6),
        (
            "shoot",
            "curl -sS --connect-to ::x:y http://backend",
            "curl: (49) No valid port number in connect to host string (y)\n",
            49,
        ),
    ],
)
def test_a_wrong_number_port_or_name_is_answered_as_the_real_tool_answers_it(
    lab: Any, pod: str, command: str, said: str, code: int
) -> None:
    refused = lab.exec(pod, "sh", "-c", command)
    assert (refused.stderr, refused.code) == (said, code)
