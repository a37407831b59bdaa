"""Tools that print files, or parts of them: cat, tac, rev, nl, head, tail, wc, tee, more.

Source: POSIX.1-2024, Utilities; BusyBox coreutils for flags and messages.
"""

from __future__ import annotations

import re
from collections import deque

from podwalk.containers.files import File, FileError
from podwalk.containers.process import Pipe, Process
from podwalk.containers.streams import open_to_write
from podwalk.containers.tools.command import (
    Input,
    Options,
    decode,
    encode,
    open_input,
    tool,
    whole,
)
from podwalk.simulation import Task

CANNOT_OPEN = "{tool}: can't open '{name}': {reason}"
FOLLOW_S = 1.0
"""Seconds after which ``tail -f`` looks again."""


@tool("cat", "nbvteAu", usage="[-nbvteA] [FILE]...")
def cat(process: Process, options: Options, words: list[str]) -> Task:
    """Print files."""
    source = Input(process, words, CANNOT_OPEN)
    source.directory = "cat: read error: Is a directory"
    if not options.pairs:
        while (pipe := source.next_pipe()) is not None:
            while data := (yield from pipe.read()):
                yield from process.emit(data)
        return int(source.failed)
    number = 0
    while (line := (yield from source.line())) is not None:
        prefix = ""
        if "n" in options or ("b" in options and line != b"\n"):
            number += 1
            prefix = f"{number:6}\t"
        yield from process.emit(prefix.encode() + _visible(line, options))
    return int(source.failed)


def _visible(line: bytes, options: Options) -> bytes:
    body, newline = line.rstrip(b"\n"), line[len(line.rstrip(b"\n")) :]
    if options.has("v", "t", "e", "A"):
        out = bytearray()
        for byte in body:
            prefix, low = (b"M-", byte & 0x7F) if byte > 127 else (b"", byte)
            if low == 9 and not options.has("t", "A"):
                out += prefix + b"\t"
            else:
                out += prefix + (b"^" + bytes([low ^ 0x40]) if low < 32 or low == 127 else bytes([low]))
        body = bytes(out)
    return body + (b"$" if options.has("e", "A") and newline else b"") + newline


@tool("more less", "EFMmNRSI~", usage="[FILE]...")
def more(process: Process, options: Options, words: list[str]) -> Task:
    """Print files; paging is the client's terminal's."""
    return (yield from cat(process, Options([]), words))  # type: ignore[misc]  # cat is a generator


@tool("tac", usage="[FILE]...")
def tac(process: Process, options: Options, words: list[str]) -> Task:
    """Print lines in reverse."""
    lines, failed = yield from _lines(process, words, CANNOT_OPEN)
    yield from process.emit(b"".join(line if line.endswith(b"\n") else line + b"\n" for line in reversed(lines)))
    return failed


@tool("rev", usage="[FILE]...")
def rev(process: Process, options: Options, words: list[str]) -> Task:
    """Reverse each line."""
    source = Input(process, words, CANNOT_OPEN)
    while (line := (yield from source.line())) is not None:
        text = decode(line)
        yield from process.emit(encode(text.rstrip("\n")[::-1] + ("\n" if text.endswith("\n") else "")))
    return int(source.failed)


@tool("nl", "b:s:w:v:i:", usage="[-b a|t|n] [-s SEP] [-w WIDTH] [-v FIRST] [-i STEP] [FILE]...")
def nl(process: Process, options: Options, words: list[str]) -> Task:
    """Number lines."""
    source = Input(process, words, CANNOT_OPEN)
    style, separator, width = options.get("b", "t"), options.get("s", "\t"), options.number("w", 6)
    number, step = options.number("v", 1), options.number("i", 1)
    while (line := (yield from source.line())) is not None:
        if style == "a" or (style == "t" and line != b"\n"):
            yield from process.emit(f"{number:{width}}{separator}".encode() + line)
            number += step
        else:
            yield from process.emit(b" " * (width + len(separator)) + line)
    return int(source.failed)


def _lines(process: Process, words: list[str], form: str) -> Task:
    source, lines = Input(process, words, form), []
    while (line := (yield from source.line())) is not None:
        lines.append(line)
    return lines, int(source.failed)


@tool("head", "n:c:qv0123456789", usage="[-n LINES | -c BYTES] [-qv] [FILE]...")
def head(process: Process, options: Options, words: list[str]) -> Task:
    """Print the beginning of files."""
    count = _count(options) or options.get("n", "10")
    number = whole(options.get("c", count))
    source = Input(process, words)
    titles, many, first = "q" not in options, len(words) > 1 or "v" in options, True
    while (pipe := source.next_pipe()) is not None:
        if titles and many:
            process.write(
                f"{'' if first else chr(10)}==> {'standard input' if source.name == '-' else source.name} <==\n"
            )
        first = False
        if "c" in options:
            data = yield from _first_bytes(pipe, number)
            yield from process.emit(data)
        else:
            yield from _first_lines(process, pipe, number)
    return int(source.failed)


def _count(options: Options) -> str:
    """Return the number of ``-5``."""
    return "".join(flag for flag, _ in options.pairs if flag.isdigit())


def _first_bytes(pipe: Pipe, number: int) -> Task:
    if number < 0:
        return (yield from pipe.read_all())[:number]
    data = b""
    while len(data) < number and (part := (yield from pipe.read(number - len(data)))):
        data += part
    return data


def _first_lines(process: Process, pipe: Pipe, number: int) -> Task:
    held: deque[bytes] = deque()
    count = 0
    while number < 0 or count < number:
        line = yield from pipe.read_line()
        if not line:
            return
        count += 1
        held.append(line)
        if number >= 0 or len(held) > -number:
            yield from process.emit(held.popleft())


@tool("tail", "n:c:fFqs:v0123456789", usage="[-n [+]LINES | -c [+]BYTES] [-f] [-qv] [FILE]...")
def tail(process: Process, options: Options, words: list[str]) -> Task:
    """Print the end of files, and what is added to them later."""
    unit = "c" if "c" in options else "n"
    count = _count(options) or options.get(unit, "10")
    from_start, number = count.startswith("+"), abs(whole(count))
    source = Input(process, words, CANNOT_OPEN)
    many, first, followed = (len(words) > 1 and "q" not in options) or "v" in options, True, []
    while (pipe := source.next_pipe()) is not None:
        if many:
            process.write(
                f"{'' if first else chr(10)}==> {'standard input' if source.name == '-' else source.name} <==\n"
            )
        first = False
        data = yield from pipe.read_all()
        if unit == "c":
            yield from process.emit(data[max(0, number - 1) :] if from_start else data[-number:] if number else b"")
        else:
            lines = data.splitlines(keepends=True)
            kept = lines[max(0, number - 1) :] if from_start else lines[-number:] if number else []
            yield from process.emit(b"".join(kept))
        followed.append((source.name, len(data)))
    if not followed:
        return process.fail("tail: no files")
    if options.has("f", "F"):
        yield from _follow(
            process, [place for place in followed if place[0] != "-"], float(options.get("s", str(FOLLOW_S)))
        )
    return int(source.failed)


def _follow(process: Process, places: list[tuple[str, int]], interval_s: float) -> Task:
    files = process.container.files
    sizes = dict(places)
    while sizes:
        yield process.sleep(interval_s)
        for name, size in sizes.items():
            try:
                node = files.stat(process.path(name))
            except FileError:
                continue
            data = node.read() if isinstance(node, File) else b""
            if len(data) < size:
                process.fail(f"tail: {name}: file truncated")
                size = 0
            if len(data) > size:
                yield from process.emit(data[size:])
            sizes[name] = len(data)


@tool("wc", "lwcmL", usage="[-lwcmL] [FILE]...")
def wc(process: Process, options: Options, words: list[str]) -> Task:
    """Count lines, words, bytes."""
    source = Input(process, words)
    wanted = [flag for flag in "lwmcL" if flag in options] or ["l", "w", "c"]
    totals, files = dict.fromkeys("lwmcL", 0), 0
    while (pipe := source.next_pipe()) is not None:
        try:
            data = yield from pipe.read_all()
        except FileError as error:
            source.complain(error.reason)
            continue
        files += 1
        text = decode(data)
        counts = {
            "l": data.count(b"\n"),
            "w": len(data.split()),
            "m": len(text),
            "c": len(data),
            "L": max((len(line.expandtabs()) for line in text.split("\n")), default=0),
        }
        for key, value in counts.items():
            totals[key] = max(totals[key], value) if key == "L" else totals[key] + value
        process.write(_counts(counts, wanted, source.name if words else "", many=len(words) > 1))
    if len(words) > 1:
        process.write(_counts(totals, wanted, "total", many=True))
    return int(source.failed)


def _counts(counts: dict[str, int], wanted: list[str], name: str, *, many: bool) -> str:
    if len(wanted) == 1 and not name:
        return f"{counts[wanted[0]]}\n"
    if len(wanted) == 1 and not many:
        return f"{counts[wanted[0]]} {name}\n"
    return " ".join(f"{counts[key]:9}" for key in wanted) + (f" {name}" if name else "") + "\n"


@tool("tee", "ai", usage="[-ai] [FILE]...")
def tee(process: Process, options: Options, words: list[str]) -> Task:
    """Copy standard input to standard output and to files."""
    outputs, failed = [], 0
    for name in words:
        try:
            outputs.append(open_to_write(process, name, append="a" in options))
        except FileError as error:
            failed = process.fail(f"tee: {name}: {error.reason}")
    while data := (yield from process.stdin.read()):
        for output in outputs:
            output.write(data)
        yield from process.emit(data)
    return failed


@tool("split", "l:b:a:", usage="[-l LINES | -b BYTES] [-a N] [INPUT [PREFIX]]")
def split(process: Process, options: Options, words: list[str]) -> Task:
    """Write a file in pieces."""
    data = yield from open_input(process, words[0] if words else "-").read_all()
    prefix, letters = words[1] if len(words) > 1 else "x", options.number("a", 2)
    if "b" in options:
        size = options.number("b")
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
    else:
        size, lines = options.number("l", 1000), data.splitlines(keepends=True)
        pieces = [b"".join(lines[i : i + size]) for i in range(0, len(lines), size)]
    for index, piece in enumerate(pieces):
        suffix = "".join(chr(97 + index // 26**place % 26) for place in reversed(range(letters)))
        process.container.files.write(process.path(prefix + suffix), piece)
    return 0


@tool("strings", "n:fo", usage="[-n LENGTH] [FILE]...")
def strings(process: Process, options: Options, words: list[str]) -> Task:
    """Print the readable texts in files."""
    source, shortest = Input(process, words, CANNOT_OPEN), options.number("n", 4)
    while (pipe := source.next_pipe()) is not None:
        data = yield from pipe.read_all()
        for match in re.finditer(rb"[\t\x20-\x7e]{%d,}" % shortest, data):
            name = f"{source.name}: " if "f" in options else ""
            place = f"{match.start():7o} " if "o" in options else ""
            yield from process.emit(f"{name}{place}".encode() + match.group() + b"\n")
    return int(source.failed)
