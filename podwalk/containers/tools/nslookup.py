"""nslookup as BIND has it, with its questions from the command line or typed.

BusyBox's is in :mod:`podwalk.containers.tools.lookup`.

Source: BIND 9.18, bin/dig/nslookup.c; outputs as a real container prints them.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import simpy

from podwalk.containers import resolver
from podwalk.containers.process import Process
from podwalk.containers.tools import bind, lookup
from podwalk.containers.tools.lookup import Query, text
from podwalk.network.dns import search
from podwalk.simulation import Task

PROMPT = "> "
TYPE = ("type", "querytype", "query", "q", "ty")


@dataclass
class Session:
    """How questions are asked: by options before the name, or by ``set`` and ``server`` when they are typed."""

    asked: bind.Asking = field(default_factory=lambda: bind.Asking(edns=False))
    type: str = ""
    debug: bool = False
    search: bool = True
    server: str = ""

    def set(self, option: str) -> str:
        """Apply an option; returns what nslookup says of it, if anything."""
        name, _, value = option.partition("=")
        if name in TYPE and not bind.known(value):
            return f"unknown query type: {value}\n"
        if name in TYPE:
            self.type = value.upper()
        elif name in ("debug", "nodebug", "d2", "nod2"):
            self.debug = not name.startswith("no")
        elif name in ("search", "nosearch"):
            self.search = name == "search"
        elif name in ("recurse", "norecurse", "rec", "norec"):
            self.asked.recurse = not name.startswith("no")
        elif name in ("vc", "novc"):
            self.asked.tcp = name == "vc"
        elif name in ("timeout", "retry", "port") and value.isdigit():
            self.asked.timeout_s = float(value) if name == "timeout" else self.asked.timeout_s
            self.asked.tries = int(value) + 1 if name == "retry" else self.asked.tries
            self.asked.port = int(value) if name == "port" else self.asked.port
        else:
            return f"*** Invalid option: {option}\n"
        return ""


def nslookup(process: Process) -> Task:
    """Ask what the command line says, or what is typed."""
    yield process.sleep(0)
    session, words = Session(), []
    for word in process.argv[1:]:
        if word == "-version":
            process.write(f"nslookup {bind.VERSION}\n")
            return 0
        if word.startswith("-") and len(word) > 1:
            process.write(session.set(word.lstrip("-")))
        else:
            words.append(word)
    for server in words[1:2]:
        if not (yield from _choose(process, session, server)):
            return process.fail(f"nslookup: couldn't get address for '{server}': not found")
    if words and words[0] != "-":
        code: int = yield from _look(process, session, words[0])
        if bind.illegal(words[0]):
            return code
    else:
        code = yield from _converse(process, session)
    process.write("\n")
    return code


def _converse(process: Process, session: Session) -> Task:
    """Do what is typed until ``exit`` or the end."""
    prompt = PROMPT if process.tty else ""
    while True:
        process.write(prompt)
        line = yield from process.stdin.read_line()
        words = line.decode(errors="replace").split()
        if not line or words[:1] == ["exit"]:
            return 0
        if words[:1] == ["set"]:
            process.write("".join(session.set(option) for option in words[1:]))
        elif words[:1] in (["server"], ["lserver"]) and len(words) > 1:
            if not (yield from _choose(process, session, words[1])):
                process.write(f"nslookup: couldn't get address for '{words[1]}': not found\n")
                continue
            process.write(f"Default server: {words[1]}\nAddress: {session.server}#{session.asked.port}\n")
        elif words:
            yield from _look(process, session, words[0])


def _choose(process: Process, session: Session, server: str) -> Generator[simpy.Event, Any, bool]:
    try:
        found = yield from resolver.lookup(process.container, server)
    except resolver.LookupFailed:
        return False
    session.server = found.addresses[0]
    return True


def _look(process: Process, session: Session, name: str) -> Task:
    if why := bind.illegal(name):
        return process.fail(f"nslookup: '{name}' is not in legal name syntax ({why})")
    settings = resolver.conf(process.container.files)
    server = session.server or settings.nameservers[0]
    if resolver.is_address(name):
        return (yield from _reverse(process, session, server, name))
    names: Sequence[str] = search.names(settings, name) if session.search else (name,)
    code = 0
    for kind in [session.type] if session.type else ["A", "AAAA"]:
        answer = yield from _first(process, session, server, names, kind)
        if answer is None:
            return 1
        # What failed on the way counts where it was shown.
        code |= int(session.debug and text(answer.question[0].name) != names[0].rstrip("."))
        if not _show(process, session, answer):
            return int(answer.rcode() != dns.rcode.NOERROR)
        names = (f"{text(answer.question[0].name)}.",)
    return code


def _first(
    process: Process, session: Session, server: str, names: Sequence[str], kind: str
) -> Generator[simpy.Event, Any, dns.message.Message | None]:
    """Ask name after name until one is not NXDOMAIN; with ``-debug`` those that are not there are shown too."""
    first = kind != "AAAA" or bool(session.type)
    notes: list[str] = []
    for name in names:
        got = yield from bind.ask(process, session.asked, server, Query(name, kind), notes)
        if got is None:
            _unreachable(process, notes)
            return None
        reply = got[0]
        _without_recursion(process, server, reply)
        found = reply.rcode() != dns.rcode.NXDOMAIN
        if first and (found or session.debug or name == names[-1]):
            process.write(f"Server:\t\t{server}\nAddress:\t{server}#{session.asked.port}\n\n")
        process.write(_debug(reply) if session.debug else "")
        if found:
            break
        if session.debug and name != names[-1]:
            process.write(_cannot_find(reply))
    return reply


def _show(process: Process, session: Session, reply: dns.message.Message) -> bool:
    """Show an answer; whether the next type is worth asking for."""
    first = dns.rdatatype.to_text(reply.question[0].rdtype) != "AAAA" or bool(session.type)
    if reply.rcode() != dns.rcode.NOERROR:
        process.write(_cannot_find(reply))
        return False
    if not reply.answer:
        if first:
            process.write(f"*** Can't find {text(reply.question[0].name)}: No answer\n")
        return not first
    if first and not reply.flags & dns.flags.AA:
        process.write("Non-authoritative answer:\n")
    process.write("".join(_record(rrset) for rrset in reply.answer))
    return True


def _cannot_find(reply: dns.message.Message) -> str:
    return f"** server can't find {text(reply.question[0].name)}: {dns.rcode.to_text(reply.rcode())}\n"


def _reverse(process: Process, session: Session, server: str, ip: str) -> Task:
    notes: list[str] = []
    got = yield from bind.ask(process, session.asked, server, Query(lookup.reverse(ip), "PTR"), notes)
    if got is None:
        return _unreachable(process, notes)
    reply = got[0]
    _without_recursion(process, server, reply)
    process.write(_debug(reply) if session.debug else "")
    if reply.rcode() != dns.rcode.NOERROR:
        process.write(f"** server can't find {lookup.reverse(ip)}: {dns.rcode.to_text(reply.rcode())}\n")
        return 1
    process.write("".join(_record(rrset) for rrset in reply.answer))
    return 0


def _unreachable(process: Process, notes: Sequence[str]) -> int:
    process.write("".join(f"{note}\n" for note in notes) + f"{bind.NO_SERVERS}\n")
    return 1


def _without_recursion(process: Process, server: str, reply: dns.message.Message) -> None:
    if not reply.flags & dns.flags.RA:
        process.write(f";; Got recursion not available from {server}\n")


def _debug(reply: dns.message.Message) -> str:
    """Show a whole message, as ``-debug`` does."""
    question = reply.question[0]
    titles = {"answer": "ANSWERS", "authority": "AUTHORITY RECORDS", "additional": "ADDITIONAL RECORDS"}
    out = (
        f"------------\n    QUESTIONS:\n\t{text(question.name)}, type = {dns.rdatatype.to_text(question.rdtype)},"
        " class = IN\n"
    )
    for name, section in bind.sections(reply):
        out += f"    {titles[name]}:\n" + "".join(_debug_record(rrset) for rrset in section)
    return f"{out}------------\n"


def _debug_record(rrset: dns.rrset.RRset) -> str:
    kind = dns.rdatatype.to_text(rrset.rdtype)
    words = {"A": "internet address", "AAAA": "has AAAA address"}
    out = ""
    for data in rrset:
        if kind == "SOA":
            shown = lookup.start_of_zone(data)
        elif kind in words:
            shown = f"\t{words[kind]} = {data.address}\n"
        else:
            shown = f"\t{_word(kind)} = {data.to_text()}\n"
        out += f"    ->  {text(rrset.name)}\n{shown}\tttl = {rrset.ttl}\n"
    return out


def _word(kind: str) -> str:
    return {"SRV": "service", "PTR": "name", "CNAME": "canonical name", "NS": "nameserver"}.get(kind, kind)


def _record(rrset: dns.rrset.RRset) -> str:
    kind = dns.rdatatype.to_text(rrset.rdtype)
    if kind in ("A", "AAAA", "SOA", "MX", "TXT"):
        return lookup.busybox_record(rrset)
    return "".join(f"{text(rrset.name)}\t{_word(kind)} = {data.to_text()}\n" for data in rrset)
