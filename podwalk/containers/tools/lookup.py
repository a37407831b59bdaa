"""nslookup as BusyBox has it, and what it shares with BIND's tools: one question, asked as it is.

Source: BusyBox 1.38, networking/nslookup.c; outputs as a real container prints them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator, Sequence
from dataclasses import dataclass
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
TIMED_OUT = ";; connection timed out; no servers could be reached"


@dataclass(frozen=True)
class Query:
    """One question to be sent."""

    name: str
    type: str


def reverse(ip: str) -> str:
    """Return the name under which an address is asked for."""
    return ipaddress.ip_address(ip).reverse_pointer


def make(query: Query, ident: int, *, edns: bool = False, recurse: bool = True, cookie: bytes = b"") -> bytes:
    """Write a question, with a client's cookie if there is one and EDNS to carry it.

    Raises:
        dns.exception.DNSException: when the name is none.
    """
    name = query.name if query.name.endswith(".") else f"{query.name}."
    message = dns.message.make_query(name, query.type, use_edns=0 if edns else -1, payload=1232, id=ident)
    if edns and cookie:
        message.use_edns(0, payload=1232, options=[dns.edns.CookieOption(cookie, b"")])
    if not recurse:
        message.flags &= ~dns.flags.RD
    return message.to_wire()


def send(
    network: NetNs,
    server: str,
    port: int,
    queries: Sequence[Query],
    *,
    timeout_s: float = TIMEOUT_S,
    tries: int = 1,
    edns: bool = False,
    recurse: bool = True,
    cookie: bytes = b"",
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
                socket.send(make(query, ident, edns=edns, recurse=recurse, cookie=cookie), server, port)
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
    network: NetNs, server: str, port: int, query: Query, timeout_s: float, *, edns: bool, cookie: bytes = b""
) -> Generator[simpy.Event, Any, tuple[dns.message.Message, int] | None]:
    """Ask over TCP.

    Raises:
        SocketError: when there is no connection.
    """
    connection = yield from network.connect(server, port, timeout_s=timeout_s)
    try:
        data = make(query, network.simulation.random.randrange(65536), edns=edns, cookie=cookie)
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


def busybox_nslookup(process: Process) -> Task:
    """Ask as BusyBox's nslookup does: every search domain for a name without a dot, all at once."""
    yield process.sleep(0)
    types, words, port, timeout_s = _busybox_options(process.argv[1:])
    if not words:
        return process.fail(
            "BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary.\n\n"
            "Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]\n\nQuery DNS about HOST\n\n"
            "QUERY_TYPE: soa,ns,a,aaaa,cname,mx,txt,srv,ptr,any"
        )
    settings = resolver.conf(process.container.files)
    server = settings.nameservers[0]
    if len(words) > 1:
        try:
            found = yield from resolver.lookup(process.container, words[1])
        except resolver.LookupFailed:
            return process.fail(f"nslookup: bad address '{words[1]}'")
        server = found.addresses[0]
    queries = _busybox_queries(words[0], types, settings.search if len(words) == 1 else ())
    return (yield from _busybox_ask(process, server, port, queries, timeout_s))


def _busybox_options(argv: list[str]) -> tuple[list[str], list[str], int, float]:
    types, words, port, timeout_s = [], [], PORT, TIMEOUT_S
    for word in argv:
        option = word.lstrip("-")
        if not word.startswith("-"):
            words.append(word)
        elif option.startswith(("type=", "querytype=", "q=", "ty=")):
            types.append(option.partition("=")[2].upper())
        elif option.startswith("port="):
            port = int(option[5:])
        elif option.startswith("timeout="):
            timeout_s = float(option[8:])
    return types, words, port, timeout_s


def _busybox_queries(name: str, types: list[str], searched: Sequence[str]) -> list[Query]:
    if resolver.is_address(name):
        return [Query(reverse(name), "PTR")]
    names = [name] if "." in name or not searched else [f"{name}.{domain}" for domain in searched]
    return [Query(candidate, kind) for kind in types or ["A", "AAAA"] for candidate in names]


def _busybox_ask(process: Process, server: str, port: int, queries: list[Query], timeout_s: float) -> Task:
    try:
        arrived = yield from send(process.container.network, server, port, queries, timeout_s=timeout_s, tries=RETRIES)
    except ConnectionRefused:
        yield process.sleep(timeout_s)
        arrived = []
    except dns.exception.DNSException:
        return process.fail(f"nslookup: invalid name '{queries[0].name}'")
    if not arrived:
        process.write(f"{TIMED_OUT}\n\n")
        return 1
    process.write(f"Server:\t\t{server}\nAddress:\t{server}:{port}\n\n")
    failed = len(arrived) < len(queries)
    for query, reply, _ in arrived:
        if reply.rcode() != dns.rcode.NOERROR:
            failed = True
            process.write(f"** server can't find {query.name}: {dns.rcode.to_text(reply.rcode())}\n")
        elif reply.answer:
            if not reply.flags & dns.flags.AA:
                process.write("Non-authoritative answer:\n")
            process.write("".join(busybox_record(rrset) for rrset in reply.answer))
        process.write("\n")
    return 1 if failed else 0


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
            lines.append(
                f"{name}\n\torigin = {text(data.mname)}\n\tmail addr = {text(data.rname)}\n\tserial ="
                f" {data.serial}\n\trefresh = {data.refresh}\n\tretry = {data.retry}\n\texpire ="
                f" {data.expire}\n\tminimum = {data.minimum}\n"
            )
        else:
            lines.append(f"{name}\t{kind} = {data.to_text()}\n")
    return "".join(lines)


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
