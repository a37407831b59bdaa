"""Questions and answers of the DNS as values; :mod:`podwalk.network.dns.wire` turns them into messages."""

from __future__ import annotations

from dataclasses import dataclass

NOERROR, NXDOMAIN, SERVFAIL, REFUSED = "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"


def absolute(name: str) -> str:
    """Return a name with its final dot."""
    return name if name.endswith(".") else name + "."


def is_under(name: str, zone: str) -> bool:
    """Whether a name is a zone's own or lies below it; case does not matter."""
    name, zone = absolute(name).lower(), absolute(zone).lower()
    return zone == "." or name == zone or name.endswith("." + zone)


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        name: the name as asked, its case kept.
        type: the record type, e.g. ``A``.
        client: who asks, ``address:port``, for the log.
        protocol: ``udp`` or ``tcp``.
        id: the message's number.
        size: the length of the message in bytes, for the log.
        buffer: the UDP size that the client announced with EDNS; 512 without.
        do: whether the client asks for DNSSEC records.
    """

    name: str
    type: str = "A"
    client: str = ""
    protocol: str = "udp"
    id: int = 0
    size: int = 0
    buffer: int = 512
    do: bool = False

    @property
    def key(self) -> str:
        """The name as it is compared: absolute, in lower case."""
        return absolute(self.name).lower()


@dataclass(frozen=True)
class Record:
    """One record of class IN; ``data`` is its data in presentation form."""

    name: str
    type: str
    ttl: int
    data: str

    def __str__(self) -> str:
        """Render as ``dig`` does."""
        return f"{self.name} {self.ttl} IN {self.type} {self.data}"


@dataclass(frozen=True)
class Answer:
    """What a server says to a question.

    Attributes:
        question: the question it answers.
        rcode: NOERROR, NXDOMAIN, SERVFAIL or REFUSED.
        answers: the answer section.
        authority: the authority section.
        additional: the additional section, without EDNS.
        authoritative: the ``aa`` bit.
        recursion_available: the ``ra`` bit.
        truncated: the ``tc`` bit.
        source: which plugin answered, in a few words, for a drawing.
        error: what went wrong, for the log of the ``errors`` plugin.
    """

    question: Question
    rcode: str = NOERROR
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = False
    recursion_available: bool = False
    truncated: bool = False
    source: str = ""
    error: str = ""

    @property
    def nodata(self) -> bool:
        """Whether the name is there but has no record of this type."""
        return self.rcode == NOERROR and not self.answers

    def addresses(self) -> tuple[str, ...]:
        """Return the addresses of the answer section."""
        return tuple(record.data for record in self.answers if record.type in ("A", "AAAA"))
