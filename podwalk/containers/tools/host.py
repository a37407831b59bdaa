"""host: a name or an address in a line each, or the whole messages with ``-v``.

Source: BIND 9.18, bin/dig/host.c; outputs as a real container prints them. Left out, and refused: zone transfers and
the comparison of zones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from podwalk.containers import resolver
from podwalk.containers.process import Process
from podwalk.containers.tools import bind, lookup
from podwalk.containers.tools.lookup import Query, text
from podwalk.network.dns import search
from podwalk.simulation import Task

TRIES = 2
USAGE = """\
Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]
            [-R number] [-m flag] [-p port] hostname [server]
       -a is equivalent to -v -t ANY
       -A is like -a but omits RRSIG, NSEC, NSEC3
       -c specifies query class for non-IN data
       -C compares SOA records on authoritative nameservers
       -d is equivalent to -v
       -l lists all hosts in a domain, using AXFR
       -m set memory debugging flag (trace|record|usage)
       -N changes the number of dots allowed before root lookup is done
       -p specifies the port on the server to query
       -r disables recursive processing
       -R specifies number of retries for UDP packets
       -s a SERVFAIL response should stop query
       -t specifies the query type
       -T enables TCP/IP mode
       -U enables UDP mode
       -v enables verbose output
       -V print version number and exit
       -w specifies to wait forever for a reply
       -W specifies how long to wait for a reply
       -4 use IPv4 query transport only
       -6 use IPv6 query transport only"""
WORDS = {
    "A": "has address", "AAAA": "has IPv6 address", "CNAME": "is an alias for", "MX": "mail is handled by",
    "NS": "name server", "PTR": "domain name pointer", "SRV": "has SRV record", "TXT": "descriptive text",
    "SOA": "has SOA record",
}  # fmt: skip


@dataclass
class Command:
    """A command line, read; ``problem`` is what is wrong with it, if anything, and ``code`` its exit code."""

    asked: bind.Asking = field(default_factory=lambda: bind.Asking(edns=False, tries=TRIES))
    type: str = ""
    verbose: bool = False
    words: list[str] = field(default_factory=list)
    problem: str = ""
    code: int = 1


def read(argv: Sequence[str]) -> Command:
    """Read a command line."""
    command, rest = Command(), list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            command.words.append(word)
        elif word[1:2] in ("t", "W", "R", "c", "N", "m", "p") and (word[2:] or rest):
            _valued(command, word[1], word[2:] or rest.pop(0))
        elif set(word[1:]) <= set("avdrTUsw4"):
            _flags(command, word[1:])
        elif set(word[1:]) <= set("AClV6"):
            command.problem = f"host: the option {word} is host's, but Podwalk does not simulate it"
        else:
            command.problem = f"host: illegal option -- '{word[1:2]}'\n{USAGE}"
    if not command.words and not command.problem:
        command.problem = USAGE
    return command


def _flags(command: Command, letters: str) -> None:
    command.verbose |= bool(set(letters) & set("avd"))
    command.type = "ANY" if "a" in letters else command.type
    command.asked.tcp |= "T" in letters
    command.asked.recurse &= "r" not in letters


def _valued(command: Command, letter: str, value: str) -> None:
    if letter == "t" and not bind.known(value):
        command.problem, command.code = f"host: invalid type: {value}\n", 2
    elif letter == "t":
        command.type = value.upper()
    elif letter in "WRp" and value.isdigit():
        command.asked.timeout_s = float(value) if letter == "W" else command.asked.timeout_s
        command.asked.tries = int(value) if letter == "R" else command.asked.tries
        command.asked.port = int(value) if letter == "p" else command.asked.port


def host(process: Process) -> Task:
    """Look a name or an address up."""
    yield process.sleep(0)
    if process.argv[1:] == ["-V"]:
        return process.fail(f"host {bind.VERSION}", 0)
    command = read(process.argv[1:])
    if command.problem:
        return process.fail(command.problem, command.code)
    if why := bind.illegal(command.words[0]):
        return process.fail(f"host: '{command.words[0]}' is not in legal name syntax ({why})")
    settings = resolver.conf(process.container.files)
    server, title, name = settings.nameservers[0], "", command.words[0]
    if len(command.words) > 1:
        try:
            found = yield from resolver.lookup(process.container, command.words[1])
        except resolver.LookupFailed:
            return process.fail(f"host: couldn't get address for '{command.words[1]}': not found")
        server = found.addresses[0]
        title = f"Using domain server:\nName: {command.words[1]}\nAddress: {server}#{command.asked.port}\nAliases: \n\n"
    names: tuple[str, ...]
    if resolver.is_address(name):
        names, command.type = (f"{lookup.reverse(name)}.",), "PTR"
    else:
        names = search.names(settings, name)
    return (yield from _look(process, command, server, names, title))


def _look(process: Process, command: Command, server: str, names: Sequence[str], title: str) -> Task:
    """Ask for each type in turn; the first that a name answers decides which name the others are asked of."""
    notes: list[str] = []
    for kind in [command.type] if command.type else ["A", "AAAA", "MX"]:
        for name in names:
            started_s = process.simulation.now
            process.write(f'Trying "{name.rstrip(".")}"\n' if command.verbose else "")
            reply = yield from bind.ask(process, command.asked, server, Query(name, kind), notes)
            if reply is None:
                process.write("".join(f"{note}\n" for note in notes) + f"{bind.NO_SERVERS}\n")
                return 1
            message, size = reply
            if message.rcode() != dns.rcode.NXDOMAIN:
                break
        process.write(title)
        title, names = "", (name,)
        milliseconds = round((process.simulation.now - started_s) * 1000)
        received = f"Received {size} bytes from {server}#{command.asked.port} in {milliseconds} ms\n"
        if message.rcode() != dns.rcode.NOERROR:
            process.write(_not_found(command, name, message) + (received * 2 if command.verbose else ""))
            return 1
        process.write(f"{_message(message)}{received}" if command.verbose else _lines(command, kind, message))
    return 0


def _not_found(command: Command, name: str, reply: dns.message.Message) -> str:
    asked = command.words[0] if not resolver.is_address(command.words[0]) else name.rstrip(".")
    return f"Host {asked} not found: {int(reply.rcode())}({dns.rcode.to_text(reply.rcode())})\n"


def _message(reply: dns.message.Message) -> str:
    out = bind.header(reply) + "\n"
    if reply.question:
        out += ";; QUESTION SECTION:\n" + bind.question_line(reply.question[0]) + "\n"
    for name, section in bind.sections(reply):
        if section:
            out += f";; {name.upper()} SECTION:\n" + "".join(bind.record_lines(one) for one in section) + "\n"
    return out


def _lines(command: Command, kind: str, reply: dns.message.Message) -> str:
    if not reply.answer and command.type:
        return f"{text(reply.question[0].name)} has no {kind} record\n"
    # A CNAME is said once, with the first type.
    wanted = (rrset for rrset in reply.answer if kind in ("A", command.type) or _kind(rrset) == kind)
    return "".join(_line(rrset) for rrset in wanted)


def _kind(rrset: dns.rrset.RRset) -> str:
    return str(dns.rdatatype.to_text(rrset.rdtype))


def _line(rrset: dns.rrset.RRset) -> str:
    words = WORDS.get(_kind(rrset), f"has {_kind(rrset)} record")
    return "".join(f"{text(rrset.name)} {words} {data.to_text()}\n" for data in rrset)
