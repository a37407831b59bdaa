"""Datagrams of this machine carried into the simulated network, a stream for each client, as conntrack has it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import cast

from podwalk.containers.sockets import UDP_STREAM_S, AddressInUse, ConnectionRefused, Datagrams, NetNs
from podwalk.network.doors import Door
from podwalk.serve.clock import Clock
from podwalk.simulation import Task

MOST = 256
"""Clients of one door that are remembered; the one that was silent longest goes first."""

Client = tuple[str, int]


class UdpRelay(asyncio.DatagramProtocol):
    """Carries a door's datagrams inwards, and the answers back to whom they are for."""

    def __init__(self, clock: Clock, client: NetNs, door: Door) -> None:
        """Prepare; each client of the door gets a port of ``client``, its own if that is free."""
        self._clock, self._client, self._door = clock, client, door
        self._transport: asyncio.DatagramTransport | None = None
        self._sockets: OrderedDict[Client, Datagrams] = OrderedDict()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        # Not every Python's own transport for UDP is declared to be one.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Client) -> None:
        """Carry one datagram inwards."""
        self._clock.sync()
        socket = self._sockets.get(addr) or self._open(addr)
        self._sockets.move_to_end(addr)
        socket.send(data, self._door.ip, self._door.port)
        self._clock.sync()
        self._clock.wake()

    def error_received(self, exc: Exception) -> None:
        """Pass over an ICMP error: the client that it is about has gone."""

    def close(self) -> None:
        """End everything at once."""
        for addr in list(self._sockets):
            self._forget(addr)
        if self._transport is not None:
            self._transport.abort()

    def _open(self, addr: Client) -> Datagrams:
        while len(self._sockets) >= MOST:
            self._forget(next(iter(self._sockets)))
        socket = self._sockets[addr] = self._bind(addr[1])
        self._clock.cluster.simulation.spawn(self._answer(socket, addr))
        return socket

    def _bind(self, port: int) -> Datagrams:
        try:
            return self._client.bind(port)
        except AddressInUse:
            return self._bind(self._client.ephemeral())

    def _answer(self, socket: Datagrams, addr: Client) -> Task:
        # A clock that jumps goes on while a client may wait for its answer.
        self._clock.waiting += 1
        try:
            while self._sockets.get(addr) is socket:
                try:
                    received = yield from socket.receive(UDP_STREAM_S)
                except ConnectionRefused:
                    continue
                if received is None:
                    break
                if self._transport is not None:
                    self._transport.sendto(received[0], addr)
        finally:
            self._clock.waiting -= 1
            if self._sockets.get(addr) is socket:
                self._forget(addr)

    def _forget(self, addr: Client) -> None:
        self._sockets.pop(addr).close()
