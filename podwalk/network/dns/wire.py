"""DNS messages on the wire, by dnspython: questions read, answers written with EDNS and truncation as CoreDNS does."""

from __future__ import annotations

import io
import struct

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from podwalk.errors import PodwalkError
from podwalk.network.dns.messages import Answer, Question, Record

EDNS_SIZE = 1232
MINIMUM_SIZE = 512
OPCODE = 0x7800
ECHOED = frozenset(
    (
        dns.edns.OptionType.NSID,
        dns.edns.OptionType.EXPIRE,
        dns.edns.OptionType.COOKIE,
        dns.edns.OptionType.KEEPALIVE,
        dns.edns.OptionType.PADDING,
    )
)
"""The options that CoreDNS sends back as they came. Source: CoreDNS, plugin/pkg/edns."""

HEADER = struct.Struct(">6H")
MOST_RECORDS = (1, 1, 2)
"""How many answers, authorities and additional records a question may come with."""


class MessageError(PodwalkError):
    """Bytes that are no DNS question.

    Attributes:
        reply: what a server answers to them; empty if it keeps silent, so that nobody is flooded with its answers.
    """

    def __init__(self, message: str, reply: bytes = b"") -> None:
        super().__init__(message)
        self.reply = reply


def question(data: bytes, *, client: str = "", protocol: str = "udp") -> Question:
    """Read a question.

    Raises:
        MessageError: when the bytes are no message with one question that CoreDNS takes, with its reply.

    Source: miekg/dns, acceptfunc.go and server.go; CoreDNS, core/dnsserver/server.go and plugin/pkg/edns.
    """
    whom = client or "a client"
    _check_header(data, whom)
    try:
        message = dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError) as error:
        refused = _refusal(data, dns.rcode.FORMERR)
        raise MessageError(f"{len(data)} bytes from {whom} are no DNS message: {error}", refused) from error
    asked = message.question[0]
    _check_class_and_version(message, asked, whom)
    size = max(message.payload, MINIMUM_SIZE) if message.edns >= 0 else MINIMUM_SIZE
    return Question(
        asked.name.to_text(),
        dns.rdatatype.to_text(asked.rdtype),
        client=client,
        protocol=protocol,
        id=message.id,
        size=len(data),
        buffer=size,
        do=bool(message.ednsflags & dns.flags.DO),
    )


def _check_header(data: bytes, whom: str) -> None:
    if len(data) < HEADER.size:
        raise MessageError(f"{len(data)} bytes from {whom} are no DNS message: its header is longer")
    _, flags, questions, *records = HEADER.unpack_from(data)
    if flags & dns.flags.QR:
        raise MessageError(f"{whom} sends an answer, and nothing was asked")
    opcode = dns.opcode.from_flags(flags)
    if opcode not in (dns.opcode.QUERY, dns.opcode.NOTIFY):
        raise MessageError(f"{whom} asks for {dns.opcode.to_text(opcode)}", _refusal(data, dns.rcode.NOTIMP))
    if questions != 1 or any(count > most for count, most in zip(records, MOST_RECORDS, strict=True)):
        refused = _refusal(data, dns.rcode.FORMERR)
        raise MessageError(f"a DNS message must ask one question, this one asks {questions}", refused)


def _refusal(data: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """Return a header alone, with the client's own flags but for what an answer sets."""
    ident, flags, *_ = HEADER.unpack_from(data)
    opcode = flags & OPCODE if rcode == dns.rcode.NOTIMP else 0
    kept = flags & (dns.flags.TC | dns.flags.RD | dns.flags.AD | dns.flags.CD)
    return HEADER.pack(ident, dns.flags.QR | opcode | kept | rcode, 0, 0, 0, 0)


def _check_class_and_version(message: dns.message.Message, asked: dns.rrset.RRset, whom: str) -> None:
    rcode = None
    if asked.rdclass != dns.rdataclass.IN:
        rcode, why = dns.rcode.REFUSED, f"{whom} asks in class {dns.rdataclass.to_text(asked.rdclass)}"
    elif message.edns > 0:
        rcode, why = dns.rcode.BADVERS, f"{whom} speaks EDNS version {message.edns}"
    if rcode is not None:
        reply = dns.message.make_response(message, our_payload=EDNS_SIZE)
        reply.use_edns(0 if message.edns >= 0 else -1, payload=EDNS_SIZE)
        reply.set_rcode(rcode)
        raise MessageError(why, reply.to_wire())


def query(name: str, kind: str = "A", *, ident: int = 0, edns: bool = True) -> bytes:
    """Write a question, as a resolver sends it."""
    message = dns.message.make_query(name, kind, use_edns=0 if edns else -1, payload=EDNS_SIZE, id=ident)
    return message.to_wire()


def message(answer: Answer, request: bytes) -> bytes:
    """Write an answer to a message; cut to what the client takes over UDP, with the ``tc`` bit."""
    asked = dns.message.from_wire(request)
    reply = dns.message.make_response(asked, our_payload=EDNS_SIZE)
    if asked.edns >= 0:
        echoed = [option for option in asked.options if option.otype in ECHOED]
        reply.use_edns(0, asked.ednsflags & dns.flags.DO, asked.payload, options=echoed)
    reply.set_rcode(dns.rcode.from_text(answer.rcode))
    reply.flags |= dns.flags.AA if answer.authoritative else 0
    reply.flags |= dns.flags.RA if answer.recursion_available else 0
    reply.flags |= dns.flags.TC if answer.truncated else 0
    sections = (
        (reply.answer, answer.answers),
        (reply.authority, answer.authority),
        (reply.additional, answer.additional),
    )
    for section, records in sections:
        for record in records:
            section.append(_rrset(record))
    return _cut(reply, answer.question)


def answer(data: bytes, asked: Question) -> Answer:
    """Read an answer.

    Raises:
        MessageError: when the bytes are no message.
    """
    try:
        reply = dns.message.from_wire(data)
    except dns.exception.DNSException as error:
        raise MessageError(f"{len(data)} bytes are no DNS message: {error}") from error
    return Answer(
        asked,
        dns.rcode.to_text(reply.rcode()),
        _records(reply.answer),
        _records(reply.authority),
        _records(reply.additional),
        authoritative=bool(reply.flags & dns.flags.AA),
        recursion_available=bool(reply.flags & dns.flags.RA),
        truncated=bool(reply.flags & dns.flags.TC),
    )


def _rrset(record: Record) -> dns.rrset.RRset:
    rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(record.type), record.data)
    return dns.rrset.from_rdata(dns.name.from_text(record.name), record.ttl, rdata)


def _records(section: list[dns.rrset.RRset]) -> tuple[Record, ...]:
    return tuple(
        Record(rrset.name.to_text(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl, rdata.to_text())
        for rrset in section
        for rdata in rrset
    )


def length(answer: Answer) -> int:
    """Return the length of an answer in bytes, without compression and EDNS, as CoreDNS logs it."""
    records = (*answer.answers, *answer.authority, *answer.additional)
    return 12 + _name_length(answer.question.name) + 4 + sum(_record_length(record) for record in records)


def _record_length(record: Record) -> int:
    rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(record.type), record.data)
    return _name_length(record.name) + 10 + len(rdata.to_wire() or b"")


def _name_length(name: str) -> int:
    return len(dns.name.from_text(name).to_wire() or b"")


def _cut(reply: dns.message.Message, asked: Question) -> bytes:
    """Drop records from the end until the message fits; over TCP everything fits.

    Names are shortened only in a message that would not fit otherwise. Source: miekg/dns, msg_truncate.go.
    """
    limit = 65535 if asked.protocol == "tcp" else asked.buffer
    data = _plain(reply)
    if len(data) <= limit:
        return data
    data = reply.to_wire(max_size=65535)
    if len(data) <= limit:
        return data
    reply.additional = []
    while len(data := reply.to_wire(max_size=65535)) > limit and (reply.answer or reply.authority):
        reply.flags |= dns.flags.TC
        (reply.authority or reply.answer).pop()
    return data


def _plain(reply: dns.message.Message) -> bytes:
    """Write a message without compression."""
    out = io.BytesIO()
    for question in reply.question:
        question.name.to_wire(out)
        out.write(struct.pack(">2H", question.rdtype, question.rdclass))
    options = [] if reply.opt is None else [reply.opt]
    counts = [
        sum(rrset.to_wire(out) for rrset in section)
        for section in (reply.answer, reply.authority, [*reply.additional, *options])
    ]
    return HEADER.pack(reply.id, reply.flags, len(reply.question), *counts) + out.getvalue()
