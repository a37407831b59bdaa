"""Which loopback addresses are a cluster's: a block of its own where the system has them, else 127.0.0.1.

Linux answers at every address of 127.0.0.0/8 without any setting up; macOS and Windows at 127.0.0.1 only. A block is a
/24: the cluster's own address ends in 1, and an address of the cluster has, if it can, the last number that it has
there.
"""

from __future__ import annotations

import errno
import getpass
import hashlib
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SHARED = "127.0.0.1"
DNS_PORT = 10053
"""The cluster's own DNS port. Being bound there is also what makes a block ours: no two clusters can be."""

CANDIDATES = 64
FIRST, COUNT = 64, 63
"""The blocks lie in 127.64.0.0 to 127.126.255.0, where nothing else is usually found."""


@dataclass
class Addresses:
    """The loopback addresses of one cluster.

    Attributes:
        block: the first three numbers of a block of its own; empty if it shares 127.0.0.1.
    """

    block: str = ""
    _given: dict[str, str] = field(default_factory=dict)

    @property
    def own(self) -> str:
        """The address of the cluster itself, where its DNS answers."""
        return f"{self.block}.1" if self.block else SHARED

    def of(self, ip: str) -> str:
        """Return where an address of the cluster is on this machine; the same as long as the cluster runs."""
        if not self.block:
            return SHARED
        if ip not in self._given:
            wanted = int(ip.rpartition(".")[2])
            taken = {int(text.rpartition(".")[2]) for text in self._given.values()} | {0, 1, 255}
            free = [number for number in range(2, 255) if number not in taken]
            number = wanted if wanted in free else next(iter(free), 254)
            self._given[ip] = f"{self.block}.{number}"
        return self._given[ip]


@dataclass(frozen=True)
class Claim:
    """Addresses, and the sockets of the cluster's DNS there, whose port makes them this cluster's."""

    addresses: Addresses
    tcp: socket.socket
    udp: socket.socket


def claim(name: str, recorded: str = "", taken: Iterable[str] = ()) -> Claim:
    """Take the loopback addresses of a cluster.

    Args:
        name: the cluster's.
        recorded: the block it had the last time, or 127.0.0.1 to share that.
        taken: blocks that other clusters of this user have recorded.
    """
    others = set(taken)
    for block in _candidates(name, recorded) if recorded != SHARED else ():
        if block in others and block != recorded:
            continue
        try:
            return Claim(Addresses(block), *_bind(f"{block}.1"))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                break
    try:
        return Claim(Addresses(), *_bind(SHARED))
    except OSError:
        return Claim(Addresses(), *_bind(SHARED, 0))


def user() -> str:
    """Return who this is, as a text that no other user of the machine has."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def _candidates(name: str, recorded: str) -> Iterator[str]:
    if recorded:
        yield recorded
    for attempt in range(CANDIDATES):
        digest = hashlib.sha256(f"{user()}/{name}/{attempt}".encode()).digest()
        yield f"127.{FIRST + digest[0] % COUNT}.{digest[1]}"


def _bind(address: str, port: int = DNS_PORT) -> tuple[socket.socket, socket.socket]:
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        exclusive(tcp)
        tcp.bind((address, port))
        tcp.listen()
        udp.bind((address, tcp.getsockname()[1]))
    except OSError:
        tcp.close()
        udp.close()
        raise
    for made in (tcp, udp):
        made.setblocking(False)
    return tcp, udp


def exclusive(tcp: socket.socket) -> None:
    """Let a TCP socket take a port whose last connections are only just over, and never one that is in use."""
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
