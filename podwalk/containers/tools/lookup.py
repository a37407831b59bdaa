"""nslookup as BusyBox has it, and what it shares with BIND's tools: one question, asked as it is.

Source: BusyBox 1.38, networking/nslookup.c; outputs as a real container prints them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import simpy

from podwalk.containers import resolver
from podwalk.containers.process import Process
from podwalk.containers.sockets import ConnectionRefused, NetNs, SocketError
from podwalk.simulation import Task

TIMEOUT_S = 5.0
RETRIES = 2
PORT = 53
PAYLOAD = 1232
"""Bytes that a client says it takes over UDP."""
TIMED_OUT = ";; connection timed out; no servers could be reached"


@dataclass(frozen=True)
class Query:
    """One question to be sent."""

    name: str
    type: str


@dataclass(frozen=True)
class Form:
    """What a question carries beside itself: EDNS with a client's cookie and flags, and whether to recurse."""

    edns: bool = False
    recurse: bool = True
    cookie: bytes = b""
    dnssec: bool = False
    payload: int = PAYLOAD


PLAIN = Form()


def reverse(ip: str) -> str:
    """Return the name under which an address is asked for."""
    return ipaddress.ip_address(ip).reverse_pointer


def message(query: Query, ident: int, form: Form = PLAIN) -> dns.message.Message:
    """Return a question.

    Raises:
        dns.exception.DNSException: when the name is none.
    """
    name = query.name if query.name.endswith(".") else f"{query.name}."
    asked = dns.message.make_query(name, query.type, id=ident)
    if form.edns:
        options: list[dns.edns.Option] = [dns.edns.CookieOption(form.cookie, b"")] if form.cookie else []
        flags = int(dns.flags.DO) if form.dnssec else 0
        asked.use_edns(0, ednsflags=flags, payload=form.payload, options=options)
    if not form.recurse:
        asked.flags &= ~dns.flags.RD
    return asked


def send(
    network: NetNs,
    server: str,
    port: int,
    queries: Sequence[Query],
    *,
    timeout_s: float = TIMEOUT_S,
    tries: int = 1,
    form: Form = PLAIN,
) -> Generator[simpy.Event, Any, list[tuple[Query, dns.message.Message, int]]]:
    """Send questions together and return the answers in the order they came, with their sizes.

    Raises:
        ConnectionRefused: when nobody listens there.
    """
    socket = network.bind()
    random = network.simulation.random
    pending = {random.randrange(65536): query for query in queries}
    arrived: list[tuple[Query, dns.message.Message, int]] = []
    try:
        for _ in range(tries):
            for ident, query in pending.items():
                socket.send(message(query, ident, form).to_wire(), server, port)
            deadline_s = network.simulation.now + timeout_s / tries
            while pending:
                received = yield from socket.receive(max(0.0, deadline_s - network.simulation.now))
                if received is None:
                    break
                data = received[0]
                asked = pending.pop(int.from_bytes(data[:2], "big"), None)
                if asked is not None:
                    arrived.append((asked, dns.message.from_wire(data), len(data)))
            if not pending:
                break
    finally:
        socket.close()
    return arrived


def send_tcp(
    network: NetNs, server: str, port: int, query: Query, timeout_s: float, form: Form = PLAIN
) -> Generator[simpy.Event, Any, tuple[dns.message.Message, int] | None]:
    """Ask over TCP.

    Raises:
        SocketError: when there is no connection.
    """
    connection = yield from network.connect(server, port, timeout_s=timeout_s)
    try:
        data = message(query, network.simulation.random.randrange(65536), form).to_wire()
        connection.write(len(data).to_bytes(2, "big") + data)
        reply = bytearray()
        while len(reply) < 2 or len(reply) < 2 + int.from_bytes(reply[:2], "big"):
            part = yield from connection.read(timeout_s=timeout_s)
            if not part:
                return None
            reply += part
        return dns.message.from_wire(bytes(reply[2:])), len(reply) - 2
    finally:
        connection.close()


def text(name: dns.name.Name) -> str:
    """Return a name without its final dot."""
    return name.to_text(omit_final_dot=True)


USAGE = (
    "BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary.\n\n"
    "Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]\n\nQuery DNS about HOST\n\n"
    "QUERY_TYPE: soa,ns,a,aaaa,cname,mx,txt,ptr,srv,any"
)
BUSYBOX_TYPES = frozenset(["SOA", "NS", "A", "AAAA", "CNAME", "MX", "TXT", "PTR", "SRV", "ANY"])


@dataclass
class BusyBox:
    """A command line of BusyBox's nslookup, read."""

    types: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    port: int = PORT
    timeout_s: float = TIMEOUT_S
    tries: int = RETRIES
    debug: bool = False
    problem: str | None = None


def busybox_nslookup(process: Process) -> Task:
    """Ask as BusyBox's nslookup does: every search domain for a name without a dot, all at once."""
    yield process.sleep(0)
    asked = _busybox_options(process.argv[1:])
    if asked.problem is not None or not asked.words:
        return process.fail(asked.problem or USAGE)
    settings = resolver.conf(process.container.files)
    server = settings.nameservers[0]
    if len(asked.words) > 1:
        try:
            found = yield from resolver.lookup(process.container, asked.words[1])
        except resolver.LookupFailed:
            return process.fail(f"nslookup: bad address '{asked.words[1]}'")
        server = found.addresses[0]
    queries = _busybox_queries(asked.words[0], asked.types, settings.search if len(asked.words) == 1 else ())
    return (yield from _busybox_ask(process, asked, server, queries))


def _busybox_options(argv: list[str]) -> BusyBox:
    asked = BusyBox()
    for word in argv:
        option, _, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            asked.words.append(word)
        elif option in ("type", "querytype", "q", "ty"):
            if value.upper() not in BUSYBOX_TYPES:
                asked.problem = f'nslookup: invalid query type "{value}"'
                break
            asked.types.append(value.upper())
        elif option in ("port", "timeout", "retry") and value.isdigit():
            asked.port = int(value) if option == "port" else asked.port
            asked.timeout_s = float(value) if option == "timeout" else asked.timeout_s
            asked.tries = max(1, int(value)) if option == "retry" else asked.tries
        elif option == "debug":
            asked.debug = True
        else:
            asked.problem = USAGE
            break
    return asked


def _busybox_queries(name: str, types: list[str], searched: Sequence[str]) -> list[Query]:
    if resolver.is_address(name):
        return [Query(reverse(name), "PTR")]
    names = [name] if "." in name or not searched else [f"{name}.{domain}" for domain in searched]
    return [Query(candidate, kind) for kind in types or ["A", "AAAA"] for candidate in names]


def _busybox_ask(process: Process, asked: BusyBox, server: str, queries: list[Query]) -> Task:
    started_s = process.simulation.now
    try:
        arrived = yield from send(
            process.container.network, server, asked.port, queries, timeout_s=asked.timeout_s, tries=asked.tries
        )
    except ConnectionRefused:
        yield process.sleep(asked.timeout_s)
        arrived = []
    except dns.exception.DNSException:
        return process.fail(f"nslookup: invalid name '{queries[0].name}'")
    if not arrived:
        process.write(f"{TIMED_OUT}\n\n")
        return 1
    process.write(f"Server:\t\t{server}\nAddress:\t{server}:{asked.port}\n\n")
    milliseconds = round((process.simulation.now - started_s) * 1000)
    for query, reply, _ in arrived:
        if asked.debug:
            process.write(f"Query #{queries.index(query)} completed in {milliseconds}ms:\n")
        process.write(_busybox_answer(query, reply, debug=asked.debug) + "\n")
    failed = len(arrived) < len(queries) or any(reply.rcode() != dns.rcode.NOERROR for _, reply, _ in arrived)
    return int(failed)


def _busybox_answer(query: Query, reply: dns.message.Message, *, debug: bool) -> str:
    if reply.rcode() != dns.rcode.NOERROR:
        return f"** server can't find {query.name}: {dns.rcode.to_text(reply.rcode())}\n"
    title = ""
    if reply.answer and not reply.flags & dns.flags.AA:
        title = "Non-authoritative answer:\n"
    elif debug:
        title = "authoritative answer:\n"
    return title + "".join(busybox_record(rrset) for rrset in reply.answer)


def busybox_record(rrset: dns.rrset.RRset) -> str:
    """Render records as BusyBox does."""
    name, kind = text(rrset.name), dns.rdatatype.to_text(rrset.rdtype)
    lines = []
    for data in rrset:
        if kind in ("A", "AAAA"):
            lines.append(f"Name:\t{name}\nAddress: {data.address}\n")
        elif kind == "SRV":
            lines.append(f"{name}\tservice = {data.priority} {data.weight} {data.port} {text(data.target)}\n")
        elif kind in ("PTR", "CNAME", "NS"):
            word = {"PTR": "name", "CNAME": "canonical name", "NS": "nameserver"}[kind]
            lines.append(f"{name}\t{word} = {text(data.target)}\n")
        elif kind == "MX":
            lines.append(f"{name}\tmail exchanger = {data.preference} {text(data.exchange)}\n")
        elif kind == "TXT":
            lines.append(f"{name}\ttext = {data.to_text()}\n")
        elif kind == "SOA":
            lines.append(f"{name}\n{start_of_zone(data)}")
        else:
            lines.append(f"{name}\t{kind} = {data.to_text()}\n")
    return "".join(lines)


def start_of_zone(data: Any) -> str:
    """Render what a SOA record says, a line each."""
    return (
        f"\torigin = {text(data.mname)}\n\tmail addr = {text(data.rname)}\n\tserial = {data.serial}\n"
        f"\trefresh = {data.refresh}\n\tretry = {data.retry}\n\texpire = {data.expire}\n"
        f"\tminimum = {data.minimum}\n"
    )


def getent(process: Process) -> Task:
    """Look a host up as the C library does: ``getent hosts NAME``, ``getent ahosts NAME``."""
    yield process.sleep(0)
    if len(process.argv) < 2:
        return process.fail("getent: wrong number of arguments", 1)
    database, names = process.argv[1], process.argv[2:]
    if database not in ("hosts", "ahosts", "ahostsv4"):
        return process.fail(f"Unknown database: {database}", 1)
    for name in names:
        try:
            found = yield from resolver.lookup(process.container, name)
        except (resolver.LookupFailed, SocketError):
            return 2
        if database == "hosts":
            process.write("".join(f"{ip:<15} {found.name}\n" for ip in found.addresses))
            continue
        first = found.name
        for ip in found.addresses:
            for kind in ("STREAM", "DGRAM", "RAW"):
                process.write(f"{ip:<15} {kind:<6} {first}".rstrip() + "\n")
                first = ""
    return 0
