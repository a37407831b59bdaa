"""The nginx program: its command line, its ports, its signals."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Sequence

import simpy
from cryptography import x509

from podwalk.containers import http, tls
from podwalk.containers.files import FileError
from podwalk.containers.images import serving
from podwalk.containers.images.nginx import configuration, pages
from podwalk.containers.images.nginx.configuration import ConfigurationError, Directive
from podwalk.containers.images.nginx.site import Clients, Listen, Site, listens, verification
from podwalk.containers.process import SIGHUP, SIGINT, SIGTERM, Process, Signal
from podwalk.containers.sockets import AddressInUse, Connection
from podwalk.simulation import Task

SIGQUIT = 3
CONF = "/etc/nginx/nginx.conf"
MAX_CLIENTS = 4096
"""Clients whose certificates are remembered."""

PID_FILE = "/run/nginx.pid"
VERSIONS = {
    "1.14": "1.14.2",
    "1.16": "1.16.1",
    "1.21": "1.21.6",
    "1.25": "1.25.5",
    "1.26": "1.26.3",
    "1.27": "1.27.5",
    "1.28": "1.28.0",
}
LATEST = "1.29.1"


def version_of(process: Process) -> str:
    """Return the version that the image's tag stands for."""
    specs = process.container.pod.get("spec", {}).get("containers") or ()
    image = next((one["image"] for one in specs if one["name"] == process.container.name), "")
    match = re.match(r"(\d+\.\d+)(\.\d+)?", image.rpartition(":")[2])
    if match is None:
        return LATEST
    return match[0] if match[2] else VERSIONS.get(match[1], LATEST)


class Master:
    """A running nginx."""

    def __init__(self, process: Process, extra: str, conf: str) -> None:
        """Read the configuration.

        Raises:
            ConfigurationError: in nginx's words.
        """
        self.process, self.extra, self.conf = process, extra, conf
        self.version = version_of(process)
        self.running: dict[int, simpy.Process] = {}
        self.servers: dict[int, list[Site]] = {}
        self.contexts: dict[int, dict[str, ssl.SSLContext]] = {}
        self.pems: dict[ssl.SSLContext, tuple[bytes, bytes]] = {}
        self.clients: Clients = {}
        self.load()

    def load(self) -> None:
        """Read the configuration and make the servers of each port."""
        directives = read_configuration(self.process, self.extra, self.conf)
        http_block = next((one for one in directives if one.name == "http"), Directive("http", (), ()))
        servers: dict[int, list[Site]] = {}
        contexts: dict[int, dict[str, ssl.SSLContext]] = {}
        for block in http_block.all("server"):
            site = Site(self.process, http_block, block, f"nginx/{self.version}", self.clients)
            for listen in listens(block):
                servers.setdefault(listen.port, [])
                if listen.default:
                    servers[listen.port].insert(0, site)
                elif site not in servers[listen.port]:
                    servers[listen.port].append(site)
                if listen.ssl:
                    context = self._context(http_block, block)
                    for name in site.names or [""]:
                        contexts.setdefault(listen.port, {})[name] = context
        self.servers, self.contexts = servers, contexts
        used = {context for named in contexts.values() for context in named.values()}
        self.pems = {context: pem for context, pem in self.pems.items() if context in used}

    def _context(self, http_block: Directive, block: Directive) -> ssl.SSLContext:
        """Make the TLS context of a server."""
        certificate, key = block.first("ssl_certificate"), block.first("ssl_certificate_key")
        where = f"{block.file}:{block.line}"
        if certificate is None:
            raise ConfigurationError(f'no "ssl_certificate" is defined for the "listen ... ssl" directive in {where}')
        if key is None:
            raise ConfigurationError(
                f'no "ssl_certificate_key" is defined for the "listen ... ssl" directive in {where}'
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        pem = self._read(certificate, "certificate"), self._read(key, "certificate key")
        try:
            tls.load_certificate(context, *pem)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(f'SSL_CTX_use_PrivateKey("{key.args[0]}") failed (SSL: {error})') from error
        self.pems[context] = pem
        self._ask_clients(context, http_block, block, where)
        return context

    def _ask_clients(self, context: ssl.SSLContext, http_block: Directive, block: Directive, where: str) -> None:
        """Let a server ask its clients for a certificate; that one is wanted is said by HTTP, after the handshake."""
        mode = verification(block, http_block)
        if mode == "off":
            return
        if mode not in ("on", "optional"):
            raise ConfigurationError(
                f'"ssl_verify_client {mode}" is nginx\'s, but podwalk does not simulate it, in {where}'
            )
        authorities = block.first("ssl_client_certificate") or http_block.first("ssl_client_certificate")
        if authorities is None:
            raise ConfigurationError(f"no ssl_client_certificate for ssl_verify_client in {where}")
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(cadata=self._read(authorities, "certificate").decode())
        except (ssl.SSLError, ValueError) as error:
            file = authorities.args[0]
            raise ConfigurationError(f'SSL_CTX_load_verify_locations("{file}") failed (SSL: {error})') from error

    def _read(self, directive: Directive, word: str) -> bytes:
        path = directive.args[0]
        try:
            return self.process.container.files.read(path)
        except FileError as error:
            raise ConfigurationError(
                f'cannot load {word} "{path}": BIO_new_file() failed (SSL: error:80000002:system'
                f" library::{error.reason}:calling fopen({path}, r))"
            ) from error

    def start(self) -> None:
        """Open the ports that are not open yet, and close those that are gone.

        Raises:
            ConfigurationError: when a port is taken.
        """
        for port in [port for port in self.running if port not in self.servers]:
            self.running.pop(port).interrupt()
        for port in self.servers:
            if port in self.running:
                continue
            try:
                wrap = self._wrap(port) if port in self.contexts else None
                task = serving.serve(self.process, port, self._handler(port), wrap=wrap, refusal=self._refusal(port))
            except AddressInUse as error:
                raise ConfigurationError(f"bind() to 0.0.0.0:{port} failed (98: Address already in use)") from error
            self.running[port] = self.process.simulation.spawn(serving.guarded(task))

    def _refusal(self, port: int) -> Callable[[int], http.Answer]:
        """Return what answers a request that is none, with the signature of the port's first server."""

        def refuse(status: int) -> http.Answer:
            signature = self.servers[port][0].signature
            page = pages.error(status, signature)
            headers = [
                ("Server", signature),
                ("Date", http.date(self.process.simulation)),
                ("Content-Type", "text/html"),
                ("Content-Length", str(len(page))),
            ]
            return http.Answer(status, headers, page, pages.reason(status), close=True)

        return refuse

    def _wrap(self, port: int) -> http.Wrap:
        """Return what begins TLS on a connection, with the certificate that SNI asks for."""

        def wrap(connection: Connection) -> Task:
            contexts = self.contexts[port]
            name, replayed = yield from tls.peek(connection, *self.pems[next(iter(contexts.values()))])
            stream = yield from tls.server(replayed, _by_name(contexts, name))
            self._remember(stream, connection)
            return stream, name

        return wrap

    def _remember(self, stream: tls.TlsStream, connection: Connection) -> None:
        """Keep who a client has shown itself to be, for the requests on its connection."""
        self.clients.pop(connection.remote, None)
        if shown := stream.object.getpeercert(True):
            while len(self.clients) >= MAX_CLIENTS:
                del self.clients[next(iter(self.clients))]
            self.clients[connection.remote] = x509.load_der_x509_certificate(shown).subject.rfc4514_string()

    def _handler(self, port: int) -> http.Handler:
        def handle(request: http.Incoming) -> Task:
            sites = self.servers.get(port) or []
            host = request.header("host").partition(":")[0].lower()
            site = best_site(sites, host)
            return (yield from site.answer(request, port))

        return handle

    def stop(self) -> None:
        """Close every port."""
        for task in self.running.values():
            if task.is_alive:
                task.interrupt()
        self.running.clear()


def _by_name(contexts: dict[str, ssl.SSLContext], name: str) -> ssl.SSLContext:
    wild = f"*.{name.partition('.')[2]}"
    return contexts.get(name) or contexts.get(wild) or next(iter(contexts.values()))


def best_site(sites: Sequence[Site], host: str) -> Site:
    """Return the server of a host.

    In this order: exact name, longest leading wildcard, longest trailing one, first expression, the default.

    Source: nginx.org, "Server names".
    """

    def wild(sign: str) -> list[tuple[int, Site]]:
        found = []
        for site in sites:
            for name in site.names:
                if (
                    sign == "leading"
                    and name.startswith(("*.", "."))
                    and (host.endswith(name.lstrip("*")) or (name[0] == "." and host == name[1:]))
                ):
                    found.append((len(name), site))
                if sign == "trailing" and name.endswith(".*") and host.startswith(name[:-1]):
                    found.append((len(name), site))
        return found

    for site in sites:
        if host in site.names:
            return site
    for sign in ("leading", "trailing"):
        if found := wild(sign):
            return max(found, key=lambda pair: pair[0])[1]
    for site in sites:
        if any(name.startswith("~") and re.search(name[1:], host) for name in site.names):
            return site
    return sites[0]


def read_configuration(process: Process, extra: str, conf: str) -> tuple[Directive, ...]:
    """Parse the configuration in a container.

    Raises:
        ConfigurationError: in nginx's words.
    """
    files = process.container.files

    def read(path: str) -> str:
        try:
            return files.read(path).decode(errors="replace")
        except FileError as error:
            number = {"ENOENT": 2, "EACCES": 13, "EISDIR": 21}.get(error.name, 5)
            raise ConfigurationError(f'open() "{path}" failed ({number}: {error.reason})') from error

    def listing(path: str) -> list[str]:
        try:
            return files.list(path)
        except FileError:
            return []

    return configuration.parse(conf, read, listing, extra)


def nginx(process: Process) -> Task:
    """Run the server, test a configuration, or signal a running master."""
    yield process.sleep(0)
    extra, conf, words = "", CONF, process.argv[1:]
    test = dump = False
    signal = ""
    while words:
        word = words.pop(0)
        if word in ("-v", "-V"):
            return process.fail(f"nginx version: nginx/{version_of(process)}", 0)
        if word in ("-t", "-T"):
            test, dump = True, word == "-T"
        elif word in ("-g", "-c", "-s", "-p", "-e") and words:
            value = words.pop(0)
            extra, conf, signal = (
                value if word == "-g" else extra, value if word == "-c" else conf, value if word == "-s" else signal
            )  # fmt: skip
        elif word != "-q":
            return process.fail(f'nginx: invalid option: "{word.lstrip("-")}"')
    if signal:
        return _signal(process, signal)
    try:
        master = Master(process, extra, conf)
        if test:
            return _report(process, conf, dump=dump)
        master.start()
    except ConfigurationError as error:
        now = process.simulation.datetime().strftime("%Y/%m/%d %H:%M:%S")
        process.stderr.write(f"{now} [emerg] {process.pid}#{process.pid}: {error}\n".encode() if not test else b"")
        process.stderr.write(f"nginx: [emerg] {error}\n".encode())
        if test:
            process.stderr.write(f"nginx: configuration file {conf} test failed\n".encode())
        return 1
    return (yield from _run(process, master))


def _report(process: Process, conf: str, *, dump: bool) -> int:
    process.stderr.write(
        f"nginx: the configuration file {conf} syntax is ok\n"
        f"nginx: configuration file {conf} test is successful\n".encode()
    )
    if dump:
        process.stdout.write(f"# configuration file {conf}:\n".encode() + process.container.files.read(conf))
    return 0


def _signal(process: Process, signal: str) -> int:
    numbers = {"reload": SIGHUP, "stop": SIGTERM, "quit": SIGQUIT, "reopen": 0}
    if signal not in numbers:
        return process.fail(f'nginx: invalid option: "-s {signal}"')
    try:
        pid = int(process.container.files.read(PID_FILE).decode() or 0)
        target = process.container.processes[pid]
    except (FileError, ValueError, KeyError):
        return process.fail(f'nginx: [error] open() "{PID_FILE}" failed (2: No such file or directory)')
    if signal == "reload":
        try:
            read_configuration(process, "", CONF)
        except ConfigurationError as error:
            return process.fail(f"nginx: [emerg] {error}")
    if numbers[signal]:
        target.kill(numbers[signal])
    return 0


def _run(process: Process, master: Master) -> Task:
    process.handles_signals |= {SIGHUP, SIGINT, SIGTERM, SIGQUIT}
    process.container.files.mkdir("/run", parents=True)
    process.container.files.write(PID_FILE, f"{process.pid}\n")
    try:
        while True:
            try:
                yield process.simulation.event()
            except simpy.Interrupt as interrupt:
                number = interrupt.cause.number if isinstance(interrupt.cause, Signal) else 9
                if number == SIGHUP:
                    _reload(process, master)
                elif number in (SIGINT, SIGTERM, SIGQUIT):
                    return 0
                else:
                    raise
    finally:
        master.stop()


def _reload(process: Process, master: Master) -> None:
    before = master.servers, master.contexts
    try:
        master.load()
        master.start()
    except ConfigurationError as error:
        master.servers, master.contexts = before
        now = process.simulation.datetime().strftime("%Y/%m/%d %H:%M:%S")
        process.stderr.write(f"{now} [emerg] {process.pid}#{process.pid}: {error}\n".encode())


__all__ = ["Listen", "Master", "best_site", "nginx"]
