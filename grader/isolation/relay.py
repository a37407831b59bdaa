"""From a port inside of the sandbox to the Unix socket that is bound into it.

Kubernetes clients speak to an address and a port; the sandbox has no network but its own loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of loopback, so that clients may connect from now on."""
    return socket.create_server(("127.0.0.1", port))


def forward(listener: socket.socket, path: str) -> None:
    """Carry connections from a listening socket to a Unix socket, for ever."""
    asyncio.run(_serve(listener, path))


async def _serve(listener: socket.socket, path: str) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_unix_connection(path)
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    server = await asyncio.start_server(handle, sock=listener)
    async with server:
        await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()
