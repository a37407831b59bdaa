"""The images that a cluster itself runs: those that answer, CoreDNS among them, and those that are just there."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Generator
from typing import Any

import simpy

from podwalk.containers import http, resolver
from podwalk.containers.files import FileError
from podwalk.containers.images import serving
from podwalk.containers.images.apiserver import kube_apiserver
from podwalk.containers.images.image import Image, executable
from podwalk.containers.images.kube_proxy import kube_proxy
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import Address, Connection, SocketError
from podwalk.network.dns import Answer, Context, Question, Server, corefile, search, wire
from podwalk.network.dns.wire import MessageError
from podwalk.simulation import Task

COREDNS_VERSION = "1.14.6"
KUBERNETES_VERSION = r"v1\.[0-9]+\.[0-9]+"
RELOAD_S = 30.0
MONITORED = frozenset(
    {
        "A", "AAAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NS", "NSEC", "NSEC3", "PTR", "RRSIG", "SOA", "SRV",
        "SVCB", "TXT", "ANY", "IXFR", "AXFR",
    }
)  # fmt: skip
"""Record types with a line of their own in the metrics. Source: coredns plugin/metrics/vars/monitor.go."""

FORWARD_TIMEOUT_S = 2.0


class CoreDns:
    """A running CoreDNS: its sockets, and the server that :mod:`podwalk.network.dns` makes of the Corefile."""

    def __init__(self, process: Process, path: str) -> None:
        """Read the configuration.

        Raises:
            CorefileError: in CoreDNS's words.
            FileError: when there is none.
        """
        self.process, self.path = process, path
        self.network = process.container.network
        self.text = ""
        self.server = self._load()
        self.requests: Counter[tuple[tuple[str, str], ...]] = Counter()
        self.responses: Counter[tuple[tuple[str, str], ...]] = Counter()

    def _load(self) -> Server:
        self.text = self.process.container.files.read(self.path).decode()
        simulation = self.process.simulation
        fabric = self.network.fabric
        context = Context(
            fabric.view,
            fabric.options,
            addresses=(self.network.ip,),
            resolv_conf=self.process.container.files.read("/etc/resolv.conf").decode(),
            random=simulation.random,
            now=lambda: simulation.now,
            serial=lambda: int(simulation.datetime().timestamp()),
            log=lambda line: self.process.write(f"{line}\n"),
        )
        return Server(self.text, context)

    def reload(self) -> Task:
        """Read the configuration again when it has changed."""
        while True:
            yield self.process.sleep(RELOAD_S)
            try:
                if self.process.container.files.read(self.path).decode() == self.text:
                    continue
                self.process.write("[INFO] Reloading\n")
                self.server = self._load()
                self.process.write("[INFO] Reloading complete\n")
            except (FileError, corefile.CorefileError) as error:
                self.process.write(f"[ERROR] Restart failed: {error}\n")

    def udp(self, port: int) -> Task:
        """Answer datagrams."""
        socket = self.network.bind(port)
        try:
            while True:
                received = yield from socket.receive()
                if received is not None:
                    data, ip, client = received
                    self.process.simulation.spawn(self._reply(socket.send, data, Address(ip, client), port))
        finally:
            socket.close()

    def _reply(self, send: Any, data: bytes, client: Address, port: int) -> Task:
        reply = yield from self.answer(data, client, "udp", port)
        if reply:
            send(reply, client.ip, client.port)

    def tcp(self, port: int) -> Task:
        """Answer connections."""
        listener = self.network.listen(port)
        try:
            while True:
                connection = yield from listener.accept()
                self.process.simulation.spawn(self._converse(connection, port))
        finally:
            listener.close()

    def _converse(self, connection: Connection, port: int) -> Task:
        buffer = bytearray()
        try:
            while data := (yield from connection.read()):
                buffer += data
                while len(buffer) >= 2 and len(buffer) >= 2 + (size := int.from_bytes(buffer[:2], "big")):
                    reply = yield from self.answer(bytes(buffer[2 : 2 + size]), connection.remote, "tcp", port)
                    del buffer[: 2 + size]
                    connection.write(len(reply).to_bytes(2, "big") + reply)
        except (BrokenPipe, SocketError):
            pass
        finally:
            connection.close()

    def answer(self, data: bytes, client: Address, protocol: str, port: int) -> Generator[simpy.Event, Any, bytes]:
        """Answer one message that came to a port; empty for what a server keeps silent about."""
        try:
            question = wire.question(data, client=str(client), protocol=protocol)
        except MessageError as error:
            return error.reply
        steps = self.server.resolve(question, str(port))
        reply: Answer | None = None
        try:
            wanted = next(steps)
            while True:
                reply = yield from self._forward(wanted.question, wanted.servers)
                wanted = steps.send(reply)
        except StopIteration as stopped:
            self._count(question, stopped.value, client, port)
            return wire.message(dataclasses.replace(stopped.value, question=question), data)

    def _count(self, question: Question, reply: Answer, client: Address, port: int) -> None:
        """Keep the two counters that most dashboards draw; labels as the plugin prometheus sets them (seen on kind)."""
        block = self.server.corefile.block_for(question.name, str(port))
        if block is None or block.plugin("prometheus") is None:
            return
        common = {"server": f"dns://:{block.port}", "view": "", "zone": block.zones[0]}
        family = "2" if ":" in client.ip else "1"
        kind = question.type if question.type in MONITORED else "other"
        plugin = "errors" if block.plugin("errors") else ""
        asked = common | {"family": family, "proto": question.protocol, "type": kind}
        self.requests[tuple(sorted(asked.items()))] += 1
        self.responses[tuple(sorted((common | {"plugin": plugin, "rcode": reply.rcode}).items()))] += 1

    def _forward(self, question: Question, servers: tuple[str, ...]) -> Generator[simpy.Event, Any, Answer | None]:
        for server in servers:
            ip, _, port = server.rpartition(":")
            answers = yield from resolver.ask(
                self.network,
                search.ResolvConf((ip,)),
                [(question.name, question.type)],
                timeout_s=FORWARD_TIMEOUT_S,
                attempts=1,
                port=int(port),
                edns=True,
            )
            if answers[0] is not None:
                return answers[0]
        return None

    def health(self, _: http.Incoming) -> http.Answer:
        """Answer ``/health`` and ``/ready``."""
        return serving.text(http.date(self.process.simulation), "OK")

    def metrics(self, _: http.Incoming) -> http.Answer:
        """Answer ``/metrics`` with the counters that are kept."""
        body = (
            "# HELP coredns_build_info A metric with a constant '1' value labeled by version, revision, and"
            " goversion.\n"
            f'# TYPE coredns_build_info gauge\ncoredns_build_info{{version="{COREDNS_VERSION}"}} 1\n'
        )
        body += _counters(
            "coredns_dns_requests_total",
            "Counter of DNS requests made per zone, protocol and family.",
            self.requests,
        )
        body += _counters("coredns_dns_responses_total", "Counter of response status codes.", self.responses)
        return serving.text(http.date(self.process.simulation), body, kind="text/plain; version=0.0.4; charset=utf-8")


def _counters(name: str, about: str, counts: Counter[tuple[tuple[str, str], ...]]) -> str:
    """Write a counter in Prometheus's text format; nothing as long as nothing was counted."""
    if not counts:
        return ""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} counter"]
    for labels, count in sorted(counts.items()):
        text = ",".join(f'{key}="{value}"' for key, value in labels)
        lines.append(f"{name}{{{text}}} {count}")
    return "\n".join(lines) + "\n"


def coredns(process: Process) -> Task:
    """Serve DNS as the Corefile says, and health, readiness and metrics beside it."""
    yield process.sleep(0)
    try:
        given = serving.flags(process.argv[1:], {"conf": "Corefile", "dns.port": "53"})
        running = CoreDns(process, given["conf"])
    except serving.FlagError as error:
        return process.fail(str(error), 2)
    except (FileError, corefile.CorefileError) as error:
        return process.fail(str(error), 1)
    ports = sorted({int(block.port) for block in running.server.corefile.blocks})
    names = {plugin.name for block in running.server.corefile.blocks for plugin in block.plugins}
    tasks: list[Task] = []
    for zone, port in sorted((zone, block.port) for block in running.server.corefile.blocks for zone in block.zones):
        process.write(f"{zone}:{port}\n")
    for number in ports:
        tasks += [running.udp(number), running.tcp(number)]
    if "health" in names:
        tasks.append(serving.serve(process, 8080, running.health))
    if "ready" in names:
        tasks.append(serving.serve(process, 8181, running.health))
    if "prometheus" in names:
        tasks.append(serving.serve(process, 9153, running.metrics))
    if "reload" in names:
        tasks.append(running.reload())
    process.write(f"CoreDNS-{COREDNS_VERSION}\nlinux/amd64, go1.26.8, unknown\n")
    return (yield from serving.hold(process, tasks))


def idle(process: Process) -> Task:
    """Run until told to end."""
    return (yield from serving.hold(process, []))


def _system(name: str, program: str, size: int, tags: str = KUBERNETES_VERSION) -> Image:
    return Image(
        name=f"registry.k8s.io/{name}",
        tags=tags,
        programs={program: idle},
        entrypoint=[f"/usr/local/bin/{program}"],
        size=size,
    )  # fmt: skip


IMAGES = [
    Image(
        name="registry.k8s.io/coredns/coredns",
        tags=r"v1\.[0-9]+\.[0-9]+",
        programs={"coredns": coredns},
        entrypoint=["/coredns"],
        files={"coredns": executable("coredns")},
        size=23_500_000,
    ),
    Image(
        name="registry.k8s.io/pause",
        tags=r"latest|3\.[0-9]+(\.[0-9]+)?",
        programs={"pause": idle},
        entrypoint=["/pause"],
        files={"pause": executable("pause")},
        size=320_368,
    ),
    dataclasses.replace(_system("kube-proxy", "kube-proxy", 26_000_000), programs={"kube-proxy": kube_proxy}),
    Image(
        name="registry.k8s.io/kube-apiserver",
        tags=KUBERNETES_VERSION,
        programs={"kube-apiserver": kube_apiserver},
        entrypoint=["/usr/local/bin/kube-apiserver"],
        size=27_000_000,
    ),
    _system("kube-controller-manager", "kube-controller-manager", 23_000_000),
    _system("kube-scheduler", "kube-scheduler", 17_000_000),
    _system("etcd", "etcd", 23_000_000, r"[0-9.]+-[0-9]+"),
    Image(
        name="registry.k8s.io/metrics-server/metrics-server",
        tags=r"v0\.[0-9]+\.[0-9]+",
        programs={"metrics-server": idle},
        entrypoint=["/metrics-server"],
        files={"metrics-server": executable("metrics-server")},
        size=19_500_000,
        user=65534,
    ),
    Image(
        name="docker.io/kindest/kindnetd",
        tags=r".+",
        programs={"kindnetd": idle},
        entrypoint=["/bin/kindnetd"],
        size=40_000_000,
    ),
    Image(
        name="docker.io/calico/node",
        tags=r".+",
        programs={"calico-node": idle},
        entrypoint=["/bin/calico-node"],
        size=140_000_000,
    ),
]
