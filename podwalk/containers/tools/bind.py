"""dig, host and nslookup, as BIND has them.

Source: BIND 9.18, bin/dig; outputs as a real container prints them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import simpy

from podwalk.containers import resolver
from podwalk.containers.process import Process
from podwalk.containers.sockets import ConnectionRefused, NetNs, SocketError
from podwalk.containers.tools import lookup
from podwalk.containers.tools.lookup import Query, text
from podwalk.network.dns import search
from podwalk.simulation import Task

VERSION = "9.18.49-1~deb12u1-Debian"
TIMEOUT_S = 5.0
TRIES = 3
TYPES = frozenset(
    [
        "A",
        "AAAA",
        "ANY",
        "CNAME",
        "HTTPS",
        "MX",
        "NS",
        "PTR",
        "SOA",
        "SRV",
        "SVCB",
        "TXT",
        "CAA",
        "DNSKEY",
        "DS",
        "NAPTR",
    ]
)
Reply = tuple[dns.message.Message, int]


LACKS = frozenset(
    {
        "+trace",
        "+nssearch",
        "+dnssec",
        "+multiline",
        "+json",
        "+yaml",
        "+subnet",
        "+nsid",
        "+domain",
        "+ndots",
        "+class",
        "+rrcomments",
        "+split",
    }
)
DIG_USAGE = """\
Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}
            {global-d-opt} host [@local-server] {local-d-opt}
            [ host [@local-server] {local-d-opt} [...]]

Use "dig -h" (or "dig -h | more") for complete list of options"""


@dataclass
class Lookup:
    """One lookup of a dig command line."""

    name: str = "."
    type: str = "A"
    server: str = ""
    port: int = lookup.PORT
    timeout_s: float = TIMEOUT_S
    tries: int = TRIES
    tcp: bool = False
    search: bool = False
    showsearch: bool = False
    edns: bool = True
    cookie: bool = True
    recurse: bool = True
    show: dict[str, bool] = field(
        default_factory=lambda: {
            "cmd": True, "comments": True, "question": True, "answer": True,
            "authority": True, "additional": True, "stats": True,
        }
    )  # fmt: skip
    short: bool = False
    words: list[str] = field(default_factory=list)


def dig(process: Process) -> Task:
    """Ask one question and show the whole answer."""
    yield process.sleep(0)
    if "-v" in process.argv[1:]:
        return process.fail(f"DiG {VERSION}", 0)
    problem, asked = _read(process.argv[1:])
    if problem:
        return process.fail(problem)
    settings = resolver.conf(process.container.files)
    server = asked.server or settings.nameservers[0]
    if not resolver.is_address(server):
        try:
            found = yield from resolver.lookup(process.container, server)
        except resolver.LookupFailed:
            return process.fail(f"dig: couldn't get address for '{server}': not found", 10)
        server = found.addresses[0]
    names = search.names(settings, asked.name) if asked.search else (asked.name,)
    reply: Reply | None = None
    notes: list[str] = []
    for name in names:
        started_s = process.simulation.now
        try:
            reply = yield from _ask(process, asked, server, Query(name, asked.type), notes)
        except dns.exception.DNSException:
            return process.fail(f"dig: '{asked.name}' is not a legal name", 10)
        if reply is None or (reply[0].rcode() == dns.rcode.NOERROR and reply[0].answer):
            break
        if asked.showsearch and name != names[-1]:
            _show(process, asked, reply, server, started_s)
    if reply is None:
        process.write("".join(f"{note}\n" for note in notes))
        if asked.show["cmd"] and not asked.short:
            process.write(_banner(process, asked))
        process.write(";; no servers could be reached\n")
        return 9
    _show(process, asked, reply, server, started_s)
    return 0


def _show(process: Process, asked: Lookup, reply: Reply, server: str, started_s: float) -> None:
    """Print an answer as the options of the command line say."""
    if asked.short:
        process.write("".join(f"{data.to_text()}\n" for rrset in reply[0].answer for data in rrset))
        return
    process.write(_banner(process, asked) if asked.show["cmd"] else "")
    process.write(_render(asked, reply[0]))
    if asked.show["stats"]:
        milliseconds = round((process.simulation.now - started_s) * 1000)
        when = process.simulation.datetime().strftime("%a %b %d %H:%M:%S UTC %Y")
        protocol = "TCP" if asked.tcp else "UDP"
        process.write(
            f";; Query time: {milliseconds} msec\n;; SERVER: {server}#{asked.port}({asked.server or server})"
            f" ({protocol})\n;; WHEN: {when}\n;; MSG SIZE  rcvd: {reply[1]}\n\n"
        )


def _read(argv: Sequence[str]) -> tuple[str, Lookup]:
    """Read a command line; returns what is wrong with it, if anything, and the lookup."""
    asked, rest, named = Lookup(words=list(argv)), list(argv), False
    while rest:
        word = rest.pop(0)
        if word.startswith("@"):
            asked.server = word[1:]
        elif word.startswith("+"):
            if not _switch(asked, word[1:]):
                return _refusal(word), asked
        elif word in ("-x", "-t", "-p", "-q", "-c", "-b") and rest:
            value = rest.pop(0)
            if word == "-x":
                asked.name, asked.type, named = f"{lookup.reverse(value)}.", "PTR", True
            elif word == "-t":
                asked.type = value.upper()
            elif word == "-p":
                asked.port = int(value)
            elif word == "-q":
                asked.name, named = value, True
        elif word in ("-4", "-6"):
            continue
        elif word.upper() in TYPES and (named or word.isupper()):
            asked.type = word.upper()
        elif word.upper() == "IN":
            continue
        elif not word.startswith("-"):
            asked.name, named = word, True
        else:
            return _refusal(word), asked
    if not named:
        asked.type = "NS"
    return "", asked


def _refusal(word: str) -> str:
    if word.partition("=")[0] in LACKS:
        return f"dig: the option {word} is dig's, but Podwalk does not simulate it"
    return f"Invalid option: {word}\n{DIG_USAGE}"


def _switch(asked: Lookup, option: str) -> bool:
    """Apply a ``+option``; whether there is such a one."""
    name, _, value = option.partition("=")
    on = not name.startswith("no")
    plain = name if on else name[2:]
    if plain in asked.show:
        asked.show[plain] = on
    elif plain == "all":
        asked.show = dict.fromkeys(asked.show, on)
    elif plain in ("short", "search", "tcp", "edns", "cookie", "recurse"):
        setattr(asked, plain, on)
    elif plain == "showsearch":
        # As in BIND, showing the search turns it on.
        asked.search = asked.showsearch = on
    elif plain in ("rec", "vc", "defname"):
        setattr(asked, {"rec": "recurse", "vc": "tcp", "defname": "search"}[plain], on)
    elif plain in ("time", "timeout"):
        asked.timeout_s = max(1.0, float(value or TIMEOUT_S))
    elif plain == "tries":
        asked.tries = max(1, int(value or TRIES))
    elif plain == "retry":
        asked.tries = int(value or 2) + 1
    else:
        return plain in ("ttlid", "adflag", "bufsize", "identify")
    return True


def _ask(
    process: Process, asked: Lookup, server: str, query: Query, notes: list[str]
) -> Generator[simpy.Event, Any, Reply | None]:
    network = process.container.network
    # Source: BIND 9.18, lib/dns/client: the same client sends the same server the same cookie.
    cookie = hashlib.blake2b(f"{network.ip} {server}".encode(), digest_size=8).digest() if asked.cookie else b""
    for _ in range(asked.tries):
        try:
            if asked.tcp:
                reply = yield from _ask_tcp(network, asked, server, query, cookie)
                if reply is not None:
                    return reply
                continue
            arrived = yield from lookup.send(
                network,
                server,
                asked.port,
                [query],
                timeout_s=asked.timeout_s,
                edns=asked.edns,
                recurse=asked.recurse,
                cookie=cookie,
            )
            if not arrived:
                notes.append(f";; communications error to {server}#{asked.port}: timed out")
                continue
            if arrived[0][1].flags & dns.flags.TC:
                asked.tcp = True
                process.write(";; Truncated, retrying in TCP mode.\n")
                return (yield from _ask_tcp(network, asked, server, query, cookie))
            return arrived[0][1], arrived[0][2]
        except ConnectionRefused:
            notes.append(f";; communications error to {server}#{asked.port}: connection refused")
        except SocketError:
            notes.append(f";; communications error to {server}#{asked.port}: timed out")
    return None


def _ask_tcp(
    network: NetNs, asked: Lookup, server: str, query: Query, cookie: bytes
) -> Generator[simpy.Event, Any, Reply | None]:
    return (
        yield from lookup.send_tcp(network, server, asked.port, query, asked.timeout_s, edns=asked.edns, cookie=cookie)
    )


def _banner(process: Process, asked: Lookup) -> str:
    lines = f"\n; <<>> DiG {VERSION} <<>> {' '.join(asked.words)}\n"
    lines += "; (1 server found)\n" if asked.server else ""
    return lines + ";; global options: +cmd\n"


def _render(asked: Lookup, reply: dns.message.Message) -> str:
    """Render a message section by section."""
    out = ""
    question = reply.question[0] if reply.question else None
    if asked.show["comments"]:
        out += ";; Got answer:\n"
        if question is not None and text(question.name).endswith("local"):
            out += (
                ";; WARNING: .local is reserved for Multicast DNS\n"
                ";; You are currently testing what happens when an mDNS query is leaked to DNS\n"
            )
        flags = " ".join(flag.lower() for flag in dns.flags.to_text(reply.flags).split())
        counts = (len(reply.question), *(_count(section) for section in (reply.answer, reply.authority)))
        extra = _count(reply.additional) + (1 if reply.edns >= 0 else 0)
        out += (
            f";; ->>HEADER<<- opcode: {dns.opcode.to_text(reply.opcode())}, status: {dns.rcode.to_text(reply.rcode())},"
            f" id: {reply.id}\n;; flags: {flags}; QUERY: {counts[0]}, ANSWER: {counts[1]}, AUTHORITY: {counts[2]},"
            f" ADDITIONAL: {extra}\n"
        )
        if asked.recurse and not reply.flags & dns.flags.RA:
            out += ";; WARNING: recursion requested but not available\n"
        out += "\n"
    if reply.edns >= 0 and asked.show["additional"] and asked.show["comments"]:
        out += f";; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: {reply.payload}\n"
        cookies = (option for option in reply.options if isinstance(option, dns.edns.CookieOption))
        out += "".join(f"; COOKIE: {(cookie.client + cookie.server).hex()} (echoed)\n" for cookie in cookies)
    if asked.show["question"] and question is not None:
        name = question.name.to_text()
        out += ";; QUESTION SECTION:\n" if asked.show["comments"] else ""
        out += ";" + _columns([(name, 0), ("IN", 32), (dns.rdatatype.to_text(question.rdtype), 40)]) + "\n"
        out += "\n" if asked.show["comments"] else ""
    sections = (("answer", reply.answer), ("authority", reply.authority), ("additional", reply.additional))
    for title, section in sections:
        if section and asked.show[title]:
            out += f";; {title.upper()} SECTION:\n" if asked.show["comments"] else ""
            out += "".join(record_lines(rrset) for rrset in section)
            out += "\n" if asked.show["comments"] else ""
    return out


def _count(section: list[dns.rrset.RRset]) -> int:
    return sum(len(rrset) for rrset in section)


def record_lines(rrset: dns.rrset.RRset) -> str:
    """Render records in BIND's columns."""
    name, kind = rrset.name.to_text(), dns.rdatatype.to_text(rrset.rdtype)
    return "".join(
        _columns([(name, 0), (str(rrset.ttl), 24), ("IN", 32), (kind, 40), (data.to_text(), 48)]) + "\n"
        for data in rrset
    )


def _columns(fields: list[tuple[str, int]]) -> str:
    """Put fields at their columns with tabs; one that comes too late is parted by a space."""
    out, column = "", 0
    for value, wanted in fields:
        if out and column >= wanted:
            out, column = out + " ", column + 1
        while column < wanted:
            out, column = out + "\t", (column // 8 + 1) * 8
        out, column = out + value, column + len(value)
    return out


def host(process: Process) -> Task:
    """Look a name or an address up, in a line each."""
    yield process.sleep(0)
    types, words, rest = [], [], process.argv[1:]
    wait_s, tries = TIMEOUT_S, 2
    while rest:
        word = rest.pop(0)
        if word == "-t" and rest:
            types = [rest.pop(0).upper()]
        elif word == "-W" and rest:
            wait_s = float(rest.pop(0))
        elif word == "-R" and rest:
            tries = int(rest.pop(0))
        elif not word.startswith("-"):
            words.append(word)
    if not words:
        return process.fail(
            "Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n            [-R number] [-m flag] [-p"
            " port] hostname [server]"
        )
    settings = resolver.conf(process.container.files)
    server = settings.nameservers[0]
    if len(words) > 1:
        found = yield from resolver.lookup(process.container, words[1])
        server = found.addresses[0]
        process.write(f"Using domain server:\nName: {words[1]}\nAddress: {server}#53\nAliases: \n\n")
    names: tuple[str, ...]
    if resolver.is_address(words[0]):
        names, types = (f"{lookup.reverse(words[0])}.",), ["PTR"]
    else:
        names = search.names(settings, words[0])
    replied, notes = yield from _first(process, server, names, (types or ["A"])[0], wait_s, tries)
    if replied is None:
        process.write("".join(f"{note}\n" for note in notes) + lookup.TIMED_OUT + "\n")
        return 1
    name, reply = replied
    if reply.rcode() != dns.rcode.NOERROR:
        process.write(
            f"Host {words[0] if not resolver.is_address(words[0]) else name.rstrip('.')} not found:"
            f" {int(reply.rcode())}({dns.rcode.to_text(reply.rcode())})\n"
        )
        return 1
    if not reply.answer:
        process.write(f"{text(reply.question[0].name)} has no {(types or ['A'])[0]} record\n" if types else "")
        return 0
    process.write("".join(_host_line(rrset) for rrset in reply.answer))
    for kind in () if types else ("AAAA", "MX"):
        more, _ = yield from _first(process, server, (name,), kind, wait_s, tries)
        if more is not None:
            process.write(
                "".join(_host_line(rrset) for rrset in more[1].answer if dns.rdatatype.to_text(rrset.rdtype) == kind)
            )
    return 0


def _first(
    process: Process, server: str, names: Sequence[str], kind: str, timeout_s: float, tries: int
) -> Generator[simpy.Event, Any, tuple[tuple[str, dns.message.Message] | None, list[str]]]:
    """Ask name after name until one is not NXDOMAIN; returns it with its answer, and what went wrong."""
    asked = Lookup(timeout_s=timeout_s, tries=tries, edns=False)
    notes: list[str] = []
    last: tuple[str, dns.message.Message] | None = None
    for name in names:
        reply = yield from _ask(process, asked, server, Query(name, kind), notes)
        if reply is None:
            return None, notes
        last = (name, reply[0])
        if reply[0].rcode() != dns.rcode.NXDOMAIN:
            break
    return last, notes


HOST_WORDS = {
    "A": "has address", "AAAA": "has IPv6 address", "CNAME": "is an alias for", "MX": "mail is handled by",
    "NS": "name server",
    "PTR": "domain name pointer", "SRV": "has SRV record", "TXT": "descriptive text", "SOA": "has SOA record",
}  # fmt: skip


def _host_line(rrset: dns.rrset.RRset) -> str:
    kind = dns.rdatatype.to_text(rrset.rdtype)
    return "".join(
        f"{text(rrset.name)} {HOST_WORDS.get(kind, f'has {kind} record')} {data.to_text()}\n" for data in rrset
    )


def nslookup(process: Process) -> Task:
    """Ask as BIND's nslookup does."""
    yield process.sleep(0)
    kinds, words = [], []
    asked = Lookup(edns=False, tries=3)
    for word in process.argv[1:]:
        option = word.lstrip("-")
        if not word.startswith("-"):
            words.append(word)
        elif option.partition("=")[0] in ("type", "querytype", "query", "q", "ty"):
            kinds = [option.partition("=")[2].upper()]
        elif option.startswith("timeout="):
            asked.timeout_s = float(option[8:])
        elif option.startswith("port="):
            asked.port = int(option[5:])
    if not words:
        return process.fail("podwalk does not simulate nslookup's interactive mode; give it a name")
    settings = resolver.conf(process.container.files)
    server = settings.nameservers[0]
    if len(words) > 1:
        try:
            found = yield from resolver.lookup(process.container, words[1])
        except resolver.LookupFailed:
            return process.fail(f"nslookup: couldn't get address for '{words[1]}': not found")
        server = found.addresses[0]
    if resolver.is_address(words[0]):
        return (yield from _nslookup_reverse(process, asked, server, words[0]))
    names = search.names(settings, words[0])
    for kind in kinds or ["A", "AAAA"]:
        done = yield from _nslookup_one(process, asked, server, names, kind, first=kind != "AAAA" or bool(kinds))
        if isinstance(done, int):
            return done
        names = (done,)
    process.write("\n")
    return 0


def _nslookup_one(
    process: Process, asked: Lookup, server: str, names: Sequence[str], kind: str, *, first: bool
) -> Generator[simpy.Event, Any, int | str]:
    """Show one type; returns the name that answered, or the exit code if it is over."""
    name, reply = names[0], None
    notes: list[str] = []
    for name in names:
        got = yield from _ask(process, asked, server, Query(name, kind), notes)
        if got is None:
            process.write("".join(f"{note}\n" for note in notes) + ";; no servers could be reached\n\n\n")
            return 1
        reply = got[0]
        if not reply.flags & dns.flags.RA:
            process.write(f";; Got recursion not available from {server}\n")
        if reply.rcode() != dns.rcode.NXDOMAIN:
            break
    if reply is None:
        return 1
    if first:
        process.write(f"Server:\t\t{server}\nAddress:\t{server}#{asked.port}\n\n")
    if reply.rcode() != dns.rcode.NOERROR:
        shown = text(reply.question[0].name)
        process.write(f"** server can't find {shown}: {dns.rcode.to_text(reply.rcode())}\n\n")
        return 1
    if not reply.answer:
        if first:
            process.write(f"*** Can't find {text(reply.question[0].name)}: No answer\n\n")
            return 0
        return name
    if first and not reply.flags & dns.flags.AA:
        process.write("Non-authoritative answer:\n")
    for rrset in reply.answer:
        process.write(_nslookup_record(rrset))
    return name


def _nslookup_record(rrset: dns.rrset.RRset) -> str:
    kind = dns.rdatatype.to_text(rrset.rdtype)
    if kind in ("A", "AAAA", "SOA", "MX", "TXT"):
        return lookup.busybox_record(rrset)
    word = {"SRV": "service", "PTR": "name", "CNAME": "canonical name", "NS": "nameserver"}.get(kind, kind)
    return "".join(f"{text(rrset.name)}\t{word} = {data.to_text()}\n" for data in rrset)


def _nslookup_reverse(process: Process, asked: Lookup, server: str, ip: str) -> Task:
    notes: list[str] = []
    got = yield from _ask(process, asked, server, Query(lookup.reverse(ip), "PTR"), notes)
    if got is None:
        process.write("".join(f"{note}\n" for note in notes) + ";; no servers could be reached\n\n\n")
        return 1
    reply = got[0]
    if not reply.flags & dns.flags.RA:
        process.write(f";; Got recursion not available from {server}\n")
    if reply.rcode() != dns.rcode.NOERROR:
        process.write(f"** server can't find {lookup.reverse(ip)}: {dns.rcode.to_text(reply.rcode())}\n\n")
        return 1
    process.write("".join(_nslookup_record(rrset) for rrset in reply.answer) + "\n")
    return 0
