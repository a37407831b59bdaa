"""The ``template`` plugin: answers written as Go templates.

Of the template language, what records need: fields (``.Name``, ``.Group.x``), ``index .Match 1``, ``parseInt``.
Anything else is refused when the Corefile is read. Left out: ``ederror``, ``.Message`` and ``.Meta``.

Source: CoreDNS, plugin/template; Go, text/template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.zonefile

from podwalk.network.dns.corefile import CorefileError, Directive, argument_error, parsing_error
from podwalk.network.dns.messages import NOERROR, SERVFAIL, Answer, Question, Record, absolute, is_under
from podwalk.network.dns.plugins import Context, Handler, Next, Steps

DEFAULT_TTL = 3600

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """One ``template`` line.

    Attributes:
        kind: the record type it answers, or ANY.
        zones: the zones it answers for.
        patterns: what the name must match one of; none match everything.
        sections: the templates of the answer, authority and additional section.
        rcode: the response code.
        through: the zones whose names go on when no pattern matches; None for none.
    """

    kind: str
    zones: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    sections: Mapping[str, tuple[Callable[[Data], str], ...]]
    rcode: str
    through: tuple[str, ...] | None

    def zone_of(self, question: Question) -> str | None:
        """Return the longest zone of a name it answers for, or None."""
        if self.kind not in ("ANY", question.type):
            return None
        return max((zone for zone in self.zones if is_under(question.name, zone)), key=len, default=None)

    def data(self, question: Question, zone: str) -> Data | None:
        """Return what the templates may name, or None if no pattern matches."""
        for pattern in self.patterns or (re.compile(".*"),):
            found = pattern.search(question.key)
            if found is not None:
                groups = {str(index): text or "" for index, text in enumerate((found[0], *found.groups()))}
                return {
                    "Name": question.key,
                    "Zone": zone,
                    "Type": question.type,
                    "Class": "IN",
                    "Remote": question.client.rpartition(":")[0],
                    "Match": list(groups.values()),
                    "Group": groups | {key: text or "" for key, text in found.groupdict().items()},
                }
        return None


def make(_context: Context, directive: Directive, zones: Sequence[str]) -> Handler:
    """Make the handler of one ``template`` line."""
    template = _read(directive, zones)

    def handle(question: Question, following: Next) -> Steps:
        zone = template.zone_of(question)
        if zone is None:
            return (yield from following(question))
        data = template.data(question, zone)
        if data is None:
            through = template.through is not None and any(is_under(question.name, z) for z in template.through)
            return (yield from following(question)) if through else Answer(question, SERVFAIL, source="template")
        if template.rcode == SERVFAIL:
            return Answer(question, SERVFAIL, source="template")
        return _answer(template, question, data)

    return handle


def _answer(template: Template, question: Question, data: Data) -> Answer:
    sections: dict[str, tuple[Record, ...]] = {}
    for section, parts in template.sections.items():
        texts = [part(data) for part in parts]
        try:
            sections[section] = tuple(record for text in texts for record in _records(text))
        except dns.exception.DNSException as error:
            return Answer(question, SERVFAIL, source="template", error=f"dns: {error}")
    return Answer(
        question,
        template.rcode,
        sections["answer"],
        sections["authority"],
        sections["additional"],
        authoritative=True,
        source="template",
    )


def _records(text: str) -> list[Record]:
    """Read a record in zone file form; without a TTL it is an hour, as in CoreDNS."""
    rrsets = dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=DEFAULT_TTL, origin=".", relativize=False)
    return [
        Record(str(rrset.name), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl, rdata.to_text())
        for rrset in rrsets
        for rdata in rrset
    ]


def _read(directive: Directive, zones: Sequence[str]) -> Template:
    if len(directive.arguments) < 2:
        raise argument_error("template", directive, (directive.arguments or (directive.name,))[-1])
    _class, kind, *own = directive.arguments
    patterns: list[re.Pattern[str]] = []
    sections: dict[str, list[Callable[[Data], str]]] = {"answer": [], "authority": [], "additional": []}
    rcode, through = NOERROR, None
    for entry in directive.block:
        if entry.name == "match":
            patterns.extend(_pattern(entry, text) for text in entry.arguments)
        elif entry.name in sections:
            sections[entry.name].extend(compile_template(entry, text) for text in entry.arguments)
        elif entry.name == "rcode" and entry.arguments:
            rcode = entry.arguments[0].upper()
        elif entry.name == "fallthrough":
            through = entry.arguments or (".",)
        else:
            raise argument_error("template", entry, entry.name)
    own_zones = tuple(absolute(zone).lower() for zone in own or zones)
    made = {name: tuple(parts) for name, parts in sections.items()}
    return Template(kind.upper(), own_zones, tuple(patterns), made, rcode, through)


def _pattern(entry: Directive, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise parsing_error("template", entry, f"could not parse regex: {text}, {error}") from error


def compile_template(entry: Directive, text: str) -> Callable[[Data], str]:
    """Compile a template.

    Raises:
        CorefileError: in CoreDNS's words for one that is not closed, in ours for what is not simulated.
    """
    parts: list[Callable[[Data], str]] = []
    rest = text
    while rest:
        before, opened, rest = rest.partition("{{")
        parts.append(lambda _, literal=before: str(literal))  # type: ignore[misc]  # a bound default is its type
        if not opened:
            break
        action, closed, rest = rest.partition("}}")
        if not closed:
            reason = f"could not compile template: {text}, template: {entry.name}:1: unclosed action"
            raise parsing_error("template", entry, reason)
        parts.append(_action(entry, action.strip("- ")))
    return lambda data: "".join(part(data) for part in parts)


def _action(entry: Directive, action: str) -> Callable[[Data], str]:
    """Compile what stands between braces."""
    if match := re.fullmatch(r"\.(\w+)(?:\.(\w+))?", action):
        field, key = match.groups()
        return lambda data: str(data[field].get(key, "<no value>") if key else data[field])
    if match := re.fullmatch(r"index \.(Match|Group) (?:(\d+)|\"(\w+)\")", action):
        field, number, key = match.groups()
        return lambda data: str(data[field][int(number)] if field == "Match" else data[field][key or number])
    if match := re.fullmatch(r"parseInt \.Group\.(\w+) (\d+) \d+", action):
        group, base = match[1], int(match[2])
        return lambda data: str(int(data["Group"][group], base))
    raise CorefileError(
        f"plugin/template: line {entry.line}: the template action {{{{ {action} }}}} is not simulated; "
        "use .Name, .Zone, .Type, .Class, .Remote, .Group.NAME, index .Match N or parseInt .Group.NAME BASE BITS"
    )
