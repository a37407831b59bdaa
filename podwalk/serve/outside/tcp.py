"""One TCP connection of this machine, joined to one of the simulated network, byte for byte."""

from __future__ import annotations

import asyncio
import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any

import simpy

from podwalk.containers.process import PIPE_SIZE, BrokenPipe
from podwalk.containers.sockets import Connection, NetNs, SocketError
from podwalk.network.doors import Door
from podwalk.serve.clock import Clock
from podwalk.simulation import Task

if TYPE_CHECKING:
    from podwalk.simulation import Simulation

MOST = 1000
"""Connections from outside that are open at once; the next is reset, so that nobody uses the machine up."""

RESET = struct.pack("ii", 1, 0)
"""``SO_LINGER`` with no time: closing sends RST."""


class Relay(asyncio.Protocol):
    """Carries one connection from a door inwards and back.

    Whoever connects has the kernel's answer before the simulated network has decided: what that refuses is reset, and
    what it drops hangs, until TCP's time-out resets it too.
    """

    def __init__(self, clock: Clock, client: NetNs, door: Door, open_relays: set[Relay]) -> None:
        """Prepare for a connection of ``client`` to a door."""
        self._clock, self._client, self._door, self._open = clock, client, door, open_relays
        self._simulation: Simulation = clock.cluster.simulation
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None
        self._task: simpy.Process | None = None
        self._waiting = bytearray()
        self._ended = self._counted = False
        self._room: simpy.Event | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to connect on the simulated side."""
        assert isinstance(transport, asyncio.Transport), "TCP's transports are"
        self._transport = transport
        if len(self._open) >= MOST:
            self._reset()
            return
        self._open.add(self)
        self._wait_for_answer(True)
        self._clock.sync()
        self._task = self._simulation.spawn(self._carry(int(transport.get_extra_info("peername")[1])))
        self._turn()

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client's in."""
        self._clock.sync()
        self._waiting += data
        self._wait_for_answer(True)
        self._pass_in()
        self._turn()

    def eof_received(self) -> bool:
        """Note that the client sends no more; it may still read."""
        self._ended = True
        self._clock.sync()
        self._pass_in()
        self._turn()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """End the simulated side: the client is gone."""
        self._open.discard(self)
        self._wait_for_answer(False)
        self._transport = None
        if self._room is not None:
            self._room.succeed()
        if self._connection is not None:
            self._connection.close()
        elif self._task is not None and self._task.is_alive:
            self._task.interrupt()
        self._turn()

    def pause_writing(self) -> None:
        """Stop reading the simulated side: the client does not keep up."""
        self._room = self._simulation.event()

    def resume_writing(self) -> None:
        """Go on."""
        if self._room is not None and not self._room.triggered:
            self._room.succeed()
        self._room = None
        self._turn()

    def close(self) -> None:
        """End the connection, with what was sent."""
        if self._transport is not None:
            self._transport.close()

    def _turn(self) -> None:
        """Run what became due, and look at the queue again."""
        self._clock.sync()
        self._clock.wake()

    def _wait_for_answer(self, waits: bool) -> None:
        # A clock that jumps goes on while a client waits for an answer, and only then.
        if waits != self._counted:
            self._counted = waits
            self._clock.waiting += 1 if waits else -1

    def _carry(self, source_port: int) -> Task:
        door = self._door
        try:
            connection = yield from self._client.connect(door.ip, door.port, source_port=source_port)
        except (SocketError, simpy.Interrupt):
            self._reset()
            return
        self._connection = connection
        self._pass_in()
        while data := (yield from connection.read()):
            self._send(data)
            if self._room is not None:
                yield self._room
        self._finish(connection)

    def _send(self, data: bytes) -> None:
        self._wait_for_answer(False)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _finish(self, connection: Connection) -> None:
        """Pass the end of what the server sent on; the connection is over once both ends have said so."""
        self._wait_for_answer(False)
        if self._transport is None or self._transport.is_closing():
            return
        if self._ended or connection.outgoing.far.broken:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()

    def _pass_in(self) -> None:
        connection = self._connection
        if connection is None:
            self._hold(len(self._waiting) > PIPE_SIZE)
            return
        data, self._waiting = bytes(self._waiting), bytearray()
        try:
            connection.write(data)
        except BrokenPipe:
            self.close()
            return
        if self._ended:
            connection.outgoing.close()
            if connection.incoming.closed:
                self.close()
        elif data:
            self._simulation.spawn(self._drain(connection))

    def _drain(self, connection: Connection) -> Task:
        yield self._simulation.sleep(connection.outgoing.latency_s)
        if not connection.outgoing.far.full:
            return
        self._hold(True)
        yield from connection.outgoing.drain()
        self._hold(False)

    def _hold(self, held: bool) -> None:
        """Stop or go on reading what the client sends."""
        transport: Any = self._transport
        if transport is None or transport.is_closing() or self._ended or held != transport.is_reading():
            return
        if held:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _reset(self) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET)
            transport.abort()
