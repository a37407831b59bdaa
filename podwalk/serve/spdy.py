"""SPDY/3.1 frames, as far as ``kubectl port-forward`` sends them inside a WebSocket.

No library was found that still speaks it. Bytes in, events out; bytes to send are taken from the connection. Flow
control is left out, as the implementation at the other end leaves it out.

Source: the SPDY protocol draft 3.1 (frames, header block, compression dictionary) and KEP-4006 (the tunnel through a
WebSocket).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FIN = 0x01
CANCEL = 5

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status|200 OK|version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_REST = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _dictionary() -> bytes:
    before, phrase, after = _WORDS.split("|")
    words = [*before.split(), phrase, *after.split()]
    return b"".join(struct.pack(">I", len(word)) + word.encode() for word in words) + _REST.encode()


DICTIONARY = _dictionary()
"""What both ends know of headers beforehand; its Adler-32 is 0xe3c6a7c2."""


@dataclass(frozen=True)
class Opened:
    """The other end opened a stream."""

    stream: int
    headers: dict[str, str]
    fin: bool


@dataclass(frozen=True)
class Data:
    """Bytes came on a stream; with ``fin`` they are its last."""

    stream: int
    data: bytes
    fin: bool


@dataclass(frozen=True)
class Reset:
    """The other end gave a stream up."""

    stream: int


Event = Opened | Data | Reset


class SpdyError(ValueError):
    """Bytes that are not SPDY/3.1."""


class Connection:
    """The server's end of one SPDY connection."""

    def __init__(self) -> None:
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes and return what they say.

        Raises:
            SpdyError: when they are not frames of SPDY/3.1.
        """
        self._incoming += data
        events: list[Event] = []
        while len(self._incoming) >= 8:
            word, rest = struct.unpack(">II", self._incoming[:8])
            flags, length = rest >> 24, rest & 0xFFFFFF
            if len(self._incoming) < 8 + length:
                break
            payload = bytes(self._incoming[8 : 8 + length])
            del self._incoming[: 8 + length]
            if word >> 31:
                events += self._control(word >> 16 & 0x7FFF, word & 0xFFFF, flags, payload)
            else:
                events.append(Data(word, payload, bool(flags & FIN)))
        return events

    def take(self) -> bytes:
        """Return the bytes to send."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def reply(self, stream: int) -> None:
        """Accept a stream that was opened."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._send_control(SYN_REPLY, 0, struct.pack(">I", stream) + block)

    def send(self, stream: int, data: bytes, *, fin: bool = False) -> None:
        """Write to a stream; ``fin`` ends our side of it."""
        self._outgoing += struct.pack(">II", stream, (FIN if fin else 0) << 24 | len(data)) + data

    def reset(self, stream: int) -> None:
        """Give a stream up."""
        self._send_control(RST_STREAM, 0, struct.pack(">II", stream, CANCEL))

    def _control(self, version: int, kind: int, flags: int, payload: bytes) -> list[Event]:
        if version != 3:
            raise SpdyError(f"SPDY version {version}: only 3 is spoken here")
        try:
            if kind == SYN_STREAM:
                (stream,) = struct.unpack_from(">I", payload)
                return [Opened(stream & 0x7FFFFFFF, self._read_headers(payload[10:]), bool(flags & FIN))]
            if kind == HEADERS:
                self._read_headers(payload[4:])
            elif kind == RST_STREAM:
                return [Reset(struct.unpack_from(">I", payload)[0] & 0x7FFFFFFF)]
            elif kind == PING and struct.unpack(">I", payload)[0] % 2:
                self._send_control(PING, 0, payload)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"control frame of type {kind} cannot be read: {error}") from error
        return []

    def _read_headers(self, block: bytes) -> dict[str, str]:
        text = self._inflate.decompress(block)
        position, headers = 4, {}
        for _ in range(struct.unpack_from(">I", text)[0]):
            pair = []
            for _ in range(2):
                (length,) = struct.unpack_from(">I", text, position)
                pair.append(text[position + 4 : position + 4 + length].decode())
                position += 4 + length
            headers[pair[0].lower()] = pair[1]
        return headers

    def _send_control(self, kind: int, flags: int, payload: bytes) -> None:
        self._outgoing += struct.pack(">HHI", 0x8003, kind, flags << 24 | len(payload)) + payload
