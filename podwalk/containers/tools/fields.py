"""Tools that work on columns and characters: cut, paste, tr, fold, expand, uniq, sort, shuf.

Source: POSIX.1-2024, Utilities; BusyBox coreutils for flags and messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from podwalk.containers.files import FileError
from podwalk.containers.process import Process
from podwalk.containers.tools.command import Input, Options, ToolError, UsageError, decode, encode, open_input, tool
from podwalk.simulation import Task

CLASSES = {
    "alpha": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "digit": "0123456789",
    "alnum": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "space": "\t\n\v\f\r ",
    "blank": "\t ",
    "punct": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "xdigit": "0123456789ABCDEFabcdef",
    "cntrl": "".join(map(chr, range(32))) + "\x7f",
}


@tool("cut", "b:c:f:d:sn", ["output-delimiter="], usage="{-b|-c|-f} LIST [-d SEP] [-s] [FILE]...", lacks="DF:O:")
def cut(process: Process, options: Options, words: list[str]) -> Task:
    """Print columns of each line."""
    kind = next((flag for flag in "bcf" if flag in options), "")
    if not kind:
        raise UsageError
    chosen = _ranges(options.get(kind))
    delimiter = options.get("d", "\t")
    if len(delimiter) != 1:
        raise ToolError("the delimiter must be a single character")
    source = Input(process, words)
    while (line := (yield from source.line())) is not None:
        text = decode(line.rstrip(b"\n"))
        if kind != "f":
            yield from process.emit(encode("".join(_pick(text, chosen)) + "\n"))
        elif delimiter in text:
            fields = _pick(text.split(delimiter), chosen)
            yield from process.emit(encode(options.get("output-delimiter", delimiter).join(fields) + "\n"))
        elif "s" not in options:
            yield from process.emit(encode(text + "\n"))
    return int(source.failed)


def _ranges(text: str) -> list[tuple[int, int]]:
    out = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d*)(-?)(\d*)", part)
        if match is None or not part.strip("-"):
            raise ToolError(f"invalid range {part}" if part else "list of positions is empty")
        first = int(match.group(1) or 1)
        last = int(match.group(3)) if match.group(3) else 1 << 62 if match.group(2) else first
        if first == 0 or last < first:
            raise ToolError(f"invalid range {part}")
        out.append((first, last))
    return out


def _pick(items: Sequence[str], ranges: list[tuple[int, int]]) -> list[str]:
    return [item for place, item in enumerate(items, 1) if any(first <= place <= last for first, last in ranges)]


@tool("paste", "d:s", usage="[-d LIST] [-s] [FILE]...")
def paste(process: Process, options: Options, words: list[str]) -> Task:
    """Put lines side by side."""
    delimiters = options.get("d", "\t").replace("\\n", "\n").replace("\\t", "\t") or "\0"
    pipes = {name: open_input(process, name) for name in words or ["-"]}
    if "s" in options:
        for pipe in pipes.values():
            lines = decode((yield from pipe.read_all())).splitlines()
            yield from process.emit(encode(_joined(lines, delimiters) + "\n"))
        return 0
    columns = [pipes[name] for name in words or ["-"]]
    while True:
        row, ended = [], 0
        for pipe in columns:
            line = yield from pipe.read_line()
            ended += not line
            row.append(decode(line).rstrip("\n"))
        if ended == len(columns):
            return 0
        yield from process.emit(encode(_joined(row, delimiters) + "\n"))


def _joined(items: list[str], delimiters: str) -> str:
    out = items[:1]
    for place, item in enumerate(items[1:]):
        delimiter = delimiters[place % len(delimiters)]
        out.append(("" if delimiter == "\0" else delimiter) + item)
    return "".join(out)


@tool("tr", "cCds", usage="[-cds] STRING1 [STRING2]", permute=False)
def tr(process: Process, options: Options, words: list[str]) -> Task:
    """Translate, squeeze or delete characters."""
    if not words or (len(words) < 2 and not options.has("d", "s")) or len(words) > 2:
        raise UsageError
    first, second = _characters(words[0]), _characters(words[1]) if len(words) > 1 else ""
    complement = options.has("c", "C")
    squeezed = (second or first) if "s" in options else ""
    table = {} if complement or not second else dict(zip(first, second.ljust(len(first), second[-1:]), strict=False))
    last = ""
    while data := (yield from process.stdin.read()):
        out = []
        for character in decode(data):
            inside = (character in first) != complement
            if inside and "d" in options:
                continue
            if inside and second and "d" not in options:
                character = second[-1] if complement else table[character]
            squeezable = character in squeezed if (second or not complement) else character not in first
            if squeezed and character == last and squeezable:
                continue
            last = character
            out.append(character)
        yield from process.emit(encode("".join(out)))
    return 0


def _characters(text: str) -> str:
    """Return the characters that a set of ``tr`` stands for."""
    escapes = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
    out: list[str] = []
    ranged: list[bool] = []
    for match in re.finditer(r"\[:(\w+):\]|\\([0-7]{1,3})|\\(.)|\[=(.)=\]|(.)", text, re.DOTALL):
        name, octal, escape, equal, plain = match.groups()
        if name is not None:
            out.append(CLASSES.get(name, ""))
            ranged.append(False)
        else:
            out.append(chr(int(octal, 8)) if octal else escapes.get(escape, escape) if escape else equal or plain)
            ranged.append(plain is not None)
    result, i = "", 0
    while i < len(out):
        if i + 2 < len(out) and out[i + 1] == "-" and ranged[i + 1] and len(out[i]) == len(out[i + 2]) == 1:
            result += "".join(map(chr, range(ord(out[i]), ord(out[i + 2]) + 1)))
            i += 3
        else:
            result += out[i]
            i += 1
    return result


@tool("fold", "w:sb", usage="[-sb] [-w WIDTH] [FILE]...")
def fold(process: Process, options: Options, words: list[str]) -> Task:
    """Break long lines."""
    source, width = Input(process, words), options.number("w", 80)
    while (line := (yield from source.line())) is not None:
        text = decode(line)
        body, newline = text.rstrip("\n"), "\n" if text.endswith("\n") else ""
        out = []
        while len(body) > width:
            cut_at = body.rfind(" ", 0, width) + 1 if "s" in options else 0
            out.append(body[: cut_at or width])
            body = body[cut_at or width :]
        yield from process.emit(encode("\n".join([*out, body]) + newline))
    return int(source.failed)


@tool("expand", "t:i", usage="[-i] [-t N] [FILE]...")
def expand(process: Process, options: Options, words: list[str]) -> Task:
    """Replace tabs by blanks."""
    source = Input(process, words)
    while (line := (yield from source.line())) is not None:
        yield from process.emit(encode(decode(line).expandtabs(options.number("t", 8))))
    return int(source.failed)


@tool("dos2unix unix2dos", usage="[FILE]")
def dos2unix(process: Process, options: Options, words: list[str]) -> Task:
    """Change the ends of lines."""
    data = yield from open_input(process, words[0] if words else "-").read_all()
    data = data.replace(b"\r\n", b"\n")
    data = data.replace(b"\n", b"\r\n") if process.argv[0].endswith("unix2dos") else data
    if words:
        process.container.files.write(process.path(words[0]), data)
    else:
        yield from process.emit(data)
    return 0


@tool("uniq", "cduizf:s:w:", usage="[-cdui] [-f,s,w N] [FILE [OUTFILE]]")
def uniq(process: Process, options: Options, words: list[str]) -> Task:
    """Drop lines that repeat the line before."""
    source = Input(process, words[:1])
    out: list[str] = []

    def key(line: str) -> str:
        for _ in range(options.number("f")):
            line = re.sub(r"^\s*\S+", "", line, count=1)
        line = line[options.number("s") :]
        line = line[: options.number("w")] if "w" in options else line
        return line.lower() if "i" in options else line

    def finish(line: str | None, count: int) -> bytes:
        if line is None or ("d" in options and count < 2) or ("u" in options and count > 1):
            return b""
        return encode((f"{count:7} " if "c" in options else "") + line + "\n")

    previous: str | None = None
    count = 0
    while (raw := (yield from source.line())) is not None:
        line = decode(raw.rstrip(b"\n"))
        if previous is not None and key(line) == key(previous):
            count += 1
            continue
        out.append(decode(finish(previous, count)))
        if len(words) < 2:
            yield from process.emit(encode(out.pop()))
        previous, count = line, 1
    if len(words) > 1:
        process.container.files.write(process.path(words[1]), encode("".join(out)) + finish(previous, count))
    else:
        yield from process.emit(finish(previous, count))
    return int(source.failed)


@tool("sort", "nrughMcszbdfiVk:t:o:T:S:m", usage="[-nrughMcbdfV] [-t CHAR] [-k N[,M]] [-o FILE] [FILE]...", code=2)
def sort(process: Process, options: Options, words: list[str]) -> Task:
    """Sort lines."""
    lines: list[str] = []
    separator = b"\0" if "z" in options else b"\n"
    for name in words or ["-"]:
        try:
            data = yield from open_input(process, name).read_all()
        except FileError as error:
            raise ToolError(f"{name}: {error.reason}", 2) from error
        lines += [decode(line) for line in data.removesuffix(separator).split(separator)] if data else []
    keys = [_key(key, options) for key in options.all("k")] or [_whole_key(options)]
    compare = _comparison(keys, stable=options.has("s", "u"), reverse="r" in options)
    if "c" in options:
        return _check(process, lines, compare, words)
    import functools

    lines.sort(key=functools.cmp_to_key(compare))
    if "u" in options:
        lines = [line for place, line in enumerate(lines) if not place or compare(lines[place - 1], line)]
    data = b"".join(encode(line) + separator for line in lines)
    if "o" in options:
        process.container.files.write(process.path(options.get("o")), data)
    else:
        for start in range(0, len(data), 65_536):
            yield from process.emit(data[start : start + 65_536])
    return 0


Key = tuple[Callable[[str], Any], bool]


def _comparison(keys: list[Key], *, stable: bool, reverse: bool) -> Callable[[str, str], int]:
    def compare(left: str, right: str) -> int:
        for function, backwards in keys:
            a, b = function(left), function(right)
            if a != b:
                return (-1 if a < b else 1) * (-1 if backwards else 1)
        if stable or left == right:
            return 0
        return (-1 if encode(left) < encode(right) else 1) * (-1 if reverse else 1)

    return compare


def _check(process: Process, lines: list[str], compare: Callable[[str, str], int], words: list[str]) -> int:
    for place in range(1, len(lines)):
        if compare(lines[place - 1], lines[place]) > 0:
            return process.fail(f"sort: {words[0] if words else '-'}:{place + 1}: disorder: {lines[place]}")
    return 0


def _whole_key(options: Options) -> Key:
    letters = "".join(flag for flag in "nghMVfdib" if flag in options)
    return _value(letters), "r" in options


def _key(text: str, options: Options) -> Key:
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?([a-zA-Z]*)(?:,(\d+)(?:\.(\d+))?([a-zA-Z]*))?", text)
    if match is None or match.group(1) == "0":
        raise ToolError(f"bad field specification '{text}'", 2)
    first, first_character = int(match.group(1)), int(match.group(2) or 1)
    last = int(match.group(4)) if match.group(4) else None
    last_character = int(match.group(5)) if match.group(5) else None
    own = match.group(3) + (match.group(6) or "")
    letters = own or "".join(flag for flag in "nghMVfdibr" if flag in options)
    value, separator = _value(letters), options.get("t")

    def extract(line: str) -> Any:
        fields = line.split(separator) if separator else re.findall(r"\s*\S+", line)
        joiner = separator or ""
        part = joiner.join(fields[first - 1 : last])[first_character - 1 :]
        if last_character is not None and last is not None:
            before = joiner.join(fields[first - 1 : last - 1])
            part = part[: len(before) + len(joiner) * bool(before) + last_character - first_character + 1]
        return value(part)

    return extract, "r" in letters


def _value(letters: str) -> Callable[[str], Any]:
    if "n" in letters:
        return lambda text: (
            float((re.match(r"\s*(-?\d*\.?\d*)", text) or [""])[0].strip() or 0) if _numeric(text) else 0.0
        )
    if "g" in letters:
        return lambda text: float(
            (re.match(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", text) or ["", "-inf"])[1]
        )
    if "h" in letters:
        return _human_value
    if "M" in letters:
        months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        return lambda text: months.index(text.strip()[:3].lower()) + 1 if text.strip()[:3].lower() in months else 0
    if "V" in letters:
        return lambda text: [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", text)]

    def plain(text: str) -> bytes:
        text = text.lstrip() if "b" in letters else text
        text = re.sub(r"[^\w\s]", "", text) if "d" in letters else text
        return encode(text.upper() if "f" in letters else text)

    return plain


def _numeric(text: str) -> bool:
    return re.match(r"\s*-?(\d+\.?\d*|\.\d+)", text) is not None


def _human_value(text: str) -> tuple[int, float]:
    match = re.match(r"\s*(-?\d+(?:\.\d+)?)([kKMGT]?)", text)
    if match is None:
        return 0, 0.0
    return "KMGT".find(match.group(2).upper()) + 1 if match.group(2) else 0, float(match.group(1))


@tool("shuf", "ei:n:", usage="[-n NUM] [-e WORD... | -i L-H | FILE]")
def shuf(process: Process, options: Options, words: list[str]) -> Task:
    """Print lines in random order."""
    if "e" in options:
        lines = list(words)
    elif "i" in options:
        match = re.fullmatch(r"(\d+)-(\d+)", options.get("i"))
        if match is None:
            raise ToolError(f"bad range '{options.get('i')}'")
        lines = [str(number) for number in range(int(match.group(1)), int(match.group(2)) + 1)]
    else:
        lines = decode((yield from open_input(process, words[0] if words else "-").read_all())).splitlines()
    process.simulation.random.shuffle(lines)
    yield from process.emit(encode("".join(f"{line}\n" for line in lines[: options.number("n", len(lines))])))
    return 0
