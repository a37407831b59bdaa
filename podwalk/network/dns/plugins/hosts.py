"""The ``hosts`` plugin: names and addresses written down, as in ``/etc/hosts``.

A name that is not there and may not fall through is SERVFAIL, as there is no SOA for an NXDOMAIN.

Source: CoreDNS, plugin/hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from podwalk.network.addresses import parse
from podwalk.network.dns.corefile import Directive
from podwalk.network.dns.messages import SERVFAIL, Answer, Question, Record, absolute, is_under
from podwalk.network.dns.names import reverse_address
from podwalk.network.dns.plugins import Context, Handler, Next, Steps

DEFAULT_TTL = 3600
OPTIONS = frozenset({"fallthrough", "ttl", "no_reverse", "reload"})


@dataclass
class Hosts:
    """Addresses by name, and names by address."""

    addresses: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, ip: str, names: Iterable[str]) -> None:
        """Add one line; one whose address is none is skipped, as CoreDNS skips it."""
        if parse(ip) is None:
            return
        for name in names:
            self.addresses.setdefault(absolute(name).lower(), []).append(ip)
            self.names.setdefault(ip, []).append(absolute(name).lower())

    def records(self, question: Question, ttl: int) -> tuple[Record, ...]:
        """Return the records of a question."""
        name = absolute(question.name)
        if question.type == "PTR":
            ip = reverse_address(name)
            return tuple(Record(name, "PTR", ttl, found) for found in self.names.get(ip or "", ()))
        version = {"A": 4, "AAAA": 6}.get(question.type, 0)
        found = [ip for ip in self.addresses.get(question.key, ()) if (one := parse(ip)) and one.version == version]
        return tuple(Record(name, question.type, ttl, ip) for ip in found)


def make(context: Context, directive: Directive, zones: Sequence[str]) -> Handler:
    """Make the handler of one line: ``hosts [FILE [ZONES...]]`` and its inline entries."""
    path, *own = directive.arguments or ("/etc/hosts",)
    origins = tuple(absolute(zone).lower() for zone in own or zones)
    hosts = Hosts()
    for line in context.read(path).splitlines():
        words = line.split("#", 1)[0].split()
        if words:
            hosts.add(words[0], words[1:])
    for entry in directive.block:
        if entry.name not in OPTIONS:
            hosts.add(entry.name, entry.arguments)
    ttl = int((directive.option("ttl") or (str(DEFAULT_TTL),))[0])
    passing = directive.option("fallthrough")
    through = () if passing is None else (passing or (".",))

    def handle(question: Question, following: Next) -> Steps:
        ours = any(is_under(question.name, zone) for zone in origins)
        records = hosts.records(question, ttl) if ours or question.type == "PTR" else ()
        if not ours and question.type != "PTR":
            return (yield from following(question))
        if not records and (question.type == "PTR" or question.key not in hosts.addresses):
            if question.type == "PTR" or any(is_under(question.name, zone) for zone in through):
                return (yield from following(question))
            return Answer(question, SERVFAIL, source="hosts")
        return Answer(question, answers=records, authoritative=True, source="hosts")

    return handle
