"""nc, of BusyBox and of OpenBSD; telnet.

Source: BusyBox 1.38, networking/nc.c; netcat-openbsd 1.219; messages as real containers print them. Left out: Unix
sockets, proxies, scanning of ranges beyond a few hundred ports.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from podwalk.containers import resolver
from podwalk.containers.process import SIGKILL, BrokenPipe, Process
from podwalk.containers.sockets import (
    AddressInUse,
    Connection,
    ConnectionRefused,
    ConnectionTimedOut,
    Datagrams,
    Listener,
    SocketError,
)
from podwalk.simulation import Task

SERVICES = {21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "domain", 80: "http", 443: "https", 3306: "mysql",
            5432: "postgresql", 6379: "redis", 8080: "http-alt"}  # fmt: skip
PORT_LIMIT = 1024
PORTS = 65_535
UDP_PROBE_S = 1.0
BUSYBOX_USAGE = """BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary.

Usage: nc [-iN] [-wN] [-l] [-p PORT] [-f FILE|IPADDR PORT] [-e PROG]

Open a pipe to IP:PORT or FILE

	-l	Listen mode, for inbound connects
		(use -ll with -e for persistent server)
	-p PORT	Local port
	-w SEC	Connect timeout
	-i SEC	Delay interval for lines sent
	-f FILE	Use file (ala /dev/ttyS0) instead of network
	-e PROG	Run PROG after connect"""

OPENBSD_USAGE = (
    "usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]\n"
    "\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]\n"
    "\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]\n"
    "\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]\n"
    "\t  [destination] [port]"
)


@dataclass
class Options:
    """A command line, read."""

    letters: str = ""
    values: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    program: list[str] = field(default_factory=list)

    def has(self, letter: str) -> bool:
        """Whether a letter was given."""
        return letter in self.letters

    @property
    def wait_s(self) -> float | None:
        """``-w``."""
        return float(self.values["w"]) if "w" in self.values else None


def read(argv: list[str], known: str, valued: str) -> tuple[Options, str]:
    """Read a command line; returns it, and the letter that is not known."""
    options, rest = Options(), list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            options.words.append(word)
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter == "e" and "e" in valued:
                options.program = [part for part in (letters, *rest) if part]
                return options, ""
            if letter in valued:
                options.values[letter] = letters or (rest.pop(0) if rest else "")
                options.letters += letter
                break
            if letter not in known:
                return options, letter
            options.letters += letter
    return options, ""


def busybox_nc(process: Process) -> Task:
    """Open a pipe to an address, as BusyBox's nc."""
    yield process.sleep(0)
    options, unknown = read(process.argv[1:], "ln", "pwife")
    if unknown:
        return process.fail(f"nc: invalid option -- '{unknown}'\n{BUSYBOX_USAGE}")
    if "w" in options.values and not options.values["w"].isdigit():
        return process.fail(f"nc: invalid number '{options.values['w']}'")
    for port in (options.values.get("p", "0"), *options.words[1:2]):
        if not port.isdigit() or int(port) > PORTS:
            return process.fail(f"nc: bad port '{port}'")
    if options.has("l"):
        return (yield from _listen_busybox(process, options))
    if len(options.words) != 2:
        return process.fail(BUSYBOX_USAGE)
    host, port = options.words
    started_s = process.simulation.now
    found = yield from _resolve(process, host, options.wait_s)
    if found is None:
        late = options.wait_s is not None and process.simulation.now >= started_s + options.wait_s
        return process.fail("nc: timed out" if late else f"nc: bad address '{host}'")
    left_s = None if options.wait_s is None else options.wait_s - (process.simulation.now - started_s)
    try:
        connection = yield from process.container.network.connect(found.addresses[0], int(port), timeout_s=left_s)
    except ConnectionTimedOut:
        if options.wait_s is not None:
            return process.fail("nc: timed out")
        return process.fail(f"nc: can't connect to remote host ({found.addresses[0]}): Connection timed out")
    except SocketError as error:
        return process.fail(f"nc: can't connect to remote host ({found.addresses[0]}): {error.words}")
    except ValueError:
        return process.fail(f"nc: bad port '{port}'")
    return (yield from _use(process, connection, options.program))


def _resolve(process: Process, host: str, limit_s: float | None) -> Generator[simpy.Event, Any, resolver.Host | None]:
    """Look a name up; None if there is none, or if the alarm of ``-w`` rings first: it is set before the lookup."""

    def look() -> Generator[simpy.Event, Any, resolver.Host | None]:
        try:
            return (yield from resolver.lookup(process.container, host))
        except (resolver.LookupFailed, simpy.Interrupt):
            return None

    if limit_s is None:
        return (yield from look())
    looking = process.simulation.spawn(look())
    yield process.simulation.env.any_of([looking, process.sleep(limit_s)])
    if looking.is_alive:
        looking.interrupt()
        return None
    found: resolver.Host | None = looking.value
    return found


def _listen_busybox(process: Process, options: Options) -> Task:
    port = int(options.values.get("p", "0") or 0)
    try:
        listener = process.container.network.listen(port)
    except AddressInUse:
        return process.fail("nc: bind: Address already in use")
    try:
        while True:
            connection = yield from _accept(process, listener, options.wait_s)
            if connection is None:
                return process.fail("nc: timed out")
            code: int = yield from _use(process, connection, options.program)
            if options.letters.count("l") < 2:
                return code
    finally:
        listener.close()


def _accept(
    process: Process, listener: Listener, limit_s: float | None
) -> Generator[simpy.Event, Any, Connection | None]:
    """Wait for a client; None if the alarm of ``-w`` rings first."""
    if limit_s is None:
        return (yield from listener.accept())
    waiting = process.simulation.spawn(listener.accept())
    yield process.simulation.env.any_of([waiting, process.sleep(limit_s)])
    if waiting.is_alive:
        return None
    accepted: Connection | None = waiting.value
    return accepted


def _use(process: Process, connection: Connection, program: list[str]) -> Task:
    """Join a connection with a program, or with this process's own streams, whose end BusyBox passes on."""
    if program:
        connection.incoming.hold(write=True)
        child = process.spawn(program, stdin=connection.incoming, stdout=connection.outgoing, stderr=process.stderr)
        try:
            if child.exit_code is None:
                yield child.done
        finally:
            if child.exit_code is None:
                child.kill(SIGKILL)
            connection.close()
        return child.exit_code or 0
    return (yield from relay(process, connection, quit_at_end=True))


def relay(process: Process, connection: Connection, *, quit_at_end: bool, idle_s: float | None = None) -> Task:
    """Copy stdin to a connection and a connection to stdout until the other side ends.

    Args:
        process: whose streams.
        connection: the connection; it is closed in the end.
        quit_at_end: whether the end of stdin ends it all (``-N`` sends the end instead).
        idle_s: after which silence ends it.
    """
    feeder = process.simulation.spawn(_feed(process, connection, quit_at_end))
    try:
        while data := (yield from connection.read(timeout_s=idle_s)):
            process.stdout.write(data)
    except ConnectionTimedOut:
        return 0
    finally:
        if feeder.is_alive:
            feeder.interrupt()
        connection.close()
    return 0


def _feed(process: Process, connection: Connection, quit_at_end: bool) -> Task:
    try:
        while data := (yield from process.stdin.read()):
            connection.write(data)
        if quit_at_end:
            connection.outgoing.close()
    except (simpy.Interrupt, BrokenPipe):
        return


def openbsd_nc(process: Process) -> Task:
    """Open connections, listen, or scan, as OpenBSD's nc."""
    yield process.sleep(0)
    options, unknown = read(process.argv[1:], "46bCDdhklNnrStUuvZz", "IiMmOPpqsTVWwXx")
    if unknown:
        return process.fail(f"nc: invalid option -- '{unknown}'\n{OPENBSD_USAGE}")
    if options.has("h"):
        return process.fail(f"OpenBSD netcat (Debian patchlevel 1.219-1)\n{OPENBSD_USAGE}", 0)
    if "w" in options.values and not options.values["w"].isdigit():
        return process.fail(f"nc: timeout invalid: {options.values['w']}")
    if not options.values.get("p", "0").isdigit() or (options.has("l") and not _ports_are_numbers(options.words)):
        return process.fail("nc: getaddrinfo: Servname not supported for ai_socktype")
    if options.has("l"):
        return (yield from _listen_openbsd(process, options))
    limit = options.values.get("W", "1")
    if not limit.isdigit() or int(limit) < 1:
        return process.fail(f"nc: receive limit {'too small' if limit.isdigit() else 'invalid'}: {limit}")
    if len(options.words) != 2:
        return process.fail(OPENBSD_USAGE)
    host, spec = options.words
    try:
        found = yield from resolver.lookup(process.container, host)
    except resolver.LookupFailed as error:
        return process.fail(f'nc: getaddrinfo for host "{host}" port {spec}: {error.words}')
    low, _, high = spec.partition("-")
    if not low.isdigit() or (high and not high.isdigit()):
        return process.fail(
            f'nc: service "{spec}" unknown' if not low.isdigit() else f"nc: port number invalid: {spec}"
        )
    for number in (low, high or low):
        if int(number) > PORTS:
            return process.fail(f"nc: port number too large: {number}")
    code = 1
    for port in range(int(low), min(int(high or low), int(low) + PORT_LIMIT) + 1):
        one = _udp if options.has("u") else _tcp
        code = min(code, (yield from one(process, options, host, found.addresses[0], port)))
    return code


def _ports_are_numbers(words: list[str]) -> bool:
    return all(word.isdigit() for word in words[-1:])


def _words(host: str, ip: str) -> str:
    return host if host == ip else f"{host} ({ip})"


def _tcp(process: Process, options: Options, host: str, ip: str, port: int) -> Generator[simpy.Event, Any, int]:
    try:
        connection = yield from process.container.network.connect(ip, port, timeout_s=options.wait_s)
    except ConnectionTimedOut as error:
        words = "timed out: Operation now in progress" if options.wait_s is not None else f"failed: {error.words}"
        if options.has("v"):
            process.fail(f"nc: connect to {_words(host, ip)} port {port} (tcp) {words}")
        return 1
    except SocketError as error:
        if options.has("v"):
            process.fail(f"nc: connect to {_words(host, ip)} port {port} (tcp) failed: {error.words}")
        return 1
    if options.has("v"):
        process.fail(f"Connection to {_words(host, ip)} {port} port [tcp/{SERVICES.get(port, '*')}] succeeded!")
    if options.has("z"):
        connection.close()
        return 0
    code: int = yield from relay(process, connection, quit_at_end=options.has("N"), idle_s=options.wait_s)
    return code


def _udp(process: Process, options: Options, host: str, ip: str, port: int) -> Generator[simpy.Event, Any, int]:
    limit = int(options.values.get("W", "0"))
    try:
        socket = process.container.network.bind(int(options.values.get("p") or 0))
        socket.connected = True
    except AddressInUse:
        return process.fail("nc: Address already in use")
    try:
        if options.has("z") or options.has("v"):
            socket.send(b"X", ip, port)
            try:
                yield from socket.receive(UDP_PROBE_S)
            except ConnectionRefused:
                return 1
            if options.has("v"):
                process.fail(f"Connection to {_words(host, ip)} {port} port [udp/{SERVICES.get(port, '*')}] succeeded!")
            if options.has("z"):
                return 0
        feeder = process.simulation.spawn(_feed_datagrams(process, socket, ip, port))
        try:
            count = 0
            while (received := (yield from socket.receive(options.wait_s))) is not None:
                process.stdout.write(received[0])
                if (count := count + 1) == limit:
                    break
        except ConnectionRefused:
            return 1
        finally:
            if feeder.is_alive:
                feeder.interrupt()
        return 0
    finally:
        socket.close()


def _feed_datagrams(process: Process, socket: Datagrams, ip: str, port: int) -> Task:
    try:
        while data := (yield from process.stdin.read()):
            socket.send(data, ip, port)
    except simpy.Interrupt:
        return


def _listen_openbsd(process: Process, options: Options) -> Task:
    words = [*options.words]
    port = int(options.values.get("p") or (words.pop() if words else 0))
    try:
        if options.has("u"):
            return (yield from _listen_udp(process, options, port))
        listener = process.container.network.listen(port, address=words[0] if words else "")
    except AddressInUse:
        return process.fail("nc: Address already in use")
    if options.has("v"):
        process.fail(f"Listening on {words[0] if words else '0.0.0.0'} {port}")
    try:
        while True:
            connection = yield from listener.accept()
            if options.has("v"):
                whom = "localhost" if connection.remote.ip.startswith("127.") else connection.remote.ip
                process.fail(f"Connection received on {whom} {connection.remote.port}")
            yield from relay(process, connection, quit_at_end=options.has("N"), idle_s=options.wait_s)
            if not options.has("k"):
                return 0
    finally:
        listener.close()


def _listen_udp(process: Process, options: Options, port: int) -> Task:
    socket = process.container.network.bind(port)
    feeder: simpy.Process | None = None
    if options.has("v"):
        process.fail(f"Bound on 0.0.0.0 {port}")
    try:
        while True:
            received = yield from socket.receive(options.wait_s if feeder is not None else None)
            if received is None:
                return 0
            data, ip, client = received
            if feeder is None:
                feeder = process.simulation.spawn(_feed_datagrams(process, socket, ip, client))
            process.stdout.write(data)
    finally:
        if feeder is not None and feeder.is_alive:
            feeder.interrupt()
        socket.close()


def telnet(process: Process) -> Task:
    """Connect and relay; the protocol's options are not negotiated."""
    yield process.sleep(0)
    words = [word for word in process.argv[1:] if not word.startswith("-")]
    if not words:
        return process.fail("Usage: telnet HOST [PORT]")
    host, port = words[0], int(words[1]) if len(words) > 1 and words[1].isdigit() else 23
    try:
        found = yield from resolver.lookup(process.container, host)
        connection = yield from process.container.network.connect(found.addresses[0], port)
    except resolver.LookupFailed:
        return process.fail(f"telnet: bad address '{host}'")
    except SocketError as error:
        return process.fail(f"telnet: can't connect to remote host ({found.addresses[0]}): {error.words}")
    if not process.tty:
        # What telnet says itself waits in its buffer until the end.
        yield from relay(process, connection, quit_at_end=True)
        process.write(f"EOF on read from foreign host\r\nConnected to {host}\n")
        return 0
    process.fail(f"Connected to {host}\n\r\nEntering character mode\nEscape character is '^]'.\n")
    code: int = yield from relay(process, connection, quit_at_end=False)
    process.fail("Connection closed by foreign host")
    return code or 1
