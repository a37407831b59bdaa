"""Tools that show bytes in other forms: checksums, base64, od, hexdump, xxd, dd, cmp.

Source: POSIX.1-2024, od, dd, cmp; BusyBox coreutils and util-linux for output and messages.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from podwalk.containers.files import FileError
from podwalk.containers.process import Pipe, Process
from podwalk.containers.streams import open_to_read, open_to_write
from podwalk.containers.tools.command import Input, Options, ToolError, UsageError, open_input, tool, whole
from podwalk.containers.tools.text import CANNOT_OPEN
from podwalk.simulation import Task

DIGESTS = "md5sum sha1sum sha256sum sha384sum sha512sum"


@tool(DIGESTS, "csw", usage="[-c[sw]] [FILE]...")
def digest(process: Process, options: Options, words: list[str]) -> Task:
    """Print or check checksums."""
    algorithm = process.argv[0].rpartition("/")[2].removesuffix("sum")
    if "c" in options:
        return (yield from _check(process, options, words, algorithm))
    source = Input(process, words, CANNOT_OPEN)
    while (pipe := source.next_pipe()) is not None:
        try:
            data = yield from pipe.read_all()
        except FileError as error:
            source.complain(error.reason)
            continue
        process.write(f"{hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()}  {source.name}\n")
    return int(source.failed)


def _check(process: Process, options: Options, words: list[str], algorithm: str) -> Task:
    name, total, bad = process.argv[0], 0, 0
    source = Input(process, words, CANNOT_OPEN)
    while (line := (yield from source.line())) is not None:
        wanted, _, file = line.decode(errors="replace").rstrip("\n").partition("  ")
        total += 1
        try:
            data = yield from open_input(process, file).read_all()
        except FileError as error:
            bad += process.fail(f"{name}: can't open '{file}': {error.reason}")
            continue
        ok = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest() == wanted.lower()
        bad += not ok
        if "s" not in options:
            process.write(f"{file}: {'OK' if ok else 'FAILED'}\n")
    if bad and "s" not in options:
        process.fail(f"{name}: WARNING: {bad} of {total} computed checksums did NOT match")
    return int(bool(bad) or source.failed)


@tool("base64", "dw:", ["decode", "wrap="], usage="[-d] [-w COL] [FILE]")
def base64_(process: Process, options: Options, words: list[str]) -> Task:
    """Encode and decode base64."""
    data = yield from open_input(process, words[0] if words else "-").read_all()
    if options.has("d", "decode"):
        letters = bytes(c for c in data if chr(c).isalnum() or c in b"+/=")
        try:
            yield from process.emit(base64.b64decode(letters))
        except binascii.Error:
            return process.fail("base64: truncated input")
        return 0
    text = base64.b64encode(data).decode()
    width = whole(options.get("w", options.get("wrap", "76")))
    lines = [text[i : i + width] for i in range(0, len(text), width)] if width else [text]
    yield from process.emit("".join(line + ("\n" if width else "") for line in lines).encode())
    return 0


@tool("od", "cxbodA:t:N:j:v", usage="[-cxbo] [-A o|d|x|n] [-t TYPE] [-N COUNT] [-j SKIP] [FILE]...")
def od(process: Process, options: Options, words: list[str]) -> Task:
    """Print bytes as numbers or characters, sixteen a line."""
    data = yield from _read(process, words)
    skip = options.number("j")
    data = data[skip : skip + options.number("N")] if "N" in options else data[skip:]
    form = "c" if "c" in options else "x2" if "x" in options else "o1" if "b" in options else options.get("t", "o2")
    radix = options.get("A", "o")
    for start in range(0, len(data), 16):
        yield from process.emit((_address(start + skip, radix) + _row(data[start : start + 16], form) + "\n").encode())
    if radix != "n":
        process.write(_address(len(data) + skip, radix) + "\n")
    return 0


def _address(place: int, radix: str) -> str:
    return {"o": f"{place:07o}", "d": f"{place:07d}", "x": f"{place:06x}", "n": ""}[radix]


def _row(data: bytes, form: str) -> str:
    if form.startswith(("c", "a")):
        names = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
        return "".join(f"{names.get(b, chr(b) if 32 <= b < 127 else f'{b:03o}'):>4}" for b in data)
    size = {"C": 1, "S": 2, "I": 4, "L": 8}.get(
        form[1:2], int(form[1:2] or 4) if form[1:2].isdigit() or not form[1:2] else 4
    )
    numbers = [int.from_bytes(data[i : i + size].ljust(size, b"\0"), "little") for i in range(0, len(data), size)]
    width = {"x": size * 2, "o": {1: 3, 2: 6, 4: 11, 8: 22}[size], "u": {1: 3, 2: 5, 4: 10, 8: 20}[size]}
    kind = form[0]
    if kind == "x":
        return "".join(f" {n:0{width['x']}x}" for n in numbers)
    if kind == "o":
        return "".join(f" {n:0{width['o']}o}" for n in numbers)
    if kind in "ud":
        signed = [n - (1 << 8 * size) if kind == "d" and n >> 8 * size - 1 else n for n in numbers]
        return "".join(f" {n:{width['u'] + (kind == 'd')}d}" for n in signed)
    raise ToolError(f"type '{form}' is not simulated by Podwalk", 2)


@tool("hexdump hd", "Cn:s:v", usage="[-C] [-n LEN] [-s OFFSET] [FILE]...", lacks="bcdoxe:f:R")
def hexdump(process: Process, options: Options, words: list[str]) -> Task:
    """Print bytes in hexadecimal."""
    data = yield from _read(process, words)
    skip = options.number("s")
    data = data[skip : skip + options.number("n")] if "n" in options else data[skip:]
    canonical = "C" in options or process.argv[0].endswith("hd")
    for start in range(0, len(data), 16):
        part = data[start : start + 16]
        if canonical:
            cells = " ".join(f"{b:02x}" for b in part[:8]) + "  " + " ".join(f"{b:02x}" for b in part[8:])
            shown = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
            line = f"{start + skip:08x}  {cells:<49} |{shown}|"
        else:
            numbers = [int.from_bytes(part[i : i + 2], "little") for i in range(0, len(part), 2)]
            line = f"{start + skip:07x}{''.join(f' {number:04x}' for number in numbers):<40}"
        yield from process.emit(line.encode() + b"\n")
    if data:
        process.write(f"{len(data) + skip:0{8 if canonical else 7}x}\n")
    return 0


@tool("xxd", "prul:s:c:g:", usage="[-pr] [-l LEN] [-s OFFSET] [FILE]")
def xxd(process: Process, options: Options, words: list[str]) -> Task:
    """Print bytes in hexadecimal, or read them back."""
    data = yield from _read(process, words)
    if "r" in options:
        lines = data.decode(errors="replace").splitlines()
        cells = "".join(line if "p" in options else line.partition(": ")[2].partition("  ")[0] for line in lines)
        yield from process.emit(bytes.fromhex("".join(cells.split())))
        return 0
    skip = options.number("s")
    data = data[skip : skip + options.number("l")] if "l" in options else data[skip:]
    width = options.number("c", 30 if "p" in options else 16)
    for start in range(0, len(data), width):
        part = data[start : start + width]
        if "p" in options:
            process.write(part.hex() + "\n")
            continue
        group = options.number("g", 2)
        cells = " ".join(part[i : i + group].hex() for i in range(0, len(part), group))
        full = width * 2 + -(-width // group) - 1
        shown = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
        process.write(f"{start + skip:08x}: {cells:<{full}}  {shown}\n")
    return 0


def _read(process: Process, words: list[str]) -> Task:
    data = b""
    for word in words or ["-"]:
        data += yield from open_input(process, word).read_all()
    return data


@tool("dd", usage="[if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] [conv=notrunc,sync] [status=none]", raw=True)
def dd(process: Process, options: Options, words: list[str]) -> Task:
    """Copy blocks."""
    settings = dict(word.partition("=")[::2] for word in words)
    unknown = set(settings) - {
        "if",
        "of",
        "bs",
        "ibs",
        "obs",
        "count",
        "skip",
        "seek",
        "conv",
        "status",
        "iflag",
        "oflag",
    }
    if unknown:
        raise UsageError
    if set(settings.get("conv", "").split(",")) - {"", "notrunc", "fsync", "noerror"}:
        raise ToolError(f"conv={settings['conv']} is not simulated by Podwalk", 2)
    size = whole(settings.get("bs", settings.get("ibs", "512")))
    count = whole(settings["count"]) if "count" in settings else -1
    try:
        pipe = open_to_read(process, settings["if"]) if "if" in settings else process.stdin
    except FileError as error:
        raise ToolError(f"can't open '{settings['if']}': {error.reason}") from error
    started = process.simulation.now
    output = _output(process, settings, size)
    for _ in range(whole(settings.get("skip", "0"))):
        yield from pipe.read(size)
    full, partial, total = 0, 0, 0
    while count < 0 or full + partial < count:
        data = yield from pipe.read(size)
        if not data:
            break
        full, partial, total = full + (len(data) == size), partial + (len(data) < size), total + len(data)
        output.write(data)
        yield process.sleep(0.0001)
        yield from output.drain()
    if settings.get("status") != "none":
        elapsed = max(process.simulation.now - started, 0.000001)
        process.fail(f"{full}+{partial} records in\n{full}+{partial} records out")
        rate = total / elapsed
        shown = next(
            (f"{rate / n:.1f}{u}" for n, u in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")) if rate >= n),
            f"{int(rate)}B",
        )
        amount = next(
            (f" ({total / n:.1f}{u})" for n, u in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")) if total >= n), ""
        )
        process.fail(f"{total} bytes{amount} copied, {elapsed:.6f} seconds, {shown}/s")
    return 0


def _output(process: Process, settings: dict[str, str], size: int) -> Pipe:
    if "of" not in settings:
        return process.stdout
    seek = whole(settings.get("seek", "0")) * size
    keep = "notrunc" in settings.get("conv", "")
    if (keep or seek) and process.container.files.exists(process.path(settings["of"])):
        raise ToolError("seek and conv=notrunc on a file that is there are not simulated by Podwalk", 2)
    try:
        output = open_to_write(process, settings["of"])
    except FileError as error:
        raise ToolError(f"can't open '{settings['of']}': {error.reason}") from error
    output.write(bytes(seek))
    return output


@tool("cmp", "slbn:", usage="[-ls] [-n NUM] FILE1 [FILE2]", code=2)
def cmp(process: Process, options: Options, words: list[str]) -> Task:
    """Compare two files byte by byte."""
    if not words:
        raise UsageError(code=2)
    data = []
    for word in [*words, "-"][:2]:
        data += [(yield from open_input(process, word).read_all())]
    first, second = data
    if "n" in options:
        first, second = first[: options.number("n")], second[: options.number("n")]
    names = [*words, "-"][:2]
    different = [place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b]
    if different and "l" in options:
        process.write("".join(f"{place + 1} {first[place]:3o} {second[place]:3o}\n" for place in different))
    elif different and "s" not in options:
        line = first[: different[0]].count(b"\n") + 1
        process.write(f"{names[0]} {names[1]} differ: byte {different[0] + 1}, line {line}\n")
    elif not different and len(first) != len(second) and "s" not in options:
        return process.fail(f"cmp: EOF on {names[0] if len(first) < len(second) else names[1]}")
    return int(bool(different) or len(first) != len(second))
