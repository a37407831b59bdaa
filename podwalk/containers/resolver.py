"""Names to addresses, as the images' C libraries do it: ``/etc/hosts``, then DNS messages to the name server.

The two libraries differ visibly. glibc asks for A and AAAA together, goes on to the next search domain after NXDOMAIN
and NODATA alike, and retries after 5 s twice per server. musl asks all servers at once, stops at NODATA, and gives up
after 5 s in all.

Source: resolv.conf(5), getaddrinfo(3); musl's lookup_name.c and res_msend.c; glibc's res_send.c.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import simpy

from podwalk.containers.files import FileError, FileSystem
from podwalk.containers.process import Container
from podwalk.containers.sockets import ConnectionRefused, NetNs, SocketError
from podwalk.network.dns import NOERROR, NXDOMAIN, Answer, Question, search, wire
from podwalk.network.dns.messages import absolute

Library = Literal["glibc", "musl"]

TIMEOUT_S = 5.0
ATTEMPTS = 2
DNS_PORT = 53


@dataclass(frozen=True)
class Host:
    """What a lookup found: the name that answered and its addresses."""

    name: str
    addresses: tuple[str, ...]


class LookupFailed(SocketError):
    """A name was not found, or no server answered; ``again`` tells the two apart (EAI_NONAME, EAI_AGAIN)."""

    def __init__(self, name: str, *, again: bool = False) -> None:
        """Say which name."""
        self.again = again
        self.words = "Temporary failure in name resolution" if again else "Name or service not known"
        super().__init__(name)


def conf(files: FileSystem) -> search.ResolvConf:
    """Read the container's ``/etc/resolv.conf``; without one the server is at 127.0.0.1."""
    try:
        found = search.parse(files.read("/etc/resolv.conf").decode(errors="replace"))
    except FileError:
        found = search.ResolvConf()
    return found if found.nameservers else search.ResolvConf(("127.0.0.1",), found.search, found.ndots, found.options)


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_name(text: str) -> bool:
    """Whether a text can be asked for: labels of 1 to 63 bytes, 253 in all (RFC 1035, 2.3.4)."""
    labels = text.removesuffix(".").split(".")
    return all(0 < len(label.encode()) <= 63 for label in labels) and len(text.encode()) <= 253


def lookup(container: Container, name: str, *, library: Library = "glibc") -> Generator[simpy.Event, Any, Host]:
    """Resolve a name to IPv4 addresses, as ``getaddrinfo`` does.

    Raises:
        LookupFailed: when there is no such name, or no answer.
    """
    if is_address(name):
        return Host(name, (name,))
    if listed := in_hosts(container.files, name):
        return listed
    if not is_name(name):
        raise LookupFailed(name)
    settings = conf(container.files)
    failed = False
    for candidate in search.names(settings, name):
        found, failure = yield from _ask_both(container.network, settings, candidate, library)
        if found is not None:
            return found
        if failure:
            failed = True
            if library == "musl":
                raise LookupFailed(name, again=True)
    raise LookupFailed(name, again=failed)


def in_hosts(files: FileSystem, name: str) -> Host | None:
    """Return what ``/etc/hosts`` says of a name."""
    try:
        text = files.read("/etc/hosts").decode(errors="replace")
    except FileError:
        return None
    wanted = name.rstrip(".").lower()
    found: list[str] = []
    canonical = ""
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (alias.lower() for alias in names) and ":" not in address:
            canonical = canonical or names[0]
            found.append(address)
    return Host(canonical, tuple(dict.fromkeys(found))) if found else None


def _ask_both(
    network: NetNs, settings: search.ResolvConf, name: str, library: Library
) -> Generator[simpy.Event, Any, tuple[Host | None, bool]]:
    """Ask for A and AAAA of one name; returns what was found, and whether no usable answer came."""
    answers = yield from ask(network, settings, [(name, "A"), (name, "AAAA")], library=library)
    first = answers[0]
    if first is None or first.rcode not in (NOERROR, NXDOMAIN):
        return None, True
    addresses = [*first.addresses(), *(answers[1].addresses() if answers[1] is not None else ())]
    usable = tuple(address for address in addresses if ":" not in address) or tuple(addresses)
    if not usable:
        return None, False
    owner = next(record.name for record in first.answers or () if record.type in ("A", "AAAA"))
    return Host(owner.rstrip("."), usable), False


def ask(
    network: NetNs,
    settings: search.ResolvConf,
    questions: Sequence[tuple[str, str]],
    *,
    library: Library = "glibc",
    timeout_s: float = 0,
    attempts: int = 0,
    port: int = DNS_PORT,
    edns: bool = False,
) -> Generator[simpy.Event, Any, list[Answer | None]]:
    """Send questions over UDP to the name servers until each is answered; what was cut is asked again over TCP.

    Args:
        network: where from.
        settings: whom to ask; its options ``timeout:`` and ``attempts:`` are honoured.
        questions: names and types.
        library: whose retries.
        timeout_s: overrides how long each attempt waits.
        attempts: overrides how many.
        port: the servers' port.
        edns: whether to announce EDNS.

    Returns:
        An answer for each question, None where none came.
    """
    timeout_s = timeout_s or _option(settings, "timeout", TIMEOUT_S)
    attempts = attempts or int(_option(settings, "attempts", 1 if library == "musl" else ATTEMPTS))
    answers: list[Answer | None] = [None] * len(questions)
    for _ in range(attempts):
        for server in settings.nameservers:
            yield from _try(network, server, port, questions, answers, timeout_s, edns)
            if all(answer is not None for answer in answers):
                return answers
    return answers


def _option(settings: search.ResolvConf, name: str, default: float) -> float:
    value = next((option.partition(":")[2] for option in settings.options if option.startswith(name + ":")), "")
    return float(value) if value.isdigit() and int(value) > 0 else default


def _try(
    network: NetNs,
    server: str,
    port: int,
    questions: Sequence[tuple[str, str]],
    answers: list[Answer | None],
    timeout_s: float,
    edns: bool,
) -> Generator[simpy.Event, Any, None]:
    socket = network.bind()
    random, deadline_s = network.simulation.random, network.simulation.now + timeout_s
    idents: dict[int, int] = {}
    try:
        for index, (name, kind) in enumerate(questions):
            if answers[index] is None:
                ident = random.randrange(65536)
                idents[ident] = index
                socket.send(wire.query(name, kind, ident=ident, edns=edns), server, port)
        while idents:
            received = yield from socket.receive(deadline_s - network.simulation.now)
            if received is None:
                return
            index = idents.pop(int.from_bytes(received[0][:2], "big"), -1)
            if index < 0:
                continue
            asked = Question(absolute(questions[index][0]), questions[index][1])
            answer = wire.answer(received[0], asked)
            if answer.truncated:
                answer = (yield from ask_tcp(network, server, port, asked, deadline_s)) or answer
            answers[index] = answer
    except ConnectionRefused:
        return
    finally:
        socket.close()


def ask_tcp(
    network: NetNs, server: str, port: int, asked: Question, deadline_s: float
) -> Generator[simpy.Event, Any, Answer | None]:
    """Ask one question over TCP, its length before it."""
    left_s = max(0.0, deadline_s - network.simulation.now)
    try:
        connection = yield from network.connect(server, port, timeout_s=left_s)
    except SocketError:
        return None
    try:
        data = wire.query(asked.name, asked.type, ident=network.simulation.random.randrange(65536), edns=False)
        connection.write(len(data).to_bytes(2, "big") + data)
        reply = bytearray()
        while len(reply) < 2 or len(reply) < 2 + int.from_bytes(reply[:2], "big"):
            part = yield from connection.read(timeout_s=max(0.0, deadline_s - network.simulation.now))
            if not part:
                return None
            reply += part
        return wire.answer(bytes(reply[2:]), asked)
    except SocketError:
        return None
    finally:
        connection.close()
