"""What BIND's tools share: how a question is asked again, and how messages and records are laid out.

Source: BIND 9.18, bin/dig/dighost.c, lib/dns/masterdump.c; outputs as a real container prints them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
import simpy

from podwalk.containers import resolver
from podwalk.containers.process import Process
from podwalk.containers.sockets import ConnectionRefused, SocketError
from podwalk.containers.tools import lookup
from podwalk.containers.tools.lookup import Query, text

VERSION = "9.18.49-1~deb12u1-Debian"
TIMEOUT_S = 5.0
TRIES = 3
NO_SERVERS = ";; no servers could be reached"
Reply = tuple[dns.message.Message, int]


@dataclass
class Asking:
    """How a question is asked: where, how long, how often, over what."""

    port: int = lookup.PORT
    timeout_s: float = TIMEOUT_S
    tries: int = TRIES
    tcp: bool = False
    edns: bool = True
    cookie: bool = True
    recurse: bool = True
    dnssec: bool = False
    payload: int = lookup.PAYLOAD


def known(kind: str) -> bool:
    """Whether there is such a type of records."""
    try:
        dns.rdatatype.from_text(kind)
    except (dns.rdatatype.UnknownRdatatype, ValueError):
        return False
    return True


def illegal(name: str) -> str:
    """Return what is wrong with a name that cannot be asked for, in BIND's words; empty if nothing is."""
    if resolver.is_name(name):
        return ""
    return "empty label" if ".." in name or name.startswith(".") else "label too long"


def cookie_for(process: Process, asked: Asking, server: str) -> bytes:
    """Return the cookie that a client sends a server: the same each time. Source: BIND 9.18, lib/dns/client."""
    if not (asked.edns and asked.cookie):
        return b""
    return hashlib.blake2b(f"{process.container.network.ip} {server}".encode(), digest_size=8).digest()


def ask(
    process: Process, asked: Asking, server: str, query: Query, notes: list[str]
) -> Generator[simpy.Event, Any, Reply | None]:
    """Ask until an answer comes, over TCP where it was cut; ``notes`` gets what went wrong."""
    network = process.container.network
    cookie = cookie_for(process, asked, server)
    form = lookup.Form(asked.edns, asked.recurse, cookie, asked.dnssec, asked.payload)
    for _ in range(asked.tries):
        try:
            if asked.tcp:
                reply = yield from lookup.send_tcp(network, server, asked.port, query, asked.timeout_s, form)
                if reply is not None:
                    return reply
                continue
            arrived = yield from lookup.send(network, server, asked.port, [query], timeout_s=asked.timeout_s, form=form)
            if not arrived:
                notes.append(f";; communications error to {server}#{asked.port}: timed out")
                continue
            if arrived[0][1].flags & dns.flags.TC:
                asked.tcp = True
                process.write(";; Truncated, retrying in TCP mode.\n")
                return (yield from lookup.send_tcp(network, server, asked.port, query, asked.timeout_s, form))
            return arrived[0][1], arrived[0][2]
        except ConnectionRefused:
            notes.append(f";; communications error to {server}#{asked.port}: connection refused")
        except SocketError:
            notes.append(f";; communications error to {server}#{asked.port}: timed out")
    return None


def first(
    process: Process, asked: Asking, server: str, names: Sequence[str], kind: str, notes: list[str]
) -> Generator[simpy.Event, Any, tuple[str, Reply] | None]:
    """Ask name after name until one is not NXDOMAIN; returns the last with its answer."""
    last: tuple[str, Reply] | None = None
    for name in names:
        reply = yield from ask(process, asked, server, Query(name, kind), notes)
        if reply is None:
            return None
        last = (name, reply)
        if reply[0].rcode() != dns.rcode.NXDOMAIN:
            break
    return last


def mdns_warning(message: dns.message.Message) -> str:
    """Return what dig says of a name below ``local``."""
    if not message.question or not text(message.question[0].name).endswith("local"):
        return ""
    return (
        ";; WARNING: .local is reserved for Multicast DNS\n"
        ";; You are currently testing what happens when an mDNS query is leaked to DNS\n"
    )


def header(message: dns.message.Message) -> str:
    """Render a message's header in two lines."""
    flags = " ".join(flag.lower() for flag in dns.flags.to_text(message.flags).split())
    extra = count(message.additional) + (1 if message.edns >= 0 else 0)
    return (
        f";; ->>HEADER<<- opcode: {dns.opcode.to_text(message.opcode())}, status:"
        f" {dns.rcode.to_text(message.rcode())}, id: {message.id}\n;; flags: {flags}; QUERY: {len(message.question)},"
        f" ANSWER: {count(message.answer)}, AUTHORITY: {count(message.authority)}, ADDITIONAL: {extra}\n"
    )


def question_line(question: dns.rrset.RRset, *, multiline: bool = False) -> str:
    """Render a question in BIND's columns."""
    kind = dns.rdatatype.to_text(question.rdtype)
    places = (24, 24) if multiline else (32, 40)
    return ";" + columns([(question.name.to_text(), 0), ("IN", places[0]), (kind, places[1])]) + "\n"


def sections(message: dns.message.Message) -> tuple[tuple[str, list[dns.rrset.RRset]], ...]:
    """Return a message's sections after the question, by their names."""
    return ("answer", message.answer), ("authority", message.authority), ("additional", message.additional)


def count(section: list[dns.rrset.RRset]) -> int:
    """Return how many records a section has."""
    return sum(len(rrset) for rrset in section)


def record_lines(rrset: dns.rrset.RRset, *, multiline: bool = False, ttl: bool = True, family: bool = True) -> str:
    """Render records in BIND's columns.

    Args:
        rrset: the records.
        multiline: whether as ``+multiline`` lays them out.
        ttl: whether to show how long they may be kept.
        family: whether to show the class.
    """
    ttl_at, class_at, type_at, data_at = _places(multiline, hidden=(not ttl) + (not family))
    kind = dns.rdatatype.to_text(rrset.rdtype)
    shown = [(rrset.name.to_text(), 0)]
    shown += [(str(rrset.ttl), ttl_at)] if ttl else []
    shown += [("IN", class_at)] if family else []
    shown += [(kind, type_at)]
    return "".join(
        columns([*shown, (_soa(data) if multiline and kind == "SOA" else data.to_text(), data_at)]) + "\n"
        for data in rrset
    )


def _places(multiline: bool, hidden: int) -> tuple[int, int, int, int]:
    """Return the columns of TTL, class, type and data."""
    if multiline or hidden == 2:
        return 24, 24, 24, 32
    return (24, 24, 32, 40) if hidden else (24, 32, 40, 48)


SOA_WORDS = ("serial", "refresh", "retry", "expire", "minimum")
SPANS = (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def _soa(data: dns.rdata.Rdata) -> str:
    """Lay a zone's start out over lines, with what its numbers mean."""
    host, mail, *numbers = data.to_text().split()
    margin = "\t" * 4
    lines = [
        f"{margin}{number:<10} ; {word}{f' ({_span(int(number))})' if word != 'serial' else ''}"
        for word, number in zip(SOA_WORDS, numbers, strict=True)
    ]
    return "\n".join([f"{host} {mail} (", *lines, f"{margin})"])


def _span(seconds: int) -> str:
    said = []
    for word, length in SPANS:
        amount, seconds = divmod(seconds, length)
        said += [f"{amount} {word}{'s' if amount != 1 else ''}"] if amount else []
    return " ".join(said) or "0 seconds"


def columns(fields: Sequence[tuple[str, int]]) -> str:
    """Put fields at their columns; one that comes too late is parted by one place, a tab if that reaches a stop."""
    out, at = "", 0
    for value, wanted in fields:
        if out:
            to = max(wanted, at + 1)
            tabs = to // 8 - at // 8
            out += "\t" * tabs + " " * (to - (to // 8 * 8 if tabs else at))
            at = to
        out, at = out + value, at + len(value)
    return out
