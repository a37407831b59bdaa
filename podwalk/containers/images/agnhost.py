"""agnhost: the Swiss knife of Kubernetes' own tests.

Source: kubernetes/test/images/agnhost (netexec, connect, serve-hostname, porter, …); answers and log as a real
container prints them. Subcommands that are not here say so.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import simpy

from podwalk.containers import http, resolver, tls
from podwalk.containers.files import File, FileError
from podwalk.containers.images import agnhost_datagrams, agnhost_dial, localhost, serving
from podwalk.containers.images.agnhost_datagrams import log
from podwalk.containers.images.debian import CURL, DEBIAN_NET
from podwalk.containers.images.image import Image, executable
from podwalk.containers.process import Pipe, Process, Program
from podwalk.containers.shell import dash
from podwalk.containers.sockets import (
    AddressInUse,
)
from podwalk.containers.tools import PROGRAMS
from podwalk.containers.tools.hostname import hostname
from podwalk.containers.tools.wget import wget
from podwalk.simulation import Task

VERSION = "2.66.1"
UDP_SIZE = 2048
PORTER = re.compile(r"SERVE_(TCP_|UDP_|TLS_|SCTP_)?PORT_([0-9]+)")
TRIES = 15


class NetExec:
    """``agnhost netexec``: HTTP, UDP and SCTP servers with various endpoints."""

    def __init__(self, process: Process, options: Mapping[str, str]) -> None:
        """Keep the options."""
        self.process, self.options = process, options
        self.simulation = process.simulation
        self.network = process.container.network
        self.exit = self.simulation.event()
        self.leaving = False
        # Its UDP and SCTP servers are what make it ready: without either, it never is (seen on kind).
        self.ready = any(int(options.get(name) or -1) > 0 for name in ("udp-port", "sctp-port"))
        self.routes: Mapping[str, Callable[[http.Incoming, dict[str, str]], Any]] = {
            "/": self._now,
            "/clientip": lambda request, _: self._log_and_answer("GET /clientip", str(request.remote)),
            "/dial": lambda _, query: agnhost_dial.dial(process, query),
            "/echo": self._echo,
            "/envvar": self._variable,
            "/exit": self._exit,
            "/header": self._header,
            "/healthz": lambda *_: self._log_and_answer("GET /healthz", "", 200 if self.ready else 412),
            "/hostname": lambda *_: self._log_and_answer("GET /hostname", process.container.hostname),
            "/hostName": lambda *_: self._log_and_answer("GET /hostName", process.container.hostname),
            "/readyz": self._readyz,
            "/redirect": self._redirect,
            "/shell": self._shell,
            "/shutdown": self._shutdown,
        }

    def handle(self, request: http.Incoming) -> Any:
        """Answer a request, or that of ``--http-override`` in its place; what is no endpoint is ``/``."""
        if self.options.get("http-override"):
            request = replace(request, method="GET", target=self.options["http-override"], body=b"")
        query = {name: values[0] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
        route = self.routes.get(request.path) or next(
            (self.routes[path] for path in self.routes if path != "/" and request.path.startswith(f"{path}/")),
            self._now,
        )
        return route(request, query)

    def answer(self, body: str, status: int = 200, before: http.Headers = ()) -> http.Answer:
        """Return an answer with a Go server's headers."""
        return serving.text(http.date(self.simulation), body, status, before=before)

    def _log_and_answer(self, line: str, body: str, status: int = 200) -> http.Answer:
        log(self.process, line)
        return self.answer(body, status)

    def _readyz(self, _: http.Incoming, __: dict[str, str]) -> http.Answer:
        """Answer whether it takes work: no longer, once it was told to end and delays it."""
        return self._log_and_answer("GET /readyz", *(("shutting down", 503) if self.leaving else ("ok", 200)))

    def _now(self, _request: http.Incoming, _query: dict[str, str]) -> http.Answer:
        now = self.simulation.datetime()
        age_s = self.simulation.now - self.process.started_s
        return self._log_and_answer("GET /", f"NOW: {now:%Y-%m-%d %H:%M:%S.%f}000 +0000 UTC m=+{age_s:.9f}")

    def _echo(self, _: http.Incoming, query: dict[str, str]) -> http.Answer:
        message, code = query.get("msg", ""), query.get("code", "")
        log(self.process, f"GET /echo?msg={message}&code={code}")
        if not code:
            return self.answer(message)
        if not code.isdigit() or not 200 <= int(code) <= 999:
            return self.answer(f"argument 'code' must be an integer [200-999], got {code!r}".replace("'", '"', 0))
        return self.answer(message, int(code))

    def _variable(self, _: http.Incoming, query: dict[str, str]) -> http.Answer:
        name = query.get("var", "")
        if not name:
            return self._error("'var' query parameter is required", 400)
        log(self.process, f"GET /envvar?var={name}")
        if name not in self.process.env:
            return self._error(f'env var "{name}" is not set', 500)
        return self.answer(self.process.env[name])

    def _error(self, text: str, status: int) -> http.Answer:
        return serving.error(http.date(self.simulation), f"{text}\n", status)

    def _header(self, request: http.Incoming, query: dict[str, str]) -> http.Answer:
        key = query.get("key", "")
        log(self.process, f"GET /header?key={key}")
        if key:
            return self.answer(request.header(key))
        headers: dict[str, list[str]] = {}
        for name, value in request.headers:
            headers.setdefault(name.title(), []).append(value)
        return self.answer(json.dumps(headers, separators=(",", ":")))

    def _redirect(self, _: http.Incoming, query: dict[str, str]) -> http.Answer:
        location, code = query.get("location", ""), query.get("code", "")
        log(self.process, f"GET /redirect?msg={location}&code={code}")
        status = int(code) if code.isdigit() else 302
        body = f'<a href="{html.escape(location)}">Found</a>.\n\n'
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Location", location),
            ("Date", http.date(self.simulation)),
        ]
        return http.Answer(status, [*headers, ("Content-Length", str(len(body)))], body.encode())

    def _exit(self, _: http.Incoming, query: dict[str, str]) -> http.Answer:
        code, timeout, wait = (query.get(name, "") for name in ("code", "timeout", "wait"))
        log(self.process, f"GET /exit?code={code}&timeout={timeout}&wait={wait}")
        if code and not (code.isdigit() and int(code) <= 127):
            return self.answer(f"argument 'code' must be an integer [0-127] or empty, got \"{code}\"\n")
        self.simulation.call(lambda: self.leave(int(code or 0)), 0.001)
        return self.answer("")

    def _shutdown(self, _: http.Incoming, __: dict[str, str]) -> http.Answer:
        log(self.process, "GET /shutdown")
        self.simulation.call(lambda: self.leave(0), 0.001)
        return self.answer("")

    def leave(self, code: int) -> None:
        """End the servers with an exit code."""
        if not self.exit.triggered:
            self.exit.succeed(code)

    def _shell(self, request: http.Incoming, query: dict[str, str]) -> Generator[simpy.Event, Any, http.Answer]:
        command = query.get("cmd", "") or query.get("shellCommand", "") or _form(request).get("shellCommand", "")
        log(self.process, f"GET /shell?cmd={command}")
        output = Pipe(self.simulation)
        collected = bytearray()
        output.on_write = collected.extend
        child = self.process.spawn(["/bin/sh", "-c", command], stdout=output, stderr=output)
        if child.exit_code is None:
            yield child.done
        result: dict[str, str] = {}
        if collected:
            result["output"] = collected.decode(errors="replace")
        if child.exit_code:
            result["error"] = f"exit status {child.exit_code}"
        log(self.process, f"Output: map[{' '.join(f'{key}:{value}' for key, value in sorted(result.items()))}]")
        return self.answer(json.dumps(result, separators=(",", ":"), sort_keys=True))


def _form(request: http.Incoming) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}


def flags(argv: Sequence[str], defaults: Mapping[str, str], switches: Sequence[str] = ()) -> dict[str, str]:
    """Read flags as :func:`serving.flags` does; one that there is not is told of in cobra's words."""
    for word in argv:
        name = word.partition("=")[0]
        if name.startswith("--") and len(name) > 2 and name[2:] not in defaults:
            raise serving.FlagError(f"unknown flag: {name}")
    return serving.flags(argv, defaults, switches)


NETEXEC = {"http-port": "8080", "udp-port": "8081", "sctp-port": "-1", "http-override": "", "udp-listen-addresses": "",
           "delay-shutdown": "0", "tls-cert-file": "", "tls-private-key-file": ""}  # fmt: skip


def netexec(process: Process, argv: list[str]) -> Task:
    """Run the servers until told to end."""
    options = flags(argv, NETEXEC)
    running = NetExec(process, options)
    try:
        wrap = None
        if options["tls-cert-file"]:
            pair = options["tls-cert-file"], options["tls-private-key-file"]
            wrap = tls.serving(process.container.files, *pair)
        tasks: list[Task] = [serving.serve(process, int(options["http-port"]), running.handle, wrap=wrap)]
    except (FileError, tls.TlsError) as error:
        return process.fail(str(error))
    except AddressInUse:
        return process.fail(f"listen tcp :{options['http-port']}: bind: address already in use")
    log(process, f"Started HTTP server on port {options['http-port']}")
    if int(options["udp-port"]) > 0:
        for address in sorted(set(options["udp-listen-addresses"].split(","))):
            tasks.append(agnhost_datagrams.serve_udp(process, int(options["udp-port"]), address))
            log(process, f"Started UDP server on port {address} {options['udp-port']}")
    if int(options["sctp-port"]) > 0:
        tasks.append(agnhost_datagrams.serve_sctp(process, int(options["sctp-port"]), lambda: running.leave(1)))
    held = process.simulation.spawn(serving.guarded(serving.hold(process, tasks, exit_code=2)))
    try:
        yield running.exit | held
    except simpy.Interrupt:
        delay_s = int(options["delay-shutdown"])
        if delay_s:
            running.leaving = True
            yield process.sleep(delay_s)
        return 0 if delay_s else 2
    finally:
        if held.is_alive:
            held.interrupt()
    return int(running.exit.value or 0) if running.exit.triggered else 0


def serve_hostname(process: Process, argv: list[str]) -> Task:
    """Serve the hostname over HTTP, TCP or UDP."""
    options = flags(
        argv,
        {"port": "9376", "http": "true", "tcp": "false", "udp": "false", "close": "false"},
        ("http", "tcp", "udp", "close"),
    )  # fmt: skip
    port, hostname = int(options["port"]), process.container.hostname
    tasks: list[Task] = []
    if options["tcp"] == "true":
        tasks.append(_tcp_hostname(process, port))
    elif options["http"] == "true":

        def handle(request: http.Incoming) -> http.Answer:
            log(process, f"HTTP request from {request.remote}")
            return serving.text(http.date(process.simulation), hostname)

        tasks.append(serving.serve(process, port, handle))
    if options["udp"] == "true":
        tasks.append(_udp_hostname(process, port))
    log(process, f"Serving on port {port}.")
    return (yield from serving.hold(process, tasks, exit_code=0))


def _tcp_hostname(process: Process, port: int) -> Task:
    listener = process.container.network.listen(port)
    try:
        while True:
            connection = yield from listener.accept()
            connection.write(f"{process.container.hostname}\n".encode())
            connection.close()
    finally:
        listener.close()


def _udp_hostname(process: Process, port: int) -> Task:
    socket = process.container.network.bind(port)
    try:
        while True:
            received = yield from socket.receive()
            if received is not None:
                socket.send(f"{process.container.hostname}\n".encode(), received[1], received[2])
    finally:
        socket.close()


def connect(process: Process, argv: list[str]) -> Task:
    """Try a connection, with an answer in one word."""
    options = {"timeout": "0s", "protocol": "tcp", "udp-data": "hostname", "sctp-data": "hostname"}
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name, equals, value = word[2:].partition("=")
        if not word.startswith("--"):
            words.append(word)
        elif name not in options:
            raise serving.FlagError(f"unknown flag: --{name}")
        elif not equals and not rest:
            raise serving.FlagError(f"flag needs an argument: --{name}")
        else:
            options[name] = value if equals else rest.pop(0)
    return (yield from agnhost_dial.connect(process, options, words))


def pause(process: Process, argv: list[str]) -> Task:
    """Do nothing until told to end."""
    flags(argv, {})
    if argv:
        return process.fail(f"Error: accepts at most 0 arg(s), received {len(argv)}")
    process.write("Paused\n")
    return (yield from serving.hold(process, []))


def porter(process: Process, argv: list[str]) -> Task:
    """Serve the value of each variable ``SERVE_PORT_N`` on port N, of ``SERVE_TLS_PORT_N`` over TLS, and so on."""
    options = flags(argv, {"json-response": "false"}, ("json-response",))
    tasks: list[Task] = []
    for name, value in process.env.items():
        match = PORTER.fullmatch(name)
        if match is None:
            continue
        protocol, port = match[1] or "TCP_", int(match[2])
        if protocol == "SCTP_":
            tasks.append(agnhost_datagrams.porter_sctp(process, port, value))
        elif protocol == "UDP_":
            tasks.append(agnhost_datagrams.porter_udp(process, port, value))
        else:
            wrap = None
            if protocol == "TLS_":
                pair = process.env.get("CERT_FILE") or "/localhost.crt", process.env.get("KEY_FILE") or "/localhost.key"
                wrap = tls.serving(process.container.files, *pair)
            handle = _constant(process, value, as_json=options["json-response"] == "true")
            tasks.append(serving.serve(process, port, handle, wrap=wrap))
    return (yield from serving.hold(process, tasks))


def _constant(process: Process, value: str, *, as_json: bool) -> http.Handler:
    def answer(request: http.Incoming) -> http.Answer:
        date = http.date(process.simulation)
        if not as_json:
            return serving.text(date, value, kind=serving.sniff(value.encode()))
        body = json.dumps({"Method": request.method, "Body": value}, separators=(",", ":"))
        return serving.text(date, body, kind="application/json")

    return answer


def entrypoint_tester(process: Process, _: list[str]) -> Task:
    """Print the arguments."""
    yield process.sleep(0)
    process.write(f"[{' '.join(process.argv)}]\n")
    return 0


def etc_hosts(process: Process, _: list[str]) -> Task:
    """Print ``/etc/hosts``."""
    yield process.sleep(0)
    process.stdout.write(process.container.files.read("/etc/hosts"))
    return 0


def dns_suffix(process: Process, _: list[str]) -> Task:
    """Print the search list."""
    yield process.sleep(0)
    process.write(",".join(resolver.conf(process.container.files).search) + "\n")
    return 0


def dns_server_list(process: Process, _: list[str]) -> Task:
    """Print the name servers."""
    yield process.sleep(0)
    process.write(",".join(resolver.conf(process.container.files).nameservers) + "\n")
    return 0


def liveness(process: Process, _: list[str]) -> Task:
    """Serve a health check that fails after ten seconds."""

    def handle(request: http.Incoming) -> http.Answer:
        age_s = process.simulation.now - process.started_s
        if request.path == "/healthz" and age_s > 10:
            return serving.text(http.date(process.simulation), f"error: {age_s}", 500)
        return serving.text(http.date(process.simulation), "ok")

    return (yield from serving.hold(process, [serving.serve(process, 8080, handle)]))


def test_webserver(process: Process, argv: list[str]) -> Task:
    """Serve the files of the container."""
    options = flags(argv, {"port": "80"})

    def handle(request: http.Incoming) -> http.Answer:
        path, files = unquote_plus(urlsplit(request.target).path), process.container.files
        if files.is_dir(path):
            body = "<pre>\n" + "".join(f'<a href="{name}">{name}</a>\n' for name in files.list(path)) + "</pre>\n"
            return serving.text(http.date(process.simulation), body, kind="text/html; charset=utf-8")
        if not files.exists(path):
            return serving.text(http.date(process.simulation), "404 page not found\n", 404)
        return serving.text(http.date(process.simulation), files.read(path))

    return (yield from serving.hold(process, [serving.serve(process, int(options["port"]), handle)]))


def logs_generator(process: Process, argv: list[str]) -> Task:
    """Print lines of log evenly over a time."""
    short = {"-t": "--log-lines-total", "-d": "--run-duration"}
    options = flags([short.get(word, word) for word in argv], {"log-lines-total": "0", "run-duration": "0s"})
    total = int(options["log-lines-total"])
    delay_s = agnhost_dial.seconds(options["run-duration"]) / total if total else 0.0
    for number in range(total):
        log(
            process,
            f"{number} GET /api/v1/namespaces/kube-system/pods/{process.simulation.random.randrange(36**4):x} 200",
        )
        yield process.sleep(max(delay_s, 0.0001))
    return 0


GRPC_HEALTH = {"port": "5000", "http-port": "8080", "delay-unhealthy-sec": "-1", "service": ""}


def grpc_health_checking(process: Process, argv: list[str]) -> Task:
    """Run a gRPC server that says whether it is well, and two pages that change what it says."""
    # Few Pods speak gRPC, and each cluster would start later for the library.
    from podwalk.containers.images import agnhost_health

    return (yield from agnhost_health.run(process, flags(argv, GRPC_HEALTH)))


COMMANDS: Mapping[str, Callable[[Process, list[str]], Task]] = {
    "connect": connect,
    "dns-server-list": dns_server_list,
    "dns-suffix": dns_suffix,
    "entrypoint-tester": entrypoint_tester,
    "etc-hosts": etc_hosts,
    "grpc-health-checking": grpc_health_checking,
    "liveness": liveness,
    "logs-generator": logs_generator,
    "netexec": netexec,
    "pause": pause,
    "porter": porter,
    "serve-hostname": serve_hostname,
    "test-webserver": test_webserver,
}


def agnhost(process: Process) -> Task:
    """Run a subcommand."""
    yield process.sleep(0)
    if len(process.argv) < 2:
        process.write("Usage:\n  app [command]\n\nAvailable Commands:\n" + "".join(f"  {name}\n" for name in COMMANDS))
        return 0
    name, argv = process.argv[1], process.argv[2:]
    if name == "--version":
        process.write(f"app version {VERSION}\n")
        return 0
    command = COMMANDS.get(name)
    if command is None:
        known = ", ".join(COMMANDS)
        return process.fail(f'Error: podwalk does not simulate the subcommand "{name}" of agnhost; it has {known}')
    try:
        return (yield from command(process, argv))
    except serving.FlagError as error:
        return process.fail(f"Error: {error}")


PROGRAMS_OF_AGNHOST: dict[str, Program] = {
    **PROGRAMS,
    **DEBIAN_NET,
    **CURL,
    "hostname": hostname,
    "sh": dash,
    "wget": wget,
    "agnhost": agnhost,
}

IMAGES = [
    Image(
        name="registry.k8s.io/e2e-test-images/agnhost",
        tags=r"latest|2\.(39|[4-6][0-9])(\.[0-9]+)?",
        programs=PROGRAMS_OF_AGNHOST,
        entrypoint=["/agnhost"],
        cmd=["pause"],
        files={
            "agnhost": executable("agnhost"),
            "agnhost-2": executable("agnhost"),
            "localhost.crt": File(source=lambda: localhost.pair()[0]),
            "localhost.key": File(source=lambda: localhost.pair()[1]),
        },
        size=53_000_000,
    )
]
