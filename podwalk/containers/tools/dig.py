"""dig: one question or several, and their whole answers.

Left out, and refused: ``+yaml``, ``+nssearch``, DNS over TLS and HTTPS, and what no server here understands.

Source: BIND 9.18, bin/dig/dig.c; outputs as a real container prints them.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import simpy

from podwalk.containers import resolver
from podwalk.containers.files import FileError, normal
from podwalk.containers.process import Process
from podwalk.containers.tools import bind, lookup
from podwalk.containers.tools.lookup import Query
from podwalk.network.dns import search
from podwalk.network.dns.search import ResolvConf
from podwalk.simulation import Task

LACKS = frozenset((
    "+nssearch", "+json", "+yaml", "+subnet", "+nsid", "+https", "+tls", "+ednsopt", "+ednsflags", "+padding",
    "+opcode", "+qid", "+keepalive",
))  # fmt: skip
ACCEPTED = frozenset((
    "adflag", "aaflag", "aaonly", "cdflag", "rrcomments", "split", "besteffort", "fail", "ignore", "crypto", "idnin",
    "idnout",
))  # fmt: skip
"""Options that change nothing for the answers there are here."""
CLASSES = frozenset(["IN", "CH", "HS"])
SWITCHES = {
    "rec": "recurse", "rdflag": "recurse", "vc": "tcp", "defname": "search", "class": "family", "ttlid": "ttl",
} | {
    name: name for name in (
        "short", "search", "tcp", "edns", "cookie", "recurse", "dnssec", "multiline", "identify", "qr", "trace",
    )
}  # fmt: skip
USAGE = """\
Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}
            {global-d-opt} host [@local-server] {local-d-opt}
            [ host [@local-server] {local-d-opt} [...]]"""


class UsageError(Exception):
    """The command line is wrong: what dig says, and its exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Lookup(bind.Asking):
    """One lookup of a command line."""

    name: str = ""
    type: str = "A"
    typed: bool = False
    server: str = ""
    search: bool = False
    showsearch: bool = False
    domain: str = ""
    ndots: int | None = None
    short: bool = False
    multiline: bool = False
    identify: bool = False
    qr: bool = False
    trace: bool = False
    ttl: bool = True
    family: bool = True
    show: dict[str, bool] = field(
        default_factory=lambda: {
            "cmd": True, "comments": True, "question": True, "answer": True,
            "authority": True, "additional": True, "stats": True,
        }
    )  # fmt: skip


def dig(process: Process) -> Task:
    """Ask each question of the command line, and show the answers."""
    yield process.sleep(0)
    words = process.argv[1:]
    if "-v" in words:
        return process.fail(f"DiG {bind.VERSION}", 0)
    if words[:1] == ["-h"]:
        process.write(f"{USAGE}\n")
        return 0
    try:
        lookups, warnings = read(words)
        if "-f" in words:
            lookups = yield from _batch(process, words[words.index("-f") + 1], lookups)
    except UsageError as error:
        return process.fail(str(error), error.code)
    for warning in warnings:
        process.fail(warning)
    code, banner = 0, _banner(words, lookups[0])
    for asked in lookups:
        try:
            code = yield from _look(process, asked, banner)
        except UsageError as error:
            return process.fail(str(error), error.code)
        banner = ""
    return code


def _banner(words: Sequence[str], asked: Lookup) -> str:
    if asked.short or not asked.show["cmd"]:
        return ""
    title = f"\n; <<>> DiG {bind.VERSION} <<>> {' '.join(words)}".rstrip(" ")
    servers = "; (1 server found)\n" if asked.server else ""
    return f"{title}\n{servers};; global options: +cmd\n"


def _batch(process: Process, name: str, lookups: list[Lookup]) -> Generator[simpy.Event, Any, list[Lookup]]:
    """Read the lookups of a file, a line each, with the options of the command line."""
    if name == "-":
        text = (yield from process.stdin.read_all()).decode(errors="replace")
    else:
        try:
            text = process.container.files.read(normal(name, process.cwd)).decode(errors="replace")
        except FileError as error:
            raise UsageError(f"{name}: {error.reason}", 1) from error
    lines = [line.split() for line in text.splitlines() if line.strip() and line[0] not in "#;"]
    return [one for line in lines for one in read(line, lookups[0])[0]]


def read(argv: Sequence[str], given: Lookup | None = None) -> tuple[list[Lookup], list[str]]:
    """Read a command line: the lookups, and what to warn of.

    Args:
        argv: the words after the command.
        given: what each lookup begins with.

    Raises:
        UsageError: when it makes no sense.
    """
    reader = _Reader(replace(given or Lookup(), name=""))
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word.startswith("@"):
            reader.asked.server = word[1:]
        elif word.startswith("+"):
            reader.switch(word)
        elif word[:2] in ("-x", "-t", "-p", "-q", "-c", "-f") and (word[2:] or rest):
            reader.valued(word[1], word[2:] or rest.pop(0))
        elif word.startswith("-") and word not in ("-4", "-r", "-u", "-m"):
            raise _refusal(word)
        elif bind.known(word):
            reader.type(word)
        elif not word.startswith("-") and word.upper() not in CLASSES:
            reader.begin(word)
    return reader.lookups or [reader.common], reader.warnings


class _Reader:
    """Where the reading of a command line is: options before the first name are common to all lookups."""

    def __init__(self, common: Lookup) -> None:
        self.common = self.asked = common
        self.lookups: list[Lookup] = []
        self.warnings: list[str] = []

    def begin(self, name: str, kind: str = "") -> None:
        """Begin the next lookup."""
        self.asked = replace(self.common, name=name, type=kind or self.common.type, show=dict(self.common.show))
        self.lookups.append(self.asked)

    def type(self, kind: str) -> None:
        """Set the type of the present lookup, or of all before the first name."""
        if self.asked.typed:
            self.warnings.append(";; Warning, extra type option")
        self.asked.type, self.asked.typed = kind.upper(), True

    def switch(self, word: str) -> None:
        """Apply a ``+option``."""
        _switch(self.asked, word)
        # Both are of the whole command line, wherever they stand.
        for one in (self.common, *self.lookups):
            one.short, one.show["cmd"] = self.asked.short, self.asked.show["cmd"]

    def valued(self, letter: str, value: str) -> None:
        """Apply an option with its value."""
        if letter == "x":
            self.begin(f"{_reverse(value)}.", "PTR")
        elif letter == "q":
            self.begin(value)
        elif letter == "t" and not bind.known(value):
            self.warnings.append(f";; Warning, ignoring invalid type {value}")
        elif letter == "t":
            self.type(value)
        elif letter == "p":
            self.asked.port = _port(value)


def _reverse(value: str) -> str:
    if resolver.is_address(value):
        return lookup.reverse(value)
    return ".".join([*reversed(value.split(".")), "in-addr", "arpa"])


def _port(value: str) -> int:
    if not value.isdigit():
        raise UsageError(f"invalid port number '{value}': not a valid number\ndig: Couldn't parse port number")
    return int(value)


def _refusal(word: str) -> UsageError:
    if word.partition("=")[0] in LACKS or word in ("-6", "-b", "-k", "-y"):
        return UsageError(f"dig: the option {word} is dig's, but Podwalk does not simulate it")
    return UsageError(
        f'Invalid option: {word}\n{USAGE}\n\nUse "dig -h" (or "dig -h | more") for complete list of options'
    )


def _switch(asked: Lookup, word: str) -> None:
    """Apply a ``+option``.

    Raises:
        UsageError: when there is none such.
    """
    name, _, value = word[1:].partition("=")
    on = not name.startswith("no")
    plain = name if on else name[2:]
    if plain in asked.show:
        asked.show[plain] = on
    elif plain == "all":
        asked.show = dict.fromkeys(asked.show, on)
    elif plain in SWITCHES:
        setattr(asked, SWITCHES[plain], on)
    elif plain == "showsearch":
        # As in BIND, showing the search turns it on.
        asked.search = asked.showsearch = on
    elif plain == "domain":
        asked.domain, asked.search = value, True
    elif plain in ("time", "timeout", "tries", "retry", "ndots", "bufsize"):
        _number(asked, plain, value, word)
    elif plain not in ACCEPTED:
        raise _refusal(word)


def _number(asked: Lookup, name: str, value: str, word: str) -> None:
    if not value.isdigit():
        raise UsageError(f"Invalid option: {word}" if not value else f"dig: Couldn't parse {name}")
    number = int(value)
    if name in ("time", "timeout"):
        asked.timeout_s = max(1.0, float(number))
    elif name == "ndots":
        asked.ndots = number
    elif name == "bufsize":
        asked.payload = number
    else:
        asked.tries = max(1, number + (name == "retry"))


def _look(process: Process, asked: Lookup, banner: str) -> Task:
    """Ask one question and show the whole answer."""
    settings = resolver.conf(process.container.files)
    server = yield from _server(process, asked.server or settings.nameservers[0])
    if asked.trace:
        asked = replace(asked, name=".", type="NS", recurse=False, qr=False)
    if not asked.name:
        asked = replace(asked, name=".", type="NS" if asked.type == "A" else asked.type)
    names = search.names(_searched(settings, asked), asked.name) if asked.search else (asked.name,)
    reply: bind.Reply | None = None
    notes: list[str] = []
    for name in names:
        started_s = process.simulation.now
        try:
            banner = _sending(process, asked, server, name, banner)
            reply = yield from bind.ask(process, asked, server, Query(name, asked.type), notes)
        except dns.exception.DNSException as error:
            why = " (empty label)" if ".." in asked.name else ""
            raise UsageError(f"dig: '{asked.name}' is not a legal name{why}", 10) from error
        if reply is None or (reply[0].rcode() == dns.rcode.NOERROR and reply[0].answer):
            break
        if asked.showsearch and name != names[-1]:
            process.write(banner)
            _show(process, asked, reply, server, started_s)
    process.write("".join(f"{note}\n" for note in notes) if reply is None else "")
    process.write(banner)
    if reply is None:
        process.write(f"{bind.NO_SERVERS}\n")
        return 9
    _show(process, asked, reply, server, started_s)
    return 0


def _searched(settings: ResolvConf, asked: Lookup) -> ResolvConf:
    domains = (asked.domain,) if asked.domain else settings.search
    return replace(settings, search=domains, ndots=settings.ndots if asked.ndots is None else asked.ndots)


def _server(process: Process, server: str) -> Generator[simpy.Event, Any, str]:
    if resolver.is_address(server):
        return server
    try:
        found = yield from resolver.lookup(process.container, server)
    except resolver.LookupFailed as error:
        raise UsageError(f"dig: couldn't get address for '{server}': not found") from error
    return found.addresses[0]


def _sending(process: Process, asked: Lookup, server: str, name: str, banner: str) -> str:
    """Show the question before it is sent, for ``+qr``; returns what is left of the banner."""
    if not asked.qr:
        return banner
    form = lookup.Form(asked.edns, asked.recurse, bind.cookie_for(process, asked, server), asked.dnssec, asked.payload)
    question = lookup.message(Query(name, asked.type), process.simulation.random.randrange(65536), form)
    question.flags |= dns.flags.AD
    process.write(
        f"{banner};; Sending:\n{_render(asked, question, title='')};; QUERY SIZE: {len(question.to_wire())}\n\n"
    )
    return ""


def _show(process: Process, asked: Lookup, reply: bind.Reply, server: str, started_s: float) -> None:
    """Print an answer as the options of the command line say."""
    message, size = reply
    milliseconds = round((process.simulation.now - started_s) * 1000)
    where = f"{server}#{asked.port}({asked.server or server})"
    if asked.short:
        whence = f" from server {server} in {milliseconds} ms." if asked.identify else ""
        process.write("".join(f"{data.to_text()}{whence}\n" for rrset in message.answer for data in rrset))
    elif asked.trace:
        shown = replace(copy.copy(asked), show={**dict.fromkeys(asked.show, False), "answer": True})
        process.write(f"{_render(shown, message)};; Received {size} bytes from {where} in {milliseconds} ms\n\n")
    elif asked.show["stats"]:
        when = process.simulation.datetime().strftime("%a %b %d %H:%M:%S UTC %Y")
        protocol = "TCP" if asked.tcp else "UDP"
        process.write(
            f"{_render(asked, message)};; Query time: {milliseconds} msec\n;; SERVER: {where} ({protocol})\n"
            f";; WHEN: {when}\n;; MSG SIZE  rcvd: {size}\n\n"
        )
    else:
        process.write(_render(asked, message))
        process.write(f";; Received {size} bytes from {where} in {milliseconds} ms\n\n" if asked.identify else "")


def _render(asked: Lookup, message: dns.message.Message, title: str = ";; Got answer:\n") -> str:
    """Render a message section by section."""
    out, comments = "", asked.show["comments"]
    if comments:
        out += title + bind.mdns_warning(message) + bind.header(message)
        if asked.recurse and message.flags & dns.flags.QR and not message.flags & dns.flags.RA:
            out += ";; WARNING: recursion requested but not available\n"
        out += "\n" + (_options(message) if message.edns >= 0 else "")
    if asked.show["question"] and message.question:
        out += ";; QUESTION SECTION:\n" if comments else ""
        out += bind.question_line(message.question[0], multiline=asked.multiline) + ("\n" if comments else "")
    for name, section in bind.sections(message):
        if section and asked.show[name]:
            out += f";; {name.upper()} SECTION:\n" if comments else ""
            out += "".join(
                bind.record_lines(rrset, multiline=asked.multiline, ttl=asked.ttl, family=asked.family)
                for rrset in section
            )
            out += "\n" if comments else ""
    return out


def _options(message: dns.message.Message) -> str:
    flags = " do" if message.ednsflags & dns.flags.DO else ""
    out = f";; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:{flags}; udp: {message.payload}\n"
    cookies = (option for option in message.options if isinstance(option, dns.edns.CookieOption))
    echoed = " (echoed)" if message.flags & dns.flags.QR else ""
    return out + "".join(f"; COOKIE: {(one.client + one.server).hex()}{echoed}\n" for one in cookies)
