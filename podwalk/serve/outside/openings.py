"""The sockets of this machine that stand for the cluster's doors: opened, refusing, moved, or not to be had."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass, field

from podwalk.network.doors import Door
from podwalk.serve.outside.address import Addresses, exclusive
from podwalk.serve.outside.holder import holder

MOVED_BY = 8000
"""What is added to a port that this user may not open: 80 becomes 8080, 443 becomes 8443."""

PRIVILEGED = 1024
BACKLOG = 128


@dataclass
class Opening:
    """A door, and what this machine has for it.

    Attributes:
        door: the door.
        address: the address of this machine.
        port: the port there; 0 if nothing is open.
        moved: why the port is not the door's, or empty.
        problem: why nothing is open, or empty.
        refuses: whether whoever connects is refused, as the cluster would.
    """

    door: Door
    address: str
    port: int = 0
    moved: str = ""
    problem: str = ""
    refuses: bool = False
    socket: socket.socket | None = field(default=None, repr=False)

    @property
    def here(self) -> str:
        """The address and port of this machine."""
        return f"{self.address}:{self.port}" if self.port else ""


def open_door(door: Door, addresses: Addresses, *, refuses: bool) -> Opening:
    """Take a port of this machine for a door; one that refuses is kept, but does not listen.

    Never raises for a port that cannot be had: the opening says why.
    """
    opening = Opening(door, addresses.of(door.ip), refuses=refuses)
    if door.protocol == "SCTP":
        opening.problem = "SCTP has no sockets here: only TCP and UDP are carried in from outside"
        return opening
    if door.protocol == "UDP" and refuses:
        # A UDP socket that is bound swallows what a closed port would refuse.
        opening.port = door.port
        return opening
    try:
        _take(opening, door.port)
    except OSError as error:
        _without_rights_or_port(opening, error, shared=not addresses.block)
    return opening


def _without_rights_or_port(opening: Opening, error: OSError, *, shared: bool) -> None:
    """Take another port where this one is not ours to open; say who has it where it is taken."""
    port, protocol = opening.door.port, opening.door.protocol
    if error.errno in (errno.EACCES, errno.EPERM):
        opening.moved = f"port {port} needs the administrator's rights"
    elif error.errno == errno.EADDRINUSE:
        held = f"port {port}/{protocol} of {opening.address} is held by {holder(opening.address, port, protocol)}"
        if not shared:
            opening.problem = f"{held}; it is opened here as soon as that is gone"
            return
        opening.moved = held
    else:
        opening.problem = f"{opening.address}:{port} cannot be opened: {error.strerror}"
        return
    for other in (port + MOVED_BY if port < PRIVILEGED else 0, 0):
        try:
            _take(opening, other)
        except OSError as again:
            opening.problem = f"{opening.moved}, and no other can be opened: {again.strerror}"
        else:
            opening.problem = ""
            return


def _take(opening: Opening, port: int) -> None:
    """Bind a socket and listen; or, where the cluster refuses, only keep the port from others.

    Raises:
        OSError: when the port cannot be had.
    """
    if opening.refuses and (made := _reserve(opening.address, port)) is not None:
        opening.socket, opening.port = made, made.getsockname()[1]
        return
    # asyncio gives TCP_NODELAY only to sockets that name their protocol.
    made = (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if opening.door.protocol == "TCP"
        else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    )
    try:
        if made.type == socket.SOCK_STREAM:
            exclusive(made)
        made.bind((opening.address, port))
        if made.type == socket.SOCK_STREAM:
            made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    opening.port = made.getsockname()[1]
    if opening.refuses:
        # The port is free but for connections that are just over, which do not let it be reserved: the kernel refuses.
        made.close()
    else:
        opening.socket = made


def _reserve(address: str, port: int) -> socket.socket | None:
    """Bind a TCP socket that does not listen, and that nobody can share; None if the port cannot be had like that."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.bind((address, port))
    except OSError as error:
        made.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return made
