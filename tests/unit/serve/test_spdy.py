"""SPDY/3.1 frames, against a client's end written here from the draft."""

from __future__ import annotations

import struct
import zlib

import pytest

from podwalk.serve.spdy import DICTIONARY, Connection, Data, Opened, Reset, SpdyError


class Client:
    def __init__(self) -> None:
        self.deflate = zlib.compressobj(zdict=DICTIONARY)
        self.inflate = zlib.decompressobj(zdict=DICTIONARY)

    def open(self, stream: int, **headers: str) -> bytes:
        block = struct.pack(">I", len(headers))
        for pair in headers.items():
            for text in pair:
                block += struct.pack(">I", len(text)) + text.encode()
        block = self.deflate.compress(block) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        return self.control(1, struct.pack(">IIH", stream, 0, 0) + block)

    def control(self, kind: int, payload: bytes, version: int = 3) -> bytes:
        return struct.pack(">HHI", 0x8000 | version, kind, len(payload)) + payload


def test_dictionary_is_the_one_of_the_draft() -> None:
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_two_streams_share_the_compression_state() -> None:
    client, server = Client(), Connection()
    data = client.open(1, streamtype="error", port="80") + client.open(3, streamtype="data", port="80")
    assert server.feed(data) == [
        Opened(1, {"streamtype": "error", "port": "80"}, False),
        Opened(3, {"streamtype": "data", "port": "80"}, False),
    ]


def test_frames_may_come_byte_by_byte() -> None:
    client, server = Client(), Connection()
    frames = client.open(1, port="80") + struct.pack(">II", 1, 0x01000002) + b"hi"
    events = [event for byte in frames for event in server.feed(bytes([byte]))]
    assert events == [Opened(1, {"port": "80"}, False), Data(1, b"hi", True)]


def test_reply_and_data_are_frames_that_a_client_reads() -> None:
    client, server = Client(), Connection()
    server.feed(client.open(1, port="80"))
    server.reply(1)
    server.send(1, b"answer", fin=True)
    sent = server.take()
    version, kind, length = struct.unpack_from(">HHI", sent)
    assert (version, kind) == (0x8003, 2)
    assert client.inflate.decompress(sent[12 : 8 + length]) == struct.pack(">I", 0)
    assert sent[8 + length :] == struct.pack(">II", 1, 0x01000006) + b"answer"
    assert server.take() == b""


def test_ping_of_the_client_is_echoed() -> None:
    client, server = Client(), Connection()
    ping = client.control(6, struct.pack(">I", 7))
    assert server.feed(ping) == []
    assert server.take() == ping


def test_reset_names_the_stream() -> None:
    assert Connection().feed(Client().control(3, struct.pack(">II", 5, 1))) == [Reset(5)]


@pytest.mark.parametrize(
    "frame", [b"\x80\x02\x00\x01\x00\x00\x00\x00", b"\x80\x03\x00\x01\x00\x00\x00\x0cnot a header"]
)
def test_other_bytes_are_refused(frame: bytes) -> None:
    with pytest.raises(SpdyError, match=r"SPDY version 2|cannot be read"):
        Connection().feed(frame)
